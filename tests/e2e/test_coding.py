"""The coding desk in a real terminal: from the prompt to the user's files, on each wire."""

from pathlib import Path

import pytest

from store.events import ChangeSettled, PlanCompared, PlanDecided, SessionAnnounced
from tests.e2e.coding import (
    CHANGES_CARD,
    COMMAND_CARD,
    EDIT,
    OTHER,
    PLAN,
    PLAN_CARD,
    PLANNER,
    RIGHT,
    TEST,
    THIRD,
    WRITER,
    WRONG,
    YES,
    Desk,
    call,
    on_card,
    passes,
    press,
    says,
    shows,
)
from tests.servers.aimock import Aimock

pytestmark = pytest.mark.timeout(180)


@pytest.mark.parametrize("wire", Aimock.wires)
def test_from_a_prompt_over_plan_and_tests_to_the_users_files(
    aimock_service: Aimock, tmp_path: Path, wire: str
) -> None:
    desk = Desk(tmp_path, aimock_service, wire)
    desk.script_plan()
    look = call("read_file", "I look at it first.", path="shop.py")
    test = call("run_command", command=TEST)
    desk.script(WRITER, look, test, call("edit_file", **EDIT), test, says("All prices count."))
    with desk.open() as terminal:
        terminal.type("/plan count every price in shop.py\r")
        others = (f"2 T1 {WRITER}", f"3 T3 {THIRD}", "Loop instead")
        terminal.until(shows(PLAN_CARD, "Sum the whole list.", *others))
        press(terminal, YES)
        screen = terminal.until(shows(COMMAND_CARD, TEST, "Folder:"))
        assert "in bubblewrap" in screen or "NOT sandboxed" in screen
        on_card(terminal, "s")
        terminal.until(CHANGES_CARD)
        assert desk.kept() == WRONG
        on_card(terminal, "v")
        terminal.until(
            shows("hunk 1 of 1", "−     return sum(prices[1:])", "+     return sum(prices)")
        )
        press(terminal, "a")
        terminal.until(lambda _: desk.kept() == RIGHT)
        terminal.type("q")
        terminal.until("✓ code done")
        terminal.type("/quit\r")
        assert terminal.ended() == 0
    assert passes(desk.project)
    assert {event.model for event in desk.events(PlanCompared)} == {WRITER, THIRD}
    assert [event.decision for event in desk.events(PlanDecided)] == ["approved"]
    assert desk.decisions()[:2] == ["approve", "always"]
    assert "FAILED" in desk.returned()
    assert "OK" in desk.returned().rsplit("FAILED", 1)[1]
    assert [event.settlement for event in desk.events(ChangeSettled)] == ["applied"]
    assert [event.state for event in desk.events(SessionAnnounced)] == ["done"]
    last = desk.sent(WRITER)[-1]
    assert "Sum the whole list." in last
    assert "FAILED" in last
    assert all(name in last for name in ("read_file", "run_command", "edit_file"))


def test_a_plan_is_rejected_swapped_edited_and_then_what_the_specialist_is_given(
    aimock_service: Aimock, tmp_path: Path
) -> None:
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nsed -i 's/in a loop/with math.fsum/' \"$1\"\n")
    editor.chmod(0o700)
    desk = Desk(tmp_path, aimock_service)
    desk.script_plan(call("propose_plan", **PLAN | {"approach": "Drop the slice only."}))
    desk.script(WRITER, says("There was nothing to do."))
    with desk.open(EDITOR=str(editor)) as terminal:
        terminal.type("/plan count every price in shop.py\r")
        terminal.until(PLAN_CARD)
        on_card(terminal, "r")
        terminal.until("Why?")
        terminal.type("keep it small\r")
        terminal.until(shows(PLAN_CARD, "Drop the slice only."))
        on_card(terminal, "2")
        terminal.until(lambda screen: "─ Plan" in screen and "Drop the slice" not in screen)
        on_card(terminal, "e")
        terminal.until("with math.fsum")
        assert desk.sent(WRITER) == []
        press(terminal, YES)
        terminal.until("✓ code done")
    decided = [event.decision for event in desk.events(PlanDecided)]
    assert decided == ["rejected", "chosen", "edited", "approved"]
    assert "keep it small" in desk.sent(PLANNER)[2]
    assert len(desk.events(PlanCompared)) == 2
    assert "with math.fsum" in desk.sent(WRITER)[0]
    assert desk.kept() == WRONG


def test_another_model_on_another_wire_goes_on_with_the_tool_history(
    aimock_service: Aimock, tmp_path: Path
) -> None:
    desk = Desk(tmp_path, aimock_service, "openai", "anthropic", "google", "google")
    desk.script(WRITER, call("edit_file", **EDIT), call("run_command", command=TEST))
    overloaded = {"error": {"message": "Overloaded", "type": "overloaded_error"}, "status": 529}
    desk.service.add({"match": {"model": WRITER}, "response": overloaded})
    for model in (OTHER, THIRD):
        more = call("write_file", path="NOTES.md", content="All prices count.\n")
        desk.script(model, more, says("Written down."))
    with desk.open() as terminal:
        terminal.type("/code count every price in shop.py\r")
        terminal.until(COMMAND_CARD)
        press(terminal, YES)
        terminal.until(shows(CHANGES_CARD, "2 files"))
        press(terminal, YES)
        terminal.until(lambda _: desk.kept() == RIGHT and (desk.project / "NOTES.md").exists())
        terminal.until("✓ code done")
    assert passes(desk.project)
    model = desk.events(SessionAnnounced)[0].model
    assert model in (OTHER, THIRD)
    first = desk.sent(model)[0]
    assert "edit_file" in first
    assert "sum(prices)" in first
    assert "OK" in first
