"""A program on the PATH at work in a workspace: a real process, its journal, its death."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Awaitable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from msgspec.structs import replace

from router.coding.contract import Report
from router.providers.base import (
    BadRequest,
    BrokenStream,
    Failure,
    Missing,
    Overloaded,
    TimedOut,
)
from store.events import (
    AnyEvent,
    FileChanged,
    Note,
    ReplyFailed,
    ReplyFinished,
    ReplyStarted,
    TextDelta,
    ToolCalled,
    ToolReturned,
    UsageSettled,
)
from tests.router.coding.shop import SAMPLES, Shop
from tests.servers.llmock import Llmock

INIT = {"say": {"type": "system", "subtype": "init", "model": "claude-opus-5-5"}}
RESULT: dict[str, Any] = {
    "type": "result",
    "subtype": "success",
    "is_error": False,
    "result": "Done.",
    "total_cost_usd": 0.25,
    "usage": {"input_tokens": 100, "output_tokens": 20, "cache_read_input_tokens": 7},
}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(tmp_path)
    yield shop
    shop.store.close()


def says(text: str, ident: str = "m") -> dict[str, Any]:
    content = [{"type": "text", "text": text}]
    return {"say": {"type": "assistant", "message": {"id": ident, "content": content}}}


def calls(name: str, **given: Any) -> dict[str, Any]:
    content = [{"type": "tool_use", "id": "t", "name": name, "input": given}]
    return {"say": {"type": "assistant", "message": {"id": "m", "content": content}}}


def returns(text: str, result: object = None) -> dict[str, Any]:
    part = {"type": "tool_result", "tool_use_id": "t", "content": text}
    return {"say": {"type": "user", "message": {"content": [part]}, "tool_use_result": result}}


async def fails(running: Awaitable[Report], kind: type[Failure]) -> Failure:
    with pytest.raises(kind) as raised:
        await running
    return raised.value


# --- work that is done --------------------------------------------------------------------------


async def test_what_it_tells_is_one_reply_with_tools_and_files(shop: Shop) -> None:
    path = shop.root / "add.py"
    shop.install(
        "claude",
        INIT,
        says("I write it."),
        calls("Write", file_path=str(path), content="x = 1\n"),
        {"write": {"path": str(path), "text": "x = 1\n"}},
        returns("written", {"type": "create"}),
        says("Done.", "n"),
        {"say": RESULT},
    )
    report = await shop.agent().run(shop.work())
    assert report == Report(state="done", text="Done.", tier="T1", model="claude-opus-5-5")
    started, finished = shop.event(ReplyStarted), shop.event(ReplyFinished)
    assert (started.prompt, started.account, started.tier) == ("task-1", "cli:claude", "T1")
    assert finished.text == "I write it.\n\nDone."
    deltas = shop.events(TextDelta)
    assert "".join(delta.text for delta in deltas) == finished.text
    called, returned, changed = (
        shop.event(ToolCalled),
        shop.event(ToolReturned),
        shop.event(FileChanged),
    )
    assert called.name == "Write"
    assert called.call == returned.call
    assert (changed.path, changed.change, changed.added) == ("add.py", "new", 1)
    assert {called.reply, returned.reply, changed.reply, finished.reply} == {started.reply}
    assert path.read_text("utf-8") == "x = 1\n"


async def test_what_it_used_is_booked_with_its_own_cost_though_nothing_was_reserved(
    shop: Shop,
) -> None:
    shop.install("claude", INIT, says("Done."), {"say": RESULT})
    await shop.agent().run(shop.work())
    settled, finished = shop.event(UsageSettled), shop.event(ReplyFinished)
    assert (settled.account, settled.kind, settled.cost) == ("cli:claude", "coding", 0.25)
    assert (finished.cost, finished.usage) == (0.25, settled.usage)
    used = shop.store.ledger.used(since=0, account="cli:claude")
    assert (used.requests, used.tokens, used.cost, used.unpriced_requests) == (1, 127, 0.25, 0)
    row = shop.store.sessions.get(shop.session)
    assert (row.tokens, row.cost) == (127, 0.25)


async def test_codex_is_booked_unpriced_since_it_tells_no_cost(shop: Shop) -> None:
    usage = {"input_tokens": 90, "cached_input_tokens": 40, "output_tokens": 10}
    shop.install(
        "codex",
        {"say": {"type": "thread.started"}},
        {"say": {"type": "item.completed", "item": {"type": "agent_message", "text": "Hi"}}},
        {"say": {"type": "turn.completed", "usage": usage}},
    )
    report = await shop.agent("cli:codex/gpt-6.2-sol").run(shop.work())
    assert (report.text, report.model) == ("Hi", "gpt-6.2-sol")
    assert shop.event(ReplyFinished).cost is None
    used = shop.store.ledger.used(since=0, account="cli:codex")
    assert (used.tokens, used.unpriced_requests) == (100, 1)


@pytest.mark.parametrize(
    ("name", "sample", "text"),
    [
        ("claude", "claude.jsonl", "Hello from the loopback mock: here is a small function."),
        ("codex", "codex-tool.jsonl", "The tool said from-tool."),
    ],
)
async def test_recorded_runs_replay(shop: Shop, name: str, sample: str, text: str) -> None:
    shop.install(name, {"replay": str(SAMPLES / sample)})
    report = await shop.agent(f"cli:{name}").run(shop.work())
    assert report.state == "done"
    assert report.text.startswith(text)
    assert shop.event(ReplyFinished).text.startswith(text)


async def test_windows_it_reports_are_gauges_of_its_account(shop: Shop) -> None:
    info = {"status": "allowed_warning", "rateLimitType": "seven_day", "utilization": 0.97}
    told = {"say": {"type": "rate_limit_event", "rate_limit_info": info}}
    shop.install("claude", INIT, told, says("Done."), {"say": RESULT})
    await shop.agent().run(shop.work())
    gauge = shop.services.keeper.house.gauges["cli:claude/*/week/provider"]
    assert gauge.percent == 97.0


async def test_a_spent_limit_of_its_own_ends_the_session_and_is_no_failure(shop: Shop) -> None:
    spent = RESULT | {"subtype": "error_max_budget_usd", "is_error": True}
    shop.install("claude", INIT, says("Half of it"), {"say": spent}, {"exit": 1})
    report = await shop.agent().run(shop.work())
    assert report.state == "failed"
    assert "coding.cost" in report.reason
    assert shop.event(UsageSettled).cost == 0.25


# --- how it is called ---------------------------------------------------------------------------


async def test_claude_is_called_in_the_workspace_with_its_commands_shut_off(shop: Shop) -> None:
    shop.install("claude", INIT, {"say": RESULT})
    work = shop.work("--help; $(touch /tmp/x)", plan="1. Do it", instructions="Be brief.")
    await shop.agent("cli:claude/opus").run(work)
    called = shop.called()
    assert called["folder"] == str(shop.root.resolve())
    arguments = called["arguments"]
    assert all(argument.startswith("--") for argument in arguments)
    assert {
        "--print",
        "--output-format=stream-json",
        "--include-partial-messages",
        "--verbose",
        "--permission-mode=acceptEdits",
        "--setting-sources=user",
        "--strict-mcp-config",
        "--model=opus",
        "--max-budget-usd=1.5",
    } <= set(arguments)
    (tools,) = [a for a in arguments if a.startswith("--tools=")]
    assert "Bash" not in tools
    assert "--bare" not in arguments, "that reads no login, and finds no files"
    prompt = called["stdin"]
    assert prompt.startswith("Be brief.\n\n--help; $(touch /tmp/x)\n\n")
    assert "1. Do it" in prompt
    assert f"Work only in this folder: {shop.root.resolve()}" in prompt


async def test_it_has_the_users_environment_and_nothing_of_butlers(tmp_path: Path) -> None:
    shop = Shop(tmp_path, ANTHROPIC_API_KEY="sk-of-the-user")
    shop.install("claude", INIT, {"say": RESULT})
    await shop.agent().run(shop.work())
    shop.store.close()
    called = shop.called()
    assert not any(argument.startswith("--model") for argument in called["arguments"])
    given = {n: v for n, v in called["environment"].items() if n not in ("LC_CTYPE", "PWD")}
    assert given == shop.environ


async def test_codex_is_called_in_its_sandbox_and_asks_for_nothing(shop: Shop) -> None:
    shop.install("codex", {"say": {"type": "turn.completed"}})
    await shop.agent("cli:codex").run(shop.work("- do it"))
    called = shop.called()
    assert called["arguments"] == [
        "exec",
        "--json",
        "--color=never",
        "--skip-git-repo-check",
        "--sandbox=workspace-write",
        "--config=approval_policy=never",
        "-",
    ]
    assert called["stdin"].startswith("- do it\n")


async def test_a_large_prompt_arrives_whole(shop: Shop) -> None:
    shop.install("claude", INIT, {"say": RESULT})
    await shop.agent().run(shop.work("é" * 1_000_000))
    assert shop.called()["stdin"].count("é") == 1_000_000


# --- work that fails ----------------------------------------------------------------------------


async def test_a_program_that_is_gone_is_missing(shop: Shop) -> None:
    failure = await fails(shop.agent().run(shop.work()), Missing)
    assert "claude is not on the PATH" in str(failure)
    assert shop.told() == []


async def test_a_program_that_can_not_start_is_missing(shop: Shop) -> None:
    shop.install("claude")
    (shop.bin / "claude").write_text("#!/no/such/interpreter\n", "utf-8")
    failure = await fails(shop.agent().run(shop.work()), Missing)
    assert "No such file" in str(failure)


async def test_private_work_never_reaches_it(shop: Shop) -> None:
    shop.install("claude", INIT, {"say": RESULT})
    await fails(shop.agent().run(shop.work(private=True)), BadRequest)
    assert not Path(shop.environ["FAKE_CALLED"]).exists()


async def test_an_overload_shows_its_waiting_and_fails_as_one(shop: Shop) -> None:
    shop.install("claude", {"replay": str(SAMPLES / "claude-529.jsonl")}, {"exit": 1})
    await fails(shop.agent().run(shop.work()), Overloaded)
    assert shop.events(Note)[1].text == "claude: overloaded, tries again in 1 s (2 of 2)"
    failed = shop.event(ReplyFailed)
    assert (failed.failure, failed.text) == ("overloaded", "")
    assert shop.events(UsageSettled) == [], "nothing was served"


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        ({"exit": 0}, "ended with exit code 0 without saying how its work ended"),
        ({"exit": 3}, "ended with exit code 3"),
        ({"die": signal.SIGKILL}, "was killed by signal 9"),
    ],
)
async def test_a_death_is_told_with_its_last_words_and_what_it_wrote_is_booked(
    shop: Shop, end: dict[str, Any], reason: str
) -> None:
    complaint = {"complain": "x\nout of memory: sk-ant-0123456789abcdef0123\n"}
    shop.install("claude", INIT, says("a" * 300), calls("Read"), complaint, end)
    failure = await fails(shop.agent().run(shop.work()), BrokenStream)
    assert str(failure).startswith(reason)
    assert str(failure).endswith(": out of memory: •••")
    failed, settled = shop.event(ReplyFailed), shop.event(UsageSettled)
    assert failed.text == "a" * 300
    assert (settled.usage.output, settled.usage.estimated) == (100, True)
    assert settled.usage.input > 10
    assert shop.event(ToolReturned).failed, "no tool is left running"


async def test_a_bad_exit_after_a_good_word_is_a_failure_all_the_same(shop: Shop) -> None:
    shop.install("claude", INIT, {"say": RESULT}, {"exit": 5})
    failure = await fails(shop.agent().run(shop.work()), BrokenStream)
    assert "exit code 5" in str(failure)
    assert shop.event(UsageSettled).cost == 0.25


async def test_what_is_no_event_is_passed_over_and_given_as_the_reason_of_a_death(
    shop: Shop,
) -> None:
    shop.install("claude", {"raw": "npm error no such module\n"}, {"exit": 1})
    failure = await fails(shop.agent().run(shop.work()), BrokenStream)
    assert "npm error no such module" in str(failure)
    shop.install("claude", {"raw": "npm warn old\n{\n"}, INIT, {"say": RESULT})
    assert (await shop.agent().run(shop.work())).state == "done"


async def test_half_a_line_at_the_end_is_no_result(shop: Shop) -> None:
    shop.install("claude", INIT, {"raw": '{"type": "result", "subtype": "succ'})
    await fails(shop.agent().run(shop.work()), BrokenStream)


async def test_silence_has_an_end(shop: Shop) -> None:
    limits = replace(shop.services.config.limits, silence=0.02)
    shop.services.config = replace(shop.services.config, limits=limits)
    shop.install("claude", INIT, {"stubborn": True}, {"sleep": 600})
    # Longer than the start of an interpreter on a busy machine; a fifth of it is allowed.
    failure = await fails(shop.agent().run(shop.work()), TimedOut)
    assert "said nothing for 0.4 s" in str(failure)


# --- what is too much ---------------------------------------------------------------------------


async def test_a_line_of_many_megabytes_is_left_out_and_the_rest_is_read(shop: Shop) -> None:
    giant = {"raw": '{"type": "user", "x": "' + "y" * 9_000_000 + '"}\n'}
    large = returns("z" * 3_000_000)
    shop.install("claude", INIT, calls("Read"), giant, large, says("Done."), {"say": RESULT})
    assert (await shop.agent().run(shop.work())).state == "done"
    returned = shop.event(ToolReturned)
    assert len(returned.text) < 21_000
    assert returned.text.endswith("characters more")


async def test_a_flood_is_stopped_and_holds_up_nobody(shop: Shop) -> None:
    flood = {"times": 1_000_000, "say": says("flood " * 1000)["say"]}
    shop.install("claude", INIT, {"stubborn": True}, {"flood": flood})
    worst, ticking = 0.0, True

    async def tick() -> None:
        nonlocal worst
        loop = asyncio.get_running_loop()
        while ticking:
            before = loop.time()
            await asyncio.sleep(0.002)
            worst = max(worst, loop.time() - before)

    ticker = asyncio.create_task(tick())
    try:
        failure = await fails(shop.agent().run(shop.work()), BrokenStream)
    finally:
        ticking = False
        await ticker
    assert "wrote more than" in str(failure)
    assert len(shop.event(ReplyFailed).text) <= 2_000_000
    assert worst < 0.25, "generous: two cores are shared by many"


async def test_a_loud_stderr_neither_blocks_it_nor_is_kept(shop: Shop) -> None:
    shop.install("claude", INIT, {"complain": "x" * 3_000_000}, says("Done."), {"say": RESULT})
    assert (await shop.agent().run(shop.work())).state == "done"


async def test_nothing_it_writes_steers_a_terminal(shop: Shop) -> None:
    evil = "\x1b[2J\x1b]0;owned\x07\u202e"
    shop.install(
        "claude",
        INIT,
        calls(f"Read{evil}", file_path=evil, **{evil: [evil]}),
        returns(evil),
        {"say": {"type": "system", "subtype": "api_retry", "error": evil}},
        {"complain": evil},
        {"exit": 1},
    )
    failure = await fails(shop.agent().run(shop.work()), BrokenStream)
    shown = [
        str(failure),
        *(f"{call.name} {call.arguments}" for call in shop.events(ToolCalled)),
        *(returned.text for returned in shop.events(ToolReturned)),
        *(note.text for note in shop.events(Note)),
        *(reply.message for reply in shop.events(ReplyFailed)),
    ]
    assert len(shown) == 5
    assert not any(sign in text for text in shown for sign in "\x1b\x07\u202e")


@pytest.mark.parametrize("path", ["/etc/passwd", "../other/a.py", "a/../../b", "", "."])
async def test_a_change_outside_of_the_workspace_is_not_shown_as_one_of_it(
    shop: Shop, path: str
) -> None:
    shop.install("claude", INIT, calls("Write", file_path=path), returns("ok"), {"say": RESULT})
    await shop.agent().run(shop.work())
    assert shop.events(FileChanged) == []


# --- ending it ----------------------------------------------------------------------------------


async def until(path: Path) -> list[int]:
    async with asyncio.timeout(20):
        while not (path.exists() and len(path.read_text("utf-8").split()) == 2):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return [int(number) for number in path.read_text("utf-8").split()]


def alive(numbers: list[int]) -> list[int]:
    def lives(number: int) -> bool:
        try:
            return psutil.Process(number).status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    return [number for number in numbers if lives(number)]


async def gone(numbers: list[int]) -> None:
    """A killed process takes the system a moment."""
    async with asyncio.timeout(10):
        while alive(numbers):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("times", [1, 3])
async def test_cancelling_ends_it_and_its_children_before_it_goes_on(
    shop: Shop, times: int
) -> None:
    pids = shop.folder / "pids"
    shop.install(
        "claude", INIT, says("Half"), {"stubborn": True}, {"child": str(pids)}, {"sleep": 600}
    )
    heard = asyncio.Event()

    def say(event: AnyEvent) -> None:
        shop.say(event)
        if isinstance(event, TextDelta):
            heard.set()

    running = asyncio.create_task(shop.agent(say=say).run(shop.work()))
    await heard.wait()
    numbers = await until(pids)
    for _ in range(times):  # however impatiently
        running.cancel()
        await asyncio.sleep(0.05)
    with pytest.raises(asyncio.CancelledError):
        await running
    await gone(numbers)
    failed = shop.event(ReplyFailed)
    assert (failed.failure, failed.text) == ("cancelled", "Half")
    assert shop.event(UsageSettled).usage.estimated


async def test_what_it_leaves_behind_when_it_ends_is_ended_too(shop: Shop) -> None:
    pids = shop.folder / "pids"
    shop.install("claude", INIT, {"child": str(pids)}, {"say": RESULT})
    await shop.agent().run(shop.work())
    await gone([int(number) for number in pids.read_text("utf-8").split()])


_BUTLER = """
import asyncio, sys
from pathlib import Path
from router.coding.cli_agents.process import Run

