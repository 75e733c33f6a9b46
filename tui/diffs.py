"""Unified diffs as data: hunks, lines with their numbers, and whatever else stands in one."""

import re
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple, TypeAlias

from store.events import Change

Sign: TypeAlias = Literal["+", "-", " ", "@", "\\"]
MINUS: Final = "−"
"""As wide and as visible as a plus."""
_HUNK: Final = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@ ?(.*)", re.DOTALL)


class Line(NamedTuple):
    """A line of a diff. A head (`@`) has the place in words; `\\` is a remark of diff's own."""

    sign: Sign
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
