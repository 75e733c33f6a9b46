"""Three versions of a file (before, Butler's, yours now) and what is to become of yours."""

import asyncio
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from router.coding.git import Git, GitFailed
from router.coding.threads import to_its_end
from router.coding.user_files import Version

SHOWN: Final = 32_000
"""Characters of a merge with conflicts that are shown."""
_NAMES: Final = ("yours", "before", "butler")
"""Of the three versions as files, and in the markers of a conflict."""
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


@dataclass(frozen=True)
class _Texts:
    """Both have changed the text; `base` is `None` where both made it."""

    base: Version | None
    theirs: Version
    ours: Version


async def merge(
    base: Version | None, theirs: Version | None, ours: Version | None, scratch: Path
) -> Outcome:
    """Decide; nothing is written but in `scratch`.

    Raises:
        GitFailed: git could not merge.
        OSError: there is no room in `scratch`.
    """
    decided = await asyncio.to_thread(_decide, base, theirs, ours)
    if not isinstance(decided, _Texts):
        return decided
    folder = Path(tempfile.mkdtemp(dir=scratch, prefix=".merge-"))
    try:
        return await _merge_texts(decided, folder)
    finally:
        await to_its_end(shutil.rmtree, folder)


def _decide(base: Version | None, theirs: Version | None, ours: Version | None) -> Outcome | _Texts:
    if theirs is None:
        return _deletion(base, ours)
    if base is not None and ours is not None:
        ended = _ended_as(ours, base)
        # Only where they differed from the start: else it is what Butler was asked for.
        theirs = theirs if ended is base else _ended_as(ours, theirs)
        base = ended
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
    return _Texts(base, wanted, ours)


def _deletion(base: Version | None, ours: Version | None) -> Outcome:
    if ours is None:
        return Same()
    if base is not None and _alike(ours, _ended_as(ours, base)):
        return Delete()
    return Conflict("You have changed it meanwhile; Butler deleted it.")


async def _merge_texts(texts: _Texts, folder: Path) -> Outcome:
    await to_its_end(_lay_out, texts, folder)
    result = folder / _NAMES[0]
    labels = [part for name in _NAMES for part in ("-L", name)]
    conflicts = False
    # Into the first file, not printed: the exit code counts conflicts, and both are wanted.
    try:
        await Git(folder, repository=folder)("merge-file", "-q", *labels, *_NAMES)
    except GitFailed as failed:
        if not 0 < failed.code < 128:
            raise
        conflicts = True
    return await to_its_end(_outcome, texts, result, conflicts=conflicts)


def _lay_out(texts: _Texts, folder: Path) -> None:
    before = texts.base.content if texts.base else b""
    sides = (texts.ours.content, before, texts.theirs.content)
    for name, content in zip(_NAMES, sides, strict=True):
        (folder / name).write_bytes(content)


def _outcome(texts: _Texts, result: Path, *, conflicts: bool) -> Outcome:
    content = result.read_bytes()
    if texts.base is None:
        return Conflict(f"It was new, and you have one of that name by now:\n{_shown(content)}")
    if conflicts:
        return Conflict(_shown(content))
    merged = Version(content, texts.theirs.executable)
    return Same() if merged == texts.ours else Write(merged, merged=True)


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
