"""What a coding session's model has written, drawn: nothing of it steers the terminal."""

import pytest
from msgspec.structs import replace

from store.events import ChangedFile, ChangeSettled, ChangesReady
from tests.tui import coding_tab_scenes as scenes
from tests.tui.conftest import Shown
from tests.tui.test_diff import Settled
from tui.app import ButlerApp
from tui.text import sanitise

EVIL = "\x1b]52;c;cm0=\x07\x1b[2J\x9b1;1H\u202egnp.exe\u2066\u200b"


def drawn(app: ButlerApp) -> str:
    """Every character that the terminal is sent, styles left out."""
    return "\n".join(
        "".join(segment.text for segment in strip if not segment.control)
        for strip in app.screen._compositor.render_strips()
    )


def assert_harmless(text: str) -> None:
    assert sanitise(text) == text


@pytest.mark.parametrize("name", ["plain.txt", "code.py", f"sub/{EVIL}.py"])
@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_a_diff_and_its_conflict_are_drawn_harmless(
    shown: Shown, name: str, size: tuple[int, int]
) -> None:
    diff = f"@@ -1,2 +1,2 @@ def {EVIL}():\n {EVIL}\n-a = '{EVIL}'\n+b = '{EVIL}'  # {EVIL}\n"
    files = (ChangedFile(path=name, change="edit", added=1, removed=1, diff=diff),)
    chat, child = scenes.finished()
    detail = f"<<<<<<< yours\n{EVIL}\n=======\nx\n>>>>>>> butler\n"
    for settled in ({}, {name: ChangeSettled(name, "conflict", detail)}):
        view = replace(
            child,
            title=EVIL,
            changes=ChangesReady(files=files, text=EVIL),
            settled=settled,
        )
        async with shown(chat, view, size=size) as (app, pilot):
            assert app.chat.open_diff("code1", Settled())
            await pilot.pause()
            await pilot.pause()
            text = drawn(app)
            assert "b = '" in text
            assert_harmless(text)


async def test_the_sessions_tab_is_drawn_harmless(shown: Shown) -> None:
    chat, child = scenes.finished()
    files = (ChangedFile(path=EVIL, change="new", added=1, diff=f"@@ -0,0 +1 @@\n+{EVIL}\n"),)
    view = replace(child, title=EVIL, changes=ChangesReady(files=files, text=EVIL))
    tasks = tuple(replace(task, title=EVIL, reason=EVIL) for task in chat.tasks)
    async with shown(replace(chat, tasks=tasks), view, size=(120, 60)) as (app, pilot):
        assert_harmless(drawn(app))
        await pilot.press("alt+2")
        await pilot.pause()
        text = drawn(app)
        assert "␛" in text
        assert_harmless(text)
