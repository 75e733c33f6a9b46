"""Tool calls in the transcript: one quiet line each, in their place, opened when asked for."""

from time import perf_counter

from msgspec.structs import replace

from router.fold import fold_all
from router.view import LongText, Message, ToolUse, View
from store.events import (
    ApprovalAsked,
    Entry,
    FileChanged,
    ReplyFinished,
    ReplyStarted,
    TextDelta,
    ToolCalled,
    ToolReturned,
)
from tests.tui.test_transcript import Stage, stage
from tui.transcript.item import Item
from tui.transcript.tools import Pending, ToolLine, tell
from tui.transcript_feed import Feed
from tui.widgets.transcript import Transcript

DIFF = "@@ -1,2 +1,2 @@\n import queue\n-ack()\n+commit(); ack()\n"


def use(name: str, arguments: str = "{}", result: str | None = "", **more: object) -> ToolUse:
    fields: dict[str, object] = {"call": f"{name}{arguments}", "offset": 0, **more}
    return ToolUse(name=name, arguments=arguments, result=result, **fields)  # type: ignore[arg-type]


def edited(path: str = "queue.py", **more: object) -> FileChanged:
    fields: dict[str, object] = {"change": "edit", "added": 12, "removed": 3, "diff": DIFF, **more}
    return FileChanged(reply="r1", path=path, **fields)  # type: ignore[arg-type]


def reply(number: int, text: str = "", *tools: ToolUse, **more: object) -> Message:
    fields: dict[str, object] = {
        "role": "butler",
        "at": 0,
        "tier": "T1",
        "model": "sol",
        "account": "openai",
        **more,
    }
    return Message(id=f"r{number}", text=LongText().plus(text), tools=tools, **fields)  # type: ignore[arg-type]


def view(*messages: Message) -> View:
    return View(session="code1", kind="code", messages=messages)


async def shown(here: Stage, *messages: Message) -> list[str]:
    Feed(here.view).show(view(*messages))
    await here.rest()
    return here.lines


def line(used: ToolUse, state: Pending = "runs") -> str:
    told = tell(used, state)
    return " ".join(part for part in (told.glyph, told.name, told.argument, told.outcome) if part)


def test_a_call_is_told_in_one_line() -> None:
    assert line(use("read_file", '{"path":"a.py"}', "1\n2\n3")) == "▸ read_file a.py 3 lines"
    search = use("search_files", '{"path":"src","pattern":"ack"}', "")
    assert line(search) == '▸ search_files "ack" src'
    ran = use("run_command", '{"command":"pytest -q"}', "Exit code 0 after 1.2 s.\n3 passed")
    assert line(ran) == "▸ run_command pytest -q exit 0 · 1.2 s"
    wrote = use("edit_file", '{"path":"queue.py"}', "ok", changed=(edited(),))
    assert line(wrote) == "✎ edit_file queue.py +12 −3"
    made = use("write_file", '{"path":"new.py"}', "ok", changed=(edited(change="new", removed=0),))
    assert line(made).endswith("new.py new +12")


def test_what_runs_failed_or_never_came_back_says_so() -> None:
    running = use("run_command", '{"command":"make"}', None)
    assert line(running) == "▶ run_command make runs"
    assert line(running, "stopped") == "■ run_command make stopped"
    refused = use("read_file", '{"path":"/etc/passwd"}', "It is outside.\nMore", failed=True)
    assert line(refused) == "✗ read_file /etc/passwd failed: It is outside."
    red = use("run_command", '{"command":"pytest"}', "exit code: 1\nFAILED test_a")
    assert line(red) == "✗ run_command pytest exit 1"


def test_arguments_may_be_anything() -> None:
    assert line(use("x", "not json", "")) == "▸ x not json"
    assert line(use("x", "[1,2]", "")) == "▸ x [1,2]"
    assert line(use("read_file", '{"path":["a"]}', "")) == '▸ read_file ["a"]'


async def test_calls_stand_where_they_were_made_and_control_characters_are_harmless() -> None:
    text = "First I read.\n\nThen I mend it."
    tools = (
        use("read_file", '{"path":"a\\u001b[31m.py"}', "x\x1b[2J", offset=13, call="1"),
        use("list\x1b[5m", "{}", "", offset=13, call="2"),
    )
    async with stage() as here:
        lines = await shown(here, reply(1, text, *tools))
        at = lines.index("First I read.")
        assert lines[at + 1 : at + 6] == [
            "",
            "▸ read_file a␛[31m.py  x␛[2J",
            "▸ list␛[5m",
            "",
            "Then I mend it.",
        ]


