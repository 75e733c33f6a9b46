"""What holds of policy, bands and budgets whatever happens, by hypothesis and by real processes."""

import asyncio
import multiprocessing
import signal
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from router.bands import BANDS, at_present, band_for, house_gauge
from router.catalogue import Catalogue
from router.config import Budget, Config
from router.fold import fold_house
from router.keeper import Keeper
from router.policy import BACKGROUND, Ask, Facts, Refusal, candidates, is_cheaper
from router.policy_table import Policy, shipped
from router.view import House, ModelHealth
from store.events import (
    TIERS,
    AnyEvent,
    Candidate,
    Gauge,
    PromptSubmitted,
    Usage,
    UsageReleased,
    UsageReserved,
    UsageSettled,
)
from store.opening import Store
from tests.router import spender
from tests.router.house import LOCAL, configuration, reply
from tests.router.test_policy import CONFIG, PRICES
from tests.servers.llmock import Llmock

# --- policy --------------------------------------------------------------------------------------

MODELS = sorted(str(ref) for _, ref in CONFIG.ladder())
HEALTH = st.builds(
    ModelHealth,
    st.sampled_from(["unknown", "ready", "cooling", "probing", "exhausted", "off", "missing"]),
    until=st.none() | st.integers(0, 5000),
)
FACTS = st.builds(
    Facts,
    band=st.sampled_from(BANDS),
    now=st.just(1000),
    health=st.dictionaries(st.sampled_from(MODELS), HEALTH),
    ready=st.frozensets(st.sampled_from(sorted(CONFIG.accounts))).map(lambda r: r | {"embedded"}),
    prices=st.just(PRICES),
    cheaper=st.dictionaries(st.sampled_from(MODELS), st.booleans()),
    percents=st.dictionaries(st.sampled_from(sorted(CONFIG.accounts)), st.floats(0, 130)),
    bands=st.dictionaries(st.sampled_from(sorted(CONFIG.accounts)), st.sampled_from(BANDS)),
)
ASKS = st.builds(
    Ask,
    work=st.sampled_from(["main", "code", "background"]),
    tier=st.none() | st.sampled_from(TIERS),
    model=st.none() | st.sampled_from(MODELS),
    critical=st.booleans(),
    private=st.booleans(),
    emergency=st.booleans(),
    confirmed=st.sampled_from([None, True, False]),
)
POLICIES = st.sampled_from(["house", "account"]).map(lambda way: replace(shipped(), ladder=way))


def serving(policy: Policy, ask: Ask, facts: Facts) -> list[Candidate]:
    """Who may serve, in order; nobody where the policy says no or asks first."""
    try:
        found = candidates(policy, CONFIG, ask, facts)
    except Refusal:
        return []
    return [candidate for candidate in found if not candidate.passed_over]


@given(POLICIES, ASKS, FACTS)
def test_background_work_never_reaches_a_main_model(policy: Policy, ask: Ask, facts: Facts) -> None:
    ask = replace(ask, work="background")
    assert {candidate.tier for candidate in serving(policy, ask, facts)} <= set(BACKGROUND)


@given(POLICIES, ASKS, FACTS, st.sampled_from(["cheaper-only", "background-only"]))
def test_only_what_is_cheaper_serves_where_that_is_the_rule(
    policy: Policy, ask: Ask, facts: Facts, band: Any
) -> None:
    facts = replace(facts, band=band, bands=dict.fromkeys(CONFIG.accounts, band))
    if ask.confirmed:
        return
    for candidate in serving(policy, ask, facts):
        ref = next(r for _, r in CONFIG.ladder() if str(r).endswith(f"/{candidate.model}"))
        assert candidate.tier == "T4" or is_cheaper(ref, CONFIG, facts)


@given(POLICIES, ASKS, FACTS)
def test_the_local_tier_ends_every_list_and_is_never_given_up(
    policy: Policy, ask: Ask, facts: Facts
) -> None:
    ask = replace(ask, tier=None, model=None)
    found = serving(policy, ask, facts)
    if not found:
        with pytest.raises(Refusal):  # then the user is asked, or told
            candidates(policy, CONFIG, ask, facts)
        return
    tiers = [candidate.tier for candidate in found]
    assert tiers[-1] == "T4"
    assert "T4" not in tiers[:-1]


