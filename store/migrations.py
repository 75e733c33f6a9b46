"""The tables, as named migrations. Imported only when one of them is pending."""

import sqlite3
from typing import Final

from sqlite_utils import Database, Migrations
from sqlite_utils.db import Table

from store.schema import MIGRATION_SET

migrations: Final = Migrations(MIGRATION_SET)


def migrate(connection: sqlite3.Connection) -> None:
    """Apply every pending migration inside the caller's transaction."""
    migrations.apply(Database(connection))


@migrations(name="first-tables")
def _first_tables(db: Database) -> None:
    _create_journal(db)
    _create_sessions(db)
    _create_messages(db)
    _create_processes(db)
    _create_ledger(db)


def _create_journal(db: Database) -> None:
    # AUTOINCREMENT, which sqlite-utils can't ask for: a deleted session's numbers never return.
    _run(
        db,
        """CREATE TABLE events (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            at INTEGER NOT NULL,
            session TEXT,
            subject TEXT,
            type TEXT NOT NULL,
            body TEXT NOT NULL,
            origin TEXT NOT NULL
        ) STRICT""",
    )
    # The type is in the index so that a reader can step over deltas without fetching them.
    _run(db, "CREATE INDEX events_session ON events (session, seq, type)")
    _run(db, "CREATE INDEX events_subject ON events (subject, seq) WHERE subject IS NOT NULL")


def _create_sessions(db: Database) -> None:
    sessions = _table(db, "sessions")
    sessions.create(
        {
            "id": str,
            "kind": str,
            "title": str,
            "titled": int,
            "workspace": str,
            "parent": str,
            "fork_of": str,
            "fork_seq": int,
            "state": str,
            "tier": str,
            "model": str,
            "private": int,
            "created_at": int,
            "updated_at": int,
            "started_at": int,
            "ended_at": int,
            "messages": int,
            "tokens": int,
            "cost": float,
            "calls": int,
            "unpriced": int,
        },
        pk="id",
        not_null={"kind", "title", "workspace", "state", "created_at", "updated_at"},
        defaults={
            "titled": 0,
            "private": 0,
            "messages": 0,
            "tokens": 0,
            "cost": 0.0,
            "calls": 0,
            "unpriced": 0,
        },
        strict=True,
    )
    sessions.create_index(["parent", "updated_at"])
    sessions.create_index(["fork_of"])
    sessions.create_index(["updated_at"])
    _run(
        db,
        "CREATE INDEX sessions_active ON sessions (state) "
        "WHERE state IN ('queued', 'running', 'waiting')",
    )


def _create_messages(db: Database) -> None:
    messages = _table(db, "messages")
    messages.create(
        {
            "id": int,
            "session": str,
            "seq": int,
            "number": int,
            "role": str,
            "at": int,
            "text": str,
        },
        pk="id",
        not_null={"session", "seq", "number", "role", "at", "text"},
        strict=True,
    )
    messages.create_index(["session", "seq"], unique=True)
    messages.enable_fts(["text"], create_triggers=True, tokenize="unicode61 remove_diacritics 2")
    replies = _table(db, "replies")
    replies.create(
        {"reply": str, "session": str, "prompt": str, "started_seq": int, "ended_seq": int},
        pk="reply",
        not_null={"session", "prompt", "started_seq"},
        strict=True,
    )
    replies.create_index(["session", "started_seq"])
    _run(db, "CREATE INDEX replies_open ON replies (session) WHERE ended_seq IS NULL")
    approvals = _table(db, "approvals")
    approvals.create(
        {"approval": str, "session": str, "seq": int, "given_seq": int},
        pk="approval",
        not_null={"seq"},
        strict=True,
    )
    _run(db, "CREATE INDEX approvals_open ON approvals (session) WHERE given_seq IS NULL")


def _create_processes(db: Database) -> None:
    _table(db, "processes").create(
        {"origin": str, "host": str, "pid": int, "born": int, "expires_at": int},
        pk="origin",
        not_null={"host", "pid", "born", "expires_at"},
        strict=True,
    )
    leases = _table(db, "leases")
    leases.create({"session": str, "origin": str}, pk="session", not_null={"origin"}, strict=True)
    leases.create_index(["origin"])


def _create_ledger(db: Database) -> None:
    counts = {
        "input": int,
        "output": int,
        "cache_read": int,
        "cache_write": int,
        "reasoning": int,
    }
    who = {"account": str, "tier": str, "model": str, "kind": str}
    usage = _table(db, "usage")
    usage.create(
        {
            "id": int,
            "at": int,
            "session": str,
            "reservation": str,
            **who,
            **counts,
            "cost": float,
            "estimated": int,
        },
        pk="id",
        not_null={"at", "reservation", "estimated", *who, *counts},
        strict=True,
    )
    usage.create_index(["at"])
    usage.create_index(["reservation"], unique=True)
    _table(db, "usage_hourly").create(
        {"hour": int, **who, "requests": int, **counts, "cost": float, "unpriced": int},
        pk=("hour", *who),
        not_null={"hour", "requests", "cost", "unpriced", *who, *counts},
        strict=True,
    )
    _table(db, "reservations").create(
        {
            "reservation": str,
            "session": str,
            "reply": str,
            **who,
            "tokens": int,
            "cost": float,
            "expires_at": int,
            "origin": str,
            "seq": int,
        },
        pk="reservation",
        not_null={"reply", "tokens", "expires_at", "origin", "seq", *who},
        strict=True,
    )


def _run(db: Database, sql: str) -> None:
    db.execute(sql)  # pyright: ignore[reportUnknownMemberType] - a bare Sequence in its signature


def _table(db: Database, name: str) -> Table:
    return db.table(name)