async def main(program, folder, part):
    environ = {"FAKE_PART": part, "FAKE_CALLED": str(folder / "called.json")}
    run = await Run.start([program], "", folder, environ)
    async for lines in run.lines(60):
        print(lines, flush=True)

asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
"""


async def test_it_ends_with_a_butler_that_was_killed(shop: Shop) -> None:
    pids = shop.folder / "pids"
    shop.install("claude", INIT, {"stubborn": True}, {"child": str(pids)}, {"sleep": 600})
    program = str(shop.bin / "claude")
    command = [sys.executable, "-c", _BUTLER, program, str(shop.folder), shop.environ["FAKE_PART"]]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as butler:
        numbers = await until(pids)
        butler.kill()
    await gone(numbers)


# --- the real one -------------------------------------------------------------------------------


@pytest.mark.skipif(
    shutil.which("claude") is None,
    reason="the real claude is not on the PATH; it is proprietary and never installed for tests",
)
async def test_the_real_claude_against_a_loopback_server(
    tmp_path: Path, llmock_service: Llmock
) -> None:
    shop = Shop(
        tmp_path,
        PATH=os.environ["PATH"],
        ANTHROPIC_API_KEY="sk-test-0123456789",
        ANTHROPIC_BASE_URL=llmock_service.base_url("anthropic"),
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1",
    )
    model = {"model": "claude-sonnet-5-5"}
    write = {"name": "Write", "arguments": {"file_path": "hello.py", "content": "print(1)\n"}}
    run = {"name": "Bash", "arguments": {"command": "touch ran"}}
    llmock_service.script(
        # Its first request names something that llmock doesn't know; it asks again without.
        {"type": "reply", "text": "lost", "match": model},
        {"type": "reply", "tool_calls": [write], "match": model},
        {"type": "reply", "tool_calls": [run], "match": model},
        {"type": "reply", "text": "Hello from here.", "match": model},
    )
    limits = replace(shop.services.config.limits, silence=5)
    shop.services.config = replace(shop.services.config, limits=limits)
    report = await shop.agent("cli:claude/claude-sonnet-5-5").run(shop.work("Say hello."))
    assert (report.state, report.text) == ("done", "Hello from here.")
    assert shop.event(FileChanged).path == "hello.py"
    assert [path.name for path in shop.root.iterdir()] == ["hello.py"], "no command ran"
    assert [returned.failed for returned in shop.events(ToolReturned)] == [False, True]
    assert shop.event(UsageSettled).usage.output > 0
    shop.store.close()
