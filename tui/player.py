"""Replay: a past session's events, folded again to any point of it. No widget, no clock."""

from bisect import bisect_right
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from router.fold import fold_house
from router.view import House, View
from store.events import (
    ApprovalAsked,
    Entry,
    ModelSwitched,
    PromptSubmitted,
    ReplyFailed,
    ReplyStarted,
    SessionStarted,
)
from tui.deck import Deck

if TYPE_CHECKING:
    from store.opening import Store

EVERY: Final = 200
"""Entries between two kept states: stepping back folds at most so many again."""
LONGEST_WAIT: Final = 2_000
"""Milliseconds of silence in the journal that are waited for; the rest is skipped."""
_MESSAGES: Final = (PromptSubmitted, ReplyStarted)
_MARKS: Final[dict[type, str]] = {
    PromptSubmitted: "●",
    ReplyFailed: "!",
    ApprovalAsked: "!",
    ModelSwitched: "◆",
    SessionStarted: "◇",
}


class Player:
    """A place among the entries of a session, its children and the house."""

    def __init__(self, session: str, entries: Iterable[Entry], house: House | None = None) -> None:
        self.session = session
        self.entries = list(entries)
        self.at = 0
        """How many entries have been taken in."""
        self.deck = Deck(View(session=session, house=house or House()))
        self._kept: list[tuple[int, Deck]] = [(0, self.deck.copy())]

    @classmethod
    def of_store(cls, store: "Store", session: str) -> "Player":
        """Read a session of the store. Blocks: call it in a thread.

        Raises:
            SessionNotFound: there is none of this id.
        """
        row = store.sessions.get(session)
        children = [child.id for child in store.sessions.children(row.id, 1000)]
        entries = _of_its_time(store.journal.read(row.id, *children, house=True), row.id, children)
        house = House()
        if entries:
            for entry in store.journal.house_at(entries[0].seq - 1):
                house = fold_house(house, entry.event)
        return cls(row.id, entries, house)

    # --- where it is ---

    @property
    def ended(self) -> bool:
        return self.at >= len(self.entries)

    @property
    def now(self) -> int:
        """The time of the place, in milliseconds."""
        if not self.entries:
            return 0
        return self.entries[max(0, self.at - 1)].at

    @property
    def began(self) -> int:
        return self.entries[0].at if self.entries else 0

    @property
    def length(self) -> int:
        """Milliseconds from the first entry to the last."""
        return self.entries[-1].at - self.began if self.entries else 0

    def wait(self) -> int:
        """Milliseconds until the next entry, at the speed of life, long silences cut short."""
        if self.ended or self.at == 0:
            return 0
        return max(0, min(LONGEST_WAIT, self.entries[self.at].at - self.entries[self.at - 1].at))

    def marks(self) -> list[tuple[float, str]]:
        """What happened where: a share of the whole from 0 to 1, and a glyph."""
        length = max(1, self.length)
        return [
            ((entry.at - self.began) / length, _MARKS[type(entry.event)])
            for entry in self.entries
            if type(entry.event) in _MARKS
        ]

    # --- going ---

    def seek(self, at: int) -> None:
        """Be at a place: `at` entries taken in."""
        at = max(0, min(len(self.entries), at))
        if at < self.at:
            index = bisect_right(self._kept, at, key=lambda kept: kept[0]) - 1
            self.at, kept = self._kept[index]
            self.deck = kept.copy()
        while self.at < at:
            _ = self.deck.fold((self.entries[self.at],))
            self.at += 1
            if self.at % EVERY == 0 and self.at > self._kept[-1][0]:
                self._kept.append((self.at, self.deck.copy()))

    def step(self, count: int) -> None:
        self.seek(self.at + count)

    def to_message(self, step: int) -> None:
        """Go to just after the next (1) or the previous (-1) beginning of a message."""
        places = [
            i + 1 for i, entry in enumerate(self.entries) if isinstance(entry.event, _MESSAGES)
        ]
        fitting = [p for p in places if (p > self.at if step > 0 else p < self.at)]
        if fitting:
            self.seek(fitting[0] if step > 0 else fitting[-1])
        else:
            self.seek(len(self.entries) if step > 0 else 0)


def _of_its_time(entries: Iterable[Entry], session: str, children: list[str]) -> list[Entry]:
    """What happened from the session's first entry to the last of it or its children."""
    own = {session, *children}
    begun: list[Entry] = []
    last = 0
    for entry in entries:
        if entry.session in own or begun:
            begun.append(entry)
        if entry.session in own:
            last = len(begun)
    return begun[:last]
