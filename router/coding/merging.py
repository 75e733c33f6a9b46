"""Three versions of a file (before, Butler's, yours now) and what is to become of yours."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from router.coding.git import Git, GitFailed
from router.coding.user_files import Version

SHOWN: Final = 32_000
"""Characters of a merge with conflicts that are shown."""
_AROUND: Final = 3
_LOOKED_AT: Final = 8_000
"""Bytes in which a binary file shows itself, as for git."""


@dataclass(frozen=True)
class Same:
    """Yours has it all already."""


@dataclass(frozen=True)
class Write:
    version: Version
    merged: bool = False


@dataclass(frozen=True)
class Delete:
    pass


@dataclass(frozen=True)
class Conflict:
    detail: str


Outcome: TypeAlias = Same | Write | Delete | Conflict


async def merge(
    base: Version | None, theirs: Version | None, ours: Version | None, scratch: Path
) -> Outcome:
    """Decide; nothing is written but in `scratch`.

    Raises:
        GitFailed: git could not merge.
    """
    if theirs is None:
        return _deletion(base, ours)
    if base is not None and ours is not None:
        base, theirs = _ended_as(ours, base), _ended_as(ours, theirs)
    wanted = Version(theirs.content, _executable(base, theirs, ours), theirs.link)
    if ours == wanted:
        return Same()
    if ours is None:
        if base is None:
            return Write(wanted)
        return Conflict("You have deleted it meanwhile; Butler changed it.")
    if base is not None and _alike(ours, base):
        return Write(wanted)
    if ours.link or theirs.link or (base is not None and base.link):
        return Conflict("One of you has made a link of it, and both have changed it.")
    if base is not None and _alike(theirs, base):
        return Write(Version(ours.content, wanted.executable))
    if any(side is not None and _is_binary(side) for side in (base, theirs, ours)):
        return Conflict("It is no text, and both of you have changed it.")
    return await _merge_texts(base, wanted, ours, scratch)


def _deletion(base: Version | None, ours: Version | None) -> Outcome:
    if ours is None:
        return Same()
    if base is not None and _alike(ours, _ended_as(ours, base)):
        return Delete()
    return Conflict("You have changed it meanwhile; Butler deleted it.")


async def _merge_texts(
    base: Version | None, theirs: Version, ours: Version, scratch: Path
) -> Outcome:
    with tempfile.TemporaryDirectory(dir=scratch, prefix=".merge-") as folder:
        text, conflicts = await _merge_file(
            Path(folder), ours.content, base.content if base else b"", theirs.content
        )
    if base is None:
        return Conflict("It was new, and you have one of that name by now:\n" + _shown(text))
    if conflicts:
        return Conflict(_shown(text))
    merged = Version(text, theirs.executable)
    return Same() if merged == ours else Write(merged, merged=True)


async def _merge_file(folder: Path, ours: bytes, base: bytes, theirs: bytes) -> tuple[bytes, bool]:
    """The merge, and whether it has conflicts."""
    names = ("yours", "before", "butler")
    for name, content in zip(names, (ours, base, theirs), strict=True):
        (folder / name).write_bytes(content)
    labels = [part for name in names for part in ("-L", name)]
    result = folder / "yours"
    # Not printed (`-p`), but in place: its exit code counts the conflicts, and both are wanted.
    try:
        await Git(folder, repository=folder)("merge-file", "-q", *labels, *names)
    except GitFailed as failed:
        if not 0 < failed.code < 128:
            raise
        return result.read_bytes(), True
    return result.read_bytes(), False


def _executable(base: Version | None, theirs: Version, ours: Version | None) -> bool:
    """Butler's if Butler changed it, else yours."""
    if base is None or ours is None or base.executable != theirs.executable:
        return theirs.executable
    return ours.executable


def _alike(one: Version, other: Version) -> bool:
    return one.content == other.content and one.link == other.link


def _ended_as(ours: Version, other: Version) -> Version:
    """The other with line endings as yours, if each has only one kind: git keeps its own."""
    if _all_crlf(ours.content) and b"\r" not in other.content:
        content = other.content.replace(b"\n", b"\r\n")
    elif _all_crlf(other.content) and b"\n" in ours.content and b"\r" not in ours.content:
        content = other.content.replace(b"\r\n", b"\n")
    else:
        return other
    return other if other.link else Version(content, other.executable)


def _all_crlf(content: bytes) -> bool:
    return b"\r\n" in content and content.count(b"\n") == content.count(b"\r\n")


def _is_binary(version: Version) -> bool:
    return b"\0" in version.content[:_LOOKED_AT]


def _shown(content: bytes) -> str:
    """The merge, or where it is long, the places where it failed."""
    text = content.decode("utf-8", "replace")
    if len(text) > SHOWN:
        text = _places(text.splitlines(keepends=True))
    return text if len(text) <= SHOWN else text[:SHOWN] + "\n… (more)\n"


def _places(lines: list[str]) -> str:
    wanted, inside = set[int](), False
    for number, line in enumerate(lines):
        starts, ends = line.startswith("<<<<<<< yours"), line.startswith(">>>>>>> butler")
        inside = (inside or starts) and not ends
        if inside or ends:
            wanted.update(range(number - _AROUND, number + _AROUND + 1))
    pieces, last = list[str](), -1
    for number in sorted(wanted & set(range(len(lines)))):
        if number != last + 1:
            pieces.append("…\n")
        pieces.append(lines[number])
        last = number
    return "".join(pieces)
