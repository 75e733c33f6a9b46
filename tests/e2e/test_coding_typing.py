"""Cards in a real terminal: they decide nothing for somebody who types, and call who is away."""

import random
import string
from pathlib import Path

import pytest

from store.events import ApprovalAsked, ApprovalGiven
from tests.e2e.coding import (
    COMMAND_CARD,
    PLAN_CARD,
    TEST,
    WRITER,
    YES,
    Desk,
    call,
    press,
    says,
    shows,
)
from tests.e2e.terminal import Terminal
from tests.servers.aimock import Aimock

pytestmark = pytest.mark.timeout(180)

AWAY, BACK = "\x1b[O", "\x1b[I"
"""What a terminal says when it loses and gets the focus."""
LETTERS = string.ascii_letters + string.digits + "arexskdv123 .,'  "
"""No / @ and ?, which open lists and the help, and little that looks like code to write."""
ARROWS = ("\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D")
SUBMITS = 5


def keys(chance: random.Random, count: int) -> list[str]:
    """What somebody types who doesn't look: anything printable, arrows, and now and then Enter."""
    typed = [chance.choice(LETTERS) for _ in range(count)]
    for _ in range(count // 20):
        typed.insert(chance.randrange(len(typed)), chance.choice(ARROWS))
    for _ in range(SUBMITS):
        typed.insert(chance.randrange(len(typed)), "\r")
    return typed


def type_wildly(terminal: Terminal, chance: random.Random, card: str) -> None:
    """A burst, then pieces; then something on an emptied line, to know that all was read."""
    for size in (400, 7):
        typed = keys(chance, 400)
        for at in range(0, len(typed), size):
            terminal.type("".join(typed[at : at + size]))
        word = f"end{chance.randrange(10**6)}"
        for _ in range(12):
            terminal.type(f"\x05\x15{word}")
            if word in terminal.read_for(0.5):
                break
        assert shows(word, card)(terminal.text()), terminal.text()


def test_typing_at_full_speed_decides_nothing_and_the_card_fits_any_window(
    aimock_service: Aimock, tmp_path: Path
) -> None:
    chance = random.Random(4)
    desk = Desk(tmp_path, aimock_service)
    desk.script_plan()
    approved = {"model": WRITER, "userMessage": "approved this plan"}
    desk.service.add(
        {"match": {**approved, "sequenceIndex": 0}, **call("run_command", command=TEST)},
        {"match": approved, **says("All prices count.")},
    )
    desk.service.answer({"content": "I see."})
    with desk.open() as terminal:
        terminal.type("/plan count every price in shop.py\r")
        terminal.until(lambda _: "2 code" in terminal.text())
        terminal.type(AWAY)
        terminal.until(PLAN_CARD)
        terminal.until(lambda _: b"\x07\x1b]9;Butler: a plan is ready" in terminal.raw)
        terminal.type(BACK)
        type_wildly(terminal, chance, PLAN_CARD)
        assert desk.decisions() == []
        press(terminal, YES)
        terminal.until(COMMAND_CARD)
        type_wildly(terminal, chance, COMMAND_CARD)
        assert desk.decisions() == ["approve"]
        terminal.resize(80, 24)
        terminal.until(shows("─ Command", TEST, "a once", "x reject all"))
        terminal.resize(120, 40)
        terminal.until(shows(COMMAND_CARD, TEST))
        press(terminal, YES)
        terminal.until(lambda _: desk.decisions() == ["approve", "approve"])
    # What was typed may have been taken for a wish of its own, with a card: nobody answered that.
    asked = {event.approval: event.kind for event in desk.events(ApprovalAsked)}
    given = [asked[event.approval] for event in desk.events(ApprovalGiven)]
    assert given == ["plan", "command"]
