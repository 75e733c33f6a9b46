"""Unified diffs as data: hunks, lines with their numbers, and whatever else stands in one."""

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

from store.events import Change, ChangedFile, ChangeSettled

MINUS: Final = "−"
"""As wide and as visible as a plus."""
_HUNK: Final = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@ ?(.*)", re.DOTALL)


class Line(NamedTuple):
    """A line of a diff, or a row of the diff view.

    A hunk's head (`@`) has the place in words; `\\` is a remark. Of a merge `<` and `>` are the
    sides, `|` is what both began with, `=` are the markers between them; `#` is a title.
    """

    sign: str
    text: str
    old: int = 0
    """Its number in the old file; 0 where it has none."""
    new: int = 0


def lines_of(diff: str) -> Iterator[Line]:
    """Read a unified diff; what stands before the first hunk is left out."""
    old = new = 0
    inside = False
    for raw in diff.split("\n"):
        sign = raw[:1]
        if sign == "@" and (head := _HUNK.fullmatch(raw)):
            old, new = int(head[1]), int(head[2])
            inside = True
            yield Line("@", head[3].strip(), old, new)
        elif not inside:
            continue
        elif sign == "+":
            yield Line("+", raw[1:], 0, new)
            new += 1
        elif sign == "-":
            yield Line("-", raw[1:], old, 0)
            old += 1
        elif sign == " ":
            yield Line(" ", raw[1:], old, new)
            old, new = old + 1, new + 1
        elif raw:
            yield Line("\\", raw.lstrip("\\ "))


def counts(added: int, removed: int) -> str:
    """`+12 −3`; nothing is said of what is none."""
    return " ".join(f"{sign}{count:,}" for sign, count in (("+", added), (MINUS, removed)) if count)


CHANGE: Final[dict[Change, tuple[str, str]]] = {
    "new": ("+", "new"),
    "edit": ("✎", "edit"),
    "delete": (MINUS, "delete"),
}
"""How a change is told: a glyph and a word."""


_MARKERS: Final = {"<<<<<<<": "<", "|||||||": "|", "=======": ">"}
_CONFLICT: Final = re.compile(r"^<{7}(?: |$)", re.MULTILINE)
PARALLEL: Final = 40_000
"""Characters of a diff that is better read beside the loop."""
_LAST: Final = 50
"""Rows at the end among which the largest line number is."""
SHOWN: Final = 200_000
"""Lines of one file that are shown."""


class Page(NamedTuple):
    """A changed file, as rows."""

    path: str
    rows: tuple[Line, ...] = ()
    stops: tuple[int, ...] = ()
    """Rows where a hunk or a conflict begins."""
    longest: int = 0
    """Cells that the longest row takes at most."""
    largest: int = 0
    """The largest line number."""


def page_of(file: ChangedFile, settled: ChangeSettled | None, folder: str) -> Page:
    """Read what is known of a changed file; takes 30 ms for 20,000 lines."""
    rows: list[Line] = []
    if settled is not None and has_merge(settled):
        rows.append(Line("#", "the merge: < is yours, > is the session's"))
        rows += merge_of(settled.detail)
        rows.append(Line("#", "what the session has changed"))
    if file.binary:
        rows.append(Line("\\", "A binary file: there are no lines to show."))
    rows += islice(lines_of(file.diff), SHOWN)
    if file.cut:
        place = f": the file is in {folder}" if folder else ""
        rows.append(Line("\\", f"The rest is too long to be kept here{place}."))
    elif not (file.binary or file.diff):
        rows.append(Line("\\", "No line of it is another one."))
    stops = tuple(
        number
        for number, (sign, text, *_) in enumerate(rows)
        if sign == "@" or (sign == "=" and text[:7] == "<<<<<<<")
    )
    largest = max((max(row.old, row.new) for row in rows[-_LAST:]), default=0)
    return Page(file.path, tuple(rows), stops, _longest(rows), largest)


def _longest(rows: Sequence[Line]) -> int:
    """Cells that the longest row takes at most: exact for plain text."""
    texts = [row.text for row in rows]
    longest = max(map(len, texts), default=0)
    if any("\t" in text for text in texts):
        longest = max(len(text) + 3 * text.count("\t") for text in texts)
    return longest if all(map(str.isascii, texts)) else longest * 2


def has_merge(settled: ChangeSettled) -> bool:
    """Whether a conflict's detail is the merge with its markers, not a sentence."""
    return settled.settlement == "conflict" and _CONFLICT.search(settled.detail) is not None


def merge_of(text: str) -> Iterator[Line]:
    """Read a merge with conflict markers."""
    side: str = " "
    for number, line in enumerate(text.removesuffix("\n").split("\n"), 1):
        mark = line[:7]
        if side == " " and mark != "<<<<<<<":
            yield Line(" ", line, 0, number)
        elif mark == ">>>>>>>":
            yield Line("=", line, 0, number)
            side = " "
        elif mark in _MARKERS:
            yield Line("=", line, 0, number)
            side = _MARKERS[mark]
        else:
            yield Line(side, line, 0, number)
