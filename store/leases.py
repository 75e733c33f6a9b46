"""Who lives, and who may write which session.

Every opening of the store that holds anything has a row in `processes`, renewed by its writer
thread. It is alive while that row has not expired and, on the same machine, a process with that
id and that birth exists. What a dead one held is free.
"""

import os
import secrets
import socket
import sqlite3
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

LIFETIME: Final = 30_000
"""Milliseconds for which a process counts as alive after it last said so."""
RENEWAL: Final = 10.0
"""Seconds between two renewals."""
_BIRTH_TOLERANCE: Final = 2_000

_ANNOUNCE: Final = (
    "INSERT INTO processes (origin, host, pid, born, expires_at) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (origin) DO UPDATE SET expires_at = excluded.expires_at"
)
_TAKE: Final = (
    "INSERT INTO leases (session, origin) VALUES (?, ?) "
    "ON CONFLICT (session) DO UPDATE SET origin = excluded.origin"
)
_HOLDER: Final = (
    "SELECT origin, host, pid, born, expires_at FROM leases JOIN processes USING (origin) "
    "WHERE session = ?"
)
_PROCESS: Final = "SELECT origin, host, pid, born, expires_at FROM processes WHERE origin = ?"


@dataclass(frozen=True)
class Identity:
    """This opening of the store."""

    pid: int = field(default_factory=os.getpid)
    host: str = field(default_factory=socket.gethostname)
    nonce: str = field(default_factory=lambda: secrets.token_hex(6))

    @cached_property
    def origin(self) -> str:
        return f"{self.pid}-{self.nonce}"

    @cached_property
    def born(self) -> int:
        return _birth(self.pid) or 0


@dataclass(frozen=True, slots=True)
class Holder:
    """Another opening of the store, as it described itself."""

    origin: str
    host: str
    pid: int
    born: int
    expires_at: int

    def lives(self, now: int) -> bool:
        if self.expires_at <= now:
            return False
        # Another machine's processes can't be looked at: their word has to do.
        return self.host != socket.gethostname() or _is_process(self.pid, self.born)


def announce(connection: sqlite3.Connection, identity: Identity, now: int) -> None:
    row = (identity.origin, identity.host, identity.pid, identity.born, now + LIFETIME)
    connection.execute(_ANNOUNCE, row)


def withdraw(connection: sqlite3.Connection, origin: str) -> None:
    """Give back everything this opening holds."""
    connection.execute("DELETE FROM leases WHERE origin = ?", (origin,))
    connection.execute("DELETE FROM processes WHERE origin = ?", (origin,))


def take(connection: sqlite3.Connection, session: str, identity: Identity, now: int) -> None:
    announce(connection, identity, now)
    connection.execute(_TAKE, (session, identity.origin))


def give_back(connection: sqlite3.Connection, session: str, origin: str) -> None:
    connection.execute("DELETE FROM leases WHERE session = ? AND origin = ?", (session, origin))


def holder(connection: sqlite3.Connection, session: str) -> Holder | None:
    """Who has the session's lease, dead or alive."""
    row = connection.execute(_HOLDER, (session,)).fetchone()
    return Holder(*row) if row else None


def is_taken(connection: sqlite3.Connection, session: str, origin: str, now: int) -> bool:
    """Whether a living process other than `origin` has the session's lease."""
    found = holder(connection, session)
    return found is not None and found.origin != origin and found.lives(now)


def lives(connection: sqlite3.Connection, origin: str, now: int) -> bool:
    row = connection.execute(_PROCESS, (origin,)).fetchone()
    return row is not None and Holder(*row).lives(now)


def _is_process(pid: int, born: int) -> bool:
    import psutil

    try:
        birth = _birth(pid)
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True  # somebody else's: all that can be seen of it is that it is there
    return birth is not None and abs(birth - born) <= _BIRTH_TOLERANCE


def _birth(pid: int) -> int | None:
    """When a process of this machine began, in milliseconds; `None` for a dead one's remains."""
    # psutil takes 15 ms to import; a store that nobody else uses is opened without it.
    import psutil

    process = psutil.Process(pid)
    return None if process.status() == psutil.STATUS_ZOMBIE else int(process.create_time() * 1000)
