"""The coding desk in a real terminal when things end early: killed, cancelled, out of time."""

import os
import signal
from pathlib import Path

import pytest

from store.events import SessionAnnounced
from tests.e2e.coding import (
    CHANGES_CARD,
    COMMAND_CARD,
    EDIT,
    RIGHT,
    TEST,
    WRITER,
    WRONG,
    YES,
    Desk,
    call,
    passes,
    press,
    says,
    shows,
)
from tests.e2e.terminal import Terminal
from tests.servers.aimock import Aimock

pytestmark = pytest.mark.timeout(180)

SLOWLY = {"latency": 100, "chunkSize": 5}
"""A word each tenth of a second."""


def kill(terminal: Terminal) -> None:
    os.kill(terminal.pid, signal.SIGKILL)


def test_killed_at_a_card_and_in_mid_stream_it_goes_on_where_it_was(
    aimock_service: Aimock, tmp_path: Path
) -> None:
    desk = Desk(tmp_path, aimock_service)
    edit, test = call("edit_file", **EDIT), call("run_command", command=TEST)
    desk.script(WRITER, edit, test, says("going on " * 400, **SLOWLY), test, says("All well."))
    with desk.open() as terminal:
        terminal.type("/code count every price in shop.py\r")
        card = terminal.until(COMMAND_CARD)
        kill(terminal)
    with desk.open("--continue") as terminal:
        again = terminal.until(COMMAND_CARD)
        assert number(again) == number(card)
        assert "waits for you" in again
        press(terminal, YES)
        terminal.until(lambda screen: COMMAND_CARD not in screen)
        terminal.type("\x1b2")
        terminal.until("going on going on")
        kill(terminal)
    with desk.open("--continue") as terminal:
        terminal.until(shows("≠ code  count", "Butler ended"))
        to_tasks(terminal, "code  count")
        terminal.type("r")
        terminal.until(COMMAND_CARD)
        press(terminal, YES)
        terminal.until(CHANGES_CARD)
        press(terminal, YES)
        terminal.until(lambda _: desk.kept() == RIGHT)
        terminal.until("✓ code done")
    assert passes(desk.project)
    assert desk.decisions()[:2] == ["approve", "approve"]
    resumed = desk.sent(WRITER)[3]
    assert "edit_file" in resumed
    assert "OK" in resumed


def to_tasks(terminal: Terminal, chosen: str) -> None:
    """Put the keyboard into the task list."""
    terminal.type("\x14")
    terminal.until(lambda _: terminal.marked(chosen))


def number(screen: str) -> str:
    """Which card it is, by what its frame says."""
    return screen.split("─ Command ", 1)[1].split(maxsplit=1)[0]


def test_esc_in_its_tab_and_x_in_the_task_list_cancel_it(
    aimock_service: Aimock, tmp_path: Path
) -> None:
    desk = Desk(tmp_path, aimock_service)
    slow = says("going on " * 400, **SLOWLY)
    desk.script(WRITER, call("edit_file", **EDIT), slow, call("run_command", command=TEST))
    with desk.open() as terminal:
        terminal.type("/code count every price in shop.py\r")
        terminal.until("2 code")
        terminal.type("\x1b2")
        terminal.until("going on going on")
        terminal.type("\x1b")
        terminal.until("⊘ cancelled")
        terminal.type("\x1b1")
        terminal.until("▸ – code cancelled")
        terminal.type("/code once more\r")
        terminal.until(COMMAND_CARD)
        to_tasks(terminal, "code  count every")
        terminal.type("k")
        terminal.until(lambda _: terminal.marked("code  once more"))
        terminal.type("x")
        terminal.until("Press x again")
        terminal.type("x")
        terminal.until(lambda screen: COMMAND_CARD not in screen)
        terminal.until(lambda screen: screen.count("code cancelled") == 2)
    assert [event.state for event in desk.events(SessionAnnounced)] == ["cancelled"] * 2
    assert desk.kept() == WRONG


def test_work_that_takes_too_long_ends_and_says_so(aimock_service: Aimock, tmp_path: Path) -> None:
    desk = Desk(tmp_path, aimock_service, more="[coding]\ntimeout = 2")
    desk.script(WRITER, says("going on " * 400, **SLOWLY))
    with desk.open() as terminal:
        terminal.type("/code count every price in shop.py\r")
        terminal.until(shows("code failed", "took longer than its 2 s"))
    assert [event.state for event in desk.events(SessionAnnounced)] == ["failed"]
