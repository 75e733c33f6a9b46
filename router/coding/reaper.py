"""Runs a command on Linux and ends with it whatever it has started, however that detached itself.
Run by its path, never imported: `reaper.py PROGRAM ARGUMENT…`.

Orphans are re-parented to this process (a "child subreaper"), so that "no child is left" means
that nothing is left. It ends as the command does, with its code or by its signal. When its stdin
closes (Butler wants it ended, or is dead) or a signal asks it to end, the command is killed, too.
"""

import ctypes
import os
import select
import signal
import sys
import time
from collections.abc import Iterator
from typing import Final, NoReturn

_SET_DUMPABLE: Final = 4
_SET_CHILD_SUBREAPER: Final = 36
_ENDING: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_NOT_STARTED: Final = 127  # as shells have it


def main() -> NoReturn:
    _prctl(_SET_CHILD_SUBREAPER, 1)
    signals = _signals()
    status = _ended(_started(sys.argv[1:]), signals)
    _kill_the_rest()
    _end_by(status)


def _prctl(option: int, value: int) -> None:
    """What fails here is left undone: Butler looks for what is left, too."""
    ctypes.CDLL(None).prctl(option, ctypes.c_ulong(value), 0, 0, 0)


def _signals() -> int:
    """Where the numbers of signals can be read from, so that one call waits for them and stdin."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, *_ENDING):
        signal.signal(number, _noted)
    return reading


def _noted(_number: int, _frame: object) -> None:
    """Python writes the number where it is read."""


def _started(command: list[str]) -> int:
    environ = _environment()
    process = os.fork()
    if process:
        return process
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # by Python; that would be inherited
            signal.signal(ignored, signal.SIG_DFL)
        os.execvpe(command[0], command, environ)  # noqa: S606
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(_NOT_STARTED)


def _environment() -> dict[bytes, bytes]:
    """As it was given: Python adds a locale to its own where there is none."""
    with open("/proc/self/environ", "rb") as environ:  # noqa: PTH123  (pathlib starts slowly)
        pairs = [entry.partition(b"=") for entry in environ.read().split(b"\0")]
    return {name: value for name, equals, value in pairs if equals}


def _ended(command: int, signals: int) -> int:
    """The status the command ended with, or is to end with."""
    while True:
        ready, _, _ = select.select([0, signals], [], [])
        if 0 in ready or not {*_ENDING}.isdisjoint(os.read(signals, 4096)):
            return signal.SIGKILL
        # Orphans, too: who waits for a daemon's end would wait for good for that of a zombie.
        for process, status in _reaped():
            if process == command:
                return status


def _reaped() -> Iterator[tuple[int, int]]:
    """
    Raises:
        ChildProcessError: there are no children at all.
    """
    while (reaped := os.waitpid(-1, os.WNOHANG))[0]:
        yield reaped


def _kill_the_rest() -> None:
    """Children only, again and again: those of a killed one are children then."""
    while True:
        children = _children()
        killed = [child for child in children if _killed(child)]
        if children and not killed:
            return  # another user's, by way of `sudo`
        try:
            for _ in _reaped():
                pass
        except ChildProcessError:
            return
        time.sleep(0.0005)


def _killed(process: int) -> bool:
    try:
        os.kill(process, signal.SIGKILL)
    except PermissionError:
        return False
    return True  # a child's number is its own until it is reaped


def _children() -> list[int]:
    own = os.getpid()
    try:
        # Fast, so that nothing that forks and exits over and over outruns it.
        with open(f"/proc/self/task/{own}/children", "rb") as children:  # noqa: PTH123
            return [int(child) for child in children.read().split()]
    except FileNotFoundError:  # a kernel built without it
        processes = filter(str.isdigit, os.listdir("/proc"))  # noqa: PTH208
        return [int(process) for process in processes if _parent(process) == own]


def _parent(process: str) -> int:
    try:
        with open(f"/proc/{process}/stat", "rb") as stat:  # noqa: PTH123
            return int(stat.read().rpartition(b")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0  # gone meanwhile


def _end_by(status: int) -> NoReturn:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        _prctl(_SET_DUMPABLE, 0)  # the command may have left a core; this one is none
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
