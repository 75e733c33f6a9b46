"""Which models may serve, in which order, and why the others may not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.bands import BANDS
from router.config import Account, Config, ModelRef
from router.policy import BACKGROUND, Ask, Facts, Refusal, candidates
from router.policy_table import Policy, Work, shipped
from router.view import ModelHealth
from store.events import TIERS, Band, Candidate, Tier

CONFIG = Config(
    accounts={
        "anthropic": Account(wire="anthropic"),
        "openai": Account(wire="openai"),
        "google": Account(wire="google"),
        "embedded": Account(wire="embedded"),
    },
    tiers={
        "T0": (ModelRef("anthropic", "opus"),),
        "T1": (ModelRef("openai", "codex"),),
        "T2": (ModelRef("google", "flash"),),
        "T3": (ModelRef("anthropic", "sonnet"), ModelRef("openai", "gpt-4o")),
        "T4": (ModelRef("embedded", "smollm2"),),
    },
)
PRICES: dict[str, float | None] = {
    "anthropic/opus": 8.0,
    "openai/codex": 4.0,
    "google/flash": 1.5,
    "anthropic/sonnet": 4.0,
    "openai/gpt-4o": None,
    "embedded/smollm2": 0.0,
}


def facts(
    band: Band = "normal",
    health: dict[str, ModelHealth] | None = None,
    ready: frozenset[str] = frozenset(CONFIG.accounts),
) -> Facts:
    return Facts(band=band, now=1000, health=health or {}, ready=ready, prices=PRICES)


def serving(found: tuple[Candidate, ...]) -> list[str]:
    return [f"{c.tier} {c.model}" for c in found if not c.passed_over]


def asked(ask: Ask, known: Facts) -> tuple[Candidate, ...]:
    return candidates(shipped(), CONFIG, ask, known)


def test_the_main_chat_begins_at_the_top_and_ends_at_home() -> None:
    assert serving(asked(Ask(work="main"), facts())) == [
        "T0 opus",
        "T3 sonnet",
        "T3 gpt-4o",
        "T2 flash",
        "T4 smollm2",
    ]


def test_above_eighty_the_orchestrator_is_for_what_is_critical() -> None:
    assert serving(asked(Ask(work="main"), facts("prefer-cheaper")))[0] == "T3 sonnet"
    critical = Ask(work="main", critical=True)
    assert serving(asked(critical, facts("prefer-cheaper")))[0] == "T0 opus"


def test_cheaper_only_goes_by_price_and_leaves_out_what_has_none() -> None:
    found = asked(Ask(work="main"), facts("cheaper-only"))
    assert serving(found) == ["T2 flash", "T3 sonnet", "T4 smollm2"]
    assert [c.passed_over for c in found if c.model == "gpt-4o"] == ["not cheaper, cheaper-only"]


def test_what_is_sick_is_passed_over_with_its_reason_until_its_time_is_over() -> None:
    sick = {"anthropic/opus": ModelHealth("cooling", "overloaded", until=43_000)}
    found = asked(Ask(work="main"), facts(health=sick))
    assert found[0].passed_over == "cooling 42 s: overloaded"
    healed = {"anthropic/opus": ModelHealth("cooling", "overloaded", until=1000)}
    assert serving(asked(Ask(work="main"), facts(health=healed)))[0] == "T0 opus"


def test_the_local_tier_is_never_given_up() -> None:
    sick = {"embedded/smollm2": ModelHealth("cooling", "broken-stream", until=43_000)}
    found = asked(Ask(work="main"), facts(health=sick, ready=frozenset({"embedded"})))
    assert serving(found) == ["T4 smollm2"]


def test_a_private_prompt_stays_at_home() -> None:
    assert serving(asked(Ask(work="main", private=True), facts())) == ["T4 smollm2"]


@given(
    st.sampled_from(BANDS),
    st.sampled_from(["main", "code", "background"]),
    st.booleans(),
    st.booleans(),
    st.frozensets(st.sampled_from(sorted(CONFIG.accounts))),
)
def test_what_holds_in_every_band(
    band: Band, work: Work, critical: bool, private: bool, ready: frozenset[str]
) -> None:
    ask = Ask(work=work, critical=critical, private=private, confirmed=False)
    found = asked(ask, facts(band, ready=ready | {"embedded"}))
    tiers = [c.tier for c in found if not c.passed_over]
    assert tiers[-1] == "T4"
    assert not found[-1].passed_over
    if work == "background":
        assert set(tiers) <= set(BACKGROUND)
    if private or band == "local-only":
        assert set(tiers) == {"T4"}


@pytest.mark.parametrize("tier", ["T0", "T1", "T3"])
def test_background_work_is_never_pinned_to_a_main_model(tier: Tier) -> None:
    with pytest.raises(Refusal, match="never runs on"):
        asked(Ask(work="background", tier=tier), facts())


def test_a_pin_is_obeyed_by_its_tier_or_its_model() -> None:
    assert serving(asked(Ask(work="main", tier="T2"), facts())) == ["T2 flash"]
    assert serving(asked(Ask(work="main", model="gpt-4o"), facts())) == ["T3 gpt-4o"]
    assert serving(asked(Ask(work="main", model="openai/gpt-4o"), facts())) == ["T3 gpt-4o"]


def test_a_pin_that_fits_nothing_is_refused_with_what_there_is() -> None:
    with pytest.raises(Refusal, match=r"no configured model.*anthropic/opus"):
        asked(Ask(work="main", model="gpt-9"), facts())
    with pytest.raises(Refusal, match="private"):
        asked(Ask(work="main", model="opus", private=True), facts())
    with pytest.raises(Refusal, match="stays on T4"):
        asked(Ask(work="main", tier="T0", private=True), facts())


def test_the_table_has_a_cell_for_every_band_and_ends_every_list_with_the_local_tier() -> None:
    policy: Policy = shipped()
    for row in policy.rows.values():
        assert set(row) == set(BANDS)
        for cell in row.values():
            for tiers in filter(None, (cell.tiers, cell.critical)):
                assert tiers[-1] == "T4"
                assert set(tiers) <= set(TIERS)
