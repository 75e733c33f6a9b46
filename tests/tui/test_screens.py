"""What opens above the chat, on a store with a past: usage, sessions, themes, older messages."""

from contextlib import nullcontext
from pathlib import Path

import pytest

from router.config import Config
from store.events import (
    AnyEvent,
    PromptSubmitted,
    ReplyFinished,
    ReplyStarted,
    SessionStarted,
    Usage,
    UsageReserved,
    UsageSettled,
)
from store.opening import Store
from tests.tui import scenes
from tests.tui.conftest import Shown, on_screen, running, until
from tui.drafts import Draft

NOTHING = Config(accounts={}, tiers={})


def talk(number: int, question: str, answer: str) -> list[AnyEvent]:
    reply, reserved = f"r{number}", f"v{number}"
    who = {"tier": "T2", "model": "flash", "account": "google"}
    usage = Usage(input=1200, output=300)
    return [
        PromptSubmitted(prompt=f"p{number}", text=question),
        UsageReserved(
            reservation=reserved,
            reply=reply,
            kind="chat",
            tokens=9,
            cost=1.0,
            expires_at=9**15,
            **who,
        ),  # type: ignore[arg-type]
        ReplyStarted(reply=reply, prompt=f"p{number}", **who),  # type: ignore[arg-type]
        UsageSettled(reservation=reserved, kind="chat", usage=usage, cost=0.01, **who),  # type: ignore[arg-type]
        ReplyFinished(reply=reply, text=answer, stop_reason="end", usage=usage, cost=0.01),
    ]


def past(folder: Path, name: str, title: str, talks: int, said: str = "answer") -> None:
    """A finished chat in the store of the program to come."""
    with Store.open(folder / "home" / "data") as store:
        started = SessionStarted(kind="chat", title=title, workspace=str(folder))
        events = [e for n in range(talks) for e in talk(n, f"question {n}", f"{said} {n}")]
        store.journal.append(name, started, *events).wait(10)


async def test_usage_is_told_by_tier_model_work_and_day(tmp_path: Path) -> None:
    past(tmp_path, "old", "rivers", 3)
    async with running(tmp_path, NOTHING) as (app, pilot):
        await until(pilot, lambda: app.live.is_ready)
        await pilot.press("f2")
        await until(
            pilot, lambda: "Usage, last 7 days" in on_screen(app) and "flash" in on_screen(app)
        )
        row = next(line for line in on_screen(app).splitlines() if "flash" in line)
        assert row.replace("│", "").split() == ["flash", "3", "3.6k", "0", "900", "$0.030"]
        assert "█" in on_screen(app)
        await pilot.press("m")
        await until(pilot, lambda: "last 30 days" in on_screen(app))
        await pilot.press("escape")
        assert app.screen is app.chat


async def test_sessions_are_renamed_forked_and_deleted_on_the_second_press(tmp_path: Path) -> None:
    past(tmp_path, "old", "rivers", 2)
    async with running(tmp_path, NOTHING) as (app, pilot):
        await until(pilot, lambda: app.live.is_ready)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "rivers" in on_screen(app))
        await pilot.press("ctrl+e", *"seas", "enter")
        await until(pilot, lambda: "seas" in on_screen(app))
        await pilot.press("ctrl+f")
        await until(pilot, lambda: app.screen is app.chat and "question 1" in on_screen(app))
        assert app.chat.deck.chat != "old"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: on_screen(app).count("seas") >= 2)
        await pilot.press("ctrl+d")
        await until(pilot, lambda: "again deletes" in on_screen(app))
        rows = app.live.engine.store.sessions.list
        assert len(rows()) == 2
        await pilot.press("ctrl+d")
        await until(pilot, lambda: len(rows()) == 1)
        await pilot.press("escape")


