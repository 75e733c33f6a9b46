"""From gauges to the band of the house."""

from collections.abc import Container, Iterable, Mapping
from typing import Final, get_args

from router.config import Config
from router.policy_table import Policy
from router.view import ModelHealth
from store.events import Band, Gauge

BANDS: Final[tuple[Band, ...]] = get_args(Band)


def house_gauge(gauges: Iterable[Gauge], orchestrator: str | None) -> Gauge | None:
    """The gauge that binds: the highest among the orchestrator's account and every budget over
    all accounts. `None` when none of them is known."""
    known = [
        gauge
        for gauge in gauges
        if gauge.percent is not None and gauge.account in (None, orchestrator)
    ]
    return max(known, key=lambda gauge: gauge.percent or 0.0, default=None)


def at_present(gauges: Mapping[str, Gauge], now: int) -> list[Gauge]:
    """The gauges whose window has not reset since they were measured."""
    return [g for g in gauges.values() if g.resets_at is None or g.resets_at > now]


def orchestrator(config: Config) -> str | None:
    """The account whose gauges count for the house."""
    first = next(iter(config.tiers.get("T0", ())), None)
    return None if first is None else first.account


def all_exhausted(
    config: Config, health: Mapping[str, ModelHealth], ready: Container[str], now: int
) -> bool:
    """Whether every cloud account that could serve (of those `ready`) has spent its quota."""
    cloud: dict[str, list[bool]] = {}
    for tier, ref in config.ladder():
        if tier != "T4" and ref.account in ready:
            cloud.setdefault(ref.account, []).append(_exhausted(health.get(str(ref)), now))
    return bool(cloud) and all(all(models) for models in cloud.values())


def _exhausted(known: ModelHealth | None, now: int) -> bool:
    return (
        known is not None
        and known.state == "exhausted"
        and (known.until is None or known.until > now)
    )


def band_for(
    gauge: Gauge | None, before: Band, policy: Policy, *, all_exhausted: bool = False
) -> Band:
    """The band at a gauge, coming from another: upwards at once, downwards only when usage lies
    `policy.hysteresis` points below the threshold.

    An account alone lifts the house to background-only at most: local-only needs a budget over
    all accounts to be spent, or every cloud account (`all_exhausted`).
    """
    if all_exhausted:
        return "local-only"
    if gauge is None or gauge.percent is None:
        return "normal"
    ceiling: Band = "local-only" if gauge.account is None else "background-only"
    percent = gauge.percent
    up = _reached(percent, policy)
    if BANDS.index(up) < BANDS.index(before):
        held = _reached(percent + policy.hysteresis, policy)
        up = _lower(held, before)
    return _lower(up, ceiling)


def percents(gauges: Iterable[Gauge]) -> dict[str, float]:
    """The fullest known gauge of each account, whatever its window and source."""
    fullest: dict[str, float] = {}
    for gauge in gauges:
        # A gauge of one model says nothing about the others of its account.
        if gauge.account is not None and gauge.model is None and gauge.percent is not None:
            fullest[gauge.account] = max(fullest.get(gauge.account, 0.0), gauge.percent)
    return fullest


def band_at(percent: float, policy: Policy) -> Band:
    """The band a percentage lies in, whatever came before it."""
    return _reached(percent, policy)


def _lower(one: Band, other: Band) -> Band:
    return one if BANDS.index(one) <= BANDS.index(other) else other


def _reached(percent: float, policy: Policy) -> Band:
    reached: Band = "normal"
    for band in BANDS[1:]:
        if percent >= policy.thresholds[band]:
            reached = band
    return reached
