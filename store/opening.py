"""Opening the store: make it, bring it up to date, set a damaged one aside."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from store import damage, schema
from store.backlog import Backlog
from store.connections import PATIENCE, Readers, connect
from store.errors import StoreDamaged, StoreUnwritable, explain
from store.health import StoreHealth, examine
from store.journal import Journal
from store.leases import Identity
from store.ledger import Ledger
from store.sessions import Sessions
from store.subscription import Hub
from store.writer import Writer

NAME: Final = "butler.db"


class Store:
    """One process's access to the store. Several processes may have it open at once."""

    def __init__(self, path: Path, patience: float, notices: tuple[str, ...]) -> None:
        self.path = path
        self.notices = notices
        """Sentences the user should read: what was found wrong and what was done about it."""
        identity = Identity()
        self._hub = Hub()
        self._backlog = Backlog(self._hub)
        self._readers = Readers(path, patience)
        self._closing = threading.Lock()
        self.journal = Journal(self._backlog, self._readers, identity)
        self.sessions = Sessions(self._backlog, self._readers, identity)
        self.ledger = Ledger(self._backlog, self._readers)
        self._writer = Writer(path, patience, identity, self._backlog)
        self._writer.start()

    @classmethod
    def open(cls, folder: Path, *, patience: float = PATIENCE) -> Self:
        """Open the store in a folder; make both where they don't exist.

        Args:
            folder: becomes readable by its owner only.
            patience: seconds to wait for another process's lock, here and later.

        Raises:
            StoreTooNew: a newer program has changed it.
            StoreBusy: another process kept it locked.
            StoreUnwritable: full disk, read-only, no permission.
        """
        path = folder / NAME
        notices: tuple[str, ...] = ()
        _make_private(folder, path)
        try:
            _prepare(path, patience)
        except StoreDamaged:
            notices = (damage.set_aside(path),)
            _make_private(folder, path)
            _prepare(path, patience)
        return cls(path, patience, notices)

    def health(self) -> StoreHealth:
        """Figures for `butler doctor`. Reads the whole file: seconds for gigabytes."""
        with self._readers.borrow() as connection:
            return examine(connection, self.path)

    def close(self) -> None:
        """Write what is queued, give back what is held, stop the writer. May be called twice."""
        with self._closing:
            self._backlog.close()
            self._writer.join()
            self._backlog.end()
            self._readers.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _make_private(folder: Path, path: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        path.touch(mode=0o600, exist_ok=True)
        path.chmod(0o600)
    except OSError as error:
        raise StoreUnwritable(
            f"The store {path} can't be made or written ({error.strerror}); check its folder, or "
            "set BUTLER_HOME to one that you can write."
        ) from error


def _prepare(path: Path, patience: float) -> None:
    """Bring the file up to date, having looked whether it is a healthy database."""
    try:
        with closing(connect(path, patience=patience)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            schema.bring_up_to_date(connection, path)
            damage.examine(connection, path)
    except sqlite3.Error as error:
        raise explain(error, path) or _damaged(path, error) from error


def _damaged(path: Path, error: sqlite3.Error) -> StoreDamaged:
    # A table is missing or has another shape than its migrations say.
    return StoreDamaged(f"The store {path} is not as Butler left it ({error}).")
