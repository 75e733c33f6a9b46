"""When a gauge will reach a level, told from how it was used before. Pure.

The future is put together from pieces of the past, again and again: each piece begins where the
past was as the imagined future is at its end, in use or idle, and, where more than a week is
known, at the same time of day. So a range reflects bursts, nights and quiet afternoons without
assuming any distribution. A range holds the middle 80 % of these futures; `bench/forecast.py`
measures how often it holds the truth.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from math import ceil
from random import Random
from typing import Final, TypeAlias

import msgspec

from router.bands import BANDS
from router.gauges import rolling
from router.policy_table import Policy
from store.events import Band, ForecastChanged, Foreseen, Gauge, Window

MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
ENOUGH: Final = 8
"""Steps in which something was used: with fewer there is no forecast."""

_FUTURES: Final = 160
_TAIL: Final = 0.1
"""The share of futures left out of a range at either end."""
_ROUTINE: Final = 7 * DAY
"""From so much past on, the time of day counts."""
_SHARE: Final = 1.5
"""Each future draws on a different part of the past, one day or hour in so many: what was seen
is itself but one of the ways it could have gone."""
_FEW: Final = 12
"""Steps that "just now" and a piece of the past comprise at most; else it is an hour."""


def step_of(window: Window) -> int:
    """How finely the past of a window is looked at, in milliseconds."""
    length = rolling(window)
    if length is not None:
        return max(1_000, length // 60)
    return HOUR if window == "month" else 15 * MINUTE


def past_of(window: Window) -> int:
    """How far back it is looked at, in milliseconds."""
    length = rolling(window)
    if length is not None:
        return min(14 * DAY, 60 * length)
    return 28 * DAY if window == "month" else 14 * DAY


class Burn(msgspec.Struct, frozen=True):
    """Past use in equal steps, oldest first, in percentage points of the gauge's limit."""

    step: int
    """Milliseconds."""
    ends_at: int
    """Where the last step ends: the present. Milliseconds since the epoch."""
    points: tuple[float, ...]

    @property
    def samples(self) -> int:
        return sum(point > 0 for point in self.points)


def forecast(gauge: Gauge, burn: Burn, policy: Policy) -> ForecastChanged:
    """What is to be expected of a gauge; without times where too little is known."""
    until = _until(gauge, burn)
    after = next_band(gauge, policy)
    marks = {100.0} if after is None else {100.0, policy.thresholds[after]}
    wanted = sorted(mark for mark in marks if gauge.percent is not None and mark > gauge.percent)
    ranges = {found.level: found for found in foresee(gauge, burn, wanted)}
    return ForecastChanged(
        gauge=gauge.key,
        made_at=burn.ends_at,
        until=until,
        samples=burn.samples,
        next_band=after,
        next=None if after is None else ranges.get(policy.thresholds[after]),
        full=ranges.get(100.0),
    )


def next_band(gauge: Gauge, policy: Policy) -> Band | None:
    """The band that begins above the gauge's figure. An account alone leads to background-only
    at most."""
    bands = BANDS[1:] if gauge.account is None else BANDS[1:-1]
    percent = gauge.percent
    if percent is None:
        return None
    return next((band for band in bands if policy.thresholds[band] > percent), None)


def foresee(gauge: Gauge, burn: Burn, levels: Sequence[float]) -> tuple[Foreseen, ...]:
    """A range for each level above the gauge's figure. It looks ahead to the reset, and never
    farther than the past it knows is long; nothing where fewer than `ENOUGH` samples are known.
    """
    percent = gauge.percent
    ahead = ceil((_until(gauge, burn) - burn.ends_at) / burn.step)
    if percent is None or burn.samples < ENOUGH or ahead < 1:
        return ()
    futures = [_climb(gauge, burn, future) for future in _futures(burn, ahead)]
    return tuple(
        _range(level, sorted(_reached(climb, level - percent) for climb in futures), burn, ahead)
        for level in levels
    )


def _until(gauge: Gauge, burn: Burn) -> int:
    known = burn.ends_at + len(burn.points) * burn.step
    if gauge.resets_at is not None:
        return min(known, gauge.resets_at)
    length = rolling(gauge.window)
    return known if length is None else min(known, burn.ends_at + 2 * length)


