"""Sessions: list, find, search, page, fork, delete, and who may write one."""

import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from store import leases, lineage, paging, recovery, search
from store.backlog import Backlog
from store.connections import Readers
from store.errors import SessionAmbiguous, SessionBusy, SessionNotFound
from store.events import Entry, SessionKind, SessionStarted, SessionState, Tier
from store.leases import Identity
from store.paging import Page
from store.projections import searchable
from store.recovery import Unanswered
from store.search import Hit
from store.transaction import Transaction
from store.writer import milliseconds

_SELECT: Final = (
    "SELECT id, kind, title, workspace, parent, fork_of, state, tier, model, created_at, "
    "updated_at, started_at, ended_at, messages, tokens, "
    "CASE WHEN unpriced < calls OR calls = 0 THEN cost END, unpriced > 0, private, "
    "state = 'waiting' OR EXISTS (SELECT 1 FROM approvals "
    "WHERE approvals.session = sessions.id AND given_seq IS NULL) FROM sessions "
)
_REASON: Final = (
    "SELECT json_extract(body, '$.reason') FROM events "
    "WHERE session = ? AND type = 'session-state-changed' ORDER BY seq DESC LIMIT 1"
)
_FAMILY: Final = (
    "WITH RECURSIVE family (id) AS (SELECT ? UNION SELECT sessions.id FROM sessions "
    "JOIN family ON sessions.parent = family.id) SELECT id FROM family"
)
_DELETE: Final = (
    "DELETE FROM events WHERE session = ?",
    "DELETE FROM messages WHERE session = ?",
    "DELETE FROM replies WHERE session = ?",
    "DELETE FROM approvals WHERE session = ?",
    "DELETE FROM leases WHERE session = ?",
    "DELETE FROM sessions WHERE id = ?",
)
_NAMED: Final = 4
"""Sessions that a sentence about an ambiguous or unknown one names."""


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session as a list shows it. Times are milliseconds since the epoch."""

    id: str
    kind: SessionKind
    title: str
    workspace: str
    parent: str | None
    fork_of: str | None
    state: SessionState
    tier: Tier | None
    model: str | None
    created_at: int
    updated_at: int
    started_at: int | None
    ended_at: int | None
    messages: int
    tokens: int
    cost: float | None
    """US dollars of the calls that have a price; `None` if none of them has."""
    unpriced: bool
    """Some call has no price."""
    private: bool
    waiting: bool
    """It waits for the user."""


class Lease:
    """The right to write one session, renewed by itself while the store is open."""

    def __init__(self, sessions: "Sessions", session: str) -> None:
        self.session = session
        self._sessions = sessions

    @property
    def held(self) -> bool:
        """False once it was released, or lost while this machine or process slept."""
        return self._sessions.holds(self.session)

    def release(self) -> None:
        self._sessions.release(self.session)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()


def new_id() -> str:
    """An id for a session, short enough to be typed."""
    return secrets.token_hex(6)


class Sessions:
    """Reads come from connections of their own. Safe from any thread; blocks for milliseconds."""

    def __init__(self, backlog: Backlog, readers: Readers, identity: Identity) -> None:
        self._backlog = backlog
        self._readers = readers
        self._identity = identity

    # --- finding ---

    def list(
        self,
        *,
        limit: int = 50,
        before: int | None = None,
        kind: SessionKind | None = None,
        parents_only: bool = True,
    ) -> list[SessionRow]:
        """Sessions by their latest activity, newest first.

        Args:
            limit: at most so many.
            before: only those whose latest activity (`updated_at`) is before this.
            kind: only this kind.
            parents_only: leave out spawned ones.
        """
        where, parameters = ["1"], list[str | int]()
        if parents_only:
            where.append("parent IS NULL")
        if before is not None:
            where.append("updated_at < ?")
            parameters.append(before)
        if kind is not None:
            where.append("kind = ?")
            parameters.append(kind)
        sql = f"WHERE {' AND '.join(where)} ORDER BY updated_at DESC, id LIMIT ?"
        return self._select(sql, (*parameters, limit))

    def get(self, id_or_prefix: str) -> SessionRow:
        """The session with this id, or the only one whose id begins so.

        Raises:
            SessionNotFound: there is none; the message names what comes near.
            SessionAmbiguous: there are several; the message names them.
        """
        name = searchable(id_or_prefix)
        exact = self._select("WHERE id = ?", (name,))
        if exact:
            return exact[0]
        found = self._begin_with(name) if name else []
        if len(found) > 1:
            names = ", ".join(row.id for row in found[:_NAMED])
            more = " and more" if len(found) > _NAMED else ""
            raise SessionAmbiguous(
                f"“{name}” fits several sessions ({names}{more}); give more letters."
            )
        if not found:
            raise SessionNotFound(self._unknown(name))
        return found[0]

    def children(self, id: str, limit: int = 50) -> Sequence[SessionRow]:  # noqa: A002
        """Sessions spawned by this one, newest first."""
        return self._select("WHERE parent = ? ORDER BY created_at DESC, id LIMIT ?", (id, limit))

    def search(self, text: str, *, limit: int = 20) -> Sequence[Hit]:
        """Finished messages that hold all words of a text, best first.

        Nothing in the text is query syntax, but double quotes keep words together; the last word
        may be the beginning of one.
        """
        with self._readers.borrow() as connection:
            return search.search(connection, text, limit)

    def window(self, id: str, messages: int, before_seq: int | None = None) -> Page:  # noqa: A002
        """The stretch of the journal that holds the last messages before a number.

        Pages chained by `before_seq=page.start_seq` cover the session without gap or overlap.
        """
        with self._readers.borrow() as connection:
            return paging.window(connection, id, messages, before_seq)

    # --- what was left open ---

    def orphans(self) -> Sequence[SessionRow]:
        """Sessions in the middle of something whose process is gone."""
        with self._readers.borrow() as connection:
            names = [*recovery.orphans(connection, self.origin, milliseconds())]
        return [row for name in names for row in self._select("WHERE id = ?", (name,))]

    def unanswered(self, id: str) -> Sequence[Unanswered]:  # noqa: A002
        """Replies of a session that began and never ended, with the text that had arrived."""
        with self._readers.borrow() as connection:
            return recovery.unanswered(connection, id)

    def open_approvals(self, id: str) -> Sequence[Entry]:  # noqa: A002
        """The `ApprovalAsked` entries of a session that nobody has answered."""
        with self._readers.borrow() as connection:
            return recovery.open_approvals(connection, id)

    def reason(self, id: str) -> str:  # noqa: A002
        """Why a session is in the state it is in, as it was last told; empty where nothing was."""
        with self._readers.borrow() as connection:
            row = connection.execute(_REASON, (id,)).fetchone()
        return "" if row is None or row[0] is None else str(row[0])

    # --- changing ---

    def fork(self, id: str, seq: int) -> str:  # noqa: A002
        """Begin a new session as this one began, up to a number, and hold its lease.

        A reply that was being given at `seq` is left out, and with it all that followed.

        Returns:
            The new session's id.

        Raises:
            SessionNotFound: no session has exactly this id.
        """
        name = new_id()

        def fork(transaction: Transaction) -> str:
            connection = transaction.connection
            row = connection.execute(f"{_SELECT} WHERE id = ?", (id,)).fetchone()
            if row is None:
                raise SessionNotFound(self._unknown(id))
            origin = SessionRow(*row)
            transaction.record(
                name,
                SessionStarted(
                    kind=origin.kind,
                    title=origin.title,
                    workspace=origin.workspace,
                    private=bool(origin.private),
                ),
            )
            lineage.attach(connection, name, id, lineage.cut(connection, id, seq))
            return name

        return self._backlog.command(fork).wait()

    def delete(self, id: str) -> int:  # noqa: A002
        """Delete a session, what it spawned, and all their events; their usage stays counted.

        Returns:
            How many sessions are gone.

        Raises:
            SessionNotFound: no session has exactly this id.
            SessionBusy: another living process has one of them open.
        """

        def delete(transaction: Transaction) -> int:
            connection = transaction.connection
            if not connection.execute("SELECT 1 FROM sessions WHERE id = ?", (id,)).fetchone():
                raise SessionNotFound(self._unknown(id))
            family = [str(name) for (name,) in connection.execute(_FAMILY, (id,)).fetchall()]
            for name in family:
                self._check_free(transaction, name)
            # Children first: an heir must not be one that goes next.
            for name in reversed(family):
                lineage.bequeath(connection, name)
                for statement in _DELETE:
                    connection.execute(statement, (name,))
            return len(family)

        return self._backlog.command(delete).wait()

    def lease(self, id: str) -> Lease | None:  # noqa: A002
        """Become the one writer of a session, or `None` if another living process is.

        Who starts or forks a session has its lease already.
        """

        def take(transaction: Transaction) -> bool:
            connection, now = transaction.connection, transaction.now
            if leases.is_taken(connection, id, self.origin, now):
                return False
            transaction.hold(id)
            return True

        return Lease(self, id) if self._backlog.command(take).wait() else None

    def release(self, id: str) -> None:  # noqa: A002
        """Let others write the session."""
        self._backlog.command(
            lambda transaction: leases.give_back(transaction.connection, id, self.origin)
        ).wait()

    def holds(self, id: str) -> bool:  # noqa: A002
        """Whether this opening of the store has the session's lease."""
        with self._readers.borrow() as connection:
            holder = leases.holder(connection, id)
        return holder is not None and holder.origin == self.origin

    @property
    def origin(self) -> str:
        return self._identity.origin

    def _check_free(self, transaction: Transaction, name: str) -> None:
        if leases.is_taken(transaction.connection, name, self.origin, transaction.now):
            raise SessionBusy(
                f"Session {name} is open in another Butler; close it there and delete it again."
            )

    def _select(self, clause: str, parameters: Sequence[str | int]) -> "list[SessionRow]":
        with self._readers.borrow() as connection:
            return _rows(connection, clause, parameters)

    def _begin_with(self, prefix: str) -> "list[SessionRow]":
        return self._select(
            "WHERE id >= ? AND id < ? ORDER BY updated_at DESC LIMIT ?",
            (prefix, f"{prefix}\U0010ffff", _NAMED + 1),
        )

    def _unknown(self, name: str) -> str:
        import difflib

        known = [row.id for row in self.list(limit=500, parents_only=False)]
        near = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        return f"There is no session “{name}”.{hint} `butler sessions list` shows them all."


def _rows(
    connection: sqlite3.Connection, clause: str, parameters: Sequence[str | int]
) -> list[SessionRow]:
    rows = connection.execute(f"{_SELECT}{clause}", parameters).fetchall()
    return [
        SessionRow(*row[:-3], unpriced=bool(row[-3]), private=bool(row[-2]), waiting=bool(row[-1]))
        for row in rows
    ]
