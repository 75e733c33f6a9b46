"""Forecasts for the gauges of the house, from what the store knows of their past."""

from collections.abc import Sequence
from datetime import tzinfo
from itertools import pairwise

from router import gauges
from router.config import Budget, Config
from router.forecast import HOUR, Burn, forecast, past_of, step_of
from router.policy_table import Policy
from store.events import ForecastChanged, Gauge, GaugeChanged
from store.opening import Store


def outlook(
    store: Store, config: Config, policy: Policy, zone: tzinfo, known: Sequence[Gauge], now: int
) -> list[ForecastChanged]:
    """A forecast for each gauge whose figure is known. Blocks on the store for some ms."""
    budgets = {gauges.of_budget(budget, 0, now, zone).key: budget for budget in config.budgets}
    made: list[ForecastChanged] = []
    for gauge in known:
        if gauge.percent is not None:
            burn = burn_of(store, gauge, budgets.get(gauge.key), zone, now)
            made.append(forecast(gauge, burn, policy))
    return made


def burn_of(store: Store, gauge: Gauge, budget: Budget | None, zone: tzinfo, now: int) -> Burn:
    """The past of a budget is in the ledger, that of what a service reports in its readings."""
    if gauge.source == "budget" and budget is not None:
        return _burn_of_ledger(store, budget, zone, now)
    since = now - past_of(gauge.window)
    readings = [
        entry.event.gauge
        for entry in store.journal.of_subject(GaugeChanged(gauge=gauge).subject, since)
        if isinstance(entry.event, GaugeChanged)
    ]
    return burn_of_readings(readings, step_of(gauge.window), now)


def _burn_of_ledger(store: Store, budget: Budget, zone: tzinfo, now: int) -> Burn:
    step, length = step_of(budget.window), past_of(budget.window)
    count = length // step
    limit = gauges.limit_of(budget, now, zone)
    used = store.ledger.steps(limit, since=now - count * step, step=step, count=count)
    return Burn(step, now, _from_first_use([100 * amount / budget.limit for amount in used]))


def burn_of_readings(readings: Sequence[Gauge], step: int, now: int) -> Burn:
    """What must have been used between readings of one gauge, oldest first.

    A figure that has fallen means that its window began anew. What was used in a long time
    without a reading is taken to be used in its last hour.
    """
    known = [(r.measured_at, r.percent) for r in readings if r.percent is not None]
    if not known:
        return Burn(step, now, ())
    first = known[0][0]
    points = [0.0] * max(0, -(-(now - first) // step))
    for (before, low), (after, high) in pairwise(known):
        rise = high - low if high >= low else high
        _spread(points, rise, max(before, after - HOUR), after, step, now)
    return Burn(step, now, _from_first_use(points))


def _spread(points: list[float], rise: float, since: int, until: int, step: int, now: int) -> None:
    """Add a rise evenly to the steps it may have happened in. The last step ends at `now`."""
    last = len(points) - 1
    begin, end = (max(0, last - max(0, now - at) // step) for at in (since, until))
    for index in range(begin, end + 1):
        points[index] += rise / (end - begin + 1)


def _from_first_use(points: Sequence[float]) -> tuple[float, ...]:
    """Without what lies before the first use: nobody knows whether there was anyone to use it."""
    first = next((index for index, point in enumerate(points) if point > 0), len(points))
    return tuple(points[first:])
