"""Full-text search over finished messages."""

import re
import sqlite3
from dataclasses import dataclass
from typing import Final, Literal

from store.projections import searchable

MATCH_BEGINS: Final = "\x02"
MATCH_ENDS: Final = "\x03"
_WORDS_SHOWN: Final = 24
_WORDS: Final = re.compile(r'"([^"]*)"|[^\s"]+')
_SEARCH: Final = f"""
SELECT messages.session, sessions.title, messages.role, messages.at, messages.seq,
    snippet(messages_fts, 0, char(2), char(3), '…', {_WORDS_SHOWN})
FROM messages_fts
JOIN messages ON messages.id = messages_fts.rowid
JOIN sessions ON sessions.id = messages.session
WHERE messages_fts MATCH ?
ORDER BY messages_fts.rank, messages.seq DESC
LIMIT ?
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
    query = _query(text)
    if not query:
        return []
    return [Hit(*row) for row in connection.execute(_SEARCH, (query, limit))]


def _query(text: str) -> str:
    # sqlite-utils' `quote_fts` would do but for odd texts such as `:":`, which stay syntax.
    words = [match[1] or match[0] for match in _WORDS.finditer(searchable(text))]
    quoted = " ".join(f'"{word}"' for word in words if word.strip('"'))
    return f"{quoted}*" if quoted else ""
