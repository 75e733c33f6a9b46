"""When the next band is to be expected: ranges from what was used before."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from router.forecast import ENOUGH, HOUR, MINUTE, Burn, differs, forecast, foresee
from router.outlook import burn_of_readings
from router.policy_table import shipped
from store.events import ForecastChanged, Foreseen, Gauge

NOW = 1_800_000_000_000
STEP = 15 * MINUTE


def gauge(percent: float | None = 80.0, **fields: object) -> Gauge:
    return Gauge(
        **{
            "account": None,
            "window": "week",
            "percent": percent,
            "source": "budget",
            "measured_at": NOW,
            **fields,
        }
    )


def burn(*points: float, step: int = STEP) -> Burn:
    return Burn(step, NOW, points)


def steady(percent: float = 0.25, hours: int = 48) -> Burn:
    """So much in each quarter of an hour, one percentage point an hour by default."""
    return burn(*[percent] * (4 * hours))


def test_an_even_pace_is_foreseen_to_the_step() -> None:
    made = forecast(gauge(80.0), steady(), shipped())
    assert made.next_band == "cheaper-only"
    assert made.next is not None
    assert made.full is not None
    for found, hours in ((made.next, 10), (made.full, 20)):
        assert found.earliest is not None
        assert found.latest is not None
        assert found.earliest <= NOW + hours * HOUR <= found.latest
        assert found.latest - found.earliest <= 2 * STEP


def test_too_few_samples_make_no_forecast() -> None:
    few = burn(*[0.0] * 100, *[5.0] * (ENOUGH - 1))
    made = forecast(gauge(), few, shipped())
    assert (made.next, made.full, made.samples) == (None, None, ENOUGH - 1)
    enough = burn(*[0.0] * 100, *[5.0] * ENOUGH)
    assert forecast(gauge(), enough, shipped()).next is not None


def test_what_nobody_knows_has_no_forecast() -> None:
    made = forecast(gauge(None), steady(), shipped())
    assert (made.next_band, made.next, made.full) == (None, None, None)


def test_a_window_that_resets_in_time_is_not_expected_to_fill() -> None:
    soon = gauge(80.0, resets_at=NOW + 5 * HOUR)
    made = forecast(soon, steady(), shipped())
    assert made.until == NOW + 5 * HOUR
    assert made.next == Foreseen(level=90.0)
    assert made.full == Foreseen(level=100.0)


def test_it_looks_no_farther_ahead_than_back() -> None:
    made = forecast(gauge(0.0), steady(hours=6), shipped())
    assert made.until == NOW + 6 * HOUR
    assert made.full == Foreseen(level=100.0)


def test_a_rolling_window_forgets_what_leaves_it() -> None:
    """At ten points an hour, five hours never hold more than fifty."""
    even = burn(*[10 / 12] * 600, step=5 * MINUTE)
    rolling = gauge(50.0, window="5h")
    assert forecast(rolling, even, shipped()).next == Foreseen(level=80.0)
    fixed = replace(rolling, resets_at=NOW + 5 * HOUR)
    found = forecast(fixed, even, shipped()).next
    assert found is not None
    assert found.earliest is not None
    assert abs(found.earliest - NOW - 3 * HOUR) <= 10 * MINUTE


def test_a_rolling_window_may_be_as_short_as_a_rehearsal_needs() -> None:
    quick = burn(*[5.0] * 40, step=1_000)
    found = forecast(gauge(50.0, window="60s"), replace(quick, points=(5.0,) * 11), shipped())
    assert found.until == NOW + 11_000
    assert found.next is not None
    assert found.next.earliest is not None
    assert NOW + 5_000 <= found.next.earliest <= NOW + 7_000


def test_a_routine_of_days_is_seen() -> None:
    """Use from nine to five, and it is five o'clock: what is needed next is used tomorrow."""
    day = [0.0] * 4 * 16 + [0.5] * 4 * 8
    made = forecast(gauge(80.0), burn(*day * 10), shipped())
    assert made.next is not None
    assert made.next.earliest is not None
    assert made.next.earliest >= NOW + 16 * HOUR
    assert made.next.latest is not None
    assert made.next.latest <= NOW + 24 * HOUR


