"""Cards: nobody approves by accident, and a decision is given once."""

import asyncio

import pytest

from tests.tui import scenes
from tests.tui.conftest import Shown
from tui.app import ButlerApp
from tui.widgets.card import GUARD, CardDock, keys_of

NEAR_GUARD = GUARD + 0.05


@pytest.fixture
def decided(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What the screen was asked to decide. There is no engine behind it here."""
    heard: list[tuple[str, str]] = []
    monkeypatch.setattr(CardDock, "post_message", _heard(heard, CardDock.post_message))
    return heard


def _heard(heard: list[tuple[str, str]], post):  # type: ignore[no-untyped-def]
    def post_message(self: CardDock, message: object) -> bool:
        if isinstance(message, CardDock.Decided):
            heard.append((message.approval, message.choice))
            return True
        return post(self, message)

    return post_message


async def ripe(app: ButlerApp) -> None:
    """Until the card takes a decision."""
    await asyncio.sleep(NEAR_GUARD)


async def test_a_card_takes_no_focus_and_tab_then_its_letter_decides(
    shown: Shown, decided: list[tuple[str, str]]
) -> None:
    async with shown(scenes.asking_view()) as (app, pilot):
        assert app.chat.prompt.area.has_focus
        await pilot.press("a")
        assert app.chat.prompt.area.text == "a"
        await pilot.press("tab")
        assert app.chat.card.has_focus
        await ripe(app)
        await pilot.press("r")
        assert decided == [("3f2a01", "reject")]


async def test_nothing_is_accepted_just_after_it_appeared_or_after_a_stray_key(
    shown: Shown, decided: list[tuple[str, str]]
) -> None:
    async with shown(scenes.busy_view()) as (app, pilot):
        app.chat.card.show(scenes.asking_view().approvals)
        app.chat.card.decide("approve")
        assert decided == []
        await ripe(app)
        app.set_focus(app.chat.card)
        await pilot.press("space")
        app.chat.card.decide("approve")
        assert decided == []
        await ripe(app)
        await pilot.press("alt+a")
        assert decided == [("3f2a01", "approve")]


async def test_space_enter_and_clicks_never_decide(
    shown: Shown, decided: list[tuple[str, str]]
) -> None:
    async with shown(scenes.asking_view()) as (app, pilot):
        await pilot.click(CardDock)
        for key in ("space", "enter"):
            await ripe(app)
            await pilot.press(key)
        assert app.chat.card.has_focus
        assert decided == []


async def test_an_unknown_letter_goes_back_to_the_prompt(
    shown: Shown, decided: list[tuple[str, str]]
) -> None:
    async with shown(scenes.asking_view()) as (app, pilot):
        await ripe(app)
        await pilot.press("tab", "w")
        assert app.chat.prompt.area.has_focus
        assert app.chat.prompt.area.text == "w"
        await pilot.press("alt+r")
        assert decided == []


def test_every_choice_has_a_key_of_its_own() -> None:
    choices = ("approve", "outbox table", "broker acks", "edit", "reject")
    assert keys_of(choices) == {
        "a": "approve",
        "1": "outbox table",
        "2": "broker acks",
        "e": "edit",
        "r": "reject",
    }
