"""How the store is, for `butler doctor`."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from store import schema


@dataclass(frozen=True, slots=True)
class StoreHealth:
    """Sizes are bytes."""

    path: Path
    size: int
    wal_size: int
    sessions: int
    events: int
    schema: str
    """The newest migration."""
    problems: tuple[str, ...]
    """What `PRAGMA quick_check` found; empty for a sound file."""
    sqlite_version: str
    set_aside: tuple[Path, ...]
    """Damaged stores kept beside this one."""

    @property
    def sound(self) -> bool:
        return not self.problems


def examine(connection: sqlite3.Connection, path: Path) -> StoreHealth:
    findings = [str(line) for (line,) in connection.execute("PRAGMA quick_check(20)")]
    wal = path.with_name(f"{path.name}-wal")
    aside = sorted(path.parent.glob(f"{path.name}.damaged-*"))
    return StoreHealth(
        path=path,
        size=path.stat().st_size,
        wal_size=wal.stat().st_size if wal.exists() else 0,
        sessions=_count(connection, "sessions"),
        events=_count(connection, "events"),
        schema=schema.applied(connection)[-1],
        problems=() if findings == ["ok"] else tuple(findings),
        sqlite_version=sqlite3.sqlite_version,
        set_aside=tuple(file for file in aside if not file.name.endswith(("-wal", "-shm"))),
    )


def _count(connection: sqlite3.Connection, table: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608