async def test_a_session_open_elsewhere_can_be_forked_or_watched(tmp_path: Path) -> None:
    past(tmp_path, "old", "rivers", 2)
    with Store.open(tmp_path / "home" / "data") as other:
        with_lease = other.sessions.lease("old")
        assert with_lease is not None
        async with running(tmp_path, NOTHING) as (app, pilot):
            await until(pilot, lambda: app.live.is_ready)
            for letter in ("w", "f"):
                await pilot.press("ctrl+s")
                await until(pilot, lambda: "rivers" in on_screen(app))
                await pilot.press("enter")
                await until(pilot, lambda: "watch it read-only" in on_screen(app))
                await pilot.press(letter)
                if letter == "w":
                    await until(pilot, lambda: "REPLAY" in on_screen(app))
                    await pilot.press("q")
            await until(pilot, lambda: "question 1" in on_screen(app))
            assert app.chat.deck.chat != "old"


async def test_older_messages_come_when_the_reader_goes_up(tmp_path: Path) -> None:
    past(tmp_path, "old", "rivers", 60)
    async with running(tmp_path, NOTHING, session="old") as (app, pilot):
        await until(pilot, lambda: "answer 59" in on_screen(app))
        assert "earlier messages" not in on_screen(app)
        held = len(app.chat.view.messages)
        for _ in range(4):
            await pilot.press("ctrl+home")
            await until(pilot, lambda held=held: len(app.chat.view.messages) > held)
            held = len(app.chat.view.messages)
            if held == 120:
                break
        await until(pilot, lambda: app.chat.view.earlier == 0)
        await pilot.press("ctrl+home")
        await until(pilot, lambda: "question 0" in on_screen(app))
        await pilot.press("ctrl+end")
        await until(pilot, lambda: "answer 59" in on_screen(app))


async def test_a_chat_is_exported_and_never_over_a_file(tmp_path: Path) -> None:
    past(tmp_path, "old", "rivers", 2)
    async with running(tmp_path, NOTHING, session="old") as (app, pilot):
        await until(pilot, lambda: "answer 1" in on_screen(app))
        for says in ("Written to", "is there already"):
            app.chat.prompt.draft = Draft("/export talk.md")
            await pilot.press("enter")
            await until(pilot, lambda says=says: says in on_screen(app))
        assert "question 1" in (tmp_path / "talk.md").read_text()


async def test_themes_are_previewed_and_taken_back_when_none_is_chosen(shown: Shown) -> None:
    async with shown(scenes.calm_view()) as (app, pilot):
        app.chat.prompt.draft = Draft("/theme")
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is not app.chat)
        await until(pilot, lambda: "butler-light" in on_screen(app))
        await pilot.press("down")
        await until(pilot, lambda: app.theme == "butler-light")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.chat)
        assert app.theme == "butler-dark"
        app.chat.prompt.draft = Draft("/theme butler-lite")
        await pilot.press("enter")
        await until(pilot, lambda: "Did you mean" in on_screen(app))


async def test_the_palette_does_what_a_command_does(shown: Shown) -> None:
    async with shown(*scenes.family()) as (app, pilot):
        await pilot.press("ctrl+p")
        await until(pilot, lambda: "tokens and cost by tier" in on_screen(app))
        await pilot.press(*"tab 3")
        await until(pilot, lambda: "changelog" in on_screen(app))
        await pilot.press("enter")
        await until(pilot, lambda: app.chat.active == "sum1")


async def test_the_editor_s_text_becomes_the_prompt(
    shown: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nprintf " and more" >> "$1"\n')
    editor.chmod(0o755)
    monkeypatch.setenv("VISUAL", str(editor))
    async with shown(scenes.calm_view()) as (app, pilot):
        app.chat.prompt.draft = Draft("some")
        app.chat.prompt.area.move_cursor((0, 4))
        await pilot.press("ctrl+g")
        await until(pilot, lambda: "can't be handed over" in on_screen(app))
        monkeypatch.setattr(app, "suspend", nullcontext)
        await pilot.press("ctrl+g")
        await until(pilot, lambda: app.chat.prompt.area.text == "some and more")


async def test_folded_results_open_with_ctrl_o(shown: Shown) -> None:
    async with shown(scenes.busy_view()) as (app, pilot):
        assert "asks for a store" not in on_screen(app)
        await pilot.press("ctrl+o")
        await until(pilot, lambda: "asks for a store" in on_screen(app))
