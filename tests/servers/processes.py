"""Servers of others, each in a process of its own, for as long as a test session lasts."""

import queue
import re
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

_START_LIMIT = 30.0
"""Seconds until a server must have said where it listens."""


@contextmanager
def running(command: Sequence[str], says: str) -> Iterator[str]:
    """Run a server and yield its URL.

    Args:
        command: program and arguments; it must choose a free port itself.
        says: what it prints when it listens, with the URL as group 1.
    """
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,  # closes when we go, however that is
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    lines: queue.Queue[str] = queue.Queue()
    reader = threading.Thread(target=_drain, args=(process, lines), daemon=True)
    reader.start()
    try:
        yield _url(lines, re.compile(says), command)
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reader.join(5)
        process.stdout.close()
        process.stdin.close()


def missing(what: str) -> None:
    """Fail, not skip: a suite without its servers proves nothing."""
    pytest.fail(f"{what} is not installed: run `make test`, which installs it.", pytrace=False)


def _drain(process: "subprocess.Popen[str]", lines: "queue.Queue[str]") -> None:
    """Read on for good, else the server would block on a full pipe."""
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line)
    lines.put("")


def _url(lines: "queue.Queue[str]", says: re.Pattern[str], command: Sequence[str]) -> str:
    told: list[str] = []
    while True:
        try:
            line = lines.get(timeout=_START_LIMIT)
        except queue.Empty:
            line = ""
        if not line:
            pytest.fail(f"{command[0]} did not start: {''.join(told)}", pytrace=False)
        told.append(line)
        if found := says.search(line):
            return found.group(1)
