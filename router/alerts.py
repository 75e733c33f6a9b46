"""When the user is told that usage has passed a mark: once for each mark in each window. Pure."""

from collections.abc import Iterable, Mapping
from typing import Final, Literal, TypeAlias

from router import gauges
from store.events import Gauge, ThresholdCrossed, Window

MARKS: Final = (20, 40, 60, 80, 90, 95, 100)
"""Per cent."""

_DAY: Final = 86_400_000
_LENGTHS: Final[Mapping[Window, int]] = {"day": _DAY, "week": 7 * _DAY, "month": 31 * _DAY}

Audience: TypeAlias = Literal["screen", "script"]


def passed(gauge: Gauge) -> int | None:
    """The highest mark that a gauge has reached."""
    percent = gauge.percent
    if percent is None:
        return None
    return max((mark for mark in MARKS if percent >= mark), default=None)


def due(
    known: Iterable[Gauge], told: Mapping[str, ThresholdCrossed], to: Audience, now: int
) -> list[ThresholdCrossed]:
    """What is to be told: for each gauge that has passed a mark which was not told in its window,
    the highest one.

    Args:
        known: gauges whose window has not reset.
        told: what was told before, by subject.
        to: who is told. Each is told by itself.
        now: milliseconds since the epoch.
    """
    crossed = [crossing for gauge in known if (crossing := _crossing(gauge, to, now))]
    return [
        crossing
        for crossing in crossed
        if (before := told.get(crossing.subject)) is None or not crossing.repeats(before)
    ]


def _crossing(gauge: Gauge, to: Audience, now: int) -> ThresholdCrossed | None:
    mark = passed(gauge)
    if mark is None or gauge.percent is None:
        return None
    return ThresholdCrossed(
        gauge=gauge.key,
        threshold=mark,
        percent=gauge.percent,
        at=now,
        until=_end(gauge, now),
        limit=gauge.limit,
        to=to,
    )


def _end(gauge: Gauge, now: int) -> int:
    """When the window ends in which a mark counts as told. One that rolls along, or whose reset
    nobody knows, has moved on by its whole length then."""
    if gauge.resets_at is not None:
        return gauge.resets_at
    return now + (gauges.rolling(gauge.window) or _LENGTHS[gauge.window])
