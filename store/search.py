"""Full-text search over finished messages."""

import sqlite3
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from store.projections import searchable

MATCH_BEGINS: Final = "\x02"
MATCH_ENDS: Final = "\x03"
_WORDS_SHOWN: Final = 24
_SEARCH: Final = f"""
SELECT messages.session AS session, messages.seq AS seq, messages.role AS role,
    messages.at AS at, sessions.title AS title,
    snippet(messages_fts, 0, char(2), char(3), '…', {_WORDS_SHOWN}) AS snippet
FROM messages_fts
JOIN messages ON messages.id = messages_fts.rowid
JOIN sessions ON sessions.id = messages.session
WHERE messages_fts MATCH :query
ORDER BY messages_fts.rank, messages.seq DESC
LIMIT :limit
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Hit:
    """A message that matches."""

    session: str
    title: str
    role: Literal["user", "assistant", "task"]
    at: int
    seq: int
    """Where the message begins: `Sessions.window(session, n, seq + 1)` shows it."""
    snippet: str
    """An excerpt without control characters, but for the two that stand around each match."""


def search(connection: sqlite3.Connection, text: str, limit: int) -> list[Hit]:
    """Messages that hold every word of `text`, best first; the last word may be a beginning."""
    from sqlite_utils import Database

    db = Database(connection)
    words = db.quote_fts(searchable(text))
    if not words:
        return []
    parameters: dict[str, str | int] = {"query": f"{words}*", "limit": limit}
    rows = db.query(_SEARCH, parameters)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - bare dicts
    return msgspec.convert(list(rows), list[Hit])  # pyright: ignore[reportUnknownArgumentType]
