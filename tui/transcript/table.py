"""Tables: columns share the width, cells wrap, and what can't fit is shown as a list."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Final, Literal, TypeAlias

from tui.transcript.rows import BLANK, Prefix, Row, Run, Runs, cells, wrap

Align: TypeAlias = Literal["left", "right", "center"]
_GAP: Final = Run(" │ ", "table-frame")
_LEAST: Final = 4
"""Cells a column needs; below that rows are shown as lists of `header: value`."""


class Table:
    """A header, its rows, and how the columns align."""

    def __init__(self, *, headed: bool = True) -> None:
        self.headed = headed
        """Whether the header is shown."""
        self.aligns: list[Align] = []
        self.rows: list[list[Runs]] = []
        """The first row is the header."""

    def layout(self, width: int, prefix: Prefix) -> Iterator[Row]:
        room = width - cells(prefix.rest)
        columns = max(len(row) for row in self.rows)
        natural = [
            max(1, *(cells(row[column]) for row in self.rows if column < len(row)))
            for column in range(columns)
        ]
        widths = shared(natural, room - len(_GAP.text) * (columns - 1))
        if min(w - min(n, _LEAST) for w, n in zip(widths, natural, strict=True)) < 0:
            yield from self._listed(width, prefix)
            return
        lead = prefix.first
        for number, row in enumerate(self.rows if self.headed else self.rows[1:]):
            for drawn in self._drawn(row, widths, lead, prefix):
                yield drawn
                lead = prefix.rest
            if number == 0 and self.headed:
                yield self._rule(widths, lead)

    def _drawn(
        self, row: Sequence[Runs], widths: Sequence[int], lead: Runs, prefix: Prefix
    ) -> Iterator[Row]:
        filled = [row[column] if column < len(row) else () for column in range(len(widths))]
        columns = [list(wrap(cell, room)) for cell, room in zip(filled, widths, strict=True)]
        raw: str = "| " + " | ".join("".join(part.text for part in cell) for cell in filled) + " |"
        for parts in zip_longest(*columns, fillvalue=BLANK):
            runs: list[Run] = list(lead)
            for column, (part, room) in enumerate(zip(parts, widths, strict=True)):
                if column:
                    runs.append(_GAP)
                runs.extend(aligned(part.runs, room, self._align(column)))
            start = sum(len(part.text) for part in lead)
            yield Row(tuple(runs), start=start, raw=raw, joint="\n" if raw else "")
            raw, lead = "", prefix.rest

    def _rule(self, widths: Sequence[int], lead: Runs) -> Row:
        rule = "─┼─".join("─" * room for room in widths)
        raw = "|" + "---|" * len(widths)
        start = sum(len(part.text) for part in lead)
        return Row((*lead, Run(rule, "table-frame")), start=start, raw=raw)

    def _align(self, column: int) -> Align:
        return self.aligns[column] if column < len(self.aligns) else "left"

    def _listed(self, width: int, prefix: Prefix) -> Iterator[Row]:
        header, *rows = self.rows
        for number, row in enumerate(rows or [header]):
            if number:
                yield Row(prefix.rest, start=sum(len(part.text) for part in prefix.rest))
            for name, value in zip_longest(header, row, fillvalue=()):
                runs = (*name, Run(": "), *value) if rows else value
                yield from wrap(runs, width, prefix)
                prefix = Prefix(prefix.rest, prefix.rest, prefix.bars)


def shared(natural: Sequence[int], room: int) -> list[int]:
    """Share `room` cells: narrow columns get what they want, wide ones split the rest evenly."""
    widths = list(natural)
    left, open_columns = room, sorted(range(len(natural)), key=natural.__getitem__)
    while open_columns:
        share = max(1, left // len(open_columns))
        column = open_columns.pop(0)
        widths[column] = min(natural[column], share)
        left -= widths[column]
    return widths


def aligned(runs: Runs, room: int, align: Align) -> Iterator[Run]:
    """Pad runs to `room` cells."""
    spare = max(0, room - cells(runs))
    left = spare if align == "right" else spare // 2 if align == "center" else 0
    if left:
        yield Run(" " * left)
    yield from runs
    if spare > left:
        yield Run(" " * (spare - left))
