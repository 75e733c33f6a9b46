"""Forecasts from what is in the store, as the running house makes them."""

from datetime import UTC
from pathlib import Path

from router.clock import now_ms
from router.config import Budget
from router.forecast import HOUR, MINUTE
from router.gauges import limit_of
from router.outlook import burn_of, outlook
from router.policy_table import shipped
from store.events import Gauge, GaugeChanged, Tier, Usage, UsageSettled
from store.opening import Store
from tests.router.house import configuration, open_house
from tests.servers.llmock import Llmock

SECONDS = 10
REQUESTS = Budget(window="24h", limit=30, unit="requests")


def settled(name: str, tier: Tier = "T2", account: str = "google") -> UsageSettled:
    return UsageSettled(
        reservation=name,
        account=account,
        tier=tier,
        model="gemini-3.8-flash",
        kind="chat",
        usage=Usage(input=10),
        cost=0.01,
    )


def fill(store: Store, now: int, count: int = 24) -> None:
    """A call every 24 minutes until now."""
    tickets = [
        store.journal.append("s", settled(str(back)), at=now - back * 24 * MINUTE - MINUTE)
        for back in range(count)
    ]
    for ticket in tickets:
        ticket.wait(SECONDS)


async def test_a_house_foresees_its_next_band(llmock_service: Llmock, tmp_path: Path) -> None:
    with Store.open(tmp_path / "data") as store:
        fill(store, now_ms())
    async with open_house(configuration(llmock_service, REQUESTS), tmp_path) as house:
        view = await house.until(lambda view: view.house.forecasts)
    made = view.house.forecasts[view.house.binds]
    assert (made.next_band, made.samples) == ("cheaper-only", 24)
    assert made.next is not None
    assert made.next.earliest is not None
    assert HOUR // 2 < made.next.earliest - made.made_at < 2 * HOUR


def test_calls_that_count_for_no_budget_are_in_no_forecast(tmp_path: Path) -> None:
    now = now_ms()
    gauge = Gauge(
        account=None, window="24h", percent=0.0, source="budget", measured_at=now, limit=30
    )
    with Store.open(tmp_path) as store:
        store.journal.append("s", settled("local", "T4", "home"), at=now - MINUTE).wait(SECONDS)
        assert burn_of(store, gauge, REQUESTS, UTC, now).samples == 0
        store.journal.append("s", settled("cloud"), at=now - MINUTE).wait(SECONDS)
        found = burn_of(store, gauge, REQUESTS, UTC, now)
        assert found.points == (100 / 30,)
        limit = limit_of(REQUESTS, now, UTC)
        steps = store.ledger.steps(limit, since=now - 3 * MINUTE, step=MINUTE, count=3)
        assert steps == [0.0, 0.0, 1.0]


def test_what_a_service_reported_is_foreseen_from_its_readings(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    now = now_ms()
    readings = [
        Gauge(
            account="anthropic",
            window="week",
            percent=60.0 + number,
            source="provider",
            measured_at=now - (20 - number) * 15 * MINUTE,
            resets_at=now + 48 * HOUR,
        )
        for number in range(20)
    ]
    with Store.open(tmp_path) as store:
        for reading in readings:
            changed = GaugeChanged(gauge=reading)
            store.journal.append(None, changed, at=reading.measured_at).wait(SECONDS)
        config = configuration(llmock_service)
        (made,) = outlook(store, config, shipped(), UTC, [readings[-1]], now)
    assert (made.gauge, made.next_band) == ("anthropic/*/week/provider", "prefer-cheaper")
    assert made.next is not None
    assert made.next.latest is not None
    assert made.next.latest - now <= HOUR
