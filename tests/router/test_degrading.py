"""The house as its limits tighten: reserves, ladders, cooldowns and probes."""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from router.clock import now_ms
from router.config import Budget
from router.engine import Prompt
from router.fold import fold_all
from router.policy import Ask, Refusal, Unconfirmed, candidates
from router.policy_table import shipped
from router.view import ModelHealth, View
from store.events import HealthChanged, UsageReserved
from store.opening import Store
from tests.router.house import (
    CODEX,
    FLASH,
    LOCAL,
    OPUS,
    SONNET,
    House,
    asked_of,
    configuration,
    fail,
    open_house,
    reply,
)
from tests.router.test_policy import CONFIG, asked, facts, serving
from tests.servers.llmock import Llmock

REQUESTS = Budget(window="day", limit=10, unit="requests")


async def at_ninety(house: House) -> None:
    """Nine of ten requests used, on the cheapest tier."""
    for _ in range(9):
        await house.say("hi", tier="T2")
    await house.until(lambda view: view.house.band == "cheaper-only")


async def test_a_critical_prompt_spends_the_reserve_only_when_confirmed(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    async with open_house(configuration(llmock_service, REQUESTS), tmp_path) as house:
        await at_ninety(house)
        prompt = await house.engine.submit(house.session, Prompt(text="it burns", critical=True))
        view = await house.until(lambda view: view.approvals)
        assert view.approvals[0].kind == "reserve"
        assert f"T0 {OPUS} may answer" in view.approvals[0].shown
        assert OPUS not in asked_of(llmock_service)
        await house.engine.decide(view.approvals[0].approval, "approve")
        await house.until(lambda view: any(m.prompt == prompt for m in view.messages))
        await house.engine.idle(house.session)
        assert asked_of(llmock_service)[-1] == OPUS


async def test_without_it_a_critical_prompt_is_answered_by_what_is_cheaper(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    async with open_house(configuration(llmock_service, REQUESTS), tmp_path) as house:
        await at_ninety(house)
        await house.engine.submit(house.session, Prompt(text="it burns", critical=True))
        view = await house.until(lambda view: view.approvals)
        await house.engine.decide(view.approvals[0].approval, "reject")
        await house.engine.idle(house.session)
        assert asked_of(llmock_service)[-1] in (SONNET, FLASH)


def test_an_emergency_outranks_the_table_but_not_a_spent_budget() -> None:
    urgent = Ask(work="main", emergency=True)
    with pytest.raises(Unconfirmed, match="background-only"):
        asked(urgent, facts("background-only"))
    confirmed = Ask(work="main", emergency=True, confirmed=True)
    assert serving(asked(confirmed, facts("background-only")))[0] == "T0 opus"
    with pytest.raises(Refusal, match="raise it, or wait"):
        asked(confirmed, facts("local-only"))


def test_a_pin_outside_the_band_needs_a_confirmation() -> None:
    pinned = Ask(work="main", tier="T0")
    assert serving(asked(pinned, facts())) == ["T0 opus"]
    with pytest.raises(Unconfirmed):
        asked(pinned, facts("prefer-cheaper"))
    sure = Ask(work="main", tier="T0", confirmed=True)
    assert serving(asked(sure, facts("prefer-cheaper"))) == ["T0 opus"]
    with pytest.raises(Refusal, match="local-only"):
        asked(sure, facts("local-only"))


def test_an_account_nearly_spent_keeps_the_rest_for_what_is_critical() -> None:
    known = replace(facts(), percents={"anthropic": 96.0, "google": 96.0})
    assert serving(asked(Ask(work="main"), known)) == ["T3 gpt-4o", "T4 smollm2"]
    assert serving(asked(Ask(work="main", critical=True), known))[0] == "T0 opus"
    assert serving(asked(Ask(work="background"), known)) == ["T2 flash", "T4 smollm2"]
    spent = replace(facts(), percents={"google": 100.0})
    found = asked(Ask(work="background"), spent)
    assert (found[0].passed_over, serving(found)) == ("account at 100 %", ["T4 smollm2"])


def test_with_a_ladder_for_each_account_a_band_binds_only_its_own_models() -> None:
    policy = replace(shipped(), ladder="account")
    known = replace(facts(), bands={"anthropic": "background-only"})
    found = candidates(policy, CONFIG, Ask(work="main"), known)
    assert serving(found) == ["T3 gpt-4o", "T2 flash", "T4 smollm2"]
    assert found[0].passed_over == "account in background-only"


async def test_the_output_limit_is_lowered_to_what_the_budget_has_left(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    budget = Budget(window="day", limit=0.05, account="anthropic")
    async with open_house(configuration(llmock_service, budget), tmp_path) as house:
        answer = await house.say("hello")
        reserved = next(e.event for e in house.entries if isinstance(e.event, UsageReserved))
    assert answer.tier == "T0"
    sent = llmock_service.requests()[-1]["body"]["max_tokens"]
    assert 256 <= sent < 8192
    assert reserved.cost is not None
    assert reserved.cost <= 0.05


async def test_parallel_prompts_never_pass_a_budget_together(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    budget = Budget(window="day", limit=3, unit="requests", account="anthropic")
    async with open_house(configuration(llmock_service, budget), tmp_path) as house:
        sessions = [house.engine.begin() for _ in range(8)]
        for session in sessions:
            await house.engine.submit(session, Prompt(text="hello"))
        await asyncio.gather(*(house.engine.idle(session) for session in sessions))
    assert asked_of(llmock_service).count(OPUS) == 3


async def test_a_spent_quota_is_a_full_gauge_until_its_reset(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    llmock_service.script(
        fail(429, CODEX, code="insufficient_quota", retry_after=7200), reply("ok", SONNET)
    )
    async with open_house(configuration(llmock_service), tmp_path) as house:
        await house.say("hello", tier="T1")
        view = await house.until(lambda view: view.house.gauges)
    gauge = next(iter(view.house.gauges.values()))
    assert (gauge.account, gauge.percent, gauge.source) == ("openai", 100.0, "provider")
    assert gauge.resets_at is not None
    assert 7_100_000 < gauge.resets_at - gauge.measured_at <= 7_200_000


def cooling(milliseconds: int) -> HealthChanged:
    return HealthChanged(
        account="anthropic",
        model=OPUS,
        state="cooling",
        reason="overloaded",
        until=now_ms() + milliseconds,
        failures=1,
    )


async def elsewhere(folder: Path, event: HealthChanged) -> None:
    """Another copy of the program has met the failure."""

    def append() -> None:
        store = Store.open(folder / "data")
        store.journal.append(None, event).wait(5)
        store.close()

    await asyncio.to_thread(append)


async def test_the_first_choice_is_back_with_the_first_request_after_its_rest(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    key = f"anthropic/{OPUS}"
    async with open_house(configuration(llmock_service), tmp_path) as house:
        await house.until(lambda view: key in view.house.health or view.house.tiers)
        await elsewhere(tmp_path, cooling(60_000))
        await house.until(lambda view: resting(view, key))
        assert (await house.say("hello")).tier == "T3"
        await elsewhere(tmp_path, cooling(0))
        until = house.view.house.health[key].until
        await house.until(lambda view: view.house.health[key].until != until)
        answer = await house.say("hello")
        assert (answer.tier, answer.why) == ("T0", "")
        await house.until(lambda view: view.house.health[key].state == "ready")


def resting(view: View, key: str) -> bool:
    health = view.house.health.get(key)
    return health is not None and health.state == "cooling"


async def test_one_request_at_a_time_tries_a_model_again(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    key = f"anthropic/{OPUS}"
    llmock_service.script(
        {"type": "slow_first_token", "seconds": 0.5, "match": {"model": OPUS, "stream": True}}
    )
    async with open_house(configuration(llmock_service), tmp_path) as house:
        await house.until(lambda view: view.house.tiers)
        await elsewhere(tmp_path, cooling(0))
        await house.until(lambda view: resting(view, key))
        other = house.engine.begin()
        first = await house.engine.submit(house.session, Prompt(text="hello"))
        await house.until(lambda view: any(m.prompt == first for m in view.messages))
        await house.engine.submit(other, Prompt(text="hello"))
        await asyncio.gather(house.engine.idle(other), house.engine.idle(house.session))
    assert sorted(asked_of(llmock_service)) == [OPUS, SONNET]


async def test_health_survives_a_restart_and_grows_with_each_failure(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    llmock_service.script(fail(529, OPUS), fail(529, SONNET))
    config = configuration(llmock_service)
    async with open_house(config, tmp_path) as house:
        await house.say("hello")
    async with open_house(config, tmp_path) as house:
        await house.say("hello")
        known = fold_all(View(session=""), house.engine.store.journal.house_at()).house.health
    assert known[f"anthropic/{OPUS}"].failures == 1
    assert known[f"anthropic/{OPUS}"].state == "cooling"
    assert asked_of(llmock_service).count(OPUS) == 1
    assert LOCAL not in asked_of(llmock_service)


def test_a_model_that_is_being_tried_again_is_passed_over_by_others() -> None:
    probing = {"anthropic/opus": ModelHealth("probing", "overloaded", until=2000)}
    assert serving(asked(Ask(work="main"), facts(health=probing)))[0] == "T3 sonnet"
