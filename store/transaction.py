"""One write transaction: events go in, and their projections with them."""

import sqlite3
from typing import Final

from store import leases, projections
from store.errors import StoreDamaged
from store.events import AnyEvent, Entry, encode, tag_of
from store.leases import Identity

_INSERT: Final = (
    "INSERT INTO events (at, session, subject, type, body, origin) VALUES (?, ?, ?, ?, ?, ?)"
)
_TOUCH: Final = "UPDATE sessions SET updated_at = max(updated_at, ?) WHERE id = ?"


class Transaction:
    """The writer's connection between `BEGIN IMMEDIATE` and `COMMIT`."""

    def __init__(self, connection: sqlite3.Connection, identity: Identity, now: int) -> None:
        self.connection = connection
        self.identity = identity
        self.now = now
        """Milliseconds since the epoch."""
        self.entries: list[Entry] = []
        """What `record` has written, for publication after the commit."""
        self.last_seq = 0
        self.announced = False
        self._touched: dict[str, int] = {}

    def write(self, session: str | None, at: int, event: AnyEvent, body: bytes) -> int:
        """Write an event and project it.

        Returns:
            Its sequence number, or 0 if it would repeat what can happen only once (a second
            settlement of one reservation, a second answer to one approval): then nothing is
            written.
        """
        if projections.repeats(self.connection, event):
            return 0
        row = (at, session, event.subject, tag_of(event), body.decode(), self.identity.origin)
        seq = self.connection.execute(_INSERT, row).lastrowid
        if seq is None:
            raise StoreDamaged("SQLite gave an inserted row no number.")
        self.last_seq = seq
        projections.project(self, Entry(seq, at, session, event))
        if session is not None:
            self._touched[session] = max(at, self._touched.get(session, 0))
        return seq

    def record(self, session: str | None, event: AnyEvent) -> int:
        """`write`, for commands: the entry is published after the commit."""
        seq = self.write(session, self.now, event, encode(event))
        if seq:
            self.entries.append(Entry(seq, self.now, session, event))
        return seq

    def hold(self, session: str) -> None:
        """Take the session's lease for this process, whoever had it."""
        self.announced = True
        leases.take(self.connection, session, self.identity, self.now)

    def announce(self) -> None:
        """Let other processes see that this one lives."""
        self.announced = True
        leases.announce(self.connection, self.identity, self.now)

    def finish(self) -> None:
        """Do what needs doing once in a transaction, however many events it holds."""
        self.connection.executemany(_TOUCH, [(at, name) for name, at in self._touched.items()])
