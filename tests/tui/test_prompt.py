"""The prompt: what keys do to it, what it keeps, what it refuses."""

from pathlib import Path

from textual import events

from store.events import Attachment
from tests.tui import scenes
from tests.tui.conftest import Shown, on_screen, until
from tui.app import ButlerApp
from tui.drafts import Draft


def sent(app: ButlerApp) -> list[str]:
    """What waits to be sent: without an engine it stays in the outbox."""
    return [draft.text for draft in app.chat._outbox.unsent]


async def test_enter_sends_and_ctrl_j_breaks_the_line(shown: Shown) -> None:
    async with shown(scenes.calm_view()) as (app, pilot):
        await pilot.press(*"one", "ctrl+j", *"two", "shift+enter", *"three")
        assert app.chat.prompt.area.text == "one\ntwo\nthree"
        await pilot.press("enter")
        assert sent(app) == ["one\ntwo\nthree"]
        assert app.chat.prompt.area.text == ""


async def test_the_prompt_grows_with_its_lines_and_no_further_than_eight(shown: Shown) -> None:
    async with shown(scenes.calm_view()) as (app, pilot):
        assert app.chat.prompt.area.size.height == 1
        await pilot.press(*["x", "ctrl+j"] * 3)
        await pilot.pause()
        assert app.chat.prompt.area.size.height == 4
        await pilot.press(*["x", "ctrl+j"] * 10)
        await pilot.pause()
        assert app.chat.prompt.area.size.height == 8


async def test_arrows_at_the_edges_walk_earlier_prompts_and_come_back(shown: Shown) -> None:
    async with shown(scenes.calm_view()) as (app, pilot):
        app.chat.history.add_older(["first", "second"])
        await pilot.press(*"dra", "ctrl+j", *"ft")
        await pilot.press("up", "up")
        assert app.chat.prompt.area.text == "second"
        await pilot.press("up")
        assert app.chat.prompt.area.text == "first"
        await pilot.press("up", "down", "down")
        assert app.chat.prompt.area.text == "dra\nft"


async def test_ctrl_r_finds_an_earlier_prompt_by_its_words(shown: Shown) -> None:
    async with shown(scenes.calm_view()) as (app, pilot):
        app.chat.history.add_older(["why is the sky blue", "list the planets"])
        await pilot.press("ctrl+r")
        await until(pilot, lambda: app.screen is not app.chat)
        await pilot.press(*"sky blue", "enter")
        await until(pilot, lambda: app.chat.prompt.area.text == "why is the sky blue")


async def test_a_large_paste_becomes_an_attachment_and_backspace_takes_it_back(
    shown: Shown,
) -> None:
    text = "line\n" * 400_000
    async with shown(scenes.calm_view()) as (app, pilot):
        app.chat.prompt.area.post_message(events.Paste(text))
        await pilot.pause()
        assert "[pasted 2.0 MB, 400,001 lines]" in on_screen(app)
        await pilot.press(*"what", "enter")
        (draft,) = app.chat._outbox.unsent
        assert draft.pieces == (Attachment("pasted 2.0 MB, 400,001 lines", text),)
        app.chat.prompt.area.post_message(events.Paste(text))
        await pilot.pause()
        await pilot.press("backspace")
        assert not app.chat.prompt.draft


async def test_control_characters_in_a_paste_are_shown_and_not_obeyed(shown: Shown) -> None:
    async with shown(scenes.calm_view()) as (app, pilot):
        app.chat.prompt.area.post_message(events.Paste("a\x1b[31mred\r\n\tb\x07"))
        await pilot.pause()
        assert app.chat.prompt.area.text == "a␛[31mred\n\tb␇"


async def test_commands_complete_and_an_unknown_one_is_answered_with_the_nearest(
    shown: Shown,
) -> None:
    async with shown(scenes.calm_view()) as (app, pilot):
        await pilot.press(*"/us")
        assert "tokens and cost by tier, model and day" in on_screen(app)
        await pilot.press("tab")
        assert app.chat.prompt.area.text == "/usage"
        app.chat.prompt.draft = Draft("/usgae")
        await pilot.press("enter")
        await until(pilot, lambda: "Did you mean" in on_screen(app))
        assert app.chat.prompt.area.text == "/usgae"
        assert sent(app) == []


async def test_a_path_is_no_command(shown: Shown) -> None:
    async with shown(scenes.calm_view()) as (app, pilot):
        await pilot.press(*"/usr/bin is full", "enter")
        assert sent(app) == ["/usr/bin is full"]


async def test_files_complete_after_an_at_sign(shown: Shown, tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("hello")
    async with shown(scenes.calm_view()) as (app, pilot):
        await pilot.press(*"read @not")
        await until(pilot, lambda: app.chat.prompt.completion.open)
        await pilot.press("tab")
        assert app.chat.prompt.area.text == "read @notes.md "


async def test_enter_puts_no_likely_file_in_the_place_of_what_was_typed(
    shown: Shown, tmp_path: Path
) -> None:
    (tmp_path / "proper_ties.py").write_text("hello")
    async with shown(scenes.calm_view()) as (app, pilot):
        await pilot.press(*"explain @property")
        await until(pilot, lambda: app.chat.prompt.completion.open)
        await pilot.press("enter")
        assert sent(app) == ["explain @property"]


async def test_a_question_mark_helps_only_on_an_empty_prompt(shown: Shown) -> None:
    async with shown(scenes.calm_view()) as (app, pilot):
        await pilot.press("a", "?")
        assert app.chat.prompt.area.text == "a?"
        await pilot.press("backspace", "backspace", "?")
        await until(pilot, lambda: "Keys and commands" in on_screen(app))
        await pilot.press("escape")
        assert app.screen is app.chat


async def test_what_is_typed_elsewhere_goes_into_the_prompt(shown: Shown) -> None:
    async with shown(scenes.busy_view()) as (app, pilot):
        app.set_focus(app.chat._feed(app.chat.view).transcript)
        await pilot.press("w", "h", "y")
        assert app.chat.prompt.area.text == "why"


async def test_marks_for_one_prompt_are_used_up_and_pins_stay(shown: Shown) -> None:
    async with shown(scenes.busy_view()) as (app, pilot):
        app.actions.do("tier", "t3")
        app.actions.do("critical")
        await until(pilot, lambda: "T3 · critical" in on_screen(app))
        await pilot.press(*"now", "enter")
        (letter,) = app.chat._outbox._waiting
        assert (letter.pins.tier, letter.pins.critical) == ("T3", True)
        assert app.chat.pins() == ["T3"]


async def test_keys_that_come_in_one_burst_keep_their_order(shown: Shown) -> None:
    async with shown(scenes.calm_view()) as (app, pilot):
        for key in [*"hello", "ctrl+j", *"you", "enter", *"/local", "space", "hi", "enter", "n"]:
            character = {"space": " "}.get(key, key if len(key) <= 2 else None)
            app.post_message(events.Key(key, character))
        await until(pilot, lambda: app.chat.prompt.area.text == "n")
        assert [letter.text for letter in app.chat._outbox._waiting] == ["hello\nyou", "hi"]


async def test_corrections_within_a_burst_hit_what_was_typed_before_them(shown: Shown) -> None:
    async with shown(scenes.calm_view()) as (app, pilot):
        for key in [*"xy", "backspace", "backspace", *"bc", "home", "a", "end", "d"]:
            app.post_message(events.Key(key, key if len(key) == 1 else None))
        await until(pilot, lambda: len(app.chat.prompt.area.text) == 4)
        assert app.chat.prompt.area.text == "abcd"
