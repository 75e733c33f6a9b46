"""Pictures of the cards. After a change that was wanted: add --snapshot-update."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.tui import coding_scenes as coding
from tests.tui import scenes
from tests.tui.conftest import still_app

Compare = Callable[..., bool]
WIDE, MIDDLE, NARROW = (120, 40), (100, 30), (80, 24)
UNSAFE = (
    "It runs NOT sandboxed (bubblewrap is not installed): it can read your files and use the "
    "network.\nFolder: ~/.local/share/butler/workspaces/code1 · at most 120 s\n"
    "Always allows “pytest” until this session ends."
)
CARDS = {
    "plan": coding.planning(),
    "command": coding.coding_view(coding.command_asked(detail=UNSAFE), coding.changes_asked()),
    "write": coding.coding_view(coding.write_asked()),
    "question": coding.coding_view(coding.question_asked()),
    "changes": coding.coding_view(coding.changes_asked()),
}


def _ready(*keys: str) -> Callable[[Pilot[int]], Awaitable[None]]:
    async def ready(pilot: Pilot[int]) -> None:
        await pilot.pause(0.3)
        await pilot.press(*keys)
        await pilot.pause(0.2)

    return ready


@pytest.mark.parametrize(
    ("card", "size", "keys", "theme"),
    [
        ("plan", WIDE, (), "butler-dark"),
        ("plan", WIDE, ("tab",), "butler-dark"),
        ("plan", NARROW, (), "butler-dark"),
        ("plan", NARROW, ("tab", "end"), "butler-light"),
        ("command", WIDE, (), "butler-dark"),
        ("command", NARROW, ("tab",), "butler-light"),
        ("write", MIDDLE, ("tab",), "butler-dark"),
        ("question", MIDDLE, (), "butler-dark"),
        ("changes", NARROW, (), "butler-dark"),
    ],
    ids=lambda value: (
        ("x".join(map(str, value)) or "prompt") if isinstance(value, tuple) else value
    ),
)
def test_the_card_looks_as_it_did(
    snap_compare: Compare,
    tmp_path: Path,
    card: str,
    size: tuple[int, int],
    keys: tuple[str, ...],
    theme: str,
) -> None:
    app = still_app(tmp_path, scenes.busy_view(), CARDS[card], theme=theme)
    assert snap_compare(app, terminal_size=size, run_before=_ready(*keys))
