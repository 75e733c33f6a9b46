"""The user's word on a tier: it holds whatever requests meet, until it is taken back."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import time_machine

from router.asking import EngineError
from router.clock import now_ms
from router.config import Account, Config, ModelRef
from router.engine import Prompt
from router.fold import fold_all
from router.telling import Word, moment, parse, told
from router.view import ModelHealth, View
from store.events import HealthChanged
from tests.router.house import (
    CODEX,
    FLASH,
    LOCAL,
    OPUS,
    SONNET,
    House,
    asked_of,
    configuration,
    open_house,
)
from tests.router.test_degrading import elsewhere
from tests.servers.llmock import Llmock

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = 3_600_000
MONDAY = int(datetime(2026, 11, 23, 15, 0, tzinfo=BERLIN).timestamp() * 1000)


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> int:
    return int(datetime(year, month, day, hour, minute, tzinfo=BERLIN).timestamp() * 1000)


# --- reading it --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("T1 off", Word("T1", "off")),
        ("t1 ON", Word("T1", "on")),
        ("openai/gpt-4o exhausted", Word("openai/gpt-4o", "exhausted")),
        ("T0 exhausted until 18:30", Word("T0", "exhausted", at(2026, 11, 23, 18, 30))),
        ("T0 off until in 2h30m", Word("T0", "off", MONDAY + 5 * HOUR // 2)),
    ],
)
def test_a_word_is_read(text: str, word: Word) -> None:
    assert parse(text, MONDAY, BERLIN) == word


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("18:30", at(2026, 11, 23, 18, 30)),
        ("9:00", at(2026, 11, 24, 9)),
        ("15:00", at(2026, 11, 24, 15)),
        ("tomorrow", at(2026, 11, 24)),
        ("Tomorrow 9:00", at(2026, 11, 24, 9)),
        ("Thu 09:00", at(2026, 11, 26, 9)),
        ("monday 09:00", at(2026, 11, 30, 9)),
        ("mon 16:00", at(2026, 11, 23, 16)),
        ("2026-12-24", at(2026, 12, 24)),
        ("2026-12-24T18:00", at(2026, 12, 24, 18)),
        ("2027-03-28 12:00", at(2027, 3, 28, 12)),
        ("90m", MONDAY + 3 * HOUR // 2),
        ("2 d", MONDAY + 48 * HOUR),
        ("1 d 2 h 3 min", MONDAY + 26 * HOUR + 3 * 60_000),
    ],
)
def test_a_moment_is_the_next_one_of_its_kind_on_the_users_clock(text: str, expected: int) -> None:
    assert moment(text, MONDAY, BERLIN) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("T1", "", "T1 perhaps", "T1 on until 18:30", "T1 off 18:30", "T1 off until"),
        *("T1 off until x", "T1 off until 25:00", "T1 off until 2020-01-01"),
        *("T1 off until 2026-13-01", "T1 off until 0m", "T1 off until xyz 10:00"),
    ],
)
def test_what_makes_no_sense_is_answered_with_what_would(text: str) -> None:
    with pytest.raises(EngineError, match=r"14:30"):
        parse(text, MONDAY, BERLIN)


def test_a_word_is_about_every_model_of_a_tier_or_about_one() -> None:
    one, two = ModelRef("a", "one"), ModelRef("b", "two")
    config = Config(
        accounts={"a": Account(wire="openai"), "b": Account(wire="google")},
        tiers={"T0": (one, two), "T3": (two,)},
    )
    assert told(config, "t0", "off", None, 0) == (one, two)
    assert told(config, "b/two", "on", None, 0) == told(config, "two", "on", None, 0) == (two,)
    with pytest.raises(EngineError, match="there are: a/one, b/two"):
        told(config, "T1", "off", None, 0)
    for until, state in ((5, "off"), (50, "on")):
        with pytest.raises(EngineError, match="time to come"):
            told(config, "T0", state, until, 10)  # pyright: ignore[reportArgumentType]


# --- keeping it --------------------------------------------------------------------------------


def health(house: House, model: str, account: str) -> ModelHealth:
    return house.view.house.health.get(f"{account}/{model}", ModelHealth())


async def test_a_tier_that_is_off_is_not_asked_until_it_is_on(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    async with open_house(configuration(llmock_service), tmp_path) as house:
        assert await house.engine.tell("T0", "off") == (ModelRef("anthropic", OPUS),)
        answer = await house.say("hello")
        assert answer.tier == "T3"
        assert "as you said" in answer.why
        await house.engine.tell("T0", "on")
        assert (await house.say("hello")).tier == "T0"
        await house.until(lambda _: health(house, OPUS, "anthropic").state == "ready")
    assert asked_of(llmock_service) == [SONNET, OPUS]


async def test_a_restart_forgets_nothing_the_user_said(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    config = configuration(llmock_service)
    async with open_house(config, tmp_path) as house:
        await house.engine.tell("T0", "off")
    async with open_house(config, tmp_path) as house:
        assert (await house.say("hello")).tier == "T3"
        kept = fold_all(View(session=""), house.engine.store.journal.house_at()).house.health
    assert kept[f"anthropic/{OPUS}"].by_user
    assert OPUS not in asked_of(llmock_service)


async def test_an_answer_under_way_does_not_take_the_word_back(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    slow = {"type": "slow_first_token", "seconds": 0.4, "match": {"model": OPUS, "stream": True}}
    llmock_service.script(slow)
    async with open_house(configuration(llmock_service), tmp_path) as house:
        await house.engine.submit(house.session, Prompt(text="hello"))
        await house.until(lambda view: any(m.tier == "T0" for m in view.messages))
        await house.engine.tell("T0", "exhausted", now_ms() + HOUR)
        await house.engine.idle(house.session)
        await house.until(lambda view: any(m.ended_at for m in view.messages))
        known = health(house, OPUS, "anthropic")
        assert (known.state, known.by_user) == ("exhausted", True)
        assert (await house.say("hello")).tier == "T3"


async def test_the_word_is_over_when_its_time_is(llmock_service: Llmock, tmp_path: Path) -> None:
    async with open_house(configuration(llmock_service), tmp_path) as house:
        await house.engine.tell("T0", "exhausted", now_ms() + 400)
        assert (await house.say("hello")).tier == "T3"
        with time_machine.travel(now_ms() / 1000 + 60):
            assert (await house.say("hello")).tier == "T0"
        await house.until(lambda _: health(house, OPUS, "anthropic").state == "ready")
        assert not health(house, OPUS, "anthropic").by_user


async def test_with_every_cloud_tier_exhausted_the_house_is_local_only(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    async with open_house(configuration(llmock_service), tmp_path) as house:
        for model in (OPUS, CODEX, FLASH, SONNET):
            await house.engine.tell(model, "exhausted", now_ms() + HOUR)
        await house.until(lambda view: view.house.band == "local-only")
        assert (await house.say("hello")).model == LOCAL
        await house.engine.tell("T2", "on")
        await house.until(lambda view: view.house.band == "normal")


async def test_another_copy_of_the_program_obeys_too(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    async with open_house(configuration(llmock_service), tmp_path) as house:
        said = HealthChanged(account="anthropic", model=OPUS, state="off", by_user=True)
        await elsewhere(tmp_path, said)
        await house.until(lambda _: health(house, OPUS, "anthropic").state == "off")
        assert (await house.say("hello")).tier == "T3"


async def test_only_what_is_configured_can_be_told_of(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    async with open_house(configuration(llmock_service), tmp_path) as house:
        with pytest.raises(EngineError, match="No tier or model is called 'T7'"):
            await house.engine.tell("T7", "off")
