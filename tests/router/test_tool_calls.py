"""Tool calls are bounded before anything is kept of them."""

from pathlib import Path

import msgspec

from router.providers.base import ToolCallPart
from router.tool_calls import LARGEST, MOST, TOGETHER, ToolCalls, too_long
from tests.router.coding.desks import call
from tests.router.house import FLASH, LOCAL, configuration, open_house, ref, reply
from tests.servers.llmock import Llmock


def taken(*calls: ToolCallPart) -> ToolCalls:
    found = ToolCalls()
    for one in calls:
        found.take(one)
    return found


def test_what_is_usual_stays_as_it_is() -> None:
    usual = ToolCallPart("1", "read_file", '{"path":"a.py"}', "seal")
    assert taken(usual).calls == [usual]
    assert too_long(usual) == ""


def test_one_that_is_too_long_is_cut_and_still_json() -> None:
    [cut] = taken(ToolCallPart("1", "write_file", "\ud800" + "x" * LARGEST)).calls
    assert len(cut.arguments) < 2_000
    assert msgspec.json.decode(cut.arguments)["too_long"] == LARGEST + 1
    assert "write_file" in too_long(cut)


def test_those_that_fit_are_kept_until_all_of_them_are_too_long() -> None:
    size = LARGEST - 10
    found = taken(*(ToolCallPart(str(n), "write_file", "x" * size) for n in range(6)))
    kept = [not too_long(one) for one in found.calls]
    assert kept == [n < TOGETHER // size for n in range(6)]


def test_the_hundredth_is_there_and_the_thousandth_is_not() -> None:
    found = taken(*(ToolCallPart(str(n), "list_files", "{}") for n in range(1000)))
    assert len(found.calls) == MOST
    assert found.cut_off


def test_a_name_is_one_that_services_take_back() -> None:
    names = ["run\x1b[2J", "", "x" * 500, "überall", "mcp.read-file"]
    found = taken(*(ToolCallPart(str(n), name, "{}") for n, name in enumerate(names)))
    assert [one.name for one in found.calls] == [
        "run_2J", "unnamed", "x" * 64, "_berall", "mcp_read-file"
    ]  # fmt: skip


async def test_a_chat_tells_the_model_that_its_arguments_were_too_long(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    llmock_service.script(
        call("sessions_spawn", FLASH, task="t" * (LARGEST + 1)), reply("I see.", FLASH)
    )
    tiers = {"T0": (ref(FLASH),), "T4": (ref(LOCAL),)}
    config = configuration(llmock_service, tools=True, tiers=tiers)
    async with open_house(config, tmp_path) as house:
        answer = await house.say("could you look after those notes?")
        assert house.view.tasks == ()
    assert str(answer.text) == "I see."
    assert "too long" in (answer.tools[0].result or "")