def _range(level: float, reached: Sequence[int], burn: Burn, ahead: int) -> Foreseen:
    """From when each future gets there, in steps; `ahead` for those that don't."""
    tail = int(_TAIL * len(reached))
    first, last = reached[tail], reached[-1 - tail]
    return Foreseen(
        level=level,
        earliest=None if first >= ahead else burn.ends_at + first * burn.step,
        latest=None if last >= ahead else burn.ends_at + (last + 1) * burn.step,
    )


# --- futures -------------------------------------------------------------------------------------

_Place: TypeAlias = tuple[int, int, bool]
"""Which chunk of the past, which hour of the day, and whether there was use just before."""


class _Past:
    """Where pieces of the past can begin."""

    def __init__(self, burn: Burn) -> None:
        self.points = burn.points
        self.hour = min(_FEW, max(1, HOUR // burn.step))
        self.day = 24 * self.hour
        self.routine = len(burn.points) * burn.step >= _ROUTINE and burn.step >= 5 * MINUTE
        self.length = 4 * self.hour if self.routine else self.hour
        chunk = self.day if self.routine else self.hour
        self.chunks = max(1, len(self.points) // chunk)
        self.starts = self._starts(chunk)

    def clock(self, step: int) -> int:
        """The hour of the day of a step, counted from the present; 0 where it doesn't matter."""
        return step % self.day // self.hour if self.routine else 0

    def _starts(self, chunk: int) -> dict[_Place, list[int]]:
        count, before = len(self.points), [0.0, *accumulate(self.points)]
        starts: dict[_Place, list[int]] = {}
        for index in range(max(1, count - self.chunks * chunk), count):
            busy = before[index] > before[max(0, index - self.hour)]
            place = ((count - 1 - index) // chunk, self.clock(index - count), busy)
            starts.setdefault(place, []).append(index)
        return starts


def _futures(burn: Burn, ahead: int) -> Iterator[list[float]]:
    """Futures of `ahead` steps each. The same past gives the same futures."""
    past, random = _Past(burn), Random(len(burn.points))  # noqa: S311 (nothing is kept secret)
    share = max(1, round(past.chunks / _SHARE))
    for _ in range(_FUTURES):
        chunks = random.choices(range(past.chunks), k=share)
        future: list[float] = []
        while len(future) < ahead:
            start = _start(past, random, chunks, future)
            future += past.points[start : start + past.length]
        yield future[:ahead]


def _start(past: _Past, random: Random, chunks: Sequence[int], future: Sequence[float]) -> int:
    """A place in the past that is like the end of a future."""
    latest = future[-past.hour :] or past.points[-past.hour :]
    clock, busy = past.clock(len(future)), any(latest)
    for alike in (busy, busy, busy, not busy):
        starts = past.starts.get((random.choice(chunks), clock, alike))
        if starts:
            return random.choice(starts)
    return random.randrange(len(past.points))


def _climb(gauge: Gauge, burn: Burn, future: list[float]) -> list[float]:
    """How far above its present figure the gauge has been at most, after each step."""
    length = rolling(gauge.window)
    if length is None or gauge.resets_at is not None:
        return list(accumulate(future))
    width = length // burn.step
    window = burn.points[-width:]
    leaving = [*[0.0] * (width - len(window)), *window, *future]
    change = (more - less for more, less in zip(future, leaving, strict=False))
    return list(accumulate(accumulate(change), max))


def _reached(climb: Sequence[float], need: float) -> int:
    return bisect_left(climb, need)


# --- what is worth saying ------------------------------------------------------------------------


def differs(known: ForecastChanged | None, made: ForecastChanged) -> bool:
    """Whether a forecast says something new: another band, or a time that has moved by more than
    a tenth of how far away it is."""
    if known is None:
        return made.next is not None or made.full is not None
    if (known.next_band, known.until < made.made_at) != (made.next_band, False):
        return True
    pairs = ((known.next, made.next), (known.full, made.full))
    return any(_moved(*pair, made.made_at) for pair in pairs)


def _moved(known: Foreseen | None, made: Foreseen | None, now: int) -> bool:
    if known is None or made is None:
        return known is not made
    return any(_apart(*ends, now) for ends in _ends(known, made))


def _ends(known: Foreseen, made: Foreseen) -> Iterable[tuple[int | None, int | None]]:
    return ((known.earliest, made.earliest), (known.latest, made.latest))


def _apart(one: int | None, other: int | None, now: int) -> bool:
    if one is None or other is None:
        return one is not other
    return abs(one - other) > max(MINUTE, abs(other - now) // 10)
