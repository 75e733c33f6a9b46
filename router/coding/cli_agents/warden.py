"""Runs a program that must not outlive Butler. Run by its path, never imported.

Its orders are one JSON line on stdin: the command, and what the command is to read on its own
stdin, so that neither stands in anybody's process list twice. An open stdin says that Butler
lives; when it closes, all of this process group is killed. It leads that group, and exits as the
program does: with its code, or 128 and the number of the signal that ended it.
"""

import json
import os
import select
import signal
import subprocess
import sys
import threading
from typing import IO, Any, NoReturn

NOT_STARTED = 127  # as shells have it


def main() -> NoReturn:
    orders: dict[str, Any] = json.loads(_line(0))
    for order in (signal.SIGTERM, signal.SIGINT):
        # A handler, since to ignore is inherited: the program is to end by it, the warden stays.
        signal.signal(order, _stay)
    try:
        program = subprocess.Popen(orders["command"], stdin=subprocess.PIPE)
    except OSError as error:
        sys.stderr.write(f"{error.strerror}\n")
        sys.stderr.flush()
        os._exit(NOT_STARTED)
    threading.Thread(target=_end_with, args=(orders["parent"],), daemon=True).start()
    if program.stdin is not None:
        said = orders["stdin"].encode("utf-8", "replace")
        threading.Thread(target=_tell, args=(program.stdin, said), daemon=True).start()
    code = program.wait()
    os._exit(code if code >= 0 else 128 - code)


def _stay(_number: int, _frame: object) -> None:
    """The program has the signal, too; its end is to be told."""


def _line(fd: int) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(fd, 1 << 16)
        if not piece:
            os._exit(0)
        line += piece
    return line


def _tell(stdin: IO[bytes], said: bytes) -> None:
    try:
        with stdin:
            stdin.write(said)
    except BrokenPipeError:
        pass  # it does not want to hear it, which is its own affair


def _end_with(parent: int) -> NoReturn:
    """Wait for the end of stdin. A process forked off Butler may hold the other end open after its
    death, so look for a new parent too."""
    while not select.select([0], [], [], 1.0)[0] and os.getppid() == parent:
        pass
    os.killpg(0, signal.SIGKILL)
    os._exit(1)


if __name__ == "__main__":
    main()
