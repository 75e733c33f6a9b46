"""The coding agent over real wires: what it is sent, what it runs, when it ends."""

import asyncio
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from router.coding.contract import Stop
from router.coding.history import History
from router.config import Account, Wire
from router.policy import Ask
from router.providers.base import ToolCallPart
from store.events import (
    Candidate,
    Note,
    ReplyFailed,
    ReplyFinished,
    ReplyStarted,
    TextDelta,
    ToolReturned,
)
from tests.router.coding.working import (
    SESSION,
    Folder,
    Workshop,
    asked_path,
    call,
    calls,
    once,
    open_workshop,
)
from tests.router.house import CODEX, SONNET, configuration, fail, reply, spoil
from tests.servers.llmock import Llmock


def cut(*made: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """Ended by the output limit."""
    script = calls(*made) if made else reply("I begin with")
    return script | {"finish_reason": "length"}


async def test_it_reads_writes_and_reports(llmock_service: Llmock, tmp_path: Path) -> None:
    llmock_service.script(
        calls(("read_file", {"path": "sum.py"}), text="I look first."),
        call("write_file", path="sum.py", text="a + b\n"),
        reply("The sum is mended."),
    )
    async with open_workshop(configuration(llmock_service, tools=True), tmp_path) as shop:
        (shop.root / "sum.py").write_text("a - b\n")
        report = await shop.do()
        finished = await shop.of(ReplyFinished)
        returned = await shop.of(ToolReturned)
    assert (report.state, report.text) == ("done", "The sum is mended.")
    assert (report.tier, report.model) == ("T1", CODEX)
    assert (shop.root / "sum.py").read_text() == "a + b\n"
    assert [event.text for event in finished] == ["I look first.", "", "The sum is mended."]
    assert [event.text for event in returned] == ["a - b\n", "Wrote sum.py."]
    assert "a - b" in json.dumps(llmock_service.requests()[1]["body"])


@pytest.mark.parametrize("wire", ["anthropic", "openai-chat", "google"])
async def test_it_works_on_every_wire_with_tools(
    llmock_service: Llmock, tmp_path: Path, wire: Wire
) -> None:
    llmock_service.script(
        call("read_file", path="sum.py"),
        calls(("write_file", {"path": "a", "text": "1"}), ("read_file", {"path": "nowhere"})),
        reply("Done."),
    )
    config = configuration(llmock_service, tools=True)
    account = Account(wire=wire, base_url=llmock_service.base_url(wire), key="none")
    config = replace(config, accounts={**config.accounts, "openai": account})
    async with open_workshop(config, tmp_path) as shop:
        (shop.root / "sum.py").write_text("a - b\n")
        report = await shop.do()
        returned = await shop.of(ToolReturned)
    assert (report.state, report.text, report.model) == ("done", "Done.", CODEX)
    assert (shop.root / "a").read_text() == "1"
    last = json.dumps(llmock_service.requests()[-1]["body"])
    assert [event.failed for event in returned] == [False, False, True]
    assert all(json.dumps(event.text)[1:-1] in last for event in returned)


async def test_task_plan_and_rules_go_out(llmock_service: Llmock, tmp_path: Path) -> None:
    llmock_service.script(reply("Done."))
    async with open_workshop(configuration(llmock_service, tools=True), tmp_path) as shop:
        specialist = shop.specialist(Folder(shop.root), system="Speak like a pirate.")
        await specialist.run(shop.work(plan="1. Turn the sign."))
    body = llmock_service.requests()[0]["body"]
    assert "Mend the sum." in json.dumps(body["input"])
    assert "The user has approved this plan" in json.dumps(body["input"])
    assert "1. Turn the sign." in json.dumps(body["input"])
    assert "is data" in body["instructions"]
    assert "Speak like a pirate." in body["instructions"]
    assert [tool["name"] for tool in body["tools"]] == ["read_file", "write_file"]


async def test_a_switch_in_mid_work_keeps_the_tool_history(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    """From OpenAI's wire to Anthropic's: the second model sees what the first one did."""
    llmock_service.script(
        calls(("read_file", {"path": "sum.py"}), model=CODEX, text="I look first."),
        call("write_file", SONNET, path="sum.py", text="a + b\n"),
        reply("Mended.", SONNET),
    )
    async with open_workshop(configuration(llmock_service, tools=True), tmp_path) as shop:
        (shop.root / "sum.py").write_text("a - b\n")
        overload = partial(llmock_service.script, fail(529, CODEX))
        report = await shop.do(Folder(shop.root, once(overload)))
        started = await shop.of(ReplyStarted)
    assert (report.state, report.tier, report.text) == ("done", "T3", "Mended.")
    assert (shop.root / "sum.py").read_text() == "a + b\n"
    task, looked, result = llmock_service.requests()[2]["body"]["messages"]
    assert task["content"][0]["text"] == "Mend the sum."
    said, used = looked["content"]
    assert said["text"] == "I look first."
    assert (used["type"], used["name"], used["input"]) == (
        "tool_use",
        "read_file",
        {"path": "sum.py"},
    )
    assert result["content"][0]["tool_use_id"] == used["id"]
    assert result["content"][0]["content"] == "a - b\n"
    assert {event.model for event in started if "overloaded" in event.why} == {SONNET}


async def test_a_stream_that_breaks_in_a_call_loses_nothing(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    llmock_service.script(
        call("write_file", CODEX, path="one", text="1"),
        call("write_file", CODEX, path="half", text="never " * 20),
        reply("Went on.", SONNET),
    )
    async with open_workshop(configuration(llmock_service, tools=True), tmp_path) as shop:
        break_off = partial(llmock_service.script, spoil("truncate", CODEX, after=3))
        report = await shop.do(Folder(shop.root, once(break_off)))
    assert (report.state, report.text) == ("done", "Went on.")
    assert [path.name for path in shop.root.iterdir()] == ["one"]
    assert "never" not in json.dumps(llmock_service.requests()[-1]["body"])


async def test_long_work_fits_into_a_small_window(llmock_service: Llmock, tmp_path: Path) -> None:
    """What was read first becomes a line, then falls out; every call keeps its result."""
    llmock_service.script(
        *(call("read_file", path=f"{number}.py") for number in range(30)), reply("Read all.")
    )
    config = configuration(llmock_service, tools=True)
    key = f"openai/{CODEX}"
    small = replace(config.models[key], context=4000)
    config = replace(config, models={**config.models, key: small})
    async with open_workshop(config, tmp_path) as shop:
        for number in range(30):
            (shop.root / f"{number}.py").write_text(f"# {number}\n" + "a line\n" * 200)
        report = await shop.do(steps=40)
        notes = await shop.of(Note)
    assert (report.state, report.text) == ("done", "Read all.")
    last = llmock_service.requests()[-1]["body"]["input"]
    assert "Mend the sum." in json.dumps(last[0])
    assert "earlier steps of your work" in json.dumps(last[0])
    made = [item["call_id"] for item in last if item["type"] == "function_call"]
    answered = [item["call_id"] for item in last if item["type"] == "function_call_output"]
    assert made == answered
    outputs = [item["output"] for item in last if item["type"] == "function_call_output"]
    assert "kB left out" in outputs[0]
    assert outputs[-1].startswith("# 29")
    assert len(json.dumps(last)) < 3 * 4000
    assert ["left out" in note.text for note in notes] == [True]


# --- where it stops by itself ------------------------------------------------------------------


async def test_it_stops_at_the_step_limit(llmock_service: Llmock, tmp_path: Path) -> None:
    llmock_service.script(*(call("write_file", path=f"{number}", text="x") for number in range(9)))
    async with open_workshop(configuration(llmock_service, tools=True), tmp_path) as shop:
        report = await shop.do(steps=3)
        left = sorted(path.name for path in shop.root.iterdir())
    assert report.state == "failed"
    assert "3 steps (coding.steps)" in report.reason
    assert left == ["0", "1", "2"]


async def test_it_stops_at_the_cost_limit(llmock_service: Llmock, tmp_path: Path) -> None:
    llmock_service.script(*(call("write_file", path=f"{number}", text="x") for number in range(9)))
    async with open_workshop(configuration(llmock_service, tools=True), tmp_path) as shop:
        report = await shop.do(cost=0.000001)
        finished = await shop.of(ReplyFinished)
    assert report.state == "failed"
    assert "coding.cost" in report.reason
    assert len(finished) == 1


async def test_an_answer_that_is_cut_off_is_told_once(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    llmock_service.script(cut(), reply("Done after all."))
    async with open_workshop(configuration(llmock_service, tools=True), tmp_path) as shop:
        report = await shop.do()
    assert (report.state, report.text) == ("done", "Done after all.")
    assert "write in smaller pieces" in json.dumps(llmock_service.requests()[1]["body"])


async def test_twice_cut_off_is_the_end(llmock_service: Llmock, tmp_path: Path) -> None:
    llmock_service.script(cut(), cut(), reply("never"))
    async with open_workshop(configuration(llmock_service, tools=True), tmp_path) as shop:
        report = await shop.do()
    assert report.state == "failed"
    assert "output limit 2 times in a row" in report.reason
    assert len(llmock_service.requests()) == 2


async def test_calls_before_the_cut_are_run_and_count(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    llmock_service.script(
        cut(), cut(("write_file", {"path": "a", "text": "x"})), cut(), reply("Done.")
    )
    async with open_workshop(configuration(llmock_service, tools=True), tmp_path) as shop:
        report = await shop.do()
    assert report.state == "done"
    assert "behind them" in json.dumps(llmock_service.requests()[2]["body"])


async def test_the_same_call_again_and_again_ends_it(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    llmock_service.script({**call("read_file", path="sum.py"), "times": None})
    async with open_workshop(configuration(llmock_service, tools=True), tmp_path) as shop:
        (shop.root / "sum.py").write_text("a - b\n")
        report = await shop.do()
    assert report.state == "failed"
    assert "went round in circles with read_file" in report.reason
    bodies = [json.dumps(request["body"]) for request in llmock_service.requests()]
    assert ["3 times with the same" in body for body in bodies] == [False] * 3 + [True]


async def test_who_finds_another_way_goes_on(llmock_service: Llmock, tmp_path: Path) -> None:
    same = call("read_file", path="sum.py")
    llmock_service.script(
        same, same, same, call("write_file", path="sum.py", text="x"), same, same, reply("Done.")
    )
    async with open_workshop(configuration(llmock_service, tools=True), tmp_path) as shop:
        (shop.root / "sum.py").write_text("a - b\n")
        report = await shop.do()
    assert (report.state, report.text) == ("done", "Done.")


async def test_only_failures_end_it(llmock_service: Llmock, tmp_path: Path) -> None:
    llmock_service.script(*(call("read_file", path=f"no-{number}") for number in range(12)))
    async with open_workshop(configuration(llmock_service, tools=True), tmp_path) as shop:
        report = await shop.do()
        returned = await shop.of(ToolReturned)
    assert report.state == "failed"
    assert "in circles" in report.reason
    assert len(returned) == 8
    assert "last 5 tool calls have failed" in json.dumps(llmock_service.requests()[-1]["body"])


async def test_no_tier_is_a_failure_that_says_so(llmock_service: Llmock, tmp_path: Path) -> None:
    llmock_service.script({**fail(529, "*"), "times": None})
    async with open_workshop(configuration(llmock_service, tools=True), tmp_path) as shop:
        report = await shop.do()
    assert report.state == "failed"
    assert "No tier could answer" in report.reason


async def test_a_model_without_tools_says_that_it_cannot_write(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    llmock_service.script(reply("Turn the sign in sum.py."))
    async with open_workshop(configuration(llmock_service), tmp_path) as shop:
        report = await shop.do()
    assert (report.state, report.text) == ("done", "Turn the sign in sum.py.")
    assert f"{CODEX} can't write files here: its model has no tools" in report.reason
    assert "tools" not in llmock_service.requests()[0]["body"]


async def test_programs_on_the_path_are_not_asked_here(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    llmock_service.script(reply("Done."))
    async with open_workshop(configuration(llmock_service, tools=True), tmp_path) as shop:
        program = Candidate(tier="T1", account="cli:claude", model="opus")
        report = await shop.do(
            candidates=lambda: (program, *shop.services.candidates(Ask(work="code")))
        )
    assert (report.state, report.model) == ("done", CODEX)


async def test_candidates_are_asked_anew_for_each_step(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    llmock_service.script(call("write_file", CODEX, path="a", text="x"), reply("Done.", SONNET))
    async with open_workshop(configuration(llmock_service, tools=True), tmp_path) as shop:
        tiers = iter(["T1", "T3"])

        def candidates() -> Any:
            tier = next(tiers)
            return [one for one in shop.candidates() if one.tier == tier]

        report = await shop.do(candidates=candidates)
    assert (report.state, report.model) == ("done", SONNET)


# --- what the model does wrong -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "complaint"),
    [
        ("unknown_tool", "There is no tool called"),
        ("malformed_arguments", "must be one JSON object"),
    ],
)
async def test_a_wrong_call_is_told_to_the_model(
    llmock_service: Llmock, tmp_path: Path, kind: str, complaint: str
) -> None:
    llmock_service.script({"type": "tool_fault", "kind": kind}, reply("Sorry."))
    llmock_service.script(reply("Sorry."))
    async with open_workshop(configuration(llmock_service, tools=True), tmp_path) as shop:
        folder = Folder(shop.root)
        report = await shop.do(folder)
        [returned] = await shop.of(ToolReturned)
    assert report.state == "done"
    assert folder.ran == []
    assert returned.failed
    assert complaint in returned.text
    assert complaint in json.dumps(llmock_service.requests()[1]["body"])


# --- the user stops it -------------------------------------------------------------------------


async def test_a_stop_answers_the_calls_that_are_left(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    llmock_service.script(
        calls(
            ("write_file", {"path": "a", "text": "x"}),
            ("write_file", {"path": "b", "text": "x"}),
            ("write_file", {"path": "c", "text": "x"}),
        )
    )

    def no_further(made: ToolCallPart) -> None:
        if asked_path(made) == "b":
            raise Stop("You rejected all commands.")

    async with open_workshop(configuration(llmock_service, tools=True), tmp_path) as shop:
        history = History()
        report = await shop.do(Folder(shop.root, no_further), history)
        returned = await shop.of(ToolReturned)
        left = [path.name for path in shop.root.iterdir()]
    assert (report.state, report.reason) == ("cancelled", "You rejected all commands.")
    assert [event.failed for event in returned] == [False, True, True]
    assert history.pending() == ()
    assert left == ["a"]


async def test_a_cancellation_in_a_tool_goes_on_and_leaves_the_call_open(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    llmock_service.script(call("write_file", path="a", text="x"))
    begun = asyncio.Event()

    async def for_ever() -> None:
        begun.set()
        await asyncio.Event().wait()

    async with open_workshop(configuration(llmock_service, tools=True), tmp_path) as shop:
        folder = Folder(shop.root, lambda _: for_ever())
        task = asyncio.create_task(shop.do(folder))
        await asyncio.wait_for(begun.wait(), 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        history = History.from_entries(await shop.entries())
    assert [asked_path(left) for left in history.pending()] == ["a"]


async def test_a_cancellation_in_an_answer_ends_the_reply(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    llmock_service.script(reply("one two three four five six"), spoil("stall", CODEX, after=6))
    async with open_workshop(configuration(llmock_service, tools=True), tmp_path) as shop:
        async with shop.services.store.journal.subscribe(SESSION) as heard:
            task = asyncio.create_task(shop.do())
            async with asyncio.timeout(10):
                async for batch in heard:
                    if any(isinstance(entry.event, TextDelta) for entry in batch):
                        break
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        [failed] = await shop.of(ReplyFailed)
    assert failed.failure == "cancelled"


# --- going on after a crash --------------------------------------------------------------------


async def _crashed_with_two_calls(shop: Workshop) -> History:
    """The program dies while the first of two calls runs."""

    async def die() -> None:
        raise ConnectionResetError("the machine is gone")

    with pytest.raises(ConnectionResetError):
        await shop.do(Folder(shop.root, lambda _: die()))
    return History.from_entries(await shop.entries())


async def test_it_goes_on_where_the_journal_ends(llmock_service: Llmock, tmp_path: Path) -> None:
    llmock_service.script(
        calls(
            ("write_file", {"path": "a", "text": "x"}),
            ("write_file", {"path": "b", "text": "x"}),
            text="Two files.",
        ),
        reply("Both are there."),
    )
    async with open_workshop(configuration(llmock_service, tools=True), tmp_path) as shop:
        history = await _crashed_with_two_calls(shop)
        first, second = history.pending()
        folder = Folder(shop.root)

        def interrupted(made: ToolCallPart) -> bool:
            return made.call == first.call

        report = await shop.do(folder, history, interrupted=interrupted)
        left = [path.name for path in shop.root.iterdir()]
    assert (report.state, report.text) == ("done", "Both are there.")
    assert folder.ran == [second.call], "what may have run in part is not run again"
    assert left == ["b"]
    items = llmock_service.requests()[-1]["body"]["input"]
    results = [item["output"] for item in items if item["type"] == "function_call_output"]
    assert "may have run in part" in results[0]
    assert results[1] == "Wrote b."
    assert "Two files." in json.dumps(items)
