"""A row of the screen before it has colours, and how text is broken into rows.

A run is a piece of text with the names of its styles, not the styles: so a change of theme needs
no new rows.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

from rich.cells import cell_len, split_graphemes

from tui.text import plain, sanitise

Action: TypeAlias = Literal["", "copy", "fold", "earlier"]
"""What a click on a row does."""


class Run(NamedTuple):
    """Text of one look. Made by `run`, which sanitises."""

    text: str
    style: str = ""
    """Names of component classes without their prefix, separated by spaces."""
    href: str = ""


Runs: TypeAlias = tuple[Run, ...]


def run(text: str, style: str = "", href: str = "") -> Run:
    """Make a run from text that may come from anywhere."""
    return Run(sanitise(text), style, href)


class Code:
    """The source of a code block: what its `copy` gives."""

    __slots__ = ("_closed", "language", "open")

    def __init__(self, language: str, source: str = "") -> None:
        self.language = language
        self.open = source
        """The part that may still change."""
        self._closed: list[str] = []

    def add(self, text: str) -> None:
        """Add text that is final, with its line end."""
        self._closed.append(text)

    @property
    def source(self) -> str:
        return ("".join(self._closed) + self.open).removesuffix("\n")


class Row:
    """One row. Compared by identity, so that a drawn row can be kept by it."""

    __slots__ = ("action", "code", "joint", "raw", "runs", "start", "stop")

    def __init__(
        self,
        runs: Runs,
        *,
        start: int = 0,
        stop: int | None = None,
        joint: str = "\n",
        raw: str | None = None,
        code: Code | None = None,
        action: Action = "",
    ) -> None:
        self.runs = runs
        self.start = start
        """Characters before this one are decoration: never copied, never highlighted."""
        self.stop = sum(len(part.text) for part in runs) if stop is None else stop
        """The first character of decoration after the text."""
        self.joint = joint
        """What stands between this row's text and the next one's in a copy."""
        self.raw = raw
        """The original of `start` to `stop`, where the drawn text differs from it."""
        self.code = code
        self.action: Action = action

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.runs)

    def same(self, other: "Row") -> bool:
        """Whether both look the same."""
        return self is other or (self.runs == other.runs and self.action == other.action)

    def copied(self, start: int = 0, stop: int | None = None) -> str:
        """Return the original of the characters from `start` to `stop`, without decoration."""
        first = max(start, self.start)
        last = self.stop if stop is None else min(stop, self.stop)
        if first >= last and not (start <= self.start and stop is None):
            return ""
        if self.raw is None:
            return plain(self.text[first:last])
        if first <= self.start and last >= self.stop:
            return plain(self.raw)
        return plain(
            original(
                self.raw, self.text[self.start : self.stop], first - self.start, last - self.start
            )
        )


def original(raw: str, shown: str, start: int, stop: int) -> str:
    """Return the part of `raw` that is drawn as `shown[start:stop]`: a tab is several columns."""
    if sanitise(raw) != shown:
        return shown[start:stop]
    kept: list[str] = []
    column = 0
    for character in raw:
        width = 4 - column % 4 if character == "\t" else 1
        if start < column + width and column < stop:
            kept.append(character)
        column += width
    return "".join(kept)


BLANK: Final = Row(())

# Characters known to fill exactly one cell each.
_ONE_CELL: Final = re.compile(
    "[\x20-\x7e\xa0-\xac\xae-\u02ff\u0370-\u0482\u2010-\u2027\u2190-\u21a8\u2400-\u241f\u2500-\u25fc]*"
)
# Closing marks never begin a row.
_NO_START: Final = frozenset(",.;:!?)]}」』】》、。，．：；！？）％")


class Break(NamedTuple):
    """A row's share of a text: from `start` to `stop`, and what stood between it and the next."""

    start: int
    stop: int
    joint: str


def breaks(text: str, first: int, rest: int) -> Iterator[Break]:
    """Break one line of text at spaces into rows of `first`, then `rest` cells (at least 1)."""
    if _ONE_CELL.fullmatch(text):
        return _simple_breaks(text, first, rest)
    return _wide_breaks(text, first, rest)


