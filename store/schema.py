"""Which migrations a store needs, found out with plain `sqlite3`.

sqlite-utils takes a third of a second to import. An up-to-date store opens without it.
"""

import sqlite3
from pathlib import Path
from typing import Final

from store.errors import StoreTooNew

MIGRATION_SET: Final = "butler"
MIGRATIONS: Final = ("first-tables",)
"""Names of the migrations in `store.migrations`, in order."""

_APPLIED: Final = "SELECT name FROM _sqlite_migrations WHERE migration_set = ? ORDER BY id"
_HAS_TABLE: Final = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"


def applied(connection: sqlite3.Connection) -> list[str]:
    """Names of the migrations the store has seen, oldest first."""
    if connection.execute(_HAS_TABLE, ("_sqlite_migrations",)).fetchone() is None:
        return []
    return [str(name) for (name,) in connection.execute(_APPLIED, (MIGRATION_SET,))]


def bring_up_to_date(connection: sqlite3.Connection, path: Path) -> None:
    """Apply what is pending, as one transaction, also when two programs start at once.

    Raises:
        StoreTooNew: a migration is applied that this program doesn't know.
        sqlite3.Error: SQLite could not read or write the file.
    """
    if _up_to_date(connection, path):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        if not _up_to_date(connection, path):
            from store.migrations import migrate

            migrate(connection)
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _up_to_date(connection: sqlite3.Connection, path: Path) -> bool:
    names = applied(connection)
    unknown = [name for name in names if name not in MIGRATIONS]
    if unknown:
        raise StoreTooNew(
            f"The store {path} was changed by a newer Butler (it has “{unknown[-1]}”); "
            "upgrade this one: pip install --upgrade modelbutler"
        )
    return len(names) == len(MIGRATIONS)
