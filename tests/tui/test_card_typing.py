"""Typing at full speed while something asks for approval decides nothing, whatever is typed."""

import random
import string

import pytest
from textual import events

from tests.tui import coding_scenes as coding
from tests.tui import scenes
from tests.tui.coding_scenes import staffed
from tests.tui.conftest import Shown

LETTERS = string.ascii_letters + string.digits + ".,;:!-_/@'\"()äßé€"
HARMLESS = ("up", "down", "left", "right", "home", "end", "escape", "pageup", "pagedown")
ROUGH = (
    *HARMLESS,
    "enter",
    "backspace",
    "delete",
    "ctrl+j",
    *(f"ctrl+{letter}" for letter in "abdefhklnuvwxyz"),
    *(f"alt+{letter}" for letter in "bcdefkpsvx"),
    "shift+up",
    "f7",
)
KEYS = 350


def key(name: str) -> events.Key:
    if name == "space":
        return events.Key("space", " ")
    return events.Key(name, name if len(name) == 1 else None)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rough", [False, True], ids=["letters", "everything"])
async def test_random_keys_into_the_prompt_decide_nothing(
    shown: Shown, seed: int, rough: bool
) -> None:
    dice = random.Random(seed)
    others = ROUGH if rough else HARMLESS
    views = (
        scenes.busy_view(),
        coding.planning(),
        coding.coding_view(coding.command_asked(), session="code2"),
    )
    async with shown(*views) as (app, pilot):
        clerk, clock = staffed(app)
        typed = ""
        for round_ in range(2):
            # It could be decided all the time: no guard helps here, only the focus does.
            clock.now += 10
            names = [
                dice.choice(others) if dice.random() < 0.3 else dice.choice([*LETTERS, "space"])
                for _ in range(KEYS)
            ]
            for name in names:
                _ = app.post_message(key(name))
            typed += "".join(key(name).character or "" for name in names)
            await pilot.pause()
            await pilot.pause()
            assert clerk.decided == []
            assert app.screen is app.chat
            # The command's card takes the plan's place, as if that had been answered elsewhere.
            assert app.chat.card.asked is not None
            assert app.chat.card.asked.kind == ("plan" if round_ == 0 else "command")
            app.live.deck.drop("code1")
            app.chat.paint()
        if not rough:
            assert sorted(app.chat.prompt.area.text) == sorted(typed)
