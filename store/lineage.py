"""Forks: a session that shares the beginning of another one.

A fork is a parent and a sequence number; the shared rows are read through, not copied. When the
parent is deleted, the fork that shares most of it inherits the shared rows as they are, with
their numbers, and the other forks become forks of the heir.
"""

import sqlite3
from dataclasses import dataclass
from typing import Final

END: Final = 2**63 - 1
"""Above every sequence number and every time."""

_FORK: Final = "SELECT fork_of, fork_seq FROM sessions WHERE id = ?"
_FORKS: Final = "SELECT id, fork_seq FROM sessions WHERE fork_of = ? ORDER BY fork_seq DESC"
_CUT: Final = (
    "SELECT min(started_seq) FROM replies WHERE session = ? AND started_seq <= ? "
    "AND (ended_seq IS NULL OR ended_seq > ?)"
)
_SHARED_MESSAGES: Final = (
    "SELECT number FROM messages WHERE session = ? AND seq < ? ORDER BY seq DESC LIMIT 1"
)
_INHERIT: Final = (
    "UPDATE events SET session = ? WHERE session = ? AND seq <= ?",
    "UPDATE messages SET session = ? WHERE session = ? AND seq <= ?",
    "UPDATE replies SET session = ? WHERE session = ? AND started_seq <= ?",
)


@dataclass(frozen=True, slots=True)
class Segment:
    """Part of a session's history: its own rows, or rows it shares with another session."""

    session: str | None
    """Under this name the rows are stored."""
    shown: str | None
    """Under this name they are read."""
    before: int
    """Only numbers below this one."""


def lineage(connection: sqlite3.Connection, session: str, before: int = END) -> list[Segment]:
    """Where a session's history is stored, newest part first."""
    segments = [Segment(session, session, before)]
    name = session
    while True:
        row = connection.execute(_FORK, (name,)).fetchone()
        if row is None or row[0] is None:
            return segments
        name, before = str(row[0]), min(before, int(row[1]) + 1)
        segments.append(Segment(name, session, before))


def cut(connection: sqlite3.Connection, session: str, seq: int) -> int:
    """The last number up to `seq` at which no reply of the session was still being given."""
    for segment in lineage(connection, session, seq + 1):
        row = (segment.session, segment.before - 1, segment.before - 1)
        started = connection.execute(_CUT, row).fetchone()[0]
        if started is not None:
            seq = min(seq, int(started) - 1)
    return seq


def attach(connection: sqlite3.Connection, fork: str, session: str, seq: int) -> None:
    """Make `fork`, a session without messages, begin as `session` did up to `seq`."""
    shared = 0
    for segment in lineage(connection, session, seq + 1):
        row = connection.execute(_SHARED_MESSAGES, (segment.session, segment.before)).fetchone()
        if row is not None:
            shared = int(row[0])
            break
    connection.execute(
        "UPDATE sessions SET fork_of = ?, fork_seq = ?, messages = ? WHERE id = ?",
        (session, seq, shared, fork),
    )


def bequeath(connection: sqlite3.Connection, session: str) -> None:
    """Leave what forks share with a session, which is about to go, to the forks."""
    forks = connection.execute(_FORKS, (session,)).fetchall()
    if not forks:
        return
    heir, seq = forks[0]
    for statement in _INHERIT:
        connection.execute(statement, (heir, session, seq))
    before, before_seq = connection.execute(_FORK, (session,)).fetchone()
    connection.execute("UPDATE sessions SET fork_of = ? WHERE fork_of = ?", (heir, session))
    connection.execute(
        "UPDATE sessions SET fork_of = ?, fork_seq = ? WHERE id = ?",
        (before, None if before_seq is None else min(seq, before_seq), heir),
    )
