"""What was spent and what is promised, over any stretch of time."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, Literal, TypeAlias
from zoneinfo import ZoneInfo

from store import leases, usage
from store.backlog import Backlog
from store.connections import Readers
from store.events import Entry, UsageReserved
from store.lineage import END
from store.reading import entry_of
from store.ticket import Ticket
from store.transaction import Transaction
from store.usage import Totals, Unit

Group: TypeAlias = Literal["tier", "model", "day", "kind", "account"]

_CENT_OF_A_CENT: Final = 1e-9
"""Sums of floats are compared with this much room, in units of the sum."""
_OPEN: Final = (
    "SELECT e.seq, e.at, e.session, e.type, e.body, r.origin, r.expires_at "
    "FROM reservations AS r JOIN events AS e ON e.seq = r.seq ORDER BY e.seq"
)


@dataclass(frozen=True, slots=True)
class Limit:
    """So much and no more, counted from a moment on.

    The local tier's calls are nobody's quota: in a limit over all accounts only their cost counts,
    if they have one. Otherwise answering locally because the cloud's budget is spent would keep it
    spent.
    """

    account: str | None
    """Whose calls count; `None` for everybody's."""
    model: str | None
    """Which model's calls count; `None` for all."""
    unit: Unit
    since: int
    """Milliseconds since the epoch: where the window begins."""
    amount: float

    @property
    def local(self) -> bool:
        """Whether calls of the local tier count."""
        return self.unit == "usd" or (self.account or self.model) is not None


@dataclass(frozen=True, slots=True)
class Verdict:
    granted: bool
    limit: Limit | None = None
    """The limit that binds, if it was not granted."""
    left: float | None = None
    """What is left of that limit, in its unit; never negative."""


class Ledger:
    """Reads come from a connection of their own. Safe from any thread."""

    def __init__(self, backlog: Backlog, readers: Readers) -> None:
        self._backlog = backlog
        self._readers = readers

    def reserve(
        self, reservation: UsageReserved, session: str, limits: Sequence[Limit]
    ) -> Ticket[Verdict]:
        """Take the worst case of a call if it fits every limit, in one transaction.

        Checked are what was settled since the limit's `since`, what open reservations hold, and
        this; a limit for another account or model has no say. Settle the reservation by
        appending `UsageSettled`, or give it back with `UsageReleased`.

        Returns:
            A ticket for the verdict. If the answer is no, nothing is written.
        """

        def concerns(limit: Limit) -> bool:
            return limit.account in (None, reservation.account) and limit.model in (
                None,
                reservation.model,
            )

        def check_and_take(transaction: Transaction) -> Verdict:
            for limit in filter(concerns, limits):
                left = _left(transaction, limit)
                if _asked(reservation, limit.unit) > left + _CENT_OF_A_CENT:
                    return Verdict(granted=False, limit=limit, left=max(0.0, left))
            transaction.record(session, reservation)
            return Verdict(granted=True)

        return self._backlog.command(check_and_take, session=session, holds=True)

    def used(
        self,
        *,
        since: int,
        until: int | None = None,
        account: str | None = None,
        model: str | None = None,
    ) -> Totals:
        """What was settled from `since` on and before `until`, in milliseconds."""
        end = END if until is None else until
        with self._readers.borrow() as connection:
            return usage.used(connection, since, end, account, model)

    def spent(self, limit: Limit) -> float:
        """What was settled of a limit, in its unit."""
        with self._readers.borrow() as connection:
            return _settled(connection, limit).amount(limit.unit)

    def steps(self, limit: Limit, *, since: int, step: int, count: int) -> list[float]:
        """What a limit counted, in its unit, in each of `count` stretches of `step` milliseconds
        from `since` on; its own `since` has no say.

        The cost grows with the calls in that time: about 1 ms for a thousand.
        """
        account, model = limit.account, limit.model
        with self._readers.borrow() as connection:
            found = usage.steps(connection, since, step, count, account, model, local=limit.local)
        nothing = Totals()
        return [float(found.get(index, nothing).amount(limit.unit)) for index in range(count)]

    def reserved(self, account: str | None = None, model: str | None = None) -> Totals:
        """What open reservations hold. All their tokens count as input."""
        with self._readers.borrow() as connection:
            return usage.reserved(connection, account, model)

    def by(
        self, group: Group, *, since: int, until: int | None = None, tz: str | tzinfo = "UTC"
    ) -> list[tuple[str, Totals]]:
        """Totals for each value of `group` that occurs: the dearest first, days in order.

        Args:
            group: what to tell apart; a `day` reads `2026-11-20`.
            since: milliseconds, inclusive.
            until: milliseconds, exclusive; to the end if `None`.
            tz: where days begin; an IANA time zone, or one at hand.

        Raises:
            zoneinfo.ZoneInfoNotFoundError: no such time zone.
        """
        end = END if until is None else until
        if group == "day":
            return self._by_day(since, end, ZoneInfo(tz) if isinstance(tz, str) else tz)
        with self._readers.borrow() as connection:
            return usage.grouped(connection, group, since, end)

    def overdue(self, now: int) -> list[Entry]:
        """The `UsageReserved` entries whose time is over at `now` or whose process is gone.

        Any process may settle them, in the entry's session, at their estimate. If two do, the
        first one counts.
        """
        with self._readers.borrow() as connection:
            rows = connection.execute(_OPEN).fetchall()
            gone = [
                entry_of(*row[:5])
                for row in rows
                if row[6] <= now or not leases.lives(connection, row[5], now)
            ]
        return [entry for entry in gone if entry is not None]

    def expired(self, now: int) -> list[UsageReserved]:
        """`overdue` without the sessions."""
        events = (entry.event for entry in self.overdue(now))
        return [event for event in events if isinstance(event, UsageReserved)]

    def _by_day(self, since: int, until: int, zone: tzinfo) -> list[tuple[str, Totals]]:
        days: list[tuple[str, Totals]] = []
        with self._readers.borrow() as connection:
            first, last = usage.span(connection)
            start, end = max(since, first), min(until, last)
            while start < end:
                day = datetime.fromtimestamp(start / 1000, UTC).astimezone(zone).date()
                midnight = datetime.combine(day + timedelta(days=1), datetime.min.time(), zone)
                following = min(end, int(midnight.timestamp() * 1000))
                totals = usage.used(connection, start, following)
                if totals.requests:
                    days.append((day.isoformat(), totals))
                start = following
        return days


def _left(transaction: Transaction, limit: Limit) -> float:
    connection = transaction.connection
    used = _settled(connection, limit)
    held = usage.reserved(connection, limit.account, limit.model, local=limit.local)
    return limit.amount - used.amount(limit.unit) - held.amount(limit.unit)


def _settled(connection: sqlite3.Connection, limit: Limit) -> Totals:
    return usage.used(connection, limit.since, END, limit.account, limit.model, local=limit.local)


def _asked(reservation: UsageReserved, unit: Unit) -> float:
    if unit == "usd":
        return reservation.cost or 0.0
    return reservation.tokens if unit == "tokens" else 1
