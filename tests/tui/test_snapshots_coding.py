"""Pictures of the coding desk. After a change that was wanted: add --snapshot-update."""

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.tui import coding_tab_scenes as scenes
from tests.tui.conftest import still_app, until
from tui.app import ButlerApp
from tui.screens.diff import Choice
from tui.transcript.code import is_loaded

Compare = Callable[..., bool]
WIDE, NARROW = (120, 40), (80, 24)


async def _nothing(_app: ButlerApp) -> None:
    """The chat, with the tasks at its side."""


async def _tab(app: ButlerApp) -> None:
    app.chat.activate("code1")


async def _diff(app: ButlerApp) -> None:
    async def settle(session: str, choice: Choice, paths: tuple[str, ...] | None) -> None:
        """Never called: pictures only."""

    assert app.chat.open_diff("code1", settle)


PICTURES = {
    "tasks": (scenes.working(), _nothing),
    "tab": (scenes.working(), _tab),
    "diff": (scenes.finished(), _diff),
    "conflict": (scenes.in_conflict(), _diff),
}


@pytest.mark.parametrize(
    ("picture", "size", "look"),
    [
        ("tasks", WIDE, "butler-dark"),
        ("tab", WIDE, "butler-dark"),
        ("tab", NARROW, "butler-light"),
        ("diff", WIDE, "butler-dark"),
        ("diff", NARROW, "butler-light"),
        ("diff", WIDE, "NO_COLOR"),
        ("conflict", WIDE, "butler-dark"),
        ("conflict", NARROW, "NO_COLOR"),
    ],
    ids=lambda value: value if isinstance(value, str) else "{}x{}".format(*value),
)
def test_the_coding_desk_looks_as_it_did(
    snap_compare: Compare,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    picture: str,
    size: tuple[int, int],
    look: str,
) -> None:
    theme = look
    if look == "NO_COLOR":
        monkeypatch.setenv("NO_COLOR", "1")
        theme = "butler-dark"
    views, show = PICTURES[picture]
    app = still_app(tmp_path, *views, theme=theme)

    async def settled(pilot: Pilot[int]) -> None:
        await pilot.pause()
        await show(app)
        # Colours of code are loaded beside the loop.
        await until(pilot, lambda: is_loaded("python"))
        await pilot.pause(0.4)

    assert snap_compare(app, terminal_size=size, run_before=settled)