def test_bursts_give_a_wide_range_and_it_mostly_holds() -> None:
    random = Random(5)
    held, widths = 0, 0
    for _ in range(60):
        used = [random.expovariate(1) * (random.random() < 0.4) for _ in range(4 * 60)]
        past, future = used[: 4 * 30], used[4 * 30 :]
        (found,) = foresee(gauge(0.0), burn(*past), [10.0])
        took = next(i for i in range(len(future)) if sum(future[: i + 1]) >= 10) * STEP + NOW
        assert found.earliest is not None
        assert found.latest is not None
        held += found.earliest <= took <= found.latest
        widths += found.latest - found.earliest > 4 * STEP
    assert 36 <= held <= 59, "four times in five, give or take"
    assert widths > 50


def test_an_account_alone_leads_to_background_only_at_most() -> None:
    made = forecast(gauge(96.0, account="anthropic"), steady(), shipped())
    assert made.next_band is None
    assert made.full is not None
    assert forecast(gauge(96.0), steady(), shipped()).next_band == "local-only"


POINTS = st.lists(st.floats(0, 30), min_size=1, max_size=900).map(tuple)


@settings(max_examples=60, deadline=None)
@given(
    points=POINTS,
    percent=st.floats(0, 120),
    window=st.sampled_from(["90s", "5h", "72h", "day", "week", "month"]),
    step=st.sampled_from([1_000, 5 * MINUTE, STEP, HOUR, 2 * HOUR]),
    reset=st.none() | st.integers(1, 10**9),
)
def test_a_range_is_in_order_and_in_the_time_looked_at(
    points: tuple[float, ...], percent: float, window: str, step: int, reset: int | None
) -> None:
    known = gauge(percent, window=window, resets_at=None if reset is None else NOW + reset)
    made = forecast(known, Burn(step, NOW, points), shipped())
    assert made.until >= NOW
    ranges = [found for found in (made.next, made.full) if found is not None]
    for found in ranges:
        assert found.level > percent
        if found.earliest is None:
            assert found.latest is None
            continue
        assert NOW <= found.earliest <= made.until
        assert found.latest is None or found.earliest < found.latest
    if len(ranges) == 2 and made.full and made.next and made.full.earliest is not None:
        assert made.next.earliest is not None
        assert made.next.earliest <= made.full.earliest
    assert made == forecast(known, Burn(step, NOW, points), shipped()), "no chance in it"


# --- readings ----------------------------------------------------------------------------------


def readings(*known: tuple[int, float]) -> list[Gauge]:
    """Of a service: minutes before now, and per cent."""
    return [
        gauge(percent, source="provider", measured_at=NOW - minutes * MINUTE)
        for minutes, percent in known
    ]


def test_what_a_service_reports_becomes_use_between_its_readings() -> None:
    found = burn_of_readings(readings((60, 10.0), (45, 12.0), (30, 12.0), (0, 16.0)), STEP, NOW)
    assert sum(found.points) == pytest.approx(6.0)
    assert found.points[-1] > 0


def test_a_figure_that_falls_is_a_window_begun_anew() -> None:
    found = burn_of_readings(readings((60, 90.0), (45, 95.0), (30, 3.0), (15, 5.0)), STEP, NOW)
    assert sum(found.points) == pytest.approx(5.0 + 3.0 + 2.0)


def test_a_night_without_readings_is_not_taken_for_use() -> None:
    found = burn_of_readings(readings((800, 10.0), (790, 11.0), (0, 20.0)), STEP, NOW)
    assert sum(found.points) == pytest.approx(10.0)
    assert sum(point > 0 for point in found.points) <= 7
    assert burn_of_readings([], STEP, NOW).points == ()


# --- saying it ---------------------------------------------------------------------------------


def test_a_forecast_is_said_again_only_when_it_has_moved() -> None:
    made = forecast(gauge(), steady(), shipped())
    later = forecast(gauge(80.05), replace(steady(), ends_at=NOW + 2 * MINUTE), shipped())
    assert differs(None, made)
    assert not differs(made, later)
    assert differs(made, forecast(gauge(85.0), steady(), shipped()))
    assert differs(made, forecast(gauge(91.0), steady(), shipped())), "another band"
    nothing = ForecastChanged(gauge="g", made_at=NOW, until=NOW, samples=1)
    assert not differs(None, nothing)
    assert differs(made, replace(nothing, next_band=made.next_band))
