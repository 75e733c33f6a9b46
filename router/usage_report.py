"""What was used, for `butler usage` and whoever else wants the figures. Read-only."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Final

import msgspec

from router import alerts, bands, gauges
from router.clock import now_ms
from router.config import Config
from router.outlook import outlook
from router.policy_table import shipped
from router.reading import house
from router.view import House
from router.zones import zone_of
from store.events import Band, ForecastChanged, Gauge, GaugeSource, ThresholdCrossed, Window
from store.ledger import Group
from store.opening import Store
from store.usage import Totals, Unit

PERIODS: Final[tuple[Window, ...]] = ("day", "week", "month")
GROUPS: Final[tuple[Group, ...]] = ("tier", "model", "kind", "account", "day")


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
    """From a moment until now, as a whole and by what may be told apart."""

    since: int
    total: Sums
    by_tier: dict[str, Sums]
    by_model: dict[str, Sums]
    by_kind: dict[str, Sums]
    by_account: dict[str, Sums]
    by_day: dict[str, Sums]
    """By date; days on which nothing was used are left out."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A gauge as it stands. Times are milliseconds since the epoch, lengths milliseconds."""

    key: str
    account: str | None
    """`None` for a budget over all accounts."""
    model: str | None
    window: str
    """Empty where no window is known."""
    percent: float | None
    """`None` when unknown: nobody reports it, or its window has reset since somebody did."""
    source: GaugeSource
    measured_at: int | None
    age: int | None
    resets_at: int | None
    resets_in: int | None
    used: float | None
    limit: float | None
    unit: Unit | None
    unpriced: int
    """Calls in the window of a budget in USD that have no price: then `percent` is too low."""
    band: Band | None
    """The band its figure lies in."""
    forecast: ForecastChanged | None
    """When the next band and 100 % are to be expected; without times below a number of samples."""


class UsageReport(msgspec.Struct, frozen=True, kw_only=True):
    at: int
    time_zone: str
    band: Band
    percent: float | None
    """Of the gauge that binds; `None` when no limit is known."""
    binds: str
    """That gauge's key."""
    gauges: tuple[Standing, ...]
    """The fullest first, what is unknown last."""
    should_alert: bool
    """A mark was passed that no script was told of in its window."""
    alerts: tuple[ThresholdCrossed, ...]
    """Those marks, the highest for each gauge."""
    periods: dict[str, Period]
    """The calendar's `day`, `week` and `month`, and the last `days`."""

    @property
    def binding(self) -> Standing | None:
        return next((gauge for gauge in self.gauges if gauge.key == self.binds), None)


def usage_report(
    store: Store, config: Config, now: int | None = None, days: int = 7
) -> UsageReport:
    """Read gauges and ledger as they are at this moment, whoever else has the store open. Blocks.

    Args:
        now: milliseconds since the epoch; the present if `None`.
        days: how many days the period `days` comprises, today among them.
    """
    now = now_ms() if now is None else now
    known, zone = house(store), zone_of(config)
    current = present_gauges(store, config, known, now)
    band, binding = _band(known, config, current, now)
    due = tuple(alerts.due(current, known.told, "script", now))
    return UsageReport(
        at=now,
        time_zone=config.time_zone,
        band=band,
        percent=None if binding is None else binding.percent,
        binds="" if binding is None else binding.key,
        gauges=_standings(store, config, known, current, now),
        should_alert=bool(due),
        alerts=due,
        periods=_periods(store, zone, now, days),
    )


# --- gauges --------------------------------------------------------------------------------------


def present_gauges(store: Store, config: Config, known: House, now: int) -> list[Gauge]:
    """Budgets as of now, and what services reported about windows that still run. Blocks."""
    zone = zone_of(config)
    reported = [g for g in bands.at_present(known.gauges, now) if g.source != "budget"]
    budgets = [
        gauges.of_budget(budget, store.ledger.spent(gauges.limit_of(budget, now, zone)), now, zone)
        for budget in config.budgets
    ]
    return [*budgets, *reported]


def _band(
    known: House, config: Config, current: Sequence[Gauge], now: int
) -> tuple[Band, Gauge | None]:
    """As the running program would say it, also where none has run for a while."""
    policy = shipped()
    account = bands.orchestrator(config) if policy.ladder == "house" else None
    binding = bands.house_gauge(current, account)
    ready = {ref.account for _, ref in config.ladder()} - _keyless(known)
    spent = bands.all_exhausted(config, known.health, ready, now)
    return bands.band_for(binding, known.band, policy, all_exhausted=spent), binding


def _keyless(known: House) -> set[str]:
    missing = (key for key, health in known.health.items() if health.state == "missing")
    return {key.partition("/")[0] for key in missing}


