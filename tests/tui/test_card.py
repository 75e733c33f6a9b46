"""Cards: nobody approves by accident, and a decision is given once."""

import pytest

from tests.tui import coding_scenes, scenes
from tests.tui.coding_scenes import staffed
from tests.tui.conftest import Shown, until
from tui.deck import Asking
from tui.widgets.card import GUARD, CardDock, keys_of

SECRET = "3f2a01"


async def test_a_card_takes_no_focus_and_tab_then_its_letter_decides(shown: Shown) -> None:
    async with shown(scenes.asking_view()) as (app, pilot):
        clerk, _ = staffed(app)
        assert app.chat.prompt.area.has_focus
        await pilot.press("a")
        assert app.chat.prompt.area.text == "a"
        await pilot.press("tab")
        assert app.chat.card.has_focus
        await pilot.press("r")
        assert clerk.decided == [(SECRET, "reject", "")]
        assert app.chat.prompt.area.has_focus
        assert app.chat.prompt.area.text == "a"


async def test_nothing_is_accepted_just_after_it_appeared(shown: Shown) -> None:
    async with shown(scenes.busy_view()) as (app, pilot):
        clerk, clock = staffed(app)
        view = scenes.asking_view()
        app.chat.card.show([Asking(view, asked) for asked in view.approvals], view.session)
        clock.now += GUARD - 0.01
        await pilot.press("alt+a")
        assert clerk.decided == []
        clock.now += 0.02
        await pilot.press("alt+a")
        assert clerk.decided == [(SECRET, "approve", "")]


@pytest.mark.parametrize("stray", ["space", "enter", "w", "backspace", "f5", "alt+k", "alt+d"])
async def test_after_a_stray_key_nothing_is_accepted_for_a_moment(shown: Shown, stray: str) -> None:
    async with shown(scenes.asking_view()) as (app, pilot):
        clerk, clock = staffed(app)
        app.set_focus(app.chat.card)
        await pilot.pause()
        await pilot.press(stray)
        app.set_focus(app.chat.card)
        await pilot.press("a", "alt+a")
        assert clerk.decided == []
        clock.now += GUARD
        app.set_focus(app.chat.card)
        await pilot.press("a")
        assert clerk.decided == [(SECRET, "approve", "")]


async def test_the_next_card_has_its_own_moment_of_grace(shown: Shown) -> None:
    async with shown(scenes.asking_view()) as (app, pilot):
        clerk, clock = staffed(app)
        await pilot.press("alt+a", "alt+a", "alt+a")
        assert [approval for approval, *_ in clerk.decided] == [SECRET]
        assert app.chat.card.asked == scenes.approval(2)
        clock.now += GUARD
        await pilot.press("alt+a", "alt+a")
        assert [approval for approval, *_ in clerk.decided] == [SECRET, "3f2a02"]
        assert not app.chat.card.display


async def test_space_enter_and_clicks_never_decide(shown: Shown) -> None:
    async with shown(scenes.asking_view()) as (app, pilot):
        clerk, clock = staffed(app)
        for place in ((5, 1), (20, 3), (10, 0)):
            await pilot.click(CardDock, offset=place)
        for key in ("space", "enter"):
            clock.now += GUARD
            await pilot.press(key)
        assert app.chat.card.has_focus
        assert clerk.decided == []


async def test_an_unknown_letter_goes_back_to_the_prompt(shown: Shown) -> None:
    async with shown(scenes.asking_view()) as (app, pilot):
        clerk, _ = staffed(app)
        await pilot.press("tab", "w")
        assert app.chat.prompt.area.has_focus
        assert app.chat.prompt.area.text == "w"
        await pilot.press("alt+r")
        assert clerk.decided == []


