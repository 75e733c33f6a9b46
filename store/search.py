"""Full-text search over finished messages."""

import re
import sqlite3
from dataclasses import dataclass
from typing import Final, Literal

from store.excerpt import excerpt
from store.projections import searchable

_WORDS: Final = re.compile(r'"([^"]*)"|[^\s"]+')
_SEARCH: Final = """
SELECT messages.session, sessions.title, messages.role, messages.at, messages.seq, messages.text
FROM messages_fts
JOIN messages ON messages.id = messages_fts.rowid
JOIN sessions ON sessions.id = messages.session
WHERE messages_fts MATCH ?
ORDER BY messages_fts.rank, messages.seq DESC
LIMIT ?
"""


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
    phrases = _phrases(text)
    if not phrases:
        return []
    # sqlite-utils' `quote_fts` would do but for odd texts such as `:":`, which stay syntax.
    query = " ".join(f'"{phrase}"' for phrase in phrases) + "*"
    rows = connection.execute(_SEARCH, (query, limit))
    return [
        Hit(session, title, role, at, seq, excerpt(whole, phrases))
        for session, title, role, at, seq, whole in rows
    ]


def _phrases(text: str) -> list[str]:
    found = (match[1] or match[0] for match in _WORDS.finditer(searchable(text)))
    return [phrase for phrase in found if phrase.strip('"')]