async def test_replies_that_only_call_tools_read_as_one_list_under_one_head() -> None:
    steps = [reply(n, "", use("read_file", f'{{"path":"{n}.py"}}', "")) for n in range(4)]
    said = reply(4, "It is the acknowledgement.")
    async with stage() as here:
        lines = await shown(here, *steps, said)
        assert lines[0].split() == ["butler", "via", "T1", "·", "sol"]
        assert lines[1:7] == [
            "▸ read_file 0.py",
            "▸ read_file 1.py",
            "▸ read_file 2.py",
            "▸ read_file 3.py",
            "",
            "It is the acknowledgement.",
        ]


async def test_the_head_comes_again_when_another_model_goes_on_or_the_user_spoke() -> None:
    step = use("list_files", "{}", "")
    user = Message(id="p", role="user", at=0, text=LongText().plus("Faster."))
    other = replace(reply(2, "", step), model="luna")
    async with stage() as here:
        lines = await shown(here, reply(1, "", step), other, user, replace(other, id="r3"))
        assert [row.split()[-1] for row in lines if row.startswith("butler")] == [
            "sol",
            "luna",
            "luna",
        ]


async def test_a_step_that_waits_for_its_model_is_seen_waiting() -> None:
    step = reply(1, "", use("list_files", "{}", ""))
    async with stage() as here:
        lines = await shown(here, step, reply(2, state="waiting"))
        assert lines[1:3] == ["▸ list_files", "▸ writing"]


async def test_a_failed_command_shows_its_last_lines_unasked() -> None:
    output = "Exit code 1 after 0.8 s.\n" + "\n".join(f"line {n}" for n in range(30))
    async with stage() as here:
        lines = await shown(here, reply(1, "", use("run_command", '{"command":"make"}', output)))
        assert lines[1] == "✗ run_command make  exit 1 · 0.8 s"
        assert lines[2:6] == [f"  │ line {n}" for n in range(26, 30)]


async def test_ctrl_o_opens_the_latest_call_and_closes_it_again() -> None:
    wrote = use("edit_file", '{"path":"queue.py","old":"ack()"}', "ok", changed=(edited(),))
    async with stage() as here:
        lines = await shown(here, reply(1, "", use("list_files", "{}", "a"), wrote))
        closed = list(lines)
        await here.press("ctrl+o")
        assert "  │ − ack()" in here.lines
        assert "  │ + commit(); ack()" in here.lines
        assert "  │ old: ack()" in here.lines
        await here.press("ctrl+o")
        assert here.lines == closed


async def test_a_click_opens_the_call_it_hits() -> None:
    tools = [use("read_file", f'{{"path":"{n}.py"}}', f"text {n}\nmore") for n in range(3)]
    async with stage() as here:
        _ = await shown(here, reply(1, "", *tools))
        await here.pilot.click(Transcript, offset=here.find("1.py"))
        await here.rest()
        assert "  │ text 1" in here.lines
        assert "text 0" not in here.text


async def test_a_call_is_copied_without_its_marks_and_diff_lines_as_a_diff() -> None:
    wrote = use("edit_file", '{"path":"queue.py"}', "ok", changed=(edited(),))
    async with stage() as here:
        _ = await shown(here, reply(1, "", wrote))
        await here.press("ctrl+o")
        _, y = here.find("✎ edit_file")
        _, last = here.find("+ commit()")
        await here.drag((0, y), (58, last))
        copied = here.view.selected_text().splitlines()
        assert copied[0] == "edit_file queue.py  +12 −3"
        assert copied[-2:] == ["-ack()", "+commit(); ack()"]


def streamed() -> list[Entry]:
    """A reply that says, calls, and says again."""
    events = [
        ReplyStarted(reply="r1", prompt="", tier="T1", model="sol", account="openai"),
        TextDelta(reply="r1", offset=0, text="I look.\n"),
        ToolCalled(reply="r1", call="c1", name="read_file", arguments='{"path":"queue.py"}'),
        ToolReturned(reply="r1", call="c1", text="1\n2"),
        TextDelta(reply="r1", offset=8, text="\nIt acks "),
        TextDelta(reply="r1", offset=17, text="too early."),
        ToolCalled(reply="r1", call="c2", name="edit_file", arguments='{"path":"queue.py"}'),
        FileChanged(reply="r1", path="queue.py", change="edit", added=1, removed=1, diff=DIFF),
        ToolReturned(reply="r1", call="c2", text="done"),
        TextDelta(reply="r1", offset=27, text="Done."),
        ReplyFinished(reply="r1", text="I look.\n\nIt acks too early.Done.", stop_reason="end"),
    ]
    return [Entry(seq=n, at=n, session="code1", event=e) for n, e in enumerate(events, 1)]


