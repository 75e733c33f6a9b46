"""Gauges from budgets and headers, and the band they put the house into."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.bands import BANDS, at_present, band_for, house_gauge
from router.config import Budget
from router.gauges import of_budget, of_headers, span
from router.policy_table import shipped
from store.events import Band, Gauge

POLICY = shipped()
NOW = int(datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp() * 1000)


def gauge(percent: float | None, account: str | None = None, resets_at: int | None = None) -> Gauge:
    return Gauge(
        account=account,
        window="day",
        percent=percent,
        source="budget",
        measured_at=NOW,
        resets_at=resets_at,
    )


@pytest.mark.parametrize(
    ("percent", "band"),
    [
        (0, "normal"),
        (79.9, "normal"),
        (80, "prefer-cheaper"),
        (90, "cheaper-only"),
        (95, "background-only"),
        (100, "local-only"),
        (250, "local-only"),
    ],
)
def test_each_threshold_begins_its_band(percent: float, band: Band) -> None:
    assert band_for(gauge(percent), "normal", POLICY) == band


def test_nothing_known_is_normal_and_never_zero() -> None:
    assert house_gauge([gauge(None)], "anthropic") is None
    assert band_for(None, "normal", POLICY) == "normal"


@pytest.mark.parametrize(
    ("percent", "band"), [(79, "prefer-cheaper"), (78.1, "prefer-cheaper"), (77.9, "normal")]
)
def test_downwards_only_two_points_below_the_threshold(percent: float, band: Band) -> None:
    assert band_for(gauge(percent), "prefer-cheaper", POLICY) == band


@given(st.lists(st.floats(79.1, 80.9), min_size=2, max_size=40))
def test_a_figure_on_the_edge_does_not_flap(figures: list[float]) -> None:
    band: Band = "normal"
    changes = 0
    for percent in figures:
        after = band_for(gauge(percent), band, POLICY)
        changes += after != band
        band = after
    assert changes <= 1


@given(st.floats(0, 300), st.sampled_from(BANDS))
def test_an_account_alone_never_shuts_the_cloud(percent: float, before: Band) -> None:
    band = band_for(gauge(percent, "anthropic"), before, POLICY)
    assert BANDS.index(band) <= BANDS.index("background-only")


def test_every_account_exhausted_leaves_the_local_tier() -> None:
    assert band_for(None, "normal", POLICY, all_exhausted=True) == "local-only"


def test_only_the_orchestrators_account_and_budgets_over_all_bind_the_house() -> None:
    binding = house_gauge([gauge(99, "openai"), gauge(40, "anthropic"), gauge(50)], "anthropic")
    assert binding is not None
    assert binding.percent == 50


def test_a_gauge_whose_window_has_reset_no_longer_counts() -> None:
    old = gauge(99, resets_at=NOW - 1)
    assert at_present({old.key: old}, NOW) == []


def test_a_day_begins_at_midnight_of_its_zone_also_when_the_clock_is_put_back() -> None:
    zone = ZoneInfo("Europe/Berlin")
    sunday = int(datetime(2026, 10, 25, 12, tzinfo=zone).timestamp() * 1000)
    window = span("day", sunday, zone)
    assert window.resets_at is not None
    assert (window.resets_at - window.since) / 3_600_000 == 25


def test_weeks_begin_on_monday_and_months_on_the_first() -> None:
    week, month = span("week", NOW, UTC), span("month", NOW, UTC)
    assert datetime.fromtimestamp(week.since / 1000, UTC).date().isoformat() == "2026-11-23"
    assert datetime.fromtimestamp(month.since / 1000, UTC).date().isoformat() == "2026-11-01"
    assert month.resets_at is not None
    assert datetime.fromtimestamp(month.resets_at / 1000, UTC).date().isoformat() == "2026-12-01"


@pytest.mark.parametrize(
    ("window", "seconds"), [("5h", 5 * 3600), ("90m", 90 * 60), ("30s", 30), ("168h", 168 * 3600)]
)
def test_a_length_of_time_rolls_along(window: str, seconds: int) -> None:
    found = span(window, NOW, UTC)
    assert (found.since, found.resets_at) == (NOW - seconds * 1000, None)


def test_a_budget_gives_a_percentage_with_its_figures() -> None:
    found = of_budget(Budget(window="day", limit=5.0), 1.25, NOW, UTC)
    assert (found.percent, found.used, found.limit, found.source) == (25.0, 1.25, 5.0, "budget")


def test_a_subscriptions_headers_name_both_windows() -> None:
    headers = {
        "anthropic-ratelimit-unified-5h-utilization": "0.5",
        "anthropic-ratelimit-unified-5h-reset": "1764000000",
        "anthropic-ratelimit-unified-7d-utilization": "1.02",
        "anthropic-ratelimit-unified-7d-reset": "2026-11-26T09:00:00Z",
    }
    five, week = of_headers("anthropic", headers, NOW)
    assert (five.window, five.percent, five.resets_at) == ("5h", 50.0, 1_764_000_000_000)
    assert (week.window, week.percent, week.source) == ("week", 102.0, "provider")


def test_codex_windows_are_told_by_their_minutes() -> None:
    headers = {
        "x-codex-primary-used-percent": "12.5",
        "x-codex-primary-window-minutes": "300",
        "x-codex-secondary-used-percent": "80",
        "x-codex-secondary-window-minutes": "10080",
    }
    assert [(g.window, g.percent) for g in of_headers("openai", headers, NOW)] == [
        ("5h", 12.5),
        ("week", 80.0),
    ]


@pytest.mark.parametrize("nonsense", ["", "-1", "nan", "inf", "many"])
def test_nonsense_in_a_header_is_no_gauge(nonsense: str) -> None:
    assert of_headers("a", {"anthropic-ratelimit-unified-5h-utilization": nonsense}, NOW) == []


def test_limits_per_minute_are_no_gauges() -> None:
    assert of_headers("a", {"anthropic-ratelimit-tokens-remaining": "0"}, NOW) == []
