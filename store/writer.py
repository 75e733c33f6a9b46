"""The one thread that writes: group commit, two durability classes, and an eye on others."""

import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, TypeVar

from store import damage, leases
from store.backlog import Backlog, Batch, Command, Mark
from store.connections import connect
from store.errors import StoreBusy, StoreClosed, StoreError, StoreUnwritable, explain
from store.events import Entry
from store.leases import Identity
from store.reading import entry_of
from store.transaction import Transaction

WATCH: Final = 0.25
"""Seconds between two looks for what other processes have committed."""
_SINCE: Final = "SELECT seq, at, session, type, body, origin FROM events WHERE seq > ? ORDER BY seq"
_LAST: Final = "SELECT coalesce(max(seq), 0) FROM events"
_WAL_KEPT: Final = 8 * 1024 * 1024
_CHECKPOINT: Final = "PRAGMA wal_checkpoint(TRUNCATE)"

_HURRY: Final = "PRAGMA busy_timeout = 500"
"""Milliseconds; nobody who quits wants to wait for what can be left undone."""

T = TypeVar("T")


def milliseconds() -> int:
    """Now, since the epoch."""
    return time.time_ns() // 1_000_000


class Writer(threading.Thread):
    """Owns the only connection of this process that writes.

    A batch that holds an event of the durable class is committed with `synchronous=FULL`, any
    other with `NORMAL`, which survives a killed program but perhaps not a lost power supply.
    """

    def __init__(self, path: Path, patience: float, identity: Identity, backlog: Backlog) -> None:
        super().__init__(name="butler-store-writer", daemon=True)
        self._path = path
        self._patience = patience
        self._identity = identity
        self._backlog = backlog
        self._connection: sqlite3.Connection
        self._synchronous: Literal["FULL", "NORMAL", ""] = ""
        self._seen = 0
        """Up to here subscribers know what other processes have written."""
        self._version = -1
        self._announced = False
        self._renew_at = 0.0

    def run(self) -> None:
        try:
            self._connection = connect(self._path, patience=self._patience)
            self._connection.execute(f"PRAGMA journal_size_limit = {_WAL_KEPT}")
            self._connection.execute("PRAGMA secure_delete = FAST")
            self._work()
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody may wait for ever
            self._backlog.break_off(self._sentence(error))

    # --- the loop ---

    def _work(self) -> None:
        try:
            while True:
                self._do(self._backlog.take(self._pause()))
                self._renew()
                self._look()
        except StoreClosed:
            self._leave()

    def _do(self, work: Batch | Command | Mark | None) -> None:
        match work:
            case Batch():
                self._commit(work)
            case Command():
                self._execute(work)
            case Mark():
                self._mark(work)
            case None:
                return

    def _pause(self) -> float | None:
        if self._backlog.hub:
            return WATCH
        return max(0.0, self._renew_at - time.monotonic()) if self._announced else None

    def _leave(self) -> None:
        try:
            self._connection.execute(_HURRY)
            if self._announced:
                self._transact(self._withdraw, durable=False)
            self._connection.execute(_CHECKPOINT)
        except (StoreError, sqlite3.Error):
            # Nothing is lost: what is committed is committed, and what we hold expires by itself.
            return
        finally:
            self._connection.close()

    def _withdraw(self, transaction: Transaction) -> None:
        leases.withdraw(transaction.connection, self._identity.origin)

    # --- work ---

    def _commit(self, batch: Batch) -> None:
        items = batch.items
        try:
            seqs, _ = self._transact(
                lambda transaction: [
                    transaction.write(item.session, item.at, item.event, item.body)
                    for item in items
                ],
                durable=batch.durable,
            )
        except (StoreBusy, StoreUnwritable) as error:
            self._backlog.failed(batch, error, keep=True)
        except StoreError as error:
            self._backlog.failed(batch, error, keep=False)
        except Exception as error:  # noqa: BLE001 - one bad event must not sink its neighbours
            self._commit_apart(batch, error)
        else:
            for item, seq in zip(items, seqs, strict=True):
                item.seq = seq
            self._backlog.committed(batch)

    def _commit_apart(self, batch: Batch, error: Exception) -> None:
        if len(batch.appends) == 1:
            self._backlog.failed(batch, error, keep=False)
            return
        for append in batch.appends:
            self._commit(Batch([append]))

    def _execute(self, command: Command) -> None:
        try:
            result, entries = self._transact(command.run, durable=True)
        except Exception as error:  # noqa: BLE001 - it belongs to whoever asked
            self._backlog.finished(command, [])
            command.ticket.fail(error)
        else:
            self._backlog.finished(command, entries)
            command.ticket.resolve(result)

    def _mark(self, mark: Mark) -> None:
        try:
            if mark.first:
                self._version = self._data_version()
                self._seen = int(self._connection.execute(_LAST).fetchone()[0])
            else:
                self._watch()
        except sqlite3.Error as error:
            mark.done(0)
            mark.ticket.fail(self._sentence(error))
        else:
            mark.done(self._seen)
            mark.ticket.resolve(self._seen)

    def _transact(
        self, work: Callable[[Transaction], T], *, durable: bool
    ) -> tuple[T, list[Entry]]:
        connection = self._connection
        try:
            self._synchronise("FULL" if durable else "NORMAL")
            connection.execute("BEGIN IMMEDIATE")
            self._watch()
            transaction = Transaction(connection, self._identity, milliseconds())
            result = work(transaction)
            transaction.finish()
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise damage.met(error, self._path) from error
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        self._seen = max(self._seen, transaction.last_seq)
        if transaction.announced:
            self._announced = True
            self._renew_at = time.monotonic() + leases.RENEWAL
        return result, transaction.entries

    def _synchronise(self, level: Literal["FULL", "NORMAL"]) -> None:
        if self._synchronous != level:
            self._connection.execute(f"PRAGMA synchronous = {level}")
            self._synchronous = level

    # --- between work ---

    def _renew(self) -> None:
        if not self._announced or time.monotonic() < self._renew_at:
            return
        self._renew_at = time.monotonic() + leases.RENEWAL
        try:
            self._transact(Transaction.announce, durable=False)
        except StoreError:
            # The next renewal comes well before the lease is over.
            return

    def _look(self) -> None:
        try:
            self._watch()
        except sqlite3.Error:
            # Whatever it is, the next write meets it too, and that one has somebody to tell.
            return

    def _watch(self) -> None:
        """Publish what other processes have committed."""
        if not self._backlog.hub:
            return
        version = self._data_version()
        if version == self._version:
            return
        self._version = version
        rows = self._connection.execute(_SINCE, (self._seen,)).fetchall()
        if rows:
            self._seen = rows[-1][0]
            self._backlog.show(self._wanted(rows))

    def _wanted(self, rows: list[tuple[int, int, str | None, str, str, str]]) -> list[Entry]:
        entries = (
            entry_of(seq, at, session, kind, body)
            for seq, at, session, kind, body, origin in rows
            if origin != self._identity.origin and self._backlog.hub.wants(session)
        )
        return [entry for entry in entries if entry is not None]

    def _data_version(self) -> int:
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def _sentence(self, error: Exception) -> StoreError:
        if isinstance(error, StoreError):
            return error
        known = explain(error, self._path) if isinstance(error, sqlite3.Error) else None
        return known or StoreError(
            f"The store {self._path} can't be written any more ({error!r}); restart Butler."
        )
