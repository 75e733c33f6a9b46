"""What a folder holds at a moment, as one of git's trees. Nobody's index or files change."""

import asyncio
import os
import shutil
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from router.coding.git import Git

LARGE: Final = 20_000_000
"""Bytes of a file that is too large to go along."""
LISTING_SECONDS: Final = 10.0
"""A folder that takes longer than this to list is no project: somebody's home, or a whole disk."""
MOST_FILES: Final = 50_000
_DEEPEST: Final = 100
"""Repositories within a folder that are looked into."""
_NAMES: Final = 32_000_000
"""Bytes of names that one listing may have."""


@dataclass(frozen=True)
class Listing:
    """Files that git neither tracks nor ignores."""

    paths: tuple[bytes, ...] = ()
    size: int = 0
    left_out: tuple[bytes, ...] = ()
    """Too large."""


@dataclass(frozen=True)
class Snapshot:
    tree: str
    left_out: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Scope:
    """What of a working tree counts."""

    git: Git
    """Runs at its top, with repository and working tree named."""
    spared: tuple[Path, ...] = ()
    """Never looked into: what is Butler's own, if it lies within."""
    inner: bool = False
    """Files of repositories within count as well. (A submodule's never do.)"""
    links: Mapping[bytes, bytes] = field(default_factory=dict[bytes, bytes])
    """Links that are ours, each with where it points: they don't count as long as they do."""
    large: int = LARGE

    async def untracked(self, index: Path) -> Listing:
        """Raises `GitFailed` (`GitTooSlow`, `GitTooLong`) as well."""
        git = self.git.with_index(index).within(LISTING_SECONDS)
        names = await self._names(git)
        if self.inner:
            names = await self._with_inner(git, names)
        return await asyncio.to_thread(self._measure, names)

    async def take(
        self, index: Path, start: str | None = None, *, known: Listing | None = None
    ) -> Snapshot:
        """Make the snapshot, with an index that is nobody else's.

        Args:
            index: as it is, it says what git tracks, or it is not there.
            start: a tree or commit to go out from instead; what the index knows of unchanged
                files is of use all the same.
            known: what is untracked, if it was looked for before.

        Raises:
            GitFailed: see `Git`.
        """
        git = self.git.with_index(index)
        if start is not None:
            await git("read-tree", "--reset", start)
        listed = await git("diff-files", "--name-only", "--ignore-submodules=all", "-z")
        there, gone = await asyncio.to_thread(self._sorted_out, listed.split(b"\0"))
        await git("update-index", "--force-remove", "-z", "--stdin", given=_listed(gone))
        found = await self.untracked(index) if known is None else known
        given = _listed([*there, *found.paths])
        # A file may be gone by now: then it is none.
        await git("update-index", "--add", "--remove", "--replace", "-z", "--stdin", given=given)
        return Snapshot(await git.line("write-tree"), found.left_out)

    def _sorted_out(self, names: Iterable[bytes]) -> tuple[list[bytes], list[bytes]]:
        """Tracked files that are still such, and those in whose place there is something else."""
        there, gone = list[bytes](), list[bytes]()
        for name in filter(None, names):
            place = self.git.folder / os.fsdecode(name)
            is_file = place.is_symlink() or place.is_file()
            is_here = is_file and not _is_behind_link(self.git.folder, place)
            (there if is_here else gone).append(name)
        return there, gone

    async def _names(self, git: Git) -> list[bytes]:
        spared = [
            f":(top,exclude,literal){path.relative_to(git.folder)}"
            for path in self.spared
            if path != git.folder and path.is_relative_to(git.folder)
        ]
        listed = await git(
            "ls-files", "-o", "--exclude-standard", "-z", "--", ".", *spared, most=_NAMES
        )
        return await asyncio.to_thread(lambda: [*filter(None, listed.split(b"\0"))])

    async def _with_inner(self, git: Git, names: Sequence[bytes]) -> list[bytes]:
        """In place of the repositories within, what they hold."""
        files = [name for name in names if not name.endswith(b"/")]
        waiting = [name for name in names if name.endswith(b"/")]
        for _ in range(_DEEPEST):
            if not waiting:
                break
            prefix = waiting.pop()
            folder = self.git.folder / os.fsdecode(prefix)
            inside = replace(git, folder=folder, work_tree=folder, index=Path(f"{git.index}.none"))
            for name in await self._names(inside):
                (waiting if name.endswith(b"/") else files).append(prefix + name)
        return files

    def _measure(self, names: Iterable[bytes]) -> Listing:
        paths, left_out, size = list[bytes](), list[bytes](), 0
        for name in names:
            held = self._size(name)
            if held is None:
                continue
            if held > self.large:
                left_out.append(name)
            else:
                paths.append(name)
                size += held
        return Listing(tuple(paths), size, tuple(left_out))

    def _size(self, name: bytes) -> int | None:
        """Of a file or a link; `None` for what doesn't count, or is gone since it was listed."""
        place = self.git.folder / os.fsdecode(name)
        try:
            found = place.lstat()
            if stat.S_ISLNK(found.st_mode):
                ours = self.links.get(name) == os.fsencode(place.readlink())
                return None if ours else found.st_size
        except OSError:
            return None
        is_readable = stat.S_ISREG(found.st_mode) and os.access(place, os.R_OK)
        return found.st_size if is_readable else None


def _listed(names: Iterable[bytes]) -> bytes:
    return b"".join(name + b"\0" for name in names)


def _is_behind_link(top: Path, place: Path) -> bool:
    return any(parent.is_symlink() for parent in place.parents if parent.is_relative_to(top))


def copy_index(index: Path, target: Path) -> None:
    """Copy an index if there is one. With its times: git tells by them what may have changed in
    the very moment it was written."""
    if index.exists():
        shutil.copy2(index, target)