@given(POLICIES, ASKS, FACTS)
def test_private_work_stays_at_home(policy: Policy, ask: Ask, facts: Facts) -> None:
    found = serving(policy, replace(ask, private=True), facts)
    assert {candidate.tier for candidate in found} <= {"T4"}


@given(ASKS, FACTS)
def test_nothing_of_the_cloud_serves_once_all_is_spent(ask: Ask, facts: Facts) -> None:
    found = serving(shipped(), ask, replace(facts, band="local-only"))
    assert {candidate.tier for candidate in found} <= {"T4"}


# --- bands ---------------------------------------------------------------------------------------


@given(st.lists(st.floats(0, 130), min_size=1, max_size=60), st.floats(0, 1.99))
def test_a_band_is_left_downwards_only_when_usage_really_fell(
    figures: list[float], wobble: float
) -> None:
    """Figures that go up, each with less of a wobble than the hysteresis: bands only go up."""
    band = "normal"
    bands: list[int] = []
    for percent in sorted(figures):
        for figure in (percent, percent - wobble):
            gauge = Gauge(
                account=None, window="day", percent=figure, source="budget", measured_at=0
            )
            binding = house_gauge(at_present({gauge.key: gauge}, 1), None)
            band = band_for(binding, band, shipped())
            bands.append(BANDS.index(band))
    assert bands == sorted(bands)


class Copy:
    """The keeper of one of two programs: it counts late, and hears of the other late."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._heard = 0
        self._late: list[Gauge] | None = None
        self.keeper = Keeper(COUNTED, store, shipped(), Catalogue(COUNTED), UTC)

    def count_slowly(self) -> None:
        """Half a count at a time, so that the other program can be faster."""
        if self._late is None:
            self._late = self.keeper._counted()
            return
        for gauge in self._late:
            self.keeper._gauge(gauge)
        self.keeper._band()
        self._late = None

    def hear(self) -> None:
        entries = list(self._store.journal.read(house=True, after=self._heard))
        self._heard = entries[-1].seq if entries else self._heard
        self.keeper.heard(entries)


COUNTED = replace(CONFIG, budgets=(Budget(window="month", limit=40, unit="requests"),))
STEPS = st.tuples(
    st.sampled_from(["use", "use", "count", "slowly", "slowly", "hear"]), st.booleans()
)


@settings(max_examples=12, deadline=None)
@given(st.lists(STEPS, min_size=20, max_size=60))
def test_two_programs_agree_on_the_band_and_it_does_not_flap(steps: list[tuple[str, bool]]) -> None:
    with TemporaryDirectory() as folder, Store.open(Path(folder)) as store:
        copies = (Copy(store), Copy(store))
        for number, (step, which) in enumerate(steps):
            copy = copies[which]
            if step == "use":
                _use(store, f"call {number}", 3)
            elif step == "count":
                asyncio.run(copy.keeper.recount())
            elif step == "slowly":
                copy.count_slowly()
            else:
                copy.hear()
        for _ in range(2):
            for copy in copies:
                asyncio.run(copy.keeper.recount())
            _use(store, "the last one", 0)
            for copy in copies:
                copy.hear()
        house = House()
        ranks: list[int] = []
        for entry in store.journal.read(house=True):
            house = fold_house(house, entry.event)
            ranks.append(BANDS.index(house.band))
        assert ranks == sorted(ranks), "usage only grew"
        assert {copy.keeper.house.band for copy in copies} == {house.band}


def _use(store: Store, name: str, calls: int) -> None:
    """Wait until it is on disk, and all that was said before."""
    settled = (
        UsageSettled(
            reservation=f"{name} {number}",
            account="anthropic",
            tier="T0",
            model="opus",
            kind="chat",
            usage=Usage(input=1),
            cost=0.1,
        )
        for number in range(calls)
    )
    store.journal.append("s", PromptSubmitted(prompt=name, text=name), *settled).wait(10)


# --- budgets, by real programs -------------------------------------------------------------------

CALLS = 20
DOLLARS = 0.6


@pytest.fixture(scope="module")
def forks() -> Iterator[Any]:
    """Processes forked from one that has the SDKs loaded: each costs milliseconds."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        [
            "tests.router.spender",
            "router.providers.anthropic",
            "router.providers.google",
            "router.providers.openai_chat",
        ]
    )
    yield context
    multiprocessing.forkserver._forkserver._stop()