def _standings(
    store: Store, config: Config, known: House, current: Sequence[Gauge], now: int
) -> tuple[Standing, ...]:
    made = {f.gauge: f for f in outlook(store, config, shipped(), zone_of(config), current, now)}
    keys = {gauge.key for gauge in current}
    over = [g for g in known.gauges.values() if g.source != "budget" and g.key not in keys]
    unpriced = _unpriced(store, config, now)
    rows = [
        _standing(gauge, now, made.get(gauge.key), unpriced.get(gauge.key, 0)) for gauge in current
    ]
    rows += [_standing(msgspec.structs.replace(gauge, percent=None), now) for gauge in over]
    rows.sort(key=lambda row: -1.0 if row.percent is None else row.percent, reverse=True)
    return (*rows, *map(_unknown, _unmeasured(config, known, rows)))


def _unpriced(store: Store, config: Config, now: int) -> dict[str, int]:
    """How many calls each budget in USD could not count, by gauge."""
    zone = zone_of(config)
    found: dict[str, int] = {}
    for budget in config.budgets:
        if budget.unit == "usd":
            since = gauges.span(budget.window, now, zone).since
            used = store.ledger.used(since=since, account=budget.account, model=budget.model)
            found[gauges.of_budget(budget, 0, now, zone).key] = used.unpriced_requests
    return found


def _unmeasured(config: Config, known: House, rows: Sequence[Standing]) -> list[str]:
    """Cloud accounts that are in use and could be used up without anybody knowing."""
    measured = {row.account for row in rows}
    asked = [ref for tier, ref in config.ladder() if tier != "T4" and str(ref) in known.health]
    accounts = dict.fromkeys(ref.account for ref in asked)
    return [name for name in accounts if name not in measured | _keyless(known)]


def _standing(
    gauge: Gauge, now: int, made: ForecastChanged | None = None, unpriced: int = 0
) -> Standing:
    resets_at = gauge.resets_at if gauge.resets_at and gauge.resets_at > now else None
    return Standing(
        key=gauge.key,
        account=gauge.account,
        model=gauge.model,
        window=gauge.window,
        percent=gauge.percent,
        source=gauge.source,
        measured_at=gauge.measured_at,
        age=max(0, now - gauge.measured_at),
        resets_at=resets_at,
        resets_in=None if resets_at is None else resets_at - now,
        used=gauge.used,
        limit=gauge.limit,
        unit=gauge.unit or None,
        unpriced=unpriced,
        band=None if gauge.percent is None else bands.band_at(gauge.percent, shipped()),
        forecast=made,
    )


def _unknown(account: str) -> Standing:
    return Standing(
        key=f"{account}/*/*/unknown",
        account=account,
        model=None,
        window="",
        percent=None,
        source="unknown",
        measured_at=None,
        age=None,
        resets_at=None,
        resets_in=None,
        used=None,
        limit=None,
        unit=None,
        unpriced=0,
        band=None,
        forecast=None,
    )


# --- what was used -------------------------------------------------------------------------------


def _periods(store: Store, zone: tzinfo, now: int, days: int) -> dict[str, Period]:
    begins = {str(window): gauges.span(window, now, zone).since for window in PERIODS}
    today = datetime.fromtimestamp(now / 1000, zone).date()
    first = datetime.combine(today - timedelta(days=days - 1), datetime.min.time(), zone)
    begins["days"] = int(first.timestamp() * 1000)
    return {name: _period(store, zone, since) for name, since in begins.items()}


def _period(store: Store, zone: tzinfo, since: int) -> Period:
    by: Mapping[Group, dict[str, Sums]] = {
        group: {name: _sums(t) for name, t in store.ledger.by(group, since=since, tz=zone)}
        for group in GROUPS
    }
    return Period(
        since=since,
        total=_sums(store.ledger.used(since=since)),
        by_tier=by["tier"],
        by_model=by["model"],
        by_kind=by["kind"],
        by_account=by["account"],
        by_day=by["day"],
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


# --- being told ----------------------------------------------------------------------------------


def claim(store: Store, report: UsageReport) -> UsageReport:
    """Take on telling of the marks that are due, so that nobody else does. What another program
    took on in the meantime is left out of the result. Blocks until it is on disk.

    Raises:
        StoreError: it can't be written.
    """
    if not report.alerts:
        return report
    numbers = store.journal.append(None, *report.alerts).wait()
    ours = tuple(a for a, number in zip(report.alerts, numbers, strict=True) if number)
    return msgspec.structs.replace(report, alerts=ours, should_alert=bool(ours))
