"""Reserving, settling, and sums over any stretch of time."""

import shutil
import threading
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.events import Usage, UsageReleased, UsageReserved, UsageSettled
from store.ledger import Limit, Verdict
from store.opening import NAME, Store
from store.usage import HOUR, Totals
from tests.store.samples import FAR, SECONDS, events, reserved, settled, started, write


def budget(amount: float, unit: str = "usd", **fields: object) -> Limit:
    return Limit(**{"account": None, "model": None, "since": 0, **fields}, unit=unit, amount=amount)


def reserve(store: Store, event: UsageReserved, *limits: Limit) -> Verdict:
    return store.ledger.reserve(event, "s", limits).wait(SECONDS)


# --- reserving ---------------------------------------------------------------------------------


def test_a_reservation_counts_until_it_is_settled_and_then_what_was_spent(store: Store) -> None:
    limit = budget(0.25)
    assert reserve(store, reserved("v1"), limit).granted
    assert reserve(store, reserved("v2"), limit).granted
    refused = reserve(store, reserved("v3"), limit)
    assert (refused.granted, refused.limit) == (False, limit)
    assert refused.left == pytest.approx(0.05)
    assert store.ledger.reserved() == Totals(2, input=200, cost=0.2)
    assert store.ledger.used(since=0) == Totals()

    write(store, "s", settled("v1", tokens=10, cost=0.01))
    assert store.ledger.reserved() == Totals(1, input=100, cost=0.1)
    assert store.ledger.used(since=0).cost == pytest.approx(0.01)
    assert reserve(store, reserved("v3"), limit).granted


def test_what_was_refused_is_not_in_the_journal(store: Store) -> None:
    write(store, "s", started())
    reserve(store, reserved("v1"), budget(0.01))
    assert events(store.journal.read("s")) == [started()]
    assert store.ledger.reserved() == Totals()


def test_a_released_reservation_was_never_spent(store: Store) -> None:
    reserve(store, reserved("v1"))
    write(store, "s", UsageReleased(reservation="v1"))
    assert store.ledger.reserved() == store.ledger.used(since=0) == Totals()
    assert write(store, "s", UsageReleased(reservation="v1")) == [0], "once is enough"


def test_every_limit_has_to_agree(store: Store) -> None:
    limits = (
        budget(1.0),
        budget(150, "tokens", account="anthropic"),
        budget(5, "requests", model="opus"),
    )
    assert reserve(store, reserved("v1"), *limits).granted
    assert reserve(store, reserved("v2"), *limits).limit == limits[1]
    assert reserve(store, reserved("v3", account="openai", model="gpt"), *limits).granted
    for number in range(4, 8):
        assert reserve(store, reserved(f"v{number}", tokens=1, cost=0.0), *limits).granted
    refused = reserve(store, reserved("v8", tokens=1, cost=0.0), *limits)
    assert (refused.limit, refused.left) == (limits[2], 0)


def test_an_amount_that_fits_exactly_is_granted(store: Store) -> None:
    for number in range(10):
        assert reserve(store, reserved(f"v{number}", cost=0.1), budget(1.0)).granted, number
    assert not reserve(store, reserved("v10", cost=0.001), budget(1.0)).granted


def test_only_the_window_counts(store: Store) -> None:
    write(store, "s", settled("old", cost=5.0), at=10 * HOUR)
    write(store, "s", settled("new", cost=0.5), at=20 * HOUR + 5)
    assert not reserve(store, reserved("v1", cost=1.0), budget(1.2, since=20 * HOUR + 5)).granted
    assert not reserve(store, reserved("v1", cost=1.0), budget(1.2, since=10 * HOUR)).granted
    assert reserve(store, reserved("v1", cost=1.0), budget(1.2, since=20 * HOUR + 6)).granted


def test_an_unpriced_call_counts_in_tokens_and_is_shown_as_unpriced(store: Store) -> None:
    assert reserve(store, reserved("v1", cost=None), budget(0.0)).granted
    assert not reserve(store, reserved("v2", cost=None), budget(199, "tokens")).granted
    assert store.ledger.reserved().unpriced_requests == 1
    write(store, "s", settled("v1", cost=None))
    totals = store.ledger.used(since=0)
    assert (totals.cost, totals.tokens, totals.unpriced_requests) == (0, 50, 1)


def test_what_the_local_tier_does_uses_up_no_budget_but_for_its_cost(store: Store) -> None:
    local = {"account": "embedded", "model": "smollm2", "tier": "T4"}
    write(store, "s", settled("v1", tokens=500, cost=2.0, **local))
    reserve(store, reserved("v2", tokens=500, cost=0.0, **local))
    requests, tokens, dollars = budget(1, "requests"), budget(100, "tokens"), budget(2.0)
    assert [store.ledger.spent(limit) for limit in (requests, tokens, dollars)] == [0, 0, 2.0]
    assert store.ledger.spent(budget(1, "requests", account="embedded")) == 1
    assert not reserve(store, reserved("v3", tokens=100, cost=0.1), dollars).granted
    assert reserve(store, reserved("v4", tokens=100, cost=0.1), requests, tokens).granted


