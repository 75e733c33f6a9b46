"""What a process that died left open."""

import sqlite3
from collections.abc import Iterator
from typing import Final, NamedTuple

from store import leases
from store.events import Entry, TextDelta
from store.reading import entry_of

_ACTIVE: Final = (
    "SELECT id FROM sessions WHERE state IN ('queued', 'running', 'waiting') "
    "UNION SELECT session FROM replies WHERE ended_seq IS NULL ORDER BY 1"
)
_OPEN_REPLIES: Final = (
    "SELECT reply, prompt, started_seq FROM replies "
    "WHERE session = ? AND ended_seq IS NULL ORDER BY started_seq"
)
_TEXT: Final = (
    "SELECT seq, at, session, type, body FROM events "
    "WHERE session = ? AND seq > ? AND type = 'text-delta' ORDER BY seq"
)
_OPEN_APPROVALS: Final = (
    "SELECT e.seq, e.at, e.session, e.type, e.body FROM approvals JOIN events AS e USING (seq) "
    "WHERE approvals.session = ? AND given_seq IS NULL ORDER BY e.seq"
)


class Unanswered(NamedTuple):
    """A reply that began and never ended."""

    reply: str
    prompt: str
    text: str
    """What had arrived."""


def orphans(connection: sqlite3.Connection, origin: str, now: int) -> Iterator[str]:
    """Sessions in the middle of something with no living process behind them."""
    for (session,) in connection.execute(_ACTIVE).fetchall():
        holder = leases.holder(connection, session)
        if holder is None or (holder.origin != origin and not holder.lives(now)):
            yield session


def unanswered(connection: sqlite3.Connection, session: str) -> list[Unanswered]:
    rows = connection.execute(_OPEN_REPLIES, (session,)).fetchall()
    return [
        Unanswered(reply, prompt, _text_so_far(connection, session, reply, started))
        for reply, prompt, started in rows
    ]


def open_approvals(connection: sqlite3.Connection, session: str) -> list[Entry]:
    rows = connection.execute(_OPEN_APPROVALS, (session,)).fetchall()
    entries = (entry_of(*row) for row in rows)
    return [entry for entry in entries if entry is not None]


def _text_so_far(connection: sqlite3.Connection, session: str, reply: str, started: int) -> str:
    pieces: list[str] = []
    for row in connection.execute(_TEXT, (session, started)):
        entry = entry_of(*row)
        if entry is not None and isinstance(entry.event, TextDelta) and entry.event.reply == reply:
            pieces.append(entry.event.text)
    return "".join(pieces)
