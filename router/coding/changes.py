"""How two of git's trees differ, file by file."""

import asyncio
import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from router.coding.git import Git
from store.events import Change, ChangedFile

DIFF: Final = 64_000
"""Bytes of one file's diff that are kept."""
DIFFS: Final = 512_000
FILES: Final = 5_000
_SECTION: Final = b"diff --git "
_FLAGS: Final = ("-r", "--no-renames", "--ignore-submodules=all")
_PLAIN: Final = ("--no-ext-diff", "--no-textconv", "--no-color", "-U3")
_CHANGES: Final[dict[str, Change]] = {"A": "new", "D": "delete"}
LINK: Final = "120000"
EXECUTABLE: Final = "100755"


_Counts: TypeAlias = dict[bytes, tuple[int, int, bool]]
"""Lines added, lines removed, and whether it is binary."""


class TooMany(Exception):  # noqa: N818
    """More files differ than anybody would look at. The argument is how many."""


@dataclass(frozen=True)
class Entry:
    """One file in two trees. What one of them lacks has no object."""

    path: bytes
    status: str
    old_mode: str
    old: str
    new_mode: str
    new: str

    @property
    def name(self) -> str:
        """For people and events, which hold text only."""
        return shown(self.path)

    @property
    def change(self) -> Change:
        return _CHANGES.get(self.status, "edit")

    @property
    def version(self) -> str:
        """What tells its new content and mode from any other's."""
        return "" if self.status == "D" else f"{self.new_mode} {self.new}"


def shown(path: bytes) -> str:
    return path.decode("utf-8", "replace")


def by_itself(repository: Path) -> Git:
    """Git with no working tree: attributes that lie in one can't hide a diff."""
    return Git(
        repository,
        repository=repository,
        work_tree=repository,
        index=repository / "butler-has-no-index",
    )


async def entries(git: Git, base: str, tree: str, prefix: str) -> list[Entry]:
    """What differs below a folder, in git's order; paths are relative to the folder."""
    told = await git("diff-tree", *_FLAGS, "-z", base, tree, "--", *_within(prefix))
    return await asyncio.to_thread(_parsed, told, len(os.fsencode(prefix)))


def _parsed(told: bytes, start: int) -> list[Entry]:
    fields = told.split(b"\0")
    return [
        _entry(head.decode().lstrip(":").split(" "), path[start:])
        for head, path in zip(fields[::2], fields[1::2], strict=False)
        if path
    ]


async def changed_files(
    git: Git, base: str, tree: str, prefix: str, *, most: int = FILES
) -> list[ChangedFile]:
    """The same for people: with counts and bounded diffs.

    Raises:
        TooMany: more than `most` files differ.
        GitFailed: see `Git`.
    """
    found = await entries(git, base, tree, prefix)
    if len(found) > most:
        raise TooMany(len(found))
    counts = await _counts(git, base, tree, prefix)
    sections = await _sections(git, base, tree, prefix)
    return await asyncio.to_thread(_told, found, counts, sections)


def _told(found: list[Entry], counts: "_Counts", sections: Iterator[bytes]) -> list[ChangedFile]:
    files, left = list[ChangedFile](), DIFFS
    for entry in found:
        added, removed, binary = counts.get(entry.path, (0, 0, False))
        # What becomes a link, or ceases to be one, has two: it goes, and comes.
        parts = [next(sections, b"") for _ in range(2 if entry.status == "T" else 1)]
        diff = b"" if binary else b"".join(_body(part) for part in parts)
        kept = _whole_lines(diff, min(DIFF, left))
        left -= len(kept)
        missing = bool(added or removed) and not kept
        files.append(
            ChangedFile(
                path=entry.name,
                change=entry.change,
                added=added,
                removed=removed,
                binary=binary,
                diff=kept.decode("utf-8", "replace"),
                cut=len(kept) < len(diff) or missing,
                version=entry.version,
            )
        )
    return files


def _within(prefix: str) -> tuple[str, ...]:
    return (f":(top,literal){prefix}",) if prefix else ()


def _entry(fields: list[str], path: bytes) -> Entry:
    old_mode, new_mode, old, new, status = fields
    return Entry(path, status[:1], old_mode, old, new_mode, new)


async def _counts(git: Git, base: str, tree: str, prefix: str) -> _Counts:
    told = await git("diff-tree", *_FLAGS, "--numstat", "-z", base, tree, "--", *_within(prefix))
    start = len(os.fsencode(prefix))
    counts: _Counts = {}
    for line in told.split(b"\0"):
        if not line:
            continue
        added, removed, path = line.split(b"\t", 2)
        binary = added == b"-"
        more = (0, 0) if binary else (int(added), int(removed))
        before = counts.get(path[start:], (0, 0, False))
        counts[path[start:]] = (before[0] + more[0], before[1] + more[1], before[2] or binary)
    return counts


async def _sections(git: Git, base: str, tree: str, prefix: str) -> Iterator[bytes]:
    """Each file's part of the diff, in git's order, cut off where nobody would keep it."""
    cutter = _Cutter()
    stream = git.stream("diff-tree", *_FLAGS, *_PLAIN, "-p", base, tree, "--", *_within(prefix))
    async with contextlib.aclosing(stream):
        async for piece in stream:
            cutter.feed(piece)
    return iter(cutter.end())


class _Cutter:
    """Cuts a stream into sections, of which it keeps the beginnings."""

    def __init__(self) -> None:
        self._sections = list[bytearray]()
        self._kept = 0
        self._rest = b"\n"

    def feed(self, piece: bytes) -> None:
        text = self._rest + piece
        mark = b"\n" + _SECTION
        start = 0
        while (found := text.find(mark, start)) >= 0:
            self._keep(text[start : found + 1])
            self._sections.append(bytearray())
            start = found + 1
        # A mark may be cut by the end of the piece.
        safe = max(start, len(text) - len(mark))
        self._keep(text[start:safe])
        self._rest = text[safe:]

    def end(self) -> list[bytes]:
        self._keep(self._rest)
        return [bytes(section) for section in self._sections]

    def _keep(self, text: bytes) -> None:
        if not self._sections:
            return
        section = self._sections[-1]
        # One byte too many shows that something is missing.
        more = text[: max(0, DIFF + 2_000 - len(section))]
        if self._kept < 4 * DIFFS:
            section += more
            self._kept += len(more)


def _body(section: bytes) -> bytes:
    """Without git's own first lines: names and modes of what changed say the same."""
    lines = section.split(b"\n")
    hidden = (_SECTION, b"index ")
    head = next((n for n, line in enumerate(lines) if line.startswith(b"@@ ")), len(lines))
    kept = [line for line in lines[:head] if not line.startswith(hidden)]
    return b"\n".join([*kept, *lines[head:]])


def _whole_lines(diff: bytes, room: int) -> bytes:
    if len(diff) <= room:
        return diff
    return diff[: diff.rfind(b"\n", 0, max(room, 0)) + 1]
