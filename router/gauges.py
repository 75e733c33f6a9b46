"""Usage percentages: from our own ledger against a budget, and from what a service reports."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

import msgspec

from router.config import Budget
from store.events import Gauge, Window
from store.ledger import Limit

_HOUR_MS: Final = 3_600_000
_UNITS: Final = {"s": 1_000, "m": 60_000, "h": _HOUR_MS}
_ROLLING: Final[dict[int, Window]] = {300: "5h", 10080: "week"}
"""Windows that services name by their minutes."""


class Span(msgspec.Struct, frozen=True):
    """A window of time that holds a moment. Milliseconds since the epoch."""

    since: int
    resets_at: int | None
    """When it begins anew; `None` for one that rolls along."""


def rolling(window: Window) -> int | None:
    """The length of a window that rolls along, in milliseconds; `None` for the calendar's."""
    unit = _UNITS.get(window[-1])
    return None if unit is None or not window[:-1].isdecimal() else int(window[:-1]) * unit


def span(window: Window, now: int, zone: tzinfo) -> Span:
    """The window around a moment: a length of time that ends with it, or the calendar's day, week
    (from Monday) or month in a time zone."""
    length = rolling(window)
    if length is not None:
        return Span(now - length, None)
    local = datetime.fromtimestamp(now / 1000, zone)
    start = _start(window, local)
    return Span(_ms(start), _ms(_next(window, start)))


def _start(window: Window, local: datetime) -> datetime:
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if window == "week":
        return midnight - timedelta(days=midnight.weekday())
    return midnight.replace(day=1) if window == "month" else midnight


def _next(window: Window, start: datetime) -> datetime:
    if window == "month":
        return (start + timedelta(days=32)).replace(day=1)
    return start + timedelta(days=7 if window == "week" else 1)


def _ms(moment: datetime) -> int:
    # Through UTC: arithmetic on a zone's own clock is off by an hour where the clock was put on.
    return int(moment.astimezone(UTC).timestamp() * 1000)


def limit_of(budget: Budget, now: int, zone: tzinfo) -> Limit:
    """A budget as the ledger counts it at a moment."""
    return Limit(
        account=budget.account,
        model=budget.model,
        unit=budget.unit,
        since=span(budget.window, now, zone).since,
        amount=budget.limit,
    )


def of_budget(budget: Budget, used: float, now: int, zone: tzinfo) -> Gauge:
    return Gauge(
        account=budget.account,
        model=budget.model,
        window=budget.window,
        percent=100 * used / budget.limit,
        source="budget",
        measured_at=now,
        resets_at=span(budget.window, now, zone).resets_at,
        used=used,
        limit=budget.limit,
        unit=budget.unit,
    )


def of_spent_quota(account: str, now: int, resets_at: int) -> Gauge:
    """What a refusal says about a window: it is used up until then. Which window it was the
    service doesn't say; the shortest that can take so long to reset is meant."""
    hours = (resets_at - now) / _HOUR_MS
    window: Window = "5h" if hours <= 5 else "day" if hours <= 24 else "week"
    window = "month" if hours > 24 * 7 else window
    return _reported(account, window, 100.0, now, resets_at)


def of_headers(account: str, headers: Mapping[str, str], now: int) -> list[Gauge]:
    """The windows a service reports with its answers: Anthropic's unified limits of a
    subscription, and Codex's primary and secondary. Limits per minute are no gauges."""
    return [*_anthropic(account, headers, now), *_codex(account, headers, now)]


def _anthropic(account: str, headers: Mapping[str, str], now: int) -> list[Gauge]:
    windows: tuple[tuple[str, Window], ...] = (("5h", "5h"), ("7d", "week"))
    found: list[Gauge] = []
    for name, window in windows:
        prefix = f"anthropic-ratelimit-unified-{name}"
        utilization = _number(headers.get(f"{prefix}-utilization"))
        if utilization is not None:
            resets_at = _moment(headers.get(f"{prefix}-reset"))
            found.append(_reported(account, window, 100 * utilization, now, resets_at))
    return found


def _codex(account: str, headers: Mapping[str, str], now: int) -> list[Gauge]:
    found: list[Gauge] = []
    for name in ("primary", "secondary"):
        percent = _number(headers.get(f"x-codex-{name}-used-percent"))
        minutes = _number(headers.get(f"x-codex-{name}-window-minutes"))
        window = _ROLLING.get(int(minutes)) if minutes is not None else None
        if percent is not None and window is not None:
            after = _number(headers.get(f"x-codex-{name}-reset-after-seconds"))
            resets_at = _moment(headers.get(f"x-codex-{name}-reset-at"))
            if resets_at is None and after is not None:
                resets_at = now + int(after * 1000)
            found.append(_reported(account, window, percent, now, resets_at))
    return found


def _reported(
    account: str, window: Window, percent: float, now: int, resets_at: int | None
) -> Gauge:
    return Gauge(
        account=account,
        window=window,
        percent=percent,
        source="provider",
        measured_at=now,
        resets_at=resets_at,
    )


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text else None
    except ValueError:
        return None
    # Gateways send -1 where they know nothing, and a NaN would compare as no band at all.
    return number if number is not None and 0 <= number < float("inf") else None


def _moment(text: str | None) -> int | None:
    """A reset as epoch seconds or RFC 3339, in milliseconds; `None` if it is neither."""
    seconds = _number(text)
    if seconds is not None:
        return int(seconds * 1000)
    try:
        return _ms(datetime.fromisoformat(text)) if text else None
    except ValueError:
        return None
