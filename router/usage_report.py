"""What was used, for `butler usage` and whoever else wants the figures."""

import time
from typing import Final

import msgspec

from router import bands, gauges
from router.config import Config
from router.opening import zone_of
from router.reading import house
from store.events import Band, Gauge, Window
from store.opening import Store
from store.usage import Totals

PERIODS: Final[tuple[Window, ...]] = ("day", "week", "month")


class Sums(msgspec.Struct, frozen=True):
    """Of some calls. `cost` is in US dollars; `None` when none of them has a price."""

    requests: int
    tokens: int
    input: int
    output: int
    cache_read: int
    cache_write: int
    cost: float | None
    unpriced: int
    """Calls that have no price."""


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """The calendar's day, week or month that holds the present."""

    since: int
    total: Sums
    by_tier: dict[str, Sums]
    by_model: dict[str, Sums]


class UsageReport(msgspec.Struct, frozen=True, kw_only=True):
    at: int
    band: Band
    percent: float | None
    """Of the gauge that binds; `None` when no limit is known."""
    binds: str
    gauges: tuple[Gauge, ...]
    """Those whose window has not reset since they were measured, budgets as of now."""
    periods: dict[str, Period]


def usage_report(store: Store, config: Config, now: int | None = None) -> UsageReport:
    """Read the ledger. Blocks on the store.

    Args:
        now: milliseconds since the epoch; the present if `None`.
    """
    now = int(time.time() * 1000) if now is None else now
    known = house(store)
    reported = [g for g in bands.at_present(known.gauges, now) if g.source != "budget"]
    return UsageReport(
        at=now,
        band=known.band,
        percent=known.percent,
        binds=known.binds,
        gauges=(*_budgets(store, config, now), *reported),
        periods={name: _period(store, config, name, now) for name in PERIODS},
    )


def _budgets(store: Store, config: Config, now: int) -> list[Gauge]:
    zone = zone_of(config)
    found: list[Gauge] = []
    for budget in config.budgets:
        used = store.ledger.spent(gauges.limit_of(budget, now, zone))
        found.append(gauges.of_budget(budget, used, now, zone))
    return found


def _period(store: Store, config: Config, window: Window, now: int) -> Period:
    since = gauges.span(window, now, zone_of(config)).since
    return Period(
        since=since,
        total=_sums(store.ledger.used(since=since)),
        by_tier={name: _sums(t) for name, t in store.ledger.by("tier", since=since)},
        by_model={name: _sums(t) for name, t in store.ledger.by("model", since=since)},
    )


def _sums(totals: Totals) -> Sums:
    priced = totals.requests > totals.unpriced_requests or not totals.requests
    return Sums(
        totals.requests,
        totals.tokens,
        totals.input,
        totals.output,
        totals.cache_read,
        totals.cache_write,
        totals.cost if priced else None,
        totals.unpriced_requests,
    )
