"""Running a program to its end, with a limit on its time and its output, and nothing left of it."""

import asyncio
import contextlib
import os
import signal
import sys
import time
import uuid
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

KEPT: Final = 8192
"""Bytes of the beginning and of the end of an output; what lies between is counted."""
_MARK: Final = "BUTLER_COMMAND"
"""In the environment of a command and of all it starts, however they detach themselves."""
_PIECE: Final = 65_536
_ROUNDS: Final = 20
"""Of looking for what is left: each kills what the one before could still start."""
_DRAIN_SECONDS: Final = 2.0
_REAPER: Final = str(Path(__file__).with_name("reaper.py"))
_REAPING_SECONDS: Final = 5.0
"""For the reaper to kill what is left: it takes milliseconds, unless a command keeps it from it."""


class Ran(msgspec.Struct, frozen=True):
    code: int
    """Negative: the signal that ended it."""
    output: str
    """Standard output and standard error in the order they came."""
    seconds: float
    timed_out: bool


class _Output:
    def __init__(self) -> None:
        self._head = bytearray()
        self._tail = bytearray()
        self._total = 0

    def take(self, piece: bytes) -> None:
        self._total += len(piece)
        room = KEPT - len(self._head)
        self._head += piece[:room]
        self._tail += piece[room:]
        del self._tail[:-KEPT]

    def text(self) -> str:
        left_out = self._total - len(self._head) - len(self._tail)
        if not left_out:
            return _decoded(self._head + self._tail)
        gap = f"\n[… {left_out:,} bytes left out …]\n"
        return f"{_decoded(self._head)}{gap}{_decoded(self._tail)}"


def _decoded(data: bytearray) -> str:
    return data.decode("utf-8", "replace").replace("\r\n", "\n")


async def run(
    argv: Sequence[str],
    *,
    folder: Path,
    environ: Mapping[str, str],
    limit: float,
    contained: bool = False,
) -> Ran:
    """Run it, wait for it, and end whatever it started: when this returns, raises or is cancelled,
    none of it lives on.

    Args:
        limit: seconds it may take.
        contained: the program sees to it itself that nothing outlives it, as bubblewrap does.

    Raises:
        OSError: it can't be started.
    """
    mark = uuid.uuid4().hex
    began = time.monotonic()
    output = _Output()
    async with _piped(output) as pipe:
        start = _start_plain if contained or sys.platform != "linux" else _start_reaped
        program = await start(argv, folder, {**environ, _MARK: mark}, pipe)
        timed_out = False
        try:
            async with asyncio.timeout(limit):
                code = await program.process.wait()
        except TimeoutError:
            timed_out, code = True, -signal.SIGKILL
        finally:
            await _end(program, mark)
    return Ran(code, output.text(), time.monotonic() - began, timed_out)


class _Program(msgspec.Struct, frozen=True):
    process: asyncio.subprocess.Process
    lifeline: int | None = None
    """The end of a pipe: closing it has the reaper kill the command and all it started."""


async def _start_plain(
    argv: Sequence[str],
    folder: Path,
    environ: Mapping[str, str],
    pipe: int,
    stdin: int = asyncio.subprocess.DEVNULL,
) -> _Program:
    process = await asyncio.create_subprocess_exec(
        *argv,
        cwd=folder,
        env=environ,
        stdin=stdin,
        stdout=pipe,
        stderr=pipe,
        start_new_session=True,
    )
    return _Program(process)


async def _start_reaped(
    argv: Sequence[str], folder: Path, environ: Mapping[str, str], pipe: int
) -> _Program:
    """Neither a group nor an environment holds what leaves both (`env -i setsid`): a parent does,
    which Linux gives orphans at will."""
    reading, lifeline = os.pipe()
    try:
        reaper = (sys.executable, "-I", "-S", _REAPER)
        started = await _start_plain([*reaper, *argv], folder, environ, pipe, reading)
    except BaseException:
        os.close(lifeline)
        raise
    finally:
        os.close(reading)
    return _Program(started.process, lifeline)


@contextlib.asynccontextmanager
async def _piped(output: _Output) -> AsyncGenerator[int]:
    """The end of a pipe to write to. Not the process's own: a child that outlives it would hold
    that one open, and newer Pythons wait for it."""
    reading, writing = os.pipe()
    reader = asyncio.StreamReader(limit=_PIECE)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading, "rb", buffering=0)
    )
    taking = asyncio.create_task(_take(reader, output))
    try:
        try:
            yield writing
        finally:
            os.close(writing)
        await asyncio.wait([taking], timeout=_DRAIN_SECONDS)
    finally:
        taking.cancel()
        transport.close()


async def _take(reader: asyncio.StreamReader, output: _Output) -> None:
    while piece := await reader.read(_PIECE):
        output.take(piece)


async def _end(program: _Program, mark: str) -> None:
    """Kill all of it, also when the caller is cancelled a second time meanwhile."""
    process = program.process
    if program.lifeline is not None:
        os.close(program.lifeline)
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)  # the command may have stopped it
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: of dead ones
            os.killpg(process.pid, signal.SIGKILL)
    ending = asyncio.ensure_future(_ended(process, mark))
    try:
        await asyncio.shield(ending)
    finally:
        await process.wait()


async def _ended(process: asyncio.subprocess.Process, mark: str) -> None:
    try:
        async with asyncio.timeout(_REAPING_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
    await asyncio.to_thread(_sweep, mark)


def _sweep(mark: str) -> None:
    """Kill what has left the process group, or outlived the reaper: its environment still tells
    whose it is."""
    for _ in range(_ROUNDS):
        if not _killed(mark):
            return
        time.sleep(0.005)


def _killed(mark: str) -> int:
    """How many there were."""
    import psutil

    killed = 0
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):  # gone meanwhile, or somebody else's
            if process.environ().get(_MARK) == mark:
                process.kill()
                killed += 1
    return killed
