"""All entries one below the other: where each row is, and which rows have to exist.

Heights are exact where rows are made and estimates elsewhere. A `Mark` names a row by what it
belongs to, so that a place can be found again after anything above it has changed.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from time import perf_counter
from typing import Final, NamedTuple

from tui.transcript.entry import EarlierEntry, Entry
from tui.transcript.item import Item
from tui.transcript.rows import BLANK, Row

READING: Final = 0.002
"""Seconds of reading text in one go."""
NEAR: Final = 1_500
"""Rows around the view that are laid out ahead."""


class Mark(NamedTuple):
    """A row, named by its section. Stays good while heights above it change."""

    entry: Entry
    section: int
    row: int
    """Below the section's first row; negative above the first message."""
    letter: int = 0
    """Characters of the section above the row: finds the row again in another width."""
    width: int = 0


class Window:
    """The entries in order."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.width = 80
        self.wanted: set[str] = set()
        """Languages to load, so that listings get their colours."""
        self._by_id: dict[str, Entry] = {}
        self._earlier = 0
        self._tops: list[int] | None = None

    # --- entries ---

    def set(self, items: Sequence[Item]) -> None:
        self.entries = self.entries[: self._first] + [Entry(item) for item in items]
        self._by_id = {entry.item.id: entry for entry in self.entries[self._first :]}
        self._join(self._first, len(self.entries))
        self.touch()

    @property
    def _first(self) -> int:
        """The index of the first message: behind the row of earlier ones."""
        return 1 if self._earlier else 0

    @property
    def earlier(self) -> int:
        """How many messages there are above the window."""
        return self._earlier

    @earlier.setter
    def earlier(self, count: int) -> None:
        del self.entries[: self._first]
        self._earlier = count
        if count:
            self.entries.insert(0, EarlierEntry(count))
        self.touch()

    def get(self, key: str) -> Entry | None:
        return self._by_id.get(key)

    def append(self, item: Item) -> None:
        self._insert(len(self.entries), [item])

    def prepend(self, items: Sequence[Item]) -> None:
        self._insert(self._first, items)

    def _insert(self, at: int, items: Sequence[Item]) -> None:
        new = [Entry(item) for item in items]
        self.entries[at:at] = new
        self._by_id.update((entry.item.id, entry) for entry in new)
        self._join(at, at + len(new) + 1)
        self.touch()

    def update(self, item: Item) -> None:
        """Follow a newer version of an item; one that is not held is ignored."""
        entry = self._by_id.get(item.id)
        if entry is not None:
            entry.update(item)
            at = self.entries.index(entry)
            self._join(at, at + 2)
            self.touch()

    def _join(self, start: int, stop: int) -> None:
        """Close or open the gaps above some entries."""
        for at in range(max(start, self._first + 1), min(stop, len(self.entries))):
            before = self.entries[at - 1]
            before.join(joined=self.entries[at].joins(before))

    def prune(self, keep: int) -> int:
        """Drop all but the last `keep` messages and return how many were dropped."""
        first = self._first
        stop = max(first, len(self.entries) - keep)
        for entry in self.entries[first:stop]:
            del self._by_id[entry.item.id]
        del self.entries[first:stop]
        self.touch()
        return stop - first

    def below(self, mark: Mark) -> int:
        """Return how many messages there are from the marked one on."""
        at = self.entries.index(mark.entry) if mark.entry in self.entries else 0
        return len(self.entries) - max(at, self._first)

    def touch(self) -> None:
        """Say that the height of an entry may be another."""
        self._tops = None

    # --- places ---

    @property
    def tops(self) -> list[int]:
        if self._tops is None:
            heights = (entry.height(self.width) for entry in self.entries)
            self._tops = list(accumulate(heights, initial=0))
        return self._tops

    @property
    def height(self) -> int:
        return self.tops[-1]

    def mark(self, y: int) -> Mark | None:
        """Name the row at `y`; None when there is nothing."""
        if not self.entries:
            return None
        tops = self.tops
        number = min(max(bisect_right(tops, y) - 1, 0), len(self.entries) - 1)
        if number < self._first < len(self.entries):
            # The row of earlier messages is no place to stay at: the message below it is.
            return Mark(self.entries[self._first], 0, y - tops[self._first])
        entry = self.entries[number]
        inner = entry.tops(self.width)
        offset = min(max(0, y - tops[number]), max(0, inner[-1] - 1))
        index = min(bisect_right(inner, offset) - 1, len(entry.sections) - 1)
        row = offset - inner[index]
        section = entry.sections[index]
        letters = sum(len(above.text) for above in section.rows[:row])
        return Mark(entry, index, row, letters, section.width)

    def find(self, mark: Mark) -> int:
        """Return the y of a marked row, or of what stands in its place now."""
        if mark.entry not in self.entries:
            return 0
        top = self.tops[self.entries.index(mark.entry)]
        index = min(mark.section, len(mark.entry.sections) - 1)
        section = mark.entry.sections[index]
        row = mark.row
        if mark.width and section.width and section.width != mark.width:
            row = _row_of_letter(section.rows, mark.letter)
        last = max(0, section.height(self.width) - 1)
        return top + mark.entry.tops(self.width)[index] + min(row, last)

    # --- rows ---

    def view(self, mark: Mark | None, height: int) -> int:
        """Make the rows of a view that begins at `mark`, or ends at the bottom; return its y."""
        deadline = perf_counter() + READING
        if mark is not None and mark.entry in self.entries:
            self._make(self._forwards(mark, deadline), height)
            if mark.row < 0:
                above = self.entries[: self.entries.index(mark.entry)]
                self._make(self._backwards(above, deadline), -mark.row)
            y = max(0, self.find(mark))
            if y + height <= self.height:
                return y
        self._make(self._backwards(self.entries, deadline), height)
        return max(0, self.height - height)

    def rows(self, y: int, count: int) -> list[Row]:
        """Return the rows from `y` on, laying out what is missing."""
        found: list[Row] = []
        if 0 <= y < self.height:
            number = bisect_right(self.tops, y) - 1
            first = self.entries[number]
            inner = first.tops(self.width)
            section = bisect_right(inner, y - self.tops[number]) - 1
            skip = y - self.tops[number] - inner[section]
            for entry, index in self._forwards(Mark(first, section, skip)):
                found += self._lay_out(entry, index)[skip : skip + count - len(found)]
                skip = 0
                if len(found) >= count:
                    return found
        return found + [BLANK] * (count - len(found))

    def settle(self, deadline: float, y: int) -> bool:
        """Read what is unread, lay out what is near row `y`; return whether there is more to do.

        What is further away keeps its estimated height until the reader comes near.
        """
        for top, entry in zip(self.tops, self.entries, strict=False):
            self._read(entry, deadline)
            inner = entry.tops(self.width)
            first = max(0, bisect_right(inner, y - NEAR - top) - 1)
            last = bisect_right(inner, y + NEAR - top)
            for index in range(first, min(last, len(entry.sections))):
                section = entry.sections[index]
                if section.width == self.width and not section.improvable:
                    continue
                if perf_counter() > deadline:
                    return True
                section.improve()
                self._lay_out(entry, index)
            if not (entry.collapsed or entry.body.settled):
                return True
        return False

    def _forwards(self, mark: Mark, deadline: float | None = None) -> Iterator[tuple[Entry, int]]:
        """Yield sections from a mark on; with a deadline, text is read on the way."""
        for entry in self.entries[self.entries.index(mark.entry) :]:
            self._read(entry, deadline)
            first = mark.section if entry is mark.entry else 0
            for index in range(first, len(entry.sections)):
                yield entry, index

    def _backwards(self, entries: Sequence[Entry], deadline: float) -> Iterator[tuple[Entry, int]]:
        for entry in reversed(entries):
            self._read(entry, deadline)
            for index in range(len(entry.sections) - 1, -1, -1):
                yield entry, index

    def _read(self, entry: Entry, deadline: float | None) -> None:
        if deadline is not None and entry.read(deadline):
            self.touch()

    def _make(self, sections: Iterator[tuple[Entry, int]], height: int) -> None:
        """Lay out sections until they fill the height and one row more."""
        made = 0
        for entry, index in sections:
            made += len(self._lay_out(entry, index))
            if made > height:
                break

    def _lay_out(self, entry: Entry, index: int) -> list[Row]:
        section = entry.sections[index]
        if section.width != self.width:
            before = section.height(self.width)
            section.layout(self.width)
            if len(section.rows) != before:
                entry.touch(index)
                self.touch()
            if section.wanted:
                self.wanted.add(section.wanted)
        return section.rows


def _row_of_letter(rows: Sequence[Row], letter: int) -> int:
    """Return the row that shows a section's n-th character."""
    seen = 0
    for number, row in enumerate(rows):
        seen += len(row.text)
        if seen > letter:
            return number
    return max(0, len(rows) - 1)
