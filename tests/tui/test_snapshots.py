"""Pictures of the screen. After a change that was wanted: add --snapshot-update."""

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.tui import scenes
from tests.tui.conftest import still_app

Compare = Callable[..., bool]
WIDE, NARROW = (120, 40), (80, 24)
SCENES = {
    "busy": (scenes.busy_view(),),
    "asking": scenes.family(),
    "calm": (scenes.calm_view(),),
}


async def _settled(pilot: Pilot[int]) -> None:
    await pilot.pause(0.4)


@pytest.mark.parametrize(
    ("scene", "size", "look"),
    [
        ("busy", WIDE, "butler-dark"),
        ("calm", NARROW, "butler-dark"),
        ("asking", WIDE, "butler-light"),
        ("busy", NARROW, "butler-light"),
        ("asking", WIDE, "NO_COLOR"),
        ("busy", NARROW, "NO_COLOR"),
    ],
    ids=lambda value: "x".join(map(str, value)) if isinstance(value, tuple) else value,
)
def test_the_screen_looks_as_it_did(
    snap_compare: Compare,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    scene: str,
    size: tuple[int, int],
    look: str,
) -> None:
    theme = look
    if look == "NO_COLOR":
        monkeypatch.setenv("NO_COLOR", "1")
        theme = "butler-dark"
    app = still_app(tmp_path, *SCENES[scene], theme=theme)
    assert snap_compare(app, terminal_size=size, run_before=_settled)
