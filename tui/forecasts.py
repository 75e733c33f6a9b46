"""Forecasts in words: `cheaper-only in 1 h 10–1 h 50`."""

from datetime import tzinfo

from router.forecast import ENOUGH
from store.events import ForecastChanged, Foreseen
from tui import figures


def next_band(made: ForecastChanged, now: int, zone: tzinfo | None = None) -> str:
    """When the next band is to be expected; empty where there is none or the forecast is over."""
    if made.next_band is None:
        return ""
    return _expected(made.next_band, made.next, made, now, zone)


def full(made: ForecastChanged, now: int, zone: tzinfo | None = None) -> str:
    """When 100 % are to be expected."""
    return _expected("100 %", made.full, made, now, zone)


def too_few(made: ForecastChanged) -> str:
    """Why there is no forecast; empty if there are samples enough."""
    if made.samples >= ENOUGH:
        return ""
    return f"? after {figures.counted(made.samples, 'sample')}; it takes {ENOUGH}"


def _expected(
    what: str, found: Foreseen | None, made: ForecastChanged, now: int, zone: tzinfo | None
) -> str:
    if found is None or made.until <= now:
        return ""
    if found.earliest is None:
        return f"{what} unlikely before {figures.moment(made.until, now, zone)}"
    if found.latest is None:
        return f"{what} in {_short(found.earliest - now)} or later"
    first, last = _short(found.earliest - now), _short(found.latest - now)
    if found.earliest <= now or first == last:
        return f"{what} within {last}"
    return f"{what} in {first}–{last}"


def _short(ms: int) -> str:
    """`1 h 10`, `42 m`, `2 d 4 h`."""
    text = figures.span(ms)
    return text.removesuffix(" m") if " h " in text else text