async def test_what_streamed_looks_as_it_does_when_it_is_opened_again() -> None:
    entries = streamed()
    async with stage() as here:
        feed = Feed(here.view)
        now = View(session="code1")
        for entry in entries:
            now = fold_all(now, [entry])
            feed.show(now)
            await here.rest()
        live = here.lines
        assert "▸ read_file queue.py  2 lines" in live
        assert "✎ edit_file queue.py  +1 −1" in live
        Feed(here.view).show(now)
        await here.rest()
        assert here.lines == live


async def test_text_after_a_call_still_only_grows() -> None:
    """The fast path: the item is not made anew for a fragment."""
    entries = streamed()
    made: list[Item] = []

    class Watched(Transcript):
        def update(self, item: Item) -> None:
            made.append(item)
            super().update(item)

    transcript = Watched()
    feed = Feed(transcript)
    now = fold_all(View(session="code1"), entries[:5])
    feed.show(now)
    made.clear()
    feed.show(fold_all(now, entries[5:6]))
    assert not made


async def test_a_thousand_steps_cost_as_little_each_as_ten() -> None:
    async with stage(80, 30) as here:
        feed = Feed(here.view)
        now = View(session="code1", kind="code")
        times: list[float] = []
        for number in range(1_000):
            events = (
                ReplyStarted(reply=f"r{number}", prompt="", tier="T1", model="m", account="a"),
                ToolCalled(
                    reply=f"r{number}", call="c", name="read_file", arguments='{"path":"a.py"}'
                ),
                ToolReturned(reply=f"r{number}", call="c", text="1\n" * 200),
                ReplyFinished(reply=f"r{number}", text="", stop_reason="tools"),
            )
            began = perf_counter()
            now = fold_all(now, [Entry(seq=1, at=1, session="code1", event=e) for e in events])
            feed.show(now)
            times.append(perf_counter() - began)
            if number % 100 == 99:
                await here.rest()
        # The window is full after 200: from then on nothing may grow.
        assert sorted(times[800:])[100] < 3 * sorted(times[250:450])[100]
        assert len(here.view.window.entries) <= 202
        assert here.view.following


async def test_a_reply_with_very_many_calls_reads_each_of_them_once() -> None:
    tools = tuple(use("read_file", f'{{"path":"{n}.py"}}', "x", call=str(n)) for n in range(1_000))
    async with stage() as here:
        feed = Feed(here.view)
        feed.show(view(reply(1, "", *tools, state="streaming")))
        await here.rest()
        kept = here.view.window.entries[0].sections[1:4]
        more = (*tools, use("list_files", "{}", None))
        feed.show(view(reply(1, "", *more, state="streaming")))
        await here.rest()
        entry = here.view.window.entries[0]
        assert entry.sections[1:4] == kept
        assert sum(isinstance(section, ToolLine) for section in entry.sections) == 1_001
        assert here.lines[-2] == "▶ list_files  runs"


async def test_a_call_that_waits_for_the_user_says_so_until_it_is_answered() -> None:
    push = use("run_command", '{"command":"git push"}', None, call="c1")
    now = view(reply(1, "", push, state="streaming"))
    asked = ApprovalAsked(
        approval="a", kind="command", question="?", shown="git push", digest="d", call="c1"
    )
    async with stage() as here:
        feed = Feed(here.view)
        feed.show(now)
        feed.show(replace(now, approvals=(asked,)))
        await here.rest()
        assert "! run_command git push  waits for you" in here.lines
        feed.show(now)
        await here.rest()
        assert "▶ run_command git push  runs" in here.lines


async def test_a_plan_is_a_block_with_its_title_and_who_made_it() -> None:
    plan = reply(1, "1. `queue.py`", role="plan", tier="T0", model="opus", title="Ack later")
    async with stage() as here:
        lines = await shown(here, plan, reply(2, "", use("list_files", "{}", "")))
        assert lines[0].startswith("Plan · Ack later")
        assert lines[0].endswith("T0 · opus")
        assert any(row.startswith("butler") for row in lines)


async def test_the_orchestrators_own_tools_are_drawn_in_the_chat() -> None:
    spawn = use("sessions_spawn", '{"task":"mend it","label":"retry queue"}', "Spawned as 12.")
    async with stage() as here:
        lines = await shown(here, reply(1, "", spawn, tier="T0"))
        assert lines[1] == "▸ sessions_spawn retry queue  Spawned as 12."
