"""Which stretch of the journal holds the messages that fit a window."""

import sqlite3
from dataclasses import dataclass
from typing import Final

from store.lineage import END, Segment, lineage

_NEWEST: Final = "SELECT seq FROM messages WHERE session = ? AND seq < ? ORDER BY seq DESC LIMIT ?"
_ACROSS: Final = (
    "SELECT min(started_seq) FROM (SELECT started_seq, ended_seq FROM replies "
    "WHERE session = ? AND started_seq < ? ORDER BY started_seq DESC LIMIT 8) "
    "WHERE ended_seq IS NULL OR ended_seq >= ?"
)
_NUMBER: Final = (
    "SELECT min(number) FROM (SELECT number FROM messages "
    "WHERE session = ? AND seq >= ? AND seq < ? ORDER BY seq LIMIT 8)"
)
_LAST: Final = "SELECT coalesce(max(seq), 0) FROM events WHERE session = ? AND seq < ?"


@dataclass(frozen=True, slots=True)
class Page:
    """A stretch of the journal, both ends included."""

    start_seq: int
    end_seq: int
    earlier: int
    """Messages of the session before it."""


def window(
    connection: sqlite3.Connection, session: str, messages: int, before_seq: int | None
) -> Page:
    """The stretch with the last `messages` before a number. Its cost grows with those only."""
    end = END if before_seq is None else before_seq
    segments = lineage(connection, session, end)
    start = _start(connection, segments, messages)
    last = max(
        connection.execute(_LAST, (part.session, part.before)).fetchone()[0] for part in segments
    )
    if start is None:
        return Page(1, last, 0)
    earlier = _number(connection, segments, start) - 1
    return Page(start if earlier else 1, last, max(0, earlier))


def _start(connection: sqlite3.Connection, segments: list[Segment], messages: int) -> int | None:
    begins: list[int] = []
    for part in segments:
        row = (part.session, part.before, messages - len(begins))
        begins += (int(seq) for (seq,) in connection.execute(_NEWEST, row))
    if not begins:
        return None
    start = min(begins)
    for part in segments:
        # A reply that was under way then belongs to this window as a whole.
        across = connection.execute(_ACROSS, (part.session, start, start)).fetchone()[0]
        start = start if across is None else min(start, int(across))
    return start


def _number(connection: sqlite3.Connection, segments: list[Segment], start: int) -> int:
    for part in reversed(segments):
        # Messages are numbered as they end, so the first one need not have the lowest number.
        number = connection.execute(_NUMBER, (part.session, start, part.before)).fetchone()[0]
        if number is not None:
            return int(number)
    return 1
