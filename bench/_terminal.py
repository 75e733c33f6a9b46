"""A program in a pty of 120×40, what it draws, and when."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
BUTLER = (sys.executable, "-c", "import sys; from tui.cli import main; sys.exit(main())")
"""As the installed command runs it."""
_KEPT = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH")
_ESCAPES = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])")


class Ended(Exception):  # noqa: N818 (that is what is the case)
    """The program ended, or did not show what was waited for; with what it drew last."""


class Terminal:
    """Types keys and notes when what is waited for was drawn."""

    def __init__(self, process: "subprocess.Popen[bytes]", master: int, started: float) -> None:
        self.process = process
        self.started = started
        self._master = master
        self._drawn = b""
        self._usage = psutil.Process(process.pid)

    def type(self, keys: str) -> float:
        """Send keys; when."""
        now = time.monotonic()
        os.write(self._master, keys.encode())
        return now

    def until(self, text: str, seconds: float = 30) -> float:
        """Read until this was drawn since the last such wait; when it came."""
        wanted = text.encode()
        deadline = time.monotonic() + seconds
        while True:
            came = self._read(max(0.0, deadline - time.monotonic()))
            plain = _ESCAPES.sub(b"", self._drawn)
            if wanted in plain:
                self._drawn = b""
                return came
            if time.monotonic() > deadline:
                raise Ended(f"not drawn in {seconds} s: {text!r}\n{_tail(plain)}")

    def quiet(self, seconds: float, limit: float = 30) -> float:
        """Read until nothing was drawn for so long; when the last of it came."""
        last = time.monotonic()
        deadline = last + limit
        while time.monotonic() - last < seconds and time.monotonic() < deadline:
            if select.select([self._master], [], [], seconds / 4)[0]:
                last = self._read(0)
        self._drawn = b""
        return last

    def idle(self, seconds: float) -> None:
        """Let it run for so long, and read what it draws."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._read(left)
        self._drawn = b""

    def cpu(self) -> float:
        """Seconds of processor time that all its threads have used."""
        times = self._usage.cpu_times()
        return times.user + times.system

    def _read(self, seconds: float) -> float:
        if not select.select([self._master], [], [], seconds)[0]:
            return time.monotonic()
        try:
            piece = os.read(self._master, 1 << 16)
        except OSError:  # the program has closed its end
            piece = b""
        if not piece:
            raise Ended(f"the program ended:\n{_tail(_ESCAPES.sub(b'', self._drawn))}")
        came = time.monotonic()
        self._drawn = self._drawn[-(1 << 18) :] + piece
        return came

    def ended(self, seconds: float = 20) -> int:
        """Read until its end; the exit status."""
        with suppress(Ended):
            self.quiet(seconds, seconds)
        return self.process.wait(seconds)


def _tail(plain: bytes) -> str:
    return plain[-2000:].decode(errors="replace")


@contextmanager
def terminal(
    command: Sequence[str], folder: Path, environ: dict[str, str] | None = None
) -> Iterator[Terminal]:
    """Run a program in a terminal of its own; it is killed in the end if it still runs."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    # What it writes in stderr is what it draws: that stays on the terminal, too.
    kept |= {
        "BUTLER_HOME": str(folder),
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "OLLAMA_HOST": "127.0.0.1:9",
        "PYTHONPATH": str(ROOT),
    }
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (40, 120))
    started = time.monotonic()
    process = subprocess.Popen(
        command,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=folder,
        env=kept | (environ or {}),
        start_new_session=True,
    )
    os.close(slave)
    try:
        yield Terminal(process, master, started)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait()
        os.close(master)