def _simple_breaks(text: str, first: int, rest: int) -> Iterator[Break]:
    at, end, width = 0, len(text), first
    while end - at > width:
        cut = text.rfind(" ", at, at + width + 1)
        stop = at + len(text[at:cut].rstrip(" ")) if cut > at else at
        if stop == at:
            yield Break(at, at + width, "")
            at += width
        else:
            after = cut + 1
            while text[after] == " ":
                after += 1
            yield Break(at, stop, text[stop:after])
            at = after
        width = rest
    yield Break(at, end, "\n")


def _wide_breaks(text: str, first: int, rest: int) -> Iterator[Break]:
    spans, _ = split_graphemes(text)
    at, width = 0, first
    while (limit := _fitting(spans, at, width)) < len(spans):
        after = _cut(text, spans, at, limit)
        stop = after
        while stop > at + 1 and text[spans[stop - 1][0]] == " ":
            stop -= 1
        while text[spans[after][0]] == " ":
            after += 1
        end = spans[stop - 1][1]
        yield Break(spans[at][0], end, text[end : spans[after][0]])
        at, width = after, rest
    yield Break(spans[at][0] if at < len(spans) else len(text), len(text), "\n")


def _fitting(spans: Sequence[tuple[int, int, int]], at: int, width: int) -> int:
    """Return the index of the first grapheme that doesn't fit; at least one always does."""
    cells = 0
    for index in range(at, len(spans)):
        cells += spans[index][2]
        if cells > width:
            return max(index, at + 1)
    return len(spans)


def _cut(text: str, spans: Sequence[tuple[int, int, int]], at: int, limit: int) -> int:
    """Return where to break: at a space, or beside a wide character, which needs none."""
    for index in range(limit, at, -1):
        following, before = text[spans[index][0]], text[spans[index - 1][0]]
        if following == " " or before == " ":
            return index
        wide = spans[index][2] == 2 or spans[index - 1][2] == 2
        if wide and following not in _NO_START:
            return index
    return limit


def slice_runs(runs: Sequence[Run], start: int, stop: int) -> list[Run]:
    """Return the runs that make up the characters from `start` to `stop`."""
    pieces: list[Run] = []
    at = 0
    for part in runs:
        end = at + len(part.text)
        if end > start and at < stop:
            inside = at >= start and end <= stop
            text = part.text if inside else part.text[max(0, start - at) : stop - at]
            pieces.append(part if inside else Run(text, part.style, part.href))
        at = end
    return pieces


def cells(runs: Sequence[Run]) -> int:
    """Return the width of runs in cells."""
    return sum(cell_len(part.text) for part in runs)


class Prefix(NamedTuple):
    """What stands left of a block: bullets, the bars of quotes, indentation."""

    first: Runs = ()
    rest: Runs = ()
    bars: int = 0
    """Characters up to the last bar: decoration even on the first row."""


def wrap(runs: Sequence[Run], width: int, prefix: Prefix | None = None) -> Iterator[Row]:
    """Break runs into rows of at most `width` cells; newlines in the text are hard breaks."""
    prefix = prefix or Prefix()
    lead, bars = prefix.first, prefix.bars
    for line in split_lines(runs):
        text = "".join(part.text for part in line).rstrip(" ")
        room = max(1, width - cells(lead)), max(1, width - cells(prefix.rest))
        for cut in breaks(text, *room):
            body = slice_runs(line, cut.start, cut.stop)
            yield Row((*lead, *body), start=bars, joint=cut.joint)
            lead, bars = prefix.rest, sum(len(part.text) for part in prefix.rest)
        bars = prefix.bars


def split_lines(runs: Sequence[Run]) -> Iterator[list[Run]]:
    """Cut runs at their newlines."""
    line: list[Run] = []
    for part in runs:
        if "\n" not in part.text:
            line.append(part)
            continue
        head, *others = part.text.split("\n")
        line.append(Run(head, part.style, part.href))
        for text in others:
            yield line
            line = [Run(text, part.style, part.href)]
    yield line
