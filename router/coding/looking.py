"""Programs that only look: run for their output, with a limit on how much and how long."""

import asyncio
import contextlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

_PIECE: Final = 65536
_COMPLAINT: Final = 2000


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    output: bytes
    complaint: str = ""
    """What it wrote to its standard error, cut off."""
    code: int | None = None
    """`None` when it was stopped: there was more, or it took too long."""
    late: bool = False


def program(name: str) -> str | None:
    """Where a program is, by an absolute path: never one of the workspace through a `.` in the
    PATH."""
    found = shutil.which(name)
    return found if found and Path(found).is_absolute() else None


async def look(
    command: Sequence[str], folder: Path, *, limit: int, seconds: float, given: bytes = b""
) -> Seen:
    """Run a program until it ends, has said `limit` bytes, or `seconds` are over; it is gone when
    this returns."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output = bytearray()
    complaint = bytearray()
    late = False
    try:
        async with asyncio.timeout(seconds):
            await asyncio.gather(
                _give(process.stdin, given),
                _take(process, output, limit),
                _drain(process.stderr, complaint),
            )
            await process.wait()
    except TimeoutError:
        late = True
    finally:
        _kill(process)
        await process.wait()
    cut = late or len(output) >= limit
    told = complaint.decode(errors="replace").strip()
    code = None if cut else process.returncode
    return Seen(output=bytes(output), complaint=told, code=code, late=late)


def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()


async def _give(stdin: asyncio.StreamWriter | None, given: bytes) -> None:
    if stdin is None:
        return
    with contextlib.suppress(ConnectionError):
        stdin.write(given)
        await stdin.drain()
    stdin.close()


async def _take(process: asyncio.subprocess.Process, output: bytearray, limit: int) -> None:
    while process.stdout is not None and (piece := await process.stdout.read(_PIECE)):
        output += piece[: limit - len(output)]
        if len(output) >= limit:
            _kill(process)
            return


async def _drain(stderr: asyncio.StreamReader | None, complaint: bytearray) -> None:
    while stderr is not None and (piece := await stderr.read(_PIECE)):
        complaint += piece[: max(0, _COMPLAINT - len(complaint))]
