"""What a chat model may do besides talking: spawn a session, look at the usage."""

from pathlib import Path
from typing import Any

import pytest

from router.config import Budget
from store.events import ToolReturned
from tests.router.house import FLASH, OPUS, SONNET, asked_of, configuration, fail, open_house, reply
from tests.servers.llmock import Llmock


def calls(name: str, model: str, **arguments: Any) -> dict[str, Any]:
    call = {"name": name, "arguments": arguments}
    return {"type": "reply", "tool_calls": [call], "match": {"model": model}}


async def test_a_model_looks_at_the_usage_and_answers_with_it(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    llmock_service.script(
        reply("hi", FLASH), calls("usage_status", OPUS), reply("You are at a tenth.", OPUS)
    )
    budget = Budget(window="day", limit=10, unit="requests")
    async with open_house(configuration(llmock_service, budget, tools=True), tmp_path) as house:
        await house.say("warm up", tier="T2")
        await house.until(lambda view: view.house.percent == 10)
        answer = await house.say("how much have I used?")
    assert str(answer.text) == "You are at a tenth."
    assert [used.name for used in answer.tools] == ["usage_status"]
    assert "all accounts, day: 10 % (budget" in (answer.tools[0].result or "")
    assert "10 %" in str(llmock_service.requests()[-1]["body"])


async def test_a_model_spawns_a_session_that_is_announced(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    llmock_service.script(
        calls("sessions_spawn", OPUS, task="Condense", text="bees " * 30, label="bees"),
        reply("It is on its way.", OPUS),
        reply("About bees.", FLASH),
    )
    async with open_house(configuration(llmock_service, tools=True), tmp_path) as house:
        answer = await house.say("could you look after those notes?")
        view = await house.until(lambda view: any(m.role == "announcement" for m in view.messages))
    assert str(answer.text) == "It is on its way."
    announced = next(m for m in view.messages if m.role == "announcement")
    assert (announced.title, str(announced.text), announced.tier) == ("bees", "About bees.", "T2")


@pytest.mark.parametrize(
    ("name", "arguments", "complaint"),
    [
        ("sessions_spawn", {}, "don't fit"),
        ("sessions_spawn", {"task": "x", "tier": "T9"}, "don't fit"),
        ("delete_everything", {}, "no tool called delete_everything"),
    ],
)
async def test_a_wrong_call_is_told_to_the_model_and_does_nothing(
    llmock_service: Llmock, tmp_path: Path, name: str, arguments: dict[str, Any], complaint: str
) -> None:
    llmock_service.script(calls(name, OPUS, **arguments), reply("Sorry.", OPUS))
    async with open_house(configuration(llmock_service, tools=True), tmp_path) as house:
        answer = await house.say("hello")
        returned = [e.event for e in house.entries if isinstance(e.event, ToolReturned)]
    assert [event.failed for event in returned] == [True]
    assert complaint in returned[0].text
    assert str(answer.text) == "Sorry."
    assert answer.state == "finished"


async def test_the_model_that_takes_over_has_the_tools_too(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    llmock_service.script(
        fail(529, OPUS), calls("usage_status", SONNET), reply("Here it is.", SONNET)
    )
    async with open_house(configuration(llmock_service, tools=True), tmp_path) as house:
        answer = await house.say("how much?")
    assert (str(answer.text), answer.tier, answer.why) == ("Here it is.", "T3", "T0 overloaded")
    assert [used.name for used in answer.tools] == ["usage_status"]
    assert asked_of(llmock_service) == [OPUS, SONNET, SONNET]


async def test_a_model_that_only_calls_tools_is_stopped(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    llmock_service.script({**calls("usage_status", OPUS), "times": None})
    async with open_house(configuration(llmock_service, tools=True), tmp_path) as house:
        answer = await house.say("go on for ever")
    assert answer.state == "failed"
    assert "12 tools in a row" in answer.problem
