"""Text files of a workspace: read whole, changed several at once or not at all."""

import contextlib
import os
import stat
import uuid
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import msgspec

from router.coding.confinement import Held, PathProblem, held, open_file
from router.coding.withholding import is_secret, refusal

LARGEST: Final = 4_000_000
"""Bytes of a file that tools change."""

_BOM: Final = "\ufeff"

Stamp = tuple[int, int, int]
"""Inode, size and time of change: another one means that somebody else has written the file."""


class TextFile(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    """From the workspace, without links."""
    text: str
    """With `\\n` alone where the file ends all its lines in `\\r\\n`, and without its mark of
    byte order."""
    crlf: bool = False
    bom: bool = False
    mode: int = 0o644
    stamp: Stamp

    def encoded(self, text: str) -> bytes:
        """Another text in this file's manner."""
        if self.crlf:
            text = text.replace("\r\n", "\n").replace("\n", "\r\n")
        return (_BOM * (self.bom and not text.startswith(_BOM)) + text).encode()


class Proposed(msgspec.Struct, frozen=True, kw_only=True):
    """A change that has not been made."""

    path: str
    """From the workspace, without links."""
    before: TextFile | None
    """`None` for a new file."""
    after: str | None
    """`None` to delete it."""
    executable: bool = False

    def content(self) -> bytes:
        text = self.after or ""
        return self.before.encoded(text) if self.before else text.encode()


def stamp_of(info: os.stat_result) -> Stamp:
    return (info.st_ino, info.st_size, info.st_mtime_ns)


def load(root: Path, path: str) -> tuple[str, TextFile | None]:
    """A text file to be changed, and its path without links; `None` where there is none yet.

    Raises:
        PathProblem: it is no text file of a size that tools change, or none that they may.
    """
    with held(root, path) as place:
        if not place.path:
            raise PathProblem(f"{path}: it is a folder.")
        if not place.existing:
            return place.path, None
        if is_secret(place.path):
            raise PathProblem(refusal(place.path))
        return place.path, _loaded(place, path)


def _loaded(place: Held, path: str) -> TextFile:
    with open_file(place, path) as file:
        info = os.fstat(file.fileno())
        if info.st_size > LARGEST:
            raise PathProblem(f"{path}: larger than {LARGEST:,} bytes; change it with a command.")
        if not info.st_mode & 0o222:
            raise PathProblem(f"{path}: the file is read-only, and stays as it is.")
        content = file.read(LARGEST + 1)
    text = decoded(content, path)
    bom = text.startswith(_BOM)
    text = text.removeprefix(_BOM)
    crlf = "\r\n" in text and text.count("\r\n") == text.count("\n")
    return TextFile(
        path=place.path,
        text=text.replace("\r\n", "\n") if crlf else text,
        crlf=crlf,
        bom=bom,
        mode=stat.S_IMODE(info.st_mode) & 0o777,
        stamp=stamp_of(info),
    )


def decoded(content: bytes, path: str) -> str:
    if b"\0" in content:
        raise PathProblem(f"{path}: it is a binary file, not text.")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise PathProblem(f"{path}: it is not UTF-8 text (byte {error.start}).") from error


def make(root: Path, changes: list[Proposed]) -> dict[str, Stamp]:
    """Make all changes or none, each file replaced as a whole.

    Returns:
        Stamps of the files as they are now.

    Raises:
        PathProblem: a file is no longer as it was when the change was worked out, or the disk
            refused; nothing is changed then.
    """
    with ExitStack() as places:
        steps = [_Step(change, places.enter_context(_standing(root, change))) for change in changes]
        done: list[_Step] = []
        try:
            for step in steps:
                step.stage()
            for step in steps:
                step.carry_out()
                done.append(step)
        except OSError as error:
            for step in reversed(done):
                step.undo()
            what = error.strerror or str(error)
            raise PathProblem(f"Nothing was changed; the disk refused: {what}.") from error
        finally:
            for step in steps:
                step.clear()
        return {step.change.path: step.stamp() for step in steps if step.change.after is not None}


@contextlib.contextmanager
def _standing(root: Path, change: Proposed) -> Generator[Held]:
    """The place of a change, if all is as it was when the change was worked out."""
    with held(root, change.path, make=change.after is not None) as place:
        same = place.path == change.path and not place.linked
        if not same or place.existing is not (change.before is not None):
            raise PathProblem(f"{change.path}: it has changed meanwhile; read it again.")
        if change.before is not None:
            info = os.stat(place.name, dir_fd=place.folder, follow_symlinks=False)
            if stamp_of(info) != change.before.stamp:
                raise PathProblem(f"{change.path}: it has changed meanwhile; read it again.")
        yield place


class _Step:
    """One file of a change."""

    def __init__(self, change: Proposed, place: Held) -> None:
        self.change = change
        self._place = place
        self._spare = str(Path(place.name).with_name(f".butler-{uuid.uuid4().hex}.tmp"))

    def stage(self) -> None:
        """Put the new content beside the old."""
        if self.change.after is not None:
            self._write(self.change.content())

    def carry_out(self) -> None:
        if self.change.after is None:
            os.unlink(self._place.name, dir_fd=self._place.folder)
        else:
            self._swap()

    def undo(self) -> None:
        before = self.change.before
        if before is None:
            os.unlink(self._place.name, dir_fd=self._place.folder)
            return
        self._write(before.encoded(before.text))
        self._swap()

    def clear(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._spare, dir_fd=self._place.folder)

    def stamp(self) -> Stamp:
        return stamp_of(os.stat(self._place.name, dir_fd=self._place.folder, follow_symlinks=False))

    def _swap(self) -> None:
        folder = self._place.folder
        os.replace(self._spare, self._place.name, src_dir_fd=folder, dst_dir_fd=folder)

    def _write(self, content: bytes) -> None:
        before = self.change.before
        mode = 0o777 if self.change.executable else 0o666
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
        descriptor = os.open(
            self._spare, flags | getattr(os, "O_BINARY", 0), mode, dir_fd=self._place.folder
        )
        with os.fdopen(descriptor, "wb") as file:
            if before is not None:
                os.fchmod(descriptor, before.mode)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
