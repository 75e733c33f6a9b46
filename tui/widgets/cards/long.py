"""Rows that are made when they come into sight: a file that is to be written may have thousands."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Final, Protocol, TypeAlias

from tui.text import sanitise
from tui.widgets.cards.text import Line, folded, line, width_of
from tui.wording import QUIET

_SIGNS: Final = {"+": "$success", "-": "$error", "@": "$primary", " ": "", "\\": QUIET}
"""By a row's first letter; any other row names a file."""

Look: TypeAlias = Callable[[str, Sequence[str], int], Line]
"""Draws a piece of a line: the line, all its pieces, which one."""


class Rows(Protocol):
    """What a list of rows is, too."""

    def __len__(self) -> int: ...

    def __getitem__(self, at: int, /) -> Line: ...

    def __iter__(self) -> Iterator[Line]: ...


class Folded:
    """A text line by line, each cut into pieces of `width` cells; they are counted, not made."""

    def __init__(self, text: str, width: int, look: Look) -> None:
        self._width = max(2, width)
        self._look = look
        self._lines = [sanitise(line) for line in text.split("\n")]
        self._ends = list(accumulate(map(self._count, self._lines)))
        self._cut: tuple[int, Sequence[str]] = -1, ()
        """The line cut last, and its pieces: it may be a very long one."""

    def _count(self, line: str) -> int:
        if line.isascii():
            return max(1, -(-len(line) // self._width))
        return len(folded(line, self._width))

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, at: int, /) -> Line:
        number = bisect_right(self._ends, at)
        line = self._lines[number]
        if self._cut[0] != number:
            self._cut = number, folded(line, self._width)
        pieces = self._cut[1]
        return self._look(line, pieces, at - self._ends[number] + len(pieces))

    def __iter__(self) -> Iterator[Line]:
        return map(self.__getitem__, range(len(self)))


class Joined:
    """Rows one after the other."""

    def __init__(self, *parts: Rows) -> None:
        self._parts = parts

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def __getitem__(self, at: int, /) -> Line:
        for part in self._parts:
            if at < len(part):
                return part[at]
            at -= len(part)
        raise IndexError(at)

    def __iter__(self) -> Iterator[Line]:
        for part in self._parts:
            yield from part


def framed(text: str, width: int, title: str) -> Rows:
    """Text letter by letter in a frame of its own; `↩` marks a line that goes on below."""
    room = max(2, width - 4)
    rule = "─" * max(0, width - width_of(title) - 5)

    def look(_line: str, pieces: Sequence[str], at: int) -> Line:
        edge = "↩│" if at + 1 < len(pieces) else " │"
        pad = " " * (room - width_of(pieces[at]))
        return Line((("│ ", QUIET), (pieces[at], "bold"), (pad + edge, QUIET)))

    top, foot = f"┌─ {title} {rule}┐", f"└{'─' * max(0, width - 2)}┘"
    return Joined([line(top, QUIET)], Folded(text, room, look), [line(foot, QUIET)])


def diff(text: str, width: int) -> Rows:
    """A unified diff: the signs stay, colour only repeats them."""

    def look(row: str, pieces: Sequence[str], at: int) -> Line:
        style = "bold" if row.startswith(("+++", "---")) else _SIGNS.get(row[:1], "bold")
        piece = Line(((pieces[at], style),))
        return piece.after("↳ ", QUIET) if at else piece

    return Folded(text, width - 2, look)
