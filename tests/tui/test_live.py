"""The whole program but for the terminal: key, engine, journal, fold, screen."""

import asyncio
from pathlib import Path

import pytest

from router.config import Config
from router.view import View
from store.events import ApprovalAsked, PromptSubmitted, SessionStarted, SessionStateChanged
from store.opening import Store
from tests.servers.scripted import Script, Scripted, sse
from tests.tui.conftest import home_config, on_screen, running, until
from tui.app import ButlerApp
from tui.drafts import Draft


def chunk(text: str, **more: object) -> dict[str, object]:
    delta = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "small"} | delta


def answer(*texts: str) -> Script:
    end = chunk("") | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    usage = chunk("") | {
        "choices": [],
        "usage": {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14},
    }
    return Script(sse(*map(chunk, texts), end, usage) + b"data: [DONE]\n\n")


def unfinished(*texts: str) -> Script:
    return Script(sse(*map(chunk, texts)), ending="hang")


def typed(app: ButlerApp, text: str) -> None:
    app.chat.prompt.draft = Draft(text)


async def test_what_is_typed_before_the_engine_is_ready_is_sent_when_it_is(
    tmp_path: Path, scripted: Scripted
) -> None:
    scripted.play(answer("Four", ", of course."))
    async with running(tmp_path, home_config(scripted)) as (app, pilot):
        typed(app, "2 + 2?")
        await pilot.press("enter")
        await until(pilot, lambda: "Four, of course." in on_screen(app))
        screen = on_screen(app)
        assert "via T4 · small" in screen or "via T2 · small" in screen
        assert "2 + 2?" in screen
        assert app.chat.prompt.area.text == ""


async def test_escape_interrupts_and_keeps_what_had_come(
    tmp_path: Path, scripted: Scripted
) -> None:
    scripted.play(unfinished("The beginning of"))
    async with running(tmp_path, home_config(scripted)) as (app, pilot):
        typed(app, "tell me")
        await pilot.press("enter")
        await until(pilot, lambda: "The beginning of" in on_screen(app))
        assert "esc interrupt" in on_screen(app)
        await pilot.press("escape")
        await until(pilot, lambda: "cancelled" in on_screen(app))
        assert "The beginning of" in on_screen(app)
        await asyncio.wait_for(scripted.visits[0].gone.wait(), 5)


async def test_a_file_that_is_not_there_is_named_and_the_text_comes_back(
    tmp_path: Path, scripted: Scripted
) -> None:
    scripted.play(answer("never asked"))
    async with running(tmp_path, home_config(scripted)) as (app, pilot):
        typed(app, "/sum @missing.md")
        await pilot.press("enter")
        await until(pilot, lambda: "There is no file missing.md" in on_screen(app))
        assert app.chat.prompt.area.text.startswith("/sum @missing.md")
        assert scripted.visits == []


async def test_a_summary_runs_in_a_tab_of_its_own_and_is_announced(
    tmp_path: Path, scripted: Scripted
) -> None:
    scripted.play(answer("It is about a fox."))
    (tmp_path / "fox.md").write_text("The fox is quick. " * 50)
    async with running(tmp_path, home_config(scripted)) as (app, pilot):
        typed(app, "/sum @fox.md ")
        await pilot.press("enter")
        await until(pilot, lambda: "✓ sum done · fox.md" in on_screen(app))
        assert app.chat.active == app.chat.deck.chat
        assert len(app.chat.open_tabs) == 2
        await pilot.press("alt+2")
        await until(pilot, lambda: "It is about a fox." in on_screen(app))
        row = next(line for line in on_screen(app).splitlines() if "✓ sum" in line)
        assert "T2" in row


async def test_a_running_task_is_cancelled_from_the_list_on_the_second_press(
    tmp_path: Path, scripted: Scripted
) -> None:
    scripted.play(unfinished("So far"))
    async with running(tmp_path, home_config(scripted)) as (app, pilot):
        typed(app, "/sum " + "words " * 60)
        await pilot.press("enter")
        await until(pilot, lambda: "▶ runs" in on_screen(app))
        await pilot.press("ctrl+t", "x")
        assert "x again" in on_screen(app)
        await pilot.press("x")
        await until(pilot, lambda: "cancelled" in on_screen(app))


async def test_a_task_that_is_ended_while_its_chat_is_opened_is_shown_as_ended(
    tmp_path: Path, scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path, home_config(scripted)) as (app, pilot):
        await app.live.ready()
        engine = app.live.engine
        chat, task = "c" * 32, "d" * 32
        engine.store.journal.append(chat, SessionStarted(kind="chat"))
        started = SessionStarted(kind="code", title="count", parent=chat)
        running_now = SessionStateChanged(state="running")
        engine.store.journal.append(task, started, running_now).wait(10)
        read = engine.open

        async def read_and_then_it_ends(session: str) -> View:
            view = await read(session)
            ended = SessionStateChanged(state="interrupted", reason="Butler ended")
            engine.store.journal.append(task, ended).wait(10)
            return view

        monkeypatch.setattr(engine, "open", read_and_then_it_ends)
        await app.live.open(chat)
        await until(pilot, lambda: "≠ code  count" in on_screen(app))


