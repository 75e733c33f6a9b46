"""Connections to the one database file: the writer's, and a pool of read-only ones."""

import sqlite3
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from store.damage import met
from store.errors import StoreClosed

PATIENCE: Final = 5.0
"""Seconds to wait for another process's write lock."""
_IDLE_READERS: Final = 4


def connect(
    path: Path, *, patience: float = PATIENCE, readonly: bool = False
) -> sqlite3.Connection:
    """Open an existing file; transactions are begun and ended by hand.

    Args:
        path: the database file.
        patience: seconds to wait for a lock.
        readonly: refuse every write.

    Raises:
        sqlite3.Error: the file can't be opened.
    """
    mode = "ro" if readonly else "rw"
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=patience,
        isolation_level=None,
        # A pooled reader changes hands between threads, but is never shared at one time.
        check_same_thread=not readonly,
        cached_statements=256,
    )


class Readers:
    """Read-only connections, lent to one borrower at a time. Safe from any thread."""

    def __init__(self, path: Path, patience: float) -> None:
        self._path = path
        self._patience = patience
        self._lock = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._closed = False

    @contextmanager
    def borrow(self) -> Generator[sqlite3.Connection, None, None]:
        """Lend a connection.

        Raises:
            StoreClosed: the store was closed.
            StoreError: SQLite could not read the file.
        """
        try:
            connection = self._take()
            try:
                yield connection
            finally:
                self._give_back(connection)
        except sqlite3.Error as error:
            raise met(error, self._path) from error

    def close(self) -> None:
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> sqlite3.Connection:
        with self._lock:
            if self._closed:
                raise StoreClosed(f"The store {self._path} is closed.")
            if self._idle:
                return self._idle.pop()
        return connect(self._path, patience=self._patience, readonly=True)

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            if not self._closed and len(self._idle) < _IDLE_READERS:
                self._idle.append(connection)
                return
        connection.close()
