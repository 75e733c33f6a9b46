"""The bell and the note: once, only when nobody looks, and harmless whatever a title says."""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace
from textual import events

from router.config import Config, Ui
from router.view import View
from store.events import ApprovalAsked, ApprovalGiven, Entry, SessionStateChanged
from tests.tui import coding_scenes as coding
from tests.tui import scenes
from tests.tui.conftest import Shown
from tui.app import ButlerApp
from tui.attention import BELL, Attention, note
from tui.deck import Deck


def deck_of(*views: View) -> Deck:
    deck = Deck(views[0])
    for view in views[1:]:
        deck.put(view)
    return deck


def asks(deck: Deck, asked: ApprovalAsked, session: str = "code1") -> None:
    _ = deck.fold([Entry(0, scenes.NOW, session, asked)])


@pytest.fixture
def quiet() -> Deck:
    return deck_of(scenes.busy_view(), coding.coding_view())


@pytest.fixture
def sent() -> list[str]:
    return []


@pytest.fixture
def attention(sent: list[str], quiet: Deck) -> Attention:
    attention = Attention(sent.append, {})
    attention.look(quiet, in_focus=False)
    return attention


def test_a_new_question_rings_once(attention: Attention, quiet: Deck, sent: list[str]) -> None:
    asks(quiet, coding.command_asked())
    for _ in range(3):
        attention.look(quiet, in_focus=False)
    assert sent == [f"{BELL}\x1b]9;Butler: a command waits for approval: retry queue\x07"]
    asks(quiet, coding.plan_asked())
    attention.look(quiet, in_focus=False)
    assert len(sent) == 2
    assert "a plan is ready" in sent[1]


def test_nothing_while_the_terminal_is_in_focus_nor_for_it_later(
    attention: Attention, quiet: Deck, sent: list[str]
) -> None:
    asks(quiet, coding.command_asked())
    attention.look(quiet, in_focus=True)
    attention.look(quiet, in_focus=False)
    assert sent == []


def test_what_was_there_when_a_chat_was_opened_is_not_told(
    attention: Attention, sent: list[str]
) -> None:
    attention.look(deck_of(scenes.asking_view(), coding.planning()), in_focus=False)
    assert sent == []


def test_several_at_once_are_one_note(attention: Attention, quiet: Deck, sent: list[str]) -> None:
    asks(quiet, coding.command_asked())
    asks(quiet, coding.changes_asked())
    asks(quiet, scenes.approval(), "chat1")
    attention.look(quiet, in_focus=False)
    assert len(sent) == 1
    assert "and 2 more" in sent[0]


def test_a_task_that_failed_is_told_and_one_that_was_done_is_not(
    attention: Attention, quiet: Deck, sent: list[str]
) -> None:
    done, failed = SessionStateChanged(state="done"), SessionStateChanged(state="failed")
    _ = quiet.fold([Entry(0, scenes.NOW, "sum1", done)])
    attention.look(quiet, in_focus=False)
    assert sent == []
    _ = quiet.fold([Entry(0, scenes.NOW, "code1", failed)])
    attention.look(quiet, in_focus=False)
    attention.look(quiet, in_focus=False)
    assert [text for text in sent if "failed: retry queue" in text] == sent
    assert len(sent) == 1


def test_an_answered_question_leaves_nothing_behind(
    attention: Attention, quiet: Deck, sent: list[str]
) -> None:
    asked = coding.command_asked()
    asks(quiet, asked)
    attention.look(quiet, in_focus=False)
    given = ApprovalGiven(asked.approval, asked.digest, "approve")
    _ = quiet.fold([Entry(0, scenes.NOW, "code1", given)])
    attention.look(quiet, in_focus=False)
    assert len(sent) == 1


def test_while_an_editor_has_the_terminal_it_is_told_afterwards(
    attention: Attention, quiet: Deck, sent: list[str]
) -> None:
    attention.away = True
    asks(quiet, coding.command_asked())
    attention.look(quiet, in_focus=False)
    assert sent == []
    attention.away = False
    attention.look(quiet, in_focus=False)
    assert len(sent) == 1


@pytest.mark.parametrize("hostile", ["a\x07b", "\x1b]0;title\x07", "a\x9cb", "l1\nl2\r", "x" * 999])
def test_a_note_ends_where_it_should_whatever_it_says(hostile: str) -> None:
    sequence = note(hostile)
    inside = sequence.removeprefix("\x1b]9;").removesuffix("\x07")
    assert sequence == f"\x1b]9;{inside}\x07"
    assert inside.isprintable()
    assert len(inside) <= 120


def test_inside_tmux_it_is_passed_through() -> None:
    assert note("hello", in_tmux=True) == "\x1bPtmux;\x1b\x1b]9;hello\x07\x1b\\"


# --- in the program ------------------------------------------------------------------------------


def listen(app: ButlerApp, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    heard: list[str] = []
    monkeypatch.setattr(app, "to_terminal", heard.append)
    return heard


@pytest.mark.parametrize(("bell", "blurred"), [(True, True), (False, True), (True, False)])
async def test_the_program_rings_if_it_may_and_nobody_looks(
    shown: Shown, monkeypatch: pytest.MonkeyPatch, bell: bool, blurred: bool
) -> None:
    config = replace(Config(accounts={}, tiers={}), ui=Ui(bell=bell))
    views = scenes.busy_view(), coding.coding_view()
    async with shown(*views, config=config) as (app, pilot):
        heard = listen(app, monkeypatch)
        if blurred:
            app.post_message(events.AppBlur())
        await pilot.pause()
        asks(app.live.deck, coding.planning().approvals[0])
        app.live.on_change()
        await pilot.pause(0.2)
        assert bool(heard) is (bell and blurred)
        app.post_message(events.AppFocus())
        await pilot.pause()
        assert app.focused is app.chat.prompt.area


def test_a_rehearsal_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    from tui.rehearsal import opening

    seen: list[Ui] = []

    async def rehearse(_data: Path, ui: Ui) -> int:
        await asyncio.sleep(0)
        seen.append(ui)
        return 0

    monkeypatch.setattr(opening, "need_terminal", lambda _: None)
    monkeypatch.setattr(opening, "_rehearse", rehearse)
    _ = opening.open_rehearsal(None, mouse=True)
    _ = opening.open_rehearsal("butler-light", mouse=False)
    assert seen == [Ui(bell=False), Ui(theme="butler-light", mouse=False, bell=False)]
