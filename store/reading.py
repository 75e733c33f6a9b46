"""Journal rows back into entries, a bounded piece at a time."""

import heapq
import sqlite3
from collections.abc import Collection, Iterator
from operator import attrgetter
from typing import Final

import msgspec

from store.connections import Readers
from store.events import Entry, Event, decode, tag_of
from store.lineage import Segment, lineage

_PIECE: Final = 512
"""Rows fetched at once. No read transaction outlives a piece: it would hold up checkpoints."""
_DELTAS: Final = "type IN ('text-delta', 'reasoning-delta')"
_OPEN_REPLIES: Final = (
    "SELECT reply FROM replies WHERE session IS ? AND (ended_seq IS NULL OR ended_seq >= ?)"
)


def entry_of(seq: int, at: int, session: str | None, kind: str, body: str) -> Entry | None:
    """The entry of a row, or `None` for one that only a newer program can read."""
    try:
        event = decode(kind, body)
    except msgspec.ValidationError:
        return None
    return None if event is None else Entry(seq, at, session, event)


def read(
    readers: Readers,
    sessions: tuple[str, ...],
    *,
    house: bool,
    after: int,
    before: int,
    deltas: bool,
    types: Collection[type[Event]] | None = None,
) -> Iterator[Entry]:
    """Committed entries of some sessions in the order of their numbers."""
    with readers.borrow() as connection:
        segments = [part for name in sessions for part in lineage(connection, name, before)]
    if house:
        segments.append(Segment(None, None, before))
    tags = None if types is None else [tag_of(kind) for kind in types]
    streams = [_stream(readers, segment, after, tags, deltas=deltas) for segment in segments]
    return heapq.merge(*streams, key=attrgetter("seq"))


def _stream(
    readers: Readers, segment: Segment, after: int, tags: list[str] | None, *, deltas: bool
) -> Iterator[Entry]:
    with readers.borrow() as connection:
        clause, values = ("", []) if deltas else _without_deltas(connection, segment)
    if tags is not None:
        clause += f" AND type IN ({', '.join('?' * len(tags))})"
        values = [*values, *tags]
    sql = (
        "SELECT seq, at, type, body FROM events "  # noqa: S608
        f"WHERE session IS ? AND seq > ? AND seq < ? {clause} ORDER BY seq LIMIT {_PIECE}"
    )
    while True:
        with readers.borrow() as connection:
            rows = connection.execute(
                sql, (segment.session, after, segment.before, *values)
            ).fetchall()
        for seq, at, kind, body in rows:
            entry = entry_of(seq, at, segment.shown, kind, body)
            if entry is not None:
                yield entry
        if len(rows) < _PIECE:
            return
        after = rows[-1][0]


def _without_deltas(connection: sqlite3.Connection, segment: Segment) -> tuple[str, list[str]]:
    rows = connection.execute(_OPEN_REPLIES, (segment.session, segment.before)).fetchall()
    replies = [str(reply) for (reply,) in rows]
    if not replies:
        return f"AND NOT ({_DELTAS})", []
    marks = ", ".join("?" * len(replies))
    return f"AND (NOT ({_DELTAS}) OR body ->> '$.reply' IN ({marks}))", replies