def test_parallel_reservations_never_pass_a_limit(store: Store) -> None:
    limit, granted = budget(25, "requests"), list[str]()

    def run(name: str) -> None:
        for number in range(3):
            if reserve(store, reserved(f"{name}-{number}"), limit).granted:
                granted.append(name)

    threads = [threading.Thread(target=run, args=(f"t{n}",)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(granted) == store.ledger.reserved().requests == 25


# --- settling ----------------------------------------------------------------------------------


def test_a_second_settlement_is_left_out_of_ledger_and_journal(store: Store) -> None:
    write(store, "s", started())
    reserve(store, reserved("v1"))
    first, second = settled("v1", tokens=10), settled("v1", tokens=1000)
    assert write(store, "s", first, second) == [3, 0]
    assert write(store, "s", second) == [0]
    assert store.ledger.used(since=0).tokens == store.sessions.get("s").tokens == 10
    assert events(store.journal.read("s"))[2:] == [first]
    assert write(store, "s", UsageReleased(reservation="v1")) == [0], "it was spent"


def test_what_was_spent_without_a_known_reservation_counts_once(store: Store) -> None:
    write(store, "s", settled("unknown"), settled("unknown"))
    assert store.ledger.used(since=0).requests == 1


def test_every_figure_arrives_in_the_sums(store: Store) -> None:
    usage = Usage(input=1, output=20, cache_read=300, cache_write=4000, reasoning=7, estimated=True)
    event = UsageSettled(
        reservation="v", account="a", tier="T2", model="m", kind="title", usage=usage, cost=0.5
    )
    write(store, None, event, at=3 * HOUR + 1)
    expected = Totals(1, 1, 20, 300, 4000, 7, 0.5, 0)
    assert store.ledger.used(since=0) == expected
    assert store.ledger.used(since=3 * HOUR + 1, until=3 * HOUR + 2) == expected
    assert expected.tokens == 4321


# --- sums --------------------------------------------------------------------------------------

_CALL = st.tuples(
    st.integers(0, 5 * HOUR),
    st.sampled_from(["a", "b"]),
    st.sampled_from(["m", "n"]),
    st.integers(0, 1000),
    st.none() | st.integers(0, 100),
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    calls=st.lists(_CALL, max_size=12),
    windows=st.lists(
        st.tuples(
            st.integers(0, 6 * HOUR) | st.integers(0, 6).map(lambda n: n * HOUR),
            st.integers(0, 6 * HOUR) | st.integers(0, 6).map(lambda n: n * HOUR),
            st.none() | st.sampled_from(["a", "b"]),
            st.none() | st.sampled_from(["m", "n"]),
        ),
        max_size=12,
    ),
)
def test_any_window_sums_what_a_plain_sum_would(
    tmp_path_factory: pytest.TempPathFactory,
    fresh_store: Path,
    calls: list[tuple[int, str, str, int, int | None]],
    windows: list[tuple[int, int, str | None, str | None]],
) -> None:
    folder = tmp_path_factory.mktemp("ledger")
    shutil.copy(fresh_store, folder / NAME)
    with Store.open(folder) as store:
        for number, (at, account, model, tokens, cost) in enumerate(calls):
            event = settled(f"v{number}", tokens, cost, account=account, model=model)
            store.journal.append("s", event, at=at)
        write(store, "s", started())
        for since, until, account, model in windows:
            inside = [
                call
                for call in calls
                if since <= call[0] < until
                and account in (None, call[1])
                and model in (None, call[2])
            ]
            totals = store.ledger.used(since=since, until=until, account=account, model=model)
            assert totals.requests == len(inside)
            assert totals.tokens == sum(call[3] for call in inside)
            assert totals.cost == sum(call[4] or 0 for call in inside)
            assert totals.unpriced_requests == sum(call[4] is None for call in inside)
            for group in ("tier", "model", "kind", "account", "day"):
                parts = store.ledger.by(group, since=since, until=until)
                whole = store.ledger.used(since=since, until=until)
                assert sum((part for _, part in parts), Totals()) == whole


def test_groups_come_with_the_dearest_first(store: Store) -> None:
    write(store, "s", settled("1", cost=1.0, tier="T2"), settled("2", cost=9.0, tier="T0"))
    write(store, "s", settled("3", cost=2.0, tier="T2"), settled("4", cost=None, tier="T4"))
    groups = store.ledger.by("tier", since=0)
    assert [(name, totals.cost, totals.requests) for name, totals in groups] == [
        ("T0", 9.0, 1),
        ("T2", 3.0, 2),
        ("T4", 0.0, 1),
    ]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/St_Johns", "Europe/Berlin"])
def test_days_begin_at_midnight_where_the_user_is(store: Store, zone: str) -> None:
    """Also across the night in October 2026 in which Berlin's clocks go back."""
    moments = {
        "2026-10-24": ["00:00:00", "23:59:59.999"],
        "2026-10-25": ["00:00:00", "12:00:00"],
        "2026-10-26": ["00:00:00"],
    }
    for day, times in moments.items():
        for time in times:
            at = datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=ZoneInfo(zone))
            write(store, "s", settled(at.isoformat(), tokens=1), at=round(at.timestamp() * 1000))
    days = store.ledger.by("day", since=0, tz=zone)
    assert [(day, totals.requests) for day, totals in days] == [
        (day, len(times)) for day, times in moments.items()
    ]


def test_an_unknown_time_zone_is_refused(store: Store) -> None:
    with pytest.raises(ZoneInfoNotFoundError):
        store.ledger.by("day", since=0, tz="Mars/Olympus")


def test_an_empty_ledger_has_no_groups(store: Store) -> None:
    assert store.ledger.by("day", since=0) == store.ledger.by("model", since=0) == []


# --- reservations left behind ------------------------------------------------------------------


def test_an_overdue_reservation_is_found_with_its_session(store: Store) -> None:
    reserve(store, reserved("soon", expires_at=1000))
    reserve(store, reserved("late", expires_at=FAR))
    assert store.ledger.expired(999) == []
    assert store.ledger.expired(1000) == [reserved("soon", expires_at=1000)]
    (entry,) = store.ledger.overdue(1000)
    assert entry.session == "s"
    write(store, "s", settled("soon"))
    assert store.ledger.expired(1000) == []
