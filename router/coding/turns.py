"""One after the other: what sessions bring into one folder, in whichever program they run."""

import asyncio
import fcntl
import hashlib
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

_PAUSE: Final = 0.02


@asynccontextmanager
async def turn(source: Path, workspaces: Path) -> AsyncGenerator[None]:
    """Have the user's folder to oneself. Two that merge into one file at the same moment would
    each go out from what the other is about to replace."""
    name = hashlib.blake2s(os.fsencode(source), digest_size=8).hexdigest()
    lock = await asyncio.to_thread(_opened, workspaces / f".{name}.lock")
    try:
        while not _taken(lock):  # noqa: ASYNC110  (another program sets no event)
            await asyncio.sleep(_PAUSE)
        yield
    finally:
        os.close(lock)  # and with it the lock is given up, after a crash too


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _taken(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
