"""Running a program to its end, with a limit on its time and its output, and nothing left of it."""

import asyncio
import contextlib
import os
import signal
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
    argv: Sequence[str], *, folder: Path, environ: Mapping[str, str], limit: float
) -> Ran:
    """Run it, wait for it, and end whatever it started: when this returns, raises or is cancelled,
    none of it lives on.

    Args:
        limit: seconds it may take.

    Raises:
        OSError: it can't be started.
    """
    mark = uuid.uuid4().hex
    began = time.monotonic()
    output = _Output()
    async with _piped(output) as pipe:
        process = await asyncio.create_subprocess_exec(
            *argv,
            cwd=folder,
            env={**environ, _MARK: mark},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            start_new_session=True,
        )
        timed_out = False
        try:
            async with asyncio.timeout(limit):
                code = await process.wait()
        except TimeoutError:
            timed_out, code = True, -signal.SIGKILL
        finally:
            await _end(process, mark)
    return Ran(code, output.text(), time.monotonic() - began, timed_out)


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


async def _end(process: asyncio.subprocess.Process, mark: str) -> None:
    """Kill all of it, also when the caller is cancelled a second time meanwhile."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: of dead ones
        os.killpg(process.pid, signal.SIGKILL)
    sweeping = asyncio.ensure_future(asyncio.to_thread(_sweep, mark))
    try:
        await asyncio.shield(sweeping)
    finally:
        await process.wait()


def _sweep(mark: str) -> None:
    """Kill what has left the process group: its environment still tells whose it is."""
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
