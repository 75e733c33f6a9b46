"""Being told once for each mark in each window, by whoever notices it first."""

from pathlib import Path

from msgspec.structs import replace

from router import alerts
from router.config import Budget
from store.events import Entry, Gauge, ThresholdCrossed
from store.opening import Store
from tests.router.house import configuration, open_house
from tests.servers.llmock import Llmock

NOW = 1_800_000_000_000
HOUR = 3_600_000
SECONDS = 10


def gauge(percent: float | None, **fields: object) -> Gauge:
    known: dict[str, object] = {
        "account": None,
        "window": "day",
        "source": "budget",
        "measured_at": NOW,
        "resets_at": NOW + 5 * HOUR,
        "limit": 5.0,
    }
    return Gauge(**{**known, "percent": percent, **fields})


class User:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: dict[str, ThresholdCrossed] = {}

    def hears(self, known: Gauge, now: int = NOW) -> list[int]:
        crossed = alerts.due([known], self.told, "screen", now)
        self.told |= {each.subject: each for each in crossed}
        return [each.threshold for each in crossed]


def test_each_mark_is_told_once_as_usage_climbs() -> None:
    user = User()
    told = [mark for percent in range(130) for mark in user.hears(gauge(float(percent)))]
    assert told == [20, 40, 60, 80, 90, 95, 100]


def test_of_marks_passed_at_once_the_highest_is_told() -> None:
    user = User()
    assert user.hears(gauge(91.0)) == [90]
    assert user.hears(gauge(85.0)) == [], "on the way down as little as on the way up again"
    assert user.hears(gauge(94.9)) == []
    assert user.hears(gauge(95.0)) == [95]


def test_what_nobody_knows_passes_no_mark() -> None:
    assert User().hears(gauge(None)) == []
    assert User().hears(gauge(19.9)) == []


def test_a_new_window_makes_the_marks_new() -> None:
    user = User()
    assert user.hears(gauge(85.0)) == [80]
    tomorrow = gauge(85.0, resets_at=NOW + 29 * HOUR)
    assert user.hears(tomorrow, NOW + 5 * HOUR - 1) == [], "not before it has begun"
    assert user.hears(tomorrow, NOW + 5 * HOUR) == [80]


def test_a_rolling_window_is_new_when_it_has_moved_on_by_its_length() -> None:
    user, rolling = User(), gauge(85.0, window="5h", resets_at=None)
    assert user.hears(rolling) == [80]
    assert user.hears(rolling, NOW + 5 * HOUR - 1) == []
    assert user.hears(rolling, NOW + 5 * HOUR) == [80]


def test_another_limit_makes_the_marks_new() -> None:
    user = User()
    assert user.hears(gauge(85.0)) == [80]
    assert user.hears(gauge(85.0, limit=10.0)) == [80]


def test_screens_and_scripts_are_told_apart() -> None:
    seen = alerts.due([gauge(85.0)], {}, "screen", NOW)
    told = {each.subject: each for each in seen}
    assert len(alerts.due([gauge(85.0)], told, "script", NOW)) == 1


def test_of_two_programs_one_tells(tmp_path: Path) -> None:
    (crossed,) = alerts.due([gauge(85.0)], {}, "screen", NOW)
    with Store.open(tmp_path) as one, Store.open(tmp_path) as other:
        tickets = [store.journal.append(None, crossed) for store in (one, other) for _ in range(5)]
        written = [number for ticket in tickets for number in ticket.wait(SECONDS) if number]
        assert len(written) == 1
        assert one.journal.append(None, replace(crossed, threshold=60)).wait(SECONDS) == (0,)
        assert one.journal.append(None, replace(crossed, threshold=90)).wait(SECONDS) != (0,)
        again = replace(crossed, at=crossed.until, until=crossed.until + 24 * HOUR)
        assert other.journal.append(None, again).wait(SECONDS) != (0,)


async def test_a_running_house_says_it_once_over_restarts(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    budget = Budget(window="month", limit=5, unit="requests")
    config = configuration(llmock_service, budget)
    async with open_house(config, tmp_path) as house:
        await house.say("hello", tier="T2")
        await house.say("hello", tier="T2")
        view = await house.until(lambda _: marks(house.entries) == [20, 40])
        assert [told.threshold for told in view.house.told.values()] == [40]
    async with open_house(config, tmp_path) as house:
        await house.say("hello", tier="T2")
        await house.until(lambda _: marks(house.entries))
        assert marks(house.entries) == [60]


def marks(entries: list[Entry]) -> list[int]:
    return [e.event.threshold for e in entries if isinstance(e.event, ThresholdCrossed)]
