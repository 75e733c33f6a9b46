"""The journal: append, read, subscribe."""

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import Final, cast

import msgspec

from store import reading
from store.backlog import Backlog
from store.connections import Readers
from store.events import AnyEvent, Entry, Event, encode
from store.leases import Identity
from store.lineage import END
from store.subscription import Subscription
from store.ticket import Ticket
from store.writer import milliseconds

_HALVES: Final = re.compile("[\ud800-\udfff]")
_HOUSE_AT: Final = """
WITH RECURSIVE subjects (subject) AS (
    SELECT min(subject) FROM events WHERE subject IS NOT NULL
    UNION ALL
    SELECT (SELECT min(subject) FROM events WHERE subject > subjects.subject)
    FROM subjects WHERE subject IS NOT NULL
)
SELECT seq, at, session, type, body FROM events WHERE seq IN (
    SELECT (SELECT max(seq) FROM events WHERE events.subject = subjects.subject AND seq <= ?)
    FROM subjects
) ORDER BY seq
"""
_OF_SUBJECT: Final = (
    "SELECT seq, at, session, type, body FROM events WHERE subject = ? AND at >= ? ORDER BY seq"
)


class Journal:
    """Everything that happens, in one order. Safe from any thread."""

    def __init__(self, backlog: Backlog, readers: Readers, identity: Identity) -> None:
        self._backlog = backlog
        self._readers = readers
        self._identity = identity

    @property
    def origin(self) -> str:
        """Identifies this opening of the store in event rows."""
        return self._identity.origin

    def append(
        self, session: str | None, *events: AnyEvent, at: int | None = None
    ) -> Ticket[tuple[int, ...]]:
        """Write events, all of them or none; never blocks on the disk.

        Events that aren't durable are shown to this process's subscribers at once, with the
        number 0, unless an earlier event of the session still has to be committed; durable ones
        once they are on disk.

        Args:
            session: whose events, or `None` for the house.
            events: in the order in which they happened.
            at: milliseconds since the epoch; now if `None`.

        Returns:
            A ticket for their sequence numbers. A number is 0 if the event would have repeated
            what happens only once (see `store.projections.repeats`) and so was left out. The
            ticket raises `StoreUnwritable` or `StoreBusy` if the disk did not take the events.
            Then intents (a session's start, a prompt, a question or an answer to one) are
            dropped; whatever else there is has happened, so it is shown all the same, kept in
            memory and tried again.

        Raises:
            StoreClosed: the store is closed.
        """
        time = milliseconds() if at is None else at
        return self._backlog.append(session, time, [_storable(event) for event in events])

    def show(self, session: str | None, *events: AnyEvent) -> None:
        """Let this process's subscribers see events that are not written.

        For one case: the disk takes no prompt, and the screen must say so in the transcript.
        """
        at = milliseconds()
        self._backlog.show([Entry(0, at, session, event) for event in events])

    def subscribe(self, *sessions: str, house: bool = True) -> Subscription:
        """Listen to some sessions, and to the house, from now on.

        Raises:
            StoreClosed: the store is closed.
        """
        wanted: tuple[str | None, ...] = (*sessions, None) if house else sessions
        return Subscription(self._backlog.enlist, self._backlog.dismiss, wanted)

    def read(
        self,
        *sessions: str,
        house: bool = False,
        after: int = 0,
        before: int | None = None,
        limit: int | None = None,
        deltas: bool = True,
        types: Collection[type[Event]] | None = None,
    ) -> Iterator[Entry]:
        """Committed entries by number, fetched as they are asked for.

        Entries that a fork shares with the session it came from are given as the fork's own.

        Args:
            sessions: whose entries.
            house: also those of the house.
            after: only numbers above this one.
            before: only numbers below this one.
            limit: at most so many.
            deltas: False leaves out the pieces of replies that had ended (before `before`).
            types: only events of these; the others are not even fetched.
        """
        end = END if before is None else before
        entries = reading.read(
            self._readers,
            sessions,
            house=house,
            after=after,
            before=end,
            deltas=deltas,
            types=types,
        )
        return islice(entries, limit)

    def house_at(self, seq: int | None = None) -> list[Entry]:
        """The latest entry of each subject of the house up to a number, or up to now."""
        with self._readers.borrow() as connection:
            rows = connection.execute(_HOUSE_AT, (END if seq is None else seq,)).fetchall()
        entries = (reading.entry_of(*row) for row in rows)
        return [entry for entry in entries if entry is not None]

    def of_subject(self, subject: str, since: int) -> list[Entry]:
        """Every entry of a subject of the house from a moment on, oldest first."""
        with self._readers.borrow() as connection:
            rows = connection.execute(_OF_SUBJECT, (subject, since)).fetchall()
        entries = (reading.entry_of(*row) for row in rows)
        return [entry for entry in entries if entry is not None]

    def last_seq(self) -> int:
        """The highest number in the journal, 0 while it is empty."""
        with self._readers.borrow() as connection:
            return int(connection.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0])


def _storable(event: AnyEvent) -> tuple[AnyEvent, bytes]:
    try:
        return event, encode(event)
    except UnicodeEncodeError:
        # Half a surrogate pair, out of a model's broken JSON: no file can hold it.
        event = msgspec.convert(_mended(msgspec.to_builtins(event)), type(event))
        return event, encode(event)


def _mended(value: object) -> object:
    """Each half becomes one replacement character, so that offsets into a text stay true."""
    if isinstance(value, str):
        return _HALVES.sub("\ufffd", value)
    if isinstance(value, dict):
        fields = cast(dict[str, object], value)
        return {name: _mended(field) for name, field in fields.items()}
    if isinstance(value, list | tuple):
        return [_mended(item) for item in cast(Sequence[object], value)]
    return value
