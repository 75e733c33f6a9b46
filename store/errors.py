# ruff: noqa: N818 - each is named for what is the case
"""What can go wrong with the store. `str(error)` is one sentence a person can act on."""

import sqlite3
from pathlib import Path
from typing import Final


class StoreError(Exception):
    """Base of everything the store raises on purpose."""


class StoreTooNew(StoreError):
    """A newer program has changed the store in a way this one doesn't know."""


class StoreBusy(StoreError):
    """Another process held the write lock for longer than we were willing to wait."""


class StoreUnwritable(StoreError):
    """Disk full, read-only, or no permission. Later writes are tried again."""


class StoreDamaged(StoreError):
    """The file is not, or no longer, a healthy database."""


class StoreClosed(StoreError):
    """Something was asked of a store after `close()`."""


class SessionNotFound(StoreError):
    """No session has this id, or an id that begins so."""


class SessionAmbiguous(StoreError):
    """More than one id begins so."""


class SessionBusy(StoreError):
    """Another living process has the session open for writing."""


_BUSY: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DAMAGED: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_UNWRITABLE: Final = {
    sqlite3.SQLITE_FULL: "the disk is full; free some space",
    sqlite3.SQLITE_IOERR: "the disk reports an error; check its free space and health",
    sqlite3.SQLITE_READONLY: "the file is read-only; make it writable",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened; check its folder and permissions",
    sqlite3.SQLITE_PERM: "permission is denied; make it yours",
    sqlite3.SQLITE_AUTH: "permission is denied; make it yours",
}


def primary_code(error: sqlite3.Error) -> int | None:
    """SQLite's primary result code, or `None` if Python's own module raised the error."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def explain(error: sqlite3.Error, path: Path) -> StoreError | None:
    """The sentence for what SQLite met in the world, or `None` if the fault is the program's."""
    code = primary_code(error)
    if code in _BUSY:
        return StoreBusy(
            f"The store {path} is locked by another program; close that program or try again."
        )
    if code in _DAMAGED:
        return StoreDamaged(
            f"The store {path} is damaged ({error}); start Butler again, it keeps the damaged "
            "file aside and begins a new one."
        )
    if code in _UNWRITABLE:
        return StoreUnwritable(
            f"The store {path} can't be written: {_UNWRITABLE[code]}, then try again."
        )
    return None
