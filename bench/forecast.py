"""How often a forecast's range holds the truth. It says: four times in five.

People are simulated minute by minute: one who works steadily, one in bursts, one on working days
of differing weight. At a moment of use a gauge is forecast from so many hours of past, and the
simulation tells when it really got there. Only forecasts that give a time count: those that expect
nothing before the reset are easily right. Prints one line for each person, and the whole.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter

sys.path.insert(0, str(Path(__file__).parent.parent))

from router.forecast import Burn, foresee
from store.events import Gauge

PEOPLE = 40
MINUTE = 60_000
STEP = 15
NOW = 1_800_000_000_000
# Hours of past, and hours of average use until the level.
CASES = ((4, 1), (24, 1), (24, 6), (72, 4), (72, 24), (240, 4), (240, 40))
DAYS = 24


def steady(random: Random) -> list[float]:
    rate = random.uniform(0.05, 0.3)
    return [_call(random) if random.random() < rate else 0.0 for _ in range(DAYS * 1440)]


def bursts(random: Random) -> list[float]:
    pause, burst = random.uniform(20, 120), random.uniform(20, 90)
    used, busy = [], False
    for _ in range(DAYS * 1440):
        busy ^= random.random() < 1 / (burst if busy else pause)
        used.append(_call(random) if busy and random.random() < 0.3 else 0.0)
    return used


def workdays(random: Random) -> list[float]:
    begin, end = random.uniform(8, 10), random.uniform(16, 19)
    used, busy, weight = [], True, 1.0
    for minute in range(DAYS * 1440):
        if minute % 1440 == 0:
            weight = random.lognormvariate(0, 0.35)
        busy ^= random.random() < 1 / (45 if busy else 20)
        hour = minute % 1440 / 60
        working = begin <= hour < end and not 12.2 < hour < 13
        used.append(_call(random) if working and busy and random.random() < 0.25 * weight else 0.0)
    return used


def _call(random: Random) -> float:
    return random.lognormvariate(0, 0.8)


def trial(used: list[float], past: int, need: int, random: Random) -> tuple[bool, float] | None:
    """Whether the truth was in the range, and the range's width as a share of the time it took;
    `None` where no time was told."""
    now = moment_of_use(used, random)
    level = sum(used) / len(used) * 60 * need * random.uniform(0.5, 1.5)
    before = used[now - past * 60 : now]
    points = tuple(100 / level * sum(before[i : i + STEP]) for i in range(0, len(before), STEP))
    gauge = Gauge(account=None, window="month", percent=0.0, source="budget", measured_at=NOW)
    found = foresee(gauge, Burn(STEP * MINUTE, NOW, points), [100.0])
    if not found or found[0].earliest is None:
        return None
    took = minutes_until(used[now:], level) * MINUTE
    first, last = found[0].earliest - NOW, found[0].latest
    width = (past * 60 * MINUTE if last is None else last - NOW) - first
    return first <= took and (last is None or took <= last - NOW), width / max(took, MINUTE)


def moment_of_use(used: list[float], random: Random) -> int:
    while True:
        now = random.randrange(241 * 60, 14 * 1440)
        if sum(amount > 0 for amount in used[now - 60 : now]) >= 2:
            return now


def minutes_until(used: list[float], level: float) -> float:
    total = 0.0
    for minute, amount in enumerate(used):
        total += amount
        if total >= level:
            return minute
    return float("inf")


def main() -> None:
    held: list[bool] = []
    began, count = perf_counter(), 0
    kinds: tuple[Callable[[Random], list[float]], ...] = (steady, bursts, workdays)
    for kind in kinds:
        for past, need in CASES:
            found = []
            for person in range(PEOPLE):
                random = Random(person)  # noqa: S311 (simulated people)
                found.append(trial(people(kind, person), past, need, random))
            count += PEOPLE
            told = [each for each in found if each is not None]
            held += [inside for inside, _ in told]
            share = sum(inside for inside, _ in told) / max(1, len(told))
            width = median(width for _, width in told) if told else float("nan")
            print(
                f"{kind.__name__:9} {past:3} h of past, {need:2} h of use away: "
                f"{share:4.0%} of {len(told)} held, width {width:.1f}× the time it took"
            )
    coverage = sum(held) / len(held)
    note = f"{coverage:.1%} of {len(held)} ranges held the truth"
    print(
        json.dumps(
            {
                "what": "forecast: how far its 80 % ranges are from holding 80 %",
                "value": abs(coverage - 0.8) * 100,
                "unit": "points",
                "aim": 4,
                "note": note,
            }
        )
    )
    print(f"{(perf_counter() - began) / count * 1000:.0f} ms for each trial")


_PEOPLE: dict[tuple[str, int], list[float]] = {}


def people(kind: Callable[[Random], list[float]], number: int) -> list[float]:
    key = (kind.__name__, number)
    if key not in _PEOPLE:
        _PEOPLE[key] = kind(Random(number + 1000))  # noqa: S311
    return _PEOPLE[key]


if __name__ == "__main__":
    main()