class Program:
    """One of the spenders."""

    def __init__(self, forks: Any, config: Config, home: Path, *, dies: bool) -> None:
        self.pipe, theirs = forks.Pipe()
        self.process = forks.Process(
            target=spender.spend, args=(config, str(home), 25, dies, theirs), daemon=True
        )
        self.process.start()
        theirs.close()

    def hear(self, word: str) -> None:
        assert self.pipe.poll(40), f"not {word} in time"
        assert self.pipe.recv() == word

    def end(self) -> None:
        self.process.join(20)
        assert self.process.exitcode == 0


@pytest.mark.parametrize(
    "budget",
    [
        Budget(window="month", limit=CALLS, unit="requests"),
        Budget(window="month", limit=DOLLARS, unit="usd"),
    ],
    ids=["requests", "dollars"],
)
def test_fifty_sessions_in_two_programs_never_pass_a_budget_though_one_is_killed(
    forks: Any, budget: Budget, llmock_service: Llmock, tmp_path: Path
) -> None:
    llmock_service.script(
        {**reply("word " * 40), "times": None},
        {"type": "slow_first_token", "seconds": 0.1, "times": None},
    )
    config = configuration(llmock_service, budget)
    programs = [Program(forks, config, tmp_path, dies=dies) for dies in (False, True)]
    living, killed = programs
    for program in programs:
        program.hear("ready")
    for program in programs:
        program.pipe.send("go")
    killed.process.join(30)
    assert killed.process.exitcode == -signal.SIGKILL
    living.hear("done")
    living.end()
    with Store.open(tmp_path / "data") as store:
        never_passed(store, budget)
        all_booked(store)
        bands_only_rose(store)
    cloud = [r for r in llmock_service.requests() if r["method"] == "POST" and r["model"] != LOCAL]
    assert cloud
    if budget.unit == "requests":
        assert len(cloud) <= budget.limit


def everything(store: Store) -> Iterator[AnyEvent]:
    """All that happened, in the order of the journal."""
    sessions = [row.id for row in store.sessions.list(limit=1000)]
    for entry in store.journal.read(*sessions, house=True, deltas=False):
        yield entry.event


def never_passed(store: Store, budget: Budget) -> None:
    """The most that was ever spent and promised together, told from the journal."""
    unit = budget.unit
    held: dict[str, float] = {}
    spent = highest = 0.0
    for event in everything(store):
        if isinstance(event, (UsageReserved, UsageSettled)) and event.tier == "T4":
            continue
        if isinstance(event, UsageReserved):
            held[event.reservation] = 1 if unit == "requests" else event.cost or 0.0
        elif isinstance(event, UsageSettled):
            held.pop(event.reservation)
            spent += 1 if unit == "requests" else event.cost or 0.0
        elif isinstance(event, UsageReleased):
            held.pop(event.reservation, None)
        highest = max(highest, spent + sum(held.values()))
    assert highest <= budget.limit + 1e-9
    assert highest > budget.limit / 2, "the budget was hardly tried"


def all_booked(store: Store) -> None:
    """Nothing is promised any more: who lived has settled what the killed one had under way, at an
    estimate; and each call is counted once."""
    settled = [event for event in everything(store) if isinstance(event, UsageSettled)]
    assert store.ledger.reserved().requests == 0
    assert any(event.usage.estimated for event in settled), (
        "nothing was under way when it was killed"
    )
    assert len({event.reservation for event in settled}) == len(settled)
    used = store.ledger.used(since=0)
    assert (used.requests, used.tokens) == (len(settled), sum(e.usage.total for e in settled))
    assert used.cost == pytest.approx(sum(event.cost or 0.0 for event in settled))


def bands_only_rose(store: Store) -> None:
    """Usage only grew, so the band must not have fallen, whoever of the programs said it."""
    house = House()
    for event in everything(store):
        after = fold_house(house, event)
        assert BANDS.index(after.band) >= BANDS.index(house.band)
        house = after
