"""`butler --demo` in a real terminal, as a newcomer opens it."""

import time
from pathlib import Path

import pytest

from tests.e2e.terminal import butler
from tui.widgets.card import GUARD

KEY = "sk-ant-api03-0123456789abcdefghijklmnop"


@pytest.mark.timeout(120)
def test_a_newcomer_watches_takes_over_and_leaves_no_trace(tmp_path: Path) -> None:
    home, temporary = tmp_path / "home", tmp_path / "tmp"
    home.mkdir()
    temporary.mkdir()
    with butler(home, "--demo", TMPDIR=str(temporary), ANTHROPIC_API_KEY=KEY) as terminal:
        screen = terminal.until("REHEARSAL")
        assert "prices and limits are pretended" in screen
        terminal.until("rehearsal: prompts are typed for you · any key takes over")
        terminal.until(
            lambda screen: "Paris" in screen and "via T0 · rehearsal-large" in screen, 60
        )
        assert len(list(temporary.iterdir())) == 1

        terminal.type("\x1b")
        terminal.until("rehearsal: now you type")
        terminal.type("Why is the sky blue?\r")
        screen = terminal.until(lambda screen: "T0 overloaded" in screen, 60)
        terminal.until("prefer-cheaper")
        assert "What does a compiler do?" not in screen.rsplit("Why is the sky blue?", 1)[-1]

        terminal.type("/plan mend the last page\r")
        terminal.until("Plan ")
        terminal.until("alt+a approves the plan")
        time.sleep(GUARD * 2)
        terminal.type("\x1ba")
        terminal.until("python3 -m unittest")
        terminal.until("Run this command?")

        terminal.type("/quit\r")
        assert terminal.ended() == 0
    assert b"nothing of it was kept" in terminal.raw
    assert KEY.encode() not in terminal.raw
    assert not list(home.iterdir())
    assert not list(temporary.iterdir())
