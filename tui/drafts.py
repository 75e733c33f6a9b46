"""What is typed and not yet sent, kept on disk so that a crash doesn't take it.

Each running program has one file, named for its process. What a dead program left behind is taken
over by the next one that starts.
"""

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from router.places import PlacesError, write_private
from store.events import Attachment

WAIT: Final = 0.4
"""Seconds of quiet typing before a draft is written."""
log = logging.getLogger(__name__)


class Draft(msgspec.Struct, frozen=True):
    text: str = ""
    pieces: tuple[Attachment, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.text.strip() or self.pieces)


class Drafts:
    """Writes the draft a moment after it last changed, off the event loop."""

    def __init__(self, folder: Path, on_trouble: Callable[[str], None]) -> None:
        self._folder = folder
        self._on_trouble = on_trouble
        self._path = folder / f"draft-{os.getpid()}.json"
        self._latest = Draft()
        self._written = Draft()
        self._task: asyncio.Task[None] | None = None

    def keep(self, draft: Draft) -> None:
        self._latest = draft
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write_soon())

    async def close(self) -> None:
        """Write what is not written yet."""
        if self._task is not None:
            _ = self._task.cancel()
            _ = await asyncio.gather(self._task, return_exceptions=True)
        await self._write()

    async def _write_soon(self) -> None:
        while self._latest != self._written:
            await asyncio.sleep(WAIT)
            await self._write()

    async def _write(self) -> None:
        draft = self._latest
        if draft == self._written:
            return
        self._written = draft
        try:
            await asyncio.to_thread(save, self._path, draft)
        except (OSError, PlacesError) as error:
            log.warning("draft not saved: %s", error)
            self._on_trouble(f"The draft can't be saved ({error}): it lives only on the screen.")


def save(path: Path, draft: Draft) -> None:
    if draft:
        write_private(path, msgspec.json.encode(draft).decode())
    else:
        path.unlink(missing_ok=True)


def take_over(folder: Path) -> Draft:
    """The newest draft left by a program that is gone, or an empty one. Blocks briefly."""
    left = [path for path in folder.glob("draft-*.json") if not _alive(path)]
    left.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for path in left:
        try:
            draft = msgspec.json.decode(path.read_bytes(), type=Draft)
        except (OSError, msgspec.MsgspecError) as error:
            log.warning("draft %s not restored: %s", path, error)
            continue
        path.rename(folder / f"draft-{os.getpid()}.json")
        return draft
    return Draft()


def _alive(path: Path) -> bool:
    pid = path.stem.removeprefix("draft-")
    if not pid.isdigit() or int(pid) == os.getpid():
        return False
    import psutil

    return psutil.pid_exists(int(pid))
