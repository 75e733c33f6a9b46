"""The ledger's tables: usage rows, their hourly rollup, and open reservations.

Used by the writer inside its transactions and by readers on their own connections.
"""

import sqlite3
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from store.events import UsageReleased, UsageReserved, UsageSettled

HOUR: Final = 3_600_000
Unit: TypeAlias = Literal["usd", "tokens", "requests"]
Column: TypeAlias = Literal["tier", "model", "kind", "account"]

_COUNTS: Final = ("input", "output", "cache_read", "cache_write", "reasoning")
_TOKENS: Final = "input + output + cache_read + cache_write"

_ADD_USAGE: Final = (
    "INSERT INTO usage (at, session, reservation, account, tier, model, kind, "
    "input, output, cache_read, cache_write, reasoning, cost, estimated) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_ADD_HOURLY: Final = (
    "INSERT INTO usage_hourly (hour, account, tier, model, kind, requests, "
    "input, output, cache_read, cache_write, reasoning, cost, unpriced) "
    "VALUES (?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (hour, account, tier, model, kind) DO UPDATE SET requests = requests + 1, "
    + ", ".join(f"{name} = {name} + excluded.{name}" for name in (*_COUNTS, "cost", "unpriced"))
)
_ADD_TO_SESSION: Final = (
    "UPDATE sessions SET tokens = tokens + ?, cost = cost + ?, calls = calls + 1, "
    "unpriced = unpriced + ? WHERE id = ?"
)
_RESERVE: Final = (
    "INSERT INTO reservations (reservation, session, reply, account, tier, model, kind, "
    "tokens, cost, expires_at, origin, seq) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_FREE: Final = "DELETE FROM reservations WHERE reservation = ?"
_IS_SETTLED: Final = "SELECT 1 FROM usage WHERE reservation = ?"
_IS_OPEN: Final = "SELECT 1 FROM reservations WHERE reservation = ?"


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over calls. `cost` is in US dollars and covers the calls that have a price."""

    requests: int = 0
    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0
    cost: float = 0.0
    unpriced_requests: int = 0

    @property
    def tokens(self) -> int:
        return self.input + self.output + self.cache_read + self.cache_write

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(
            self.requests + other.requests,
            self.input + other.input,
            self.output + other.output,
            self.cache_read + other.cache_read,
            self.cache_write + other.cache_write,
            self.reasoning + other.reasoning,
            self.cost + other.cost,
            self.unpriced_requests + other.unpriced_requests,
        )

    def amount(self, unit: Unit) -> float:
        if unit == "usd":
            return self.cost
        return self.tokens if unit == "tokens" else self.requests


SUM_HOURS: Final = (
    "sum(requests), sum(input), sum(output), sum(cache_read), sum(cache_write), sum(reasoning), "
    "sum(cost), sum(unpriced)"
)
SUM_ROWS: Final = (
    "count(*), sum(input), sum(output), sum(cache_read), sum(cache_write), sum(reasoning), "
    "total(cost), sum(cost IS NULL)"
)


def whole_hours(since: int, until: int) -> tuple[int, int]:
    """The whole hours, counted from the epoch, inside a stretch of milliseconds.

    The second is exclusive; equal numbers mean that there is none.
    """
    first = -(-since // HOUR)
    return first, max(first, until // HOUR)


def narrowed(
    account: str | None, model: str | None, *, local: bool = True
) -> tuple[str, list[str]]:
    """The part of a WHERE clause that picks an account and a model, with its parameters.
    Without `local` the local tier's calls are left out."""
    clause, parameters = "" if local else " AND tier != 'T4'", list[str]()
    if account is not None:
        clause += " AND account = ?"
        parameters.append(account)
    if model is not None:
        clause += " AND model = ?"
        parameters.append(model)
    return clause, parameters


def used(
    connection: sqlite3.Connection,
    since: int,
    until: int,
    account: str | None = None,
    model: str | None = None,
    *,
    local: bool = True,
) -> Totals:
    """What was settled from `since` on and before `until`, to the millisecond."""
    first, last = whole_hours(since, until)
    clause, narrow = narrowed(account, model, local=local)
    if first == last:
        return _sum_rows(connection, since, until, clause, narrow)
    sql = f"SELECT {SUM_HOURS} FROM usage_hourly WHERE hour >= ? AND hour < ?{clause}"  # noqa: S608
    row = connection.execute(sql, (first, last, *narrow)).fetchone()
    return (
        Totals(*(value or 0 for value in row))
        + _sum_rows(connection, since, first * HOUR, clause, narrow)
        + _sum_rows(connection, last * HOUR, until, clause, narrow)
    )


def reserved(
    connection: sqlite3.Connection,
    account: str | None = None,
    model: str | None = None,
    *,
    local: bool = True,
) -> Totals:
    """What open reservations have taken. All their tokens count as input."""
    clause, narrow = narrowed(account, model, local=local)
    sql = (
        "SELECT count(*), total(tokens), total(cost), total(cost IS NULL) "  # noqa: S608
        f"FROM reservations WHERE 1{clause}"
    )
    requests, tokens, cost, unpriced = connection.execute(sql, narrow).fetchone()
    return Totals(requests, input=int(tokens), cost=cost, unpriced_requests=int(unpriced))


def span(connection: sqlite3.Connection) -> tuple[int, int]:
    """The milliseconds between which there is any usage, whole hours; equal if there is none."""
    first, last = connection.execute("SELECT min(hour), max(hour) + 1 FROM usage_hourly").fetchone()
    return (0, 0) if first is None else (first * HOUR, last * HOUR)


def grouped(
    connection: sqlite3.Connection, column: Column, since: int, until: int
) -> list[tuple[str, Totals]]:
    """Totals of a stretch of time for each value of a column, the dearest first."""
    first, last = whole_hours(since, until)
    rows = f"SELECT {column}, {SUM_ROWS} FROM usage WHERE at >= ? AND at < ? GROUP BY 1"  # noqa: S608
    pieces = [(since, until)] if first == last else [(since, first * HOUR), (last * HOUR, until)]
    found = [row for piece in pieces for row in connection.execute(rows, piece)]
    hours = (
        f"SELECT {column}, {SUM_HOURS} FROM usage_hourly "  # noqa: S608
        "WHERE hour >= ? AND hour < ? GROUP BY 1"
    )
    found += connection.execute(hours, (first, last))
    totals: dict[str, Totals] = {}
    for name, *sums in found:
        totals[name] = totals.get(name, Totals()) + Totals(*sums)
    return sorted(totals.items(), key=lambda item: (-item[1].cost, -item[1].tokens, item[0]))


def steps(
    connection: sqlite3.Connection,
    since: int,
    step: int,
    count: int,
    account: str | None = None,
    model: str | None = None,
    *,
    local: bool = True,
) -> dict[int, Totals]:
    """Totals of those of `count` stretches of `step` milliseconds from `since` on in which there
    was any use, by their number from 0."""
    clause, narrow = narrowed(account, model, local=local)
    sql = (
        f"SELECT (at - ?) / ?, {SUM_ROWS} FROM usage "  # noqa: S608
        f"WHERE at >= ? AND at < ?{clause} GROUP BY 1"
    )
    parameters = (since, step, since, since + step * count, *narrow)
    return {index: Totals(*sums) for index, *sums in connection.execute(sql, parameters)}


def is_settled(connection: sqlite3.Connection, reservation: str) -> bool:
    return connection.execute(_IS_SETTLED, (reservation,)).fetchone() is not None


def is_open(connection: sqlite3.Connection, reservation: str) -> bool:
    return connection.execute(_IS_OPEN, (reservation,)).fetchone() is not None


def project_reserved(
    connection: sqlite3.Connection,
    seq: int,
    session: str | None,
    event: UsageReserved,
    origin: str,
) -> None:
    row = (
        event.reservation,
        session,
        event.reply,
        event.account,
        event.tier,
        event.model,
        event.kind,
        event.tokens,
        event.cost,
        event.expires_at,
        origin,
        seq,
    )
    connection.execute(_RESERVE, row)


def project_settled(
    connection: sqlite3.Connection, at: int, session: str | None, event: UsageSettled
) -> None:
    usage, who = event.usage, (event.account, event.tier, event.model, event.kind)
    counts = (usage.input, usage.output, usage.cache_read, usage.cache_write, usage.reasoning)
    cost, unpriced = event.cost or 0.0, event.cost is None
    connection.execute(_FREE, (event.reservation,))
    connection.execute(
        _ADD_USAGE,
        (at, session, event.reservation, *who, *counts, event.cost, usage.estimated),
    )
    connection.execute(_ADD_HOURLY, (at // HOUR, *who, *counts, cost, unpriced))
    if session is not None:
        connection.execute(_ADD_TO_SESSION, (usage.total, cost, unpriced, session))


def project_released(connection: sqlite3.Connection, event: UsageReleased) -> None:
    connection.execute(_FREE, (event.reservation,))


def _sum_rows(
    connection: sqlite3.Connection, since: int, until: int, clause: str, narrow: list[str]
) -> Totals:
    if since >= until:
        return Totals()
    sql = f"SELECT {SUM_ROWS} FROM usage WHERE at >= ? AND at < ?{clause}"  # noqa: S608
    row = connection.execute(sql, (since, until, *narrow)).fetchone()
    return Totals(*(value or 0 for value in row))
