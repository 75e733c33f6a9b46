"""From a prompt to what the screen shows, through the real SDKs, against a mock service."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from router.asking import EngineError
from router.config import Budget
from router.engine import Prompt, SpawnTask
from router.fold import fold_all
from router.reading import open_view
from router.view import View
from store.errors import SessionBusy
from store.events import Attachment, RouteDecided, UsageSettled
from tests.router.house import (
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
    spoil,
)
from tests.servers.llmock import Llmock


@pytest.fixture
async def house(llmock_service: Llmock, tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(configuration(llmock_service), tmp_path) as house:
        yield house


async def test_a_prompt_is_answered_by_the_orchestrator_and_paid_for(
    house: House, llmock_service: Llmock
) -> None:
    llmock_service.script(reply("Four."))
    answer = await house.say("2 + 2?")
    assert (str(answer.text), answer.tier, answer.model) == ("Four.", "T0", OPUS)
    assert answer.why == ""
    assert answer.usage is not None
    used = house.engine.store.ledger.used(since=0)
    assert (used.requests, used.tokens) == (1, answer.usage.total)
    assert used.cost == pytest.approx(answer.cost)
    assert house.engine.store.ledger.reserved().requests == 0


async def test_live_and_read_back_are_the_same(house: House, llmock_service: Llmock) -> None:
    llmock_service.script(reply("One. " * 200), fail(529, OPUS), reply("Two."))
    await house.say("first")
    await house.say("second")
    await house.engine.spawn(
        SpawnTask(task="summarize", parent=house.session, attachments=(Attachment("a", "b"),))
    )
    live = await house.until(lambda view: view.messages[-1].role == "announcement")
    store = house.engine.store
    opened = open_view(store, house.session)
    children = [row.id for row in store.sessions.children(house.session)]
    replayed = fold_all(
        View(session=house.session), store.journal.read(house.session, *children, house=True)
    )
    assert opened.messages == live.messages == replayed.messages
    assert opened.tasks == live.tasks == replayed.tasks
    assert opened.routes == live.routes == replayed.routes
    assert opened.house == replayed.house


async def test_an_overloaded_model_is_passed_over_quietly_and_left_alone(
    house: House, llmock_service: Llmock
) -> None:
    llmock_service.script(fail(529, OPUS), reply("from the fallback", SONNET))
    answer = await house.say("hello")
    assert (answer.tier, answer.why, answer.seams) == ("T3", "T0 overloaded", ())
    again = await house.say("and again")
    assert again.tier == "T3"
    assert again.why.startswith("T0 cooling")
    assert asked_of(llmock_service) == [OPUS, SONNET, SONNET]


@pytest.mark.parametrize("fault", ["disconnect", "truncate", "malformed", "stall"])
async def test_a_stream_that_breaks_is_finished_by_the_next_model(
    house: House, llmock_service: Llmock, fault: str
) -> None:
    llmock_service.script(
        reply("one two three four five six seven eight", OPUS),
        spoil(fault, OPUS),
        reply(" and the rest", SONNET),
    )
    answer = await house.say("hello")
    text = str(answer.text)
    assert answer.state == "finished"
    assert text.startswith("one")
    assert text.endswith(" and the rest")
    assert len(answer.seams) == 1
    assert f"continued by T3 · {SONNET}" in answer.seams[0].text
    assert any(request["fault"] for request in llmock_service.requests())
    settled = [e.event for e in house.entries if isinstance(e.event, UsageSettled)]
    assert [event.model for event in settled] == [OPUS, SONNET]


async def test_when_nobody_can_answer_the_prompt_is_kept_with_a_sentence(
    house: House, llmock_service: Llmock
) -> None:
    llmock_service.script({"type": "fail", "status": 500, "times": None})
    answer = await house.say("hello")
    assert answer.state == "failed"
    assert "No tier could answer" in answer.problem
    assert "T0" in answer.problem
    assert "butler doctor" in answer.problem
    assert str(house.view.messages[0].text) == "hello"
    assert house.engine.store.ledger.reserved().requests == 0


async def test_a_wrong_key_is_named_and_not_tried_again(
    house: House, llmock_service: Llmock
) -> None:
    llmock_service.script(fail(401, OPUS), reply("ok", SONNET))
    assert (await house.say("hello")).why == "T0 key refused"
    await house.say("again")
    assert asked_of(llmock_service).count(OPUS) == 1


async def test_interrupting_keeps_what_came_and_goes_on_with_what_waits(
    house: House, llmock_service: Llmock
) -> None:
    llmock_service.script(
        reply("one two three four five six seven eight", OPUS), spoil("stall", OPUS)
    )
    first = await house.engine.submit(house.session, Prompt(text="first"))
    second = await house.engine.submit(house.session, Prompt(text="second"))
    await house.until(lambda view: any(m.prompt == first and m.text.length for m in view.messages))
    assert await house.engine.cancel(house.session)
    view = await house.until(
        lambda view: any(m.prompt == second and m.state == "finished" for m in view.messages)
    )
    cut = next(m for m in view.messages if m.prompt == first)
    assert cut.state == "cancelled"
    assert str(cut.text).startswith("one")
    assert cut.usage is not None
    assert cut.usage.estimated
    await house.engine.idle(house.session)
    assert not await house.engine.cancel(house.session)


async def test_prompts_are_answered_in_the_order_they_came(
    house: House, llmock_service: Llmock
) -> None:
    prompts = [await house.engine.submit(house.session, Prompt(text=str(n))) for n in range(4)]
    await house.engine.idle(house.session)
    view = open_view(house.engine.store, house.session)
    assert [m.prompt for m in view.messages if m.role == "butler"] == prompts


async def test_private_prompts_and_their_answers_never_reach_a_service(
    house: House, llmock_service: Llmock
) -> None:
    llmock_service.script(reply("I keep the nightingale", LOCAL))
    answer = await house.say("my word is nightingale", private=True)
    assert answer.tier == "T4"
    await house.say("what did I say?")
    cloud = [r for r in llmock_service.requests() if r["model"] != LOCAL]
    assert cloud
    assert "nightingale" not in str(cloud)


async def test_a_pin_is_obeyed_or_refused_with_the_reason(
    house: House, llmock_service: Llmock
) -> None:
    assert (await house.say("hello", model=FLASH)).model == FLASH
    refused = await house.say("hello", model="gpt-9")
    assert refused.state == "failed"
    assert "'gpt-9' is no configured model" in refused.problem
    assert asked_of(llmock_service) == [FLASH]


async def test_nothing_is_sent_that_the_budget_does_not_cover(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    config = configuration(llmock_service, Budget(window="day", limit=0.000001))
    async with open_house(config, tmp_path) as house:
        answer = await house.say("hello")
    assert answer.tier == "T4"
    assert answer.why == "T0, T3, T2 over budget (all accounts: 1e-06 usd)"
    assert asked_of(llmock_service) == [LOCAL]


async def test_usage_lifts_the_band_and_the_band_moves_the_work(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    llmock_service.script(reply("word " * 60))
    config = configuration(llmock_service, Budget(window="day", limit=5, unit="requests"))
    async with open_house(config, tmp_path) as house:
        for _ in range(4):
            await house.say("hello")
        await house.until(lambda view: view.house.band == "prefer-cheaper")
        assert house.view.house.percent == 80
        answer = await house.say("one more")
        assert (answer.tier, answer.why) == ("T3", "T0 critical only at 80 %")
        route = next(e.event for e in reversed(house.entries) if isinstance(e.event, RouteDecided))
        assert route.band == "prefer-cheaper"


async def test_a_plain_request_to_summarise_becomes_a_session_of_its_own(
    house: House, llmock_service: Llmock
) -> None:
    llmock_service.script(reply("It is about bees.", FLASH))
    await house.engine.submit(
        house.session,
        Prompt(text="Summarize this", attachments=(Attachment("bees.txt", "bees " * 50),)),
    )
    view = await house.until(lambda view: view.messages[-1].role == "announcement")
    announced = view.messages[-1]
    assert (str(announced.text), announced.outcome) == ("It is about bees.", "done")
    assert (announced.tier, announced.model) == ("T2", FLASH)
    assert announced.tokens > 0
    assert [task.state for task in view.tasks] == ["done"]
    assert view.tasks[0].title == "bees.txt"
    assert asked_of(llmock_service) == [FLASH]


async def test_background_work_never_touches_the_main_models(
    house: House, llmock_service: Llmock
) -> None:
    llmock_service.script({"type": "fail", "status": 500, "times": None})
    child = await house.engine.spawn(SpawnTask(task="sum this up", parent=house.session))
    await house.engine.idle(child)
    assert asked_of(llmock_service) == [FLASH, LOCAL]
    refused = await house.engine.spawn(
        SpawnTask(task="sum this up", parent=house.session, tier="T0")
    )
    await house.engine.idle(refused)
    row = house.engine.store.sessions.get(refused)
    assert row.state == "failed"
    assert asked_of(llmock_service) == [FLASH, LOCAL]


async def test_a_text_too_long_for_the_model_is_summarised_part_by_part(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    config = configuration(llmock_service)
    small = config.models[f"google/{FLASH}"]
    config.models[f"google/{FLASH}"] = type(small)(price=small.price, context=3000)
    llmock_service.script({"type": "reply", "text": "In short.", "times": None})
    async with open_house(config, tmp_path) as house:
        text = "\n\n".join(f"Paragraph {n}. " + "words " * 80 for n in range(20))
        child = await house.engine.spawn(
            SpawnTask(
                task="Summarize",
                parent=house.session,
                attachments=(Attachment("long.txt", text),),
            )
        )
        await house.engine.idle(child)
        assert house.engine.store.sessions.get(child).state == "done"
    sent = [str(r["body"]) for r in llmock_service.requests()]
    assert len(sent) >= 4
    for n in range(20):
        assert sum(f"Paragraph {n}." in body for body in sent) == 1


async def test_only_so_many_run_at_once_and_the_rest_wait_in_line(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    config = configuration(llmock_service)
    config = configuration(llmock_service, sessions=type(config.sessions)(parallel=2))
    llmock_service.script({"type": "slow_first_token", "seconds": 0.2, "times": None})
    async with open_house(config, tmp_path) as house:
        most = 0
        for n in range(5):
            await house.engine.spawn(SpawnTask(task=f"sum {n}", parent=house.session))

        def all_done(view: View) -> bool:
            nonlocal most
            most = max(most, sum(task.state == "running" for task in view.tasks))
            return [task.state for task in view.tasks] == ["done"] * 5

        await house.until(all_done)
        assert most == 2


async def test_a_session_called_off_is_announced_as_such(
    house: House, llmock_service: Llmock
) -> None:
    llmock_service.script({"type": "slow_first_token", "seconds": 8})
    child = await house.engine.spawn(SpawnTask(task="sum this", parent=house.session))
    await house.until(lambda view: view.tasks and view.tasks[0].model)
    assert await house.engine.cancel(child)
    view = await house.until(lambda view: view.messages and view.messages[-1].child == child)
    assert view.messages[-1].outcome == "cancelled"
    assert view.tasks[0].state == "cancelled"


async def test_a_session_that_takes_too_long_fails_with_its_limit_and_can_be_retried(
    house: House, llmock_service: Llmock
) -> None:
    llmock_service.script({"type": "slow_first_token", "seconds": 8})
    child = await house.engine.spawn(SpawnTask(task="sum this", parent=house.session, timeout=0.2))
    view = await house.until(lambda view: view.messages and view.messages[-1].child == child)
    assert view.messages[-1].outcome == "failed"
    assert "took longer than its 0.2 s" in str(view.messages[-1].text)
    llmock_service.reset()


# --- secrets ------------------------------------------------------------------------------------

SECRET = "use AKIAQWERTYUIOPASDFGH please"


async def asked(house: House) -> str:
    await house.engine.submit(house.session, Prompt(text=SECRET))
    view = await house.until(lambda view: view.approvals)
    assert "AKIA" not in view.approvals[0].shown
    assert "AWS" in view.approvals[0].shown
    return view.approvals[0].approval


async def test_a_secret_is_kept_at_home_when_the_user_agrees(
    house: House, llmock_service: Llmock
) -> None:
    approval = await asked(house)
    assert asked_of(llmock_service) == []
    await house.engine.decide(approval, "approve")
    await house.until(lambda view: view.messages[-1].state == "finished" and view.messages[1:])
    await house.say("hello")
    cloud = [r for r in llmock_service.requests() if r["model"] != LOCAL]
    assert asked_of(llmock_service) == [LOCAL, OPUS]
    assert "AKIA" not in str(cloud)


async def test_a_secret_is_not_sent_when_the_user_rejects(
    house: House, llmock_service: Llmock
) -> None:
    await house.engine.decide(await asked(house), "reject")
    await house.until(lambda view: view.messages[-1].state == "cancelled")
    assert asked_of(llmock_service) == []


async def test_a_question_is_answered_once_and_only_with_its_choices(house: House) -> None:
    approval = await asked(house)
    with pytest.raises(EngineError, match="approve, reject, send"):
        await house.engine.decide(approval, "perhaps")
    await house.engine.decide(approval, "send")
    with pytest.raises(EngineError, match="no longer open"):
        await house.engine.decide(approval, "send")


async def test_an_unanswered_question_is_there_again_after_a_restart(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    config = configuration(llmock_service)
    async with open_house(config, tmp_path) as house:
        approval = await asked(house)
        session = house.session
    async with open_house(config, tmp_path) as house:
        view = await house.engine.open(session)
        assert [a.approval for a in view.approvals] == [approval]
        assert asked_of(llmock_service) == []
        await house.engine.decide(approval, "approve")
        await house.engine.idle(session)
        assert asked_of(llmock_service) == [LOCAL]


# --- two copies of the program ------------------------------------------------------------------


async def test_copies_see_each_others_usage_and_never_write_one_session_together(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    config = configuration(llmock_service, Budget(window="day", limit=10, unit="requests"))
    async with open_house(config, tmp_path) as one, open_house(config, tmp_path) as two:
        await one.say("hello")
        async with asyncio.timeout(2):
            await two.until(lambda view: view.house.percent == 10)
        with pytest.raises(SessionBusy, match="fork"):
            await two.engine.submit(one.session, Prompt(text="me too"))
        fork = await two.engine.fork(one.session)
        view = await two.engine.open(fork)
        assert [str(m.text) for m in view.messages if m.role == "user"] == ["hello"]


async def test_an_empty_prompt_is_refused_before_anything_is_written(house: House) -> None:
    with pytest.raises(EngineError, match="empty"):
        await house.engine.submit(house.session, Prompt(text="  \n"))
    assert house.engine.store.sessions.list() == []


async def test_a_secret_from_days_without_a_service_is_no_history_for_one(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    config = configuration(llmock_service)
    async with open_house(config, tmp_path, {"TEST_KEY": ""}) as house:
        session = house.session
        assert (await house.say(SECRET)).tier == "T4"
        assert not house.view.approvals
    async with open_house(config, tmp_path) as house:
        await house.engine.open(session)
        await house.engine.submit(session, Prompt(text="hello"))
        await house.engine.idle(session)
    assert asked_of(llmock_service) == [LOCAL, OPUS]
    assert "AKIA" not in str([r for r in llmock_service.requests() if r["model"] == OPUS])


async def test_a_secret_to_summarise_is_asked_about_like_any_other(
    house: House, llmock_service: Llmock
) -> None:
    await house.engine.submit(
        house.session,
        Prompt(text="/sum this", attachments=(Attachment("a.env", f"KEY={SECRET}"),)),
    )
    await house.until(lambda view: view.approvals)
    assert asked_of(llmock_service) == []