async def test_a_decision_from_the_prompt_leaves_the_focus_and_the_draft_there(
    shown: Shown,
) -> None:
    async with shown(scenes.asking_view()) as (app, pilot):
        clerk, _ = staffed(app)
        await pilot.press("h", "i", "alt+r", "!")
        assert clerk.decided == [(SECRET, "reject", "")]
        assert app.chat.prompt.area.text == "hi!"
        app.chat.tasks.focus()
        await pilot.press("alt+a")
        assert app.chat.tasks.has_focus


async def test_a_refused_decision_is_told_and_the_card_stays(shown: Shown) -> None:
    async with shown(scenes.asking_view()) as (app, pilot):
        _ = staffed(app, refusal="This question is no longer open.")
        await pilot.press("alt+a")
        await until(pilot, lambda: "no longer open" in str([n.message for n in app._notifications]))
        assert app.chat.card.display


async def test_a_card_that_goes_away_gives_the_keyboard_back(shown: Shown) -> None:
    async with shown(scenes.asking_view()) as (app, pilot):
        await pilot.press("tab")
        app.chat.card.show([], app.chat.active)
        await pilot.pause()
        assert app.chat.prompt.area.has_focus
        await pilot.press("a")
        assert app.chat.prompt.area.text == "a"


# --- which card ----------------------------------------------------------------------------------


def test_the_tab_shown_comes_first_then_the_chat_then_the_others() -> None:
    from tui.deck import Deck

    deck = Deck(scenes.asking_view())
    one, two, three = (
        coding_scenes.coding_view(coding_scenes.command_asked(f"run {n}"), session=f"code{n}")
        for n in (1, 2, 3)
    )
    for view in (one, two, three):
        deck.put(view)
    order = [asking.view.session for asking in deck.asking("code2")]
    assert order == ["code2", "chat1", "chat1", "code1", "code3"]
    assert [a.view.session for a in deck.asking("chat1")][:2] == ["chat1", "chat1"]


async def test_a_card_of_another_session_says_whose_it_is(shown: Shown) -> None:
    child = coding_scenes.coding_view(coding_scenes.command_asked(), title="nightly build")
    async with shown(scenes.busy_view(), child) as (app, pilot):
        await pilot.pause()
        assert "asked by code nightly build" in app.chat.card.body.text
        app.chat.activate("code1")
        await pilot.pause()
        assert "asked by" not in app.chat.card.body.text


async def test_what_the_user_reads_is_not_swapped_while_they_are_on_it(shown: Shown) -> None:
    child = coding_scenes.coding_view(coding_scenes.command_asked())
    async with shown(scenes.busy_view(), child) as (app, pilot):
        _ = staffed(app)
        await pilot.press("tab")
        app.live.deck.put(scenes.asking_view())
        app.chat.paint()
        assert app.chat.card.asked == coding_scenes.command_asked()
        await pilot.press("escape")
        app.chat.paint()
        assert app.chat.card.asked == scenes.approval(1)


# --- keys ----------------------------------------------------------------------------------------


def test_every_choice_has_a_key_of_its_own() -> None:
    choices = ("approve", "outbox table", "broker acks", "edit", "reject")
    assert keys_of(choices) == {
        "a": "approve",
        "1": "outbox table",
        "2": "broker acks",
        "e": "edit",
        "r": "reject",
    }


def test_a_digit_is_its_own_key_and_others_get_what_is_left() -> None:
    assert keys_of(("approve", "1", "3", "send")) == {
        "a": "approve",
        "1": "1",
        "3": "3",
        "2": "send",
    }
    assert keys_of(("apply", "keep", "discard")) == {"a": "apply", "k": "keep", "d": "discard"}
    assert keys_of(("approve", "always", "reject", "stop")) == {
        "a": "approve",
        "s": "always",
        "r": "reject",
        "x": "stop",
    }


def test_the_options_of_a_question_are_a_models_words_and_never_letters() -> None:
    choices = ("approve", "3", "always", "answer")
    assert keys_of(choices, "question") == {"1": "approve", "2": "3", "3": "always", "e": "answer"}