async def test_what_waits_in_another_chat_is_told_at_the_start(
    tmp_path: Path, scripted: Scripted
) -> None:
    chat, task = "c" * 32, "d" * 32
    asked = ApprovalAsked(approval="a", kind="plan", question="?", shown="p", digest="d")
    async with running(tmp_path, home_config(scripted)) as (app, _):
        await app.live.ready()
        journal = app.live.engine.store.journal
        journal.append(chat, SessionStarted(kind="chat")).wait(10)
        started = SessionStarted(kind="code", title="count", parent=chat)
        journal.append(task, started, SessionStateChanged(state="waiting"), asked).wait(10)
    async with running(tmp_path, home_config(scripted)) as (app, pilot):
        await until(pilot, lambda: "1 task waits for you in another chat" in on_screen(app))
        await app.live.open(chat)
    assert app.live.elsewhere.endswith(chat)


async def test_a_draft_outlives_the_program_and_so_does_the_chat(
    tmp_path: Path, scripted: Scripted
) -> None:
    scripted.play(answer("An answer to keep."))
    config = home_config(scripted)
    async with running(tmp_path, config) as (app, pilot):
        typed(app, "a question")
        await pilot.press("enter")
        await until(pilot, lambda: "An answer to keep." in on_screen(app))
        typed(app, "half a thou")
        await pilot.pause()
    drafts = list((tmp_path / "home" / "state").glob("draft-*.json"))
    assert [path.stat().st_mode & 0o777 for path in drafts] == [0o600]
    async with running(tmp_path, config, resume_last=True) as (app, pilot):
        await until(pilot, lambda: "An answer to keep." in on_screen(app))
        await until(pilot, lambda: app.chat.prompt.area.text == "half a thou")


async def test_copying_the_last_answer_and_one_of_its_blocks(
    tmp_path: Path, scripted: Scripted
) -> None:
    text = "Look:\n\n```python\nprint(1)\n```\n\nand\n\n```\nplain\n```\n"
    scripted.play(answer(text))
    async with running(tmp_path, home_config(scripted)) as (app, pilot):
        typed(app, "show me")
        await pilot.press("enter")
        await until(
            pilot, lambda: "esc interrupt" not in on_screen(app) and "plain" in on_screen(app)
        )
        for command, copied in (("/copy", text), ("/copy 2", "plain"), ("/copy 1", "print(1)")):
            typed(app, command)
            await pilot.press("enter")
            await until(pilot, lambda copied=copied: app.clipboard == copied)
        typed(app, "/copy 7")
        await pilot.press("enter")
        await until(pilot, lambda: "has 2 code blocks" in on_screen(app))


async def test_sessions_are_found_by_what_was_said_and_opened(
    tmp_path: Path, scripted: Scripted
) -> None:
    scripted.play(answer("Red pandas climb."), answer("Something else."))
    async with running(tmp_path, home_config(scripted)) as (app, pilot):
        typed(app, "about pandas")
        await pilot.press("enter")
        await until(pilot, lambda: "Red pandas climb." in on_screen(app))
        typed(app, "/new")
        await pilot.press("enter")
        await until(pilot, lambda: "Red pandas climb." not in on_screen(app))
        typed(app, "/sessions climb")
        await pilot.press("enter")
        await until(pilot, lambda: "about pandas" in on_screen(app))
        await pilot.press("enter")
        await until(pilot, lambda: "Red pandas climb." in on_screen(app))


async def test_a_store_that_can_not_be_used_is_one_sentence_and_exit_code_1(
    tmp_path: Path,
) -> None:
    data = tmp_path / "home" / "data"
    data.parent.mkdir()
    data.write_text("a file where a folder should be")
    async with running(tmp_path, home_config(Scripted(port=1))) as (app, pilot):
        await until(pilot, lambda: app._house)
        assert app._house is not None
        await asyncio.wait_for(app._house, 5)
        assert app.return_code == 1
        (sentence,) = app._exit_renderables
        assert str(data) in str(sentence)


async def test_an_unexpected_error_ends_with_a_sentence_and_leaves_its_trace_in_the_log(
    tmp_path: Path, scripted: Scripted
) -> None:
    scripted.play(answer("ok"))
    with pytest.raises(ZeroDivisionError):
        await _crash(tmp_path, home_config(scripted))
    log = (tmp_path / "home" / "state" / "butler.log").read_text()
    assert "ZeroDivisionError" in log
    assert "Traceback" in log


async def _crash(folder: Path, config: Config) -> None:
    async with running(folder, config) as (app, pilot):
        app.chat.call_later(lambda: 1 / 0)
        await until(pilot, lambda: app.return_code is not None)
        assert app.return_code == 1
        (sentence,) = app._exit_renderables
        assert "Butler had to stop: ZeroDivisionError" in str(sentence)
        assert "Traceback" not in str(sentence)


async def test_a_prompt_is_on_disk_before_it_is_gone_from_the_draft(
    tmp_path: Path, scripted: Scripted
) -> None:
    scripted.play(answer("ok"))
    async with running(tmp_path, home_config(scripted)) as (app, pilot):
        typed(app, "keep me")
        await pilot.press("enter")
        await until(pilot, lambda: "ok" in on_screen(app))
        chat = app.chat.deck.chat
    with Store.open(tmp_path / "home" / "data") as store:
        events = [entry.event for entry in store.journal.read(chat)]
    assert [e.text for e in events if isinstance(e, PromptSubmitted)] == ["keep me"]
