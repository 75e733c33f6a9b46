"""Undoing what had made the prompt scroll, which Textual's area alone does not outlive."""

from textual import events

from tests.tui import scenes
from tests.tui.conftest import Shown

LINES = "\n".join(f"line {number}" for number in range(12))


async def test_many_lines_are_undone_and_done_again(shown: Shown) -> None:
    async with shown(scenes.busy_view()) as (app, pilot):
        area = app.chat.prompt.area
        await pilot.press("h", "i")
        area.history.checkpoint()
        _ = area.post_message(events.Paste(f"\n{LINES}"))
        await pilot.pause()
        await pilot.pause()
        assert area.show_vertical_scrollbar
        await pilot.press("ctrl+z")
        assert area.text == "hi"
        assert area.cursor_location == (0, 2)
        await pilot.press("ctrl+y")
        assert area.text == f"hi\n{LINES}"
        assert area.cursor_location == (12, 7)
        await pilot.press("left", "ctrl+y")
        assert area.cursor_location == (12, 6)
