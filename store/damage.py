"""A store that is not, or may not be, a healthy database."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from store.errors import StoreDamaged, explain

_SIDE_FILES: Final = ("", "-wal", "-shm")
_LAST_EVENT: Final = "SELECT * FROM events ORDER BY seq DESC LIMIT 1"
_TABLES: Final = ("sessions", "messages", "usage", "usage_hourly", "reservations", "leases")


def met(error: sqlite3.Error, path: Path) -> Exception:
    """What to raise instead. If it tells of damage, the next opening examines the whole file."""
    known = explain(error, path)
    if isinstance(known, StoreDamaged):
        _mark(path).touch(mode=0o600)
    return known or error


def examine(connection: sqlite3.Connection, path: Path) -> None:
    """Look whether the file is sound: at the ends of its tables, and at all of it if suspected.

    Raises:
        sqlite3.Error: it is not, as SQLite says.
        StoreDamaged: it is not.
    """
    connection.execute(_LAST_EVENT).fetchone()
    for table in _TABLES:
        connection.execute(f"SELECT * FROM {table} ORDER BY rowid DESC LIMIT 1").fetchone()  # noqa: S608
    if _mark(path).exists():
        _examine_thoroughly(connection, path)
        _mark(path).unlink()


def set_aside(path: Path) -> str:
    """Rename the file and its companions, and say where they are."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    for suffix in _SIDE_FILES:
        source = path.with_name(path.name + suffix)
        if source.exists():
            source.rename(aside.with_name(aside.name + suffix))
    _mark(path).unlink(missing_ok=True)
    return f"The store was damaged. It is kept as {aside}, and a new one was begun."


def _examine_thoroughly(connection: sqlite3.Connection, path: Path) -> None:
    # The search index holds nothing of its own, so a fault in it is mended on the spot.
    for command in ("delete-all", "rebuild"):
        connection.execute("INSERT INTO messages_fts (messages_fts) VALUES (?)", (command,))
    findings = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if findings != ("ok",):
        raise StoreDamaged(f"The store {path} is damaged ({findings[0]}).")


def _mark(path: Path) -> Path:
    return path.with_name(f"{path.name}.suspect")
