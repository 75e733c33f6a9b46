"""A coding task from the prompt to the user's files, over real wires, with the user's decisions."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from router.asking import EngineError, SpawnTask
from router.config import Coding, Sessions, TimeLimits
from store.events import ApprovalAsked, PlanDecided, ToolReturned
from tests.router.coding.desks import (
    announced,
    asked,
    at_home,
    call,
    decide,
    ended,
    repository,
    submit,
)
from tests.router.house import (
    CODEX,
    FLASH,
    LOCAL,
    OPUS,
    SONNET,
    House,
    asked_of,
    configuration,
    fail,
    open_house,
    reply,
    spoil,
)
from tests.servers.llmock import Llmock

PLAN = {
    "title": "Idempotent queue",
    "approach": "ack after commit",
    "files": [{"path": "sum.py", "change": "edit", "why": "the bug is there"}],
    "steps": ["mend sum.py", "run it"],
    "risks": ["none"],
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return repository(tmp_path / "project")


async def test_small_work_goes_straight_to_the_specialist_and_waits_to_be_applied(
    llmock_service: Llmock, tmp_path: Path, project: Path
) -> None:
    llmock_service.script(
        call("write_file", path="sum.py", content="print(1 + 2)\n"),
        reply("The sum is mended.", CODEX),
    )
    async with at_home(llmock_service, tmp_path, project) as house:
        await submit(house, "/code fix the sum in sum.py", plan=False)
        question = await asked(house, "changes")
        assert (project / "sum.py").read_text() == "print(1 - 2)\n"
        assert [(f.path, f.change) for f in house.child.changes.files] == [("sum.py", "edit")]
        assert house.view.tasks[-1].state == "waiting"
        assert house.view.tasks[-1].reason.startswith("changes ready: 1 file")
        await house.engine.decide(question.approval, "apply")
        view = await ended(house)
        await house.until(lambda view: any(m.role == "announcement" for m in view.messages))
    assert (project / "sum.py").read_text() == "print(1 + 2)\n"
    assert (project / "notes.txt").read_text() == "not committed\n"
    assert view.settled["sum.py"].settlement == "applied"
    told = announced(house)[0]
    assert (told.state, told.tier, told.model) == ("done", "T1", CODEX)
    assert told.tokens > 0
    assert told.cost is not None
    assert told.cost > 0
    assert "The sum is mended." in told.result
    status = subprocess.run(
        ["git", "status", "--porcelain"], cwd=project, capture_output=True, text=True, check=True
    )
    assert status.stdout.splitlines() == [" M sum.py", "?? notes.txt"]
    branches = subprocess.run(
        ["git", "branch"], cwd=project, capture_output=True, text=True, check=True
    )
    assert len(branches.stdout.splitlines()) == 1


async def planned(house: House, text: str = "/plan make the queue idempotent") -> ApprovalAsked:
    await submit(house, text)
    return await asked(house, "plan")


def script_plan(service: Llmock, *more: dict[str, Any]) -> None:
    service.script(
        call("list_files", OPUS, path="."),
        call("propose_plan", OPUS, **PLAN),
        reply("Outbox table\nUse an outbox.", SONNET),
        reply("Broker acks\nLet the broker do it.", CODEX),
        reply("Flash way\nDo it fast.", FLASH),
        *more,
    )


async def test_larger_work_is_planned_compared_approved_and_then_written(
    llmock_service: Llmock, tmp_path: Path, project: Path
) -> None:
    script_plan(
        llmock_service,
        call("write_file", path="sum.py", content="print(1 + 2)\n"),
        reply("Done as planned.", CODEX),
    )
    async with at_home(llmock_service, tmp_path, project) as house:
        question = await planned(house)
        view = house.child
        assert "ack after commit" in question.shown
        assert view.plan.text == question.shown
        assert (view.plan.tier, view.plan.model) == ("T0", OPUS)
        assert view.plan.estimate is not None
        assert len(view.alternatives) == 2
        assert OPUS not in [other.model for other in view.alternatives]
        assert house.view.tasks[-1].reason == "plan ready"
        assert not (project / "sum.py").read_text().startswith("print(1 + 2)")
        await house.engine.decide(question.approval, "approve")
        await decide(house, "changes", "apply")
        await ended(house)
    assert (project / "sum.py").read_text() == "print(1 + 2)\n"
    sent = [r for r in llmock_service.requests() if r["model"] == CODEX]
    assert "ack after commit" in json.dumps(sent[-1]["body"])


async def test_a_rejected_plan_is_made_again_with_the_reason(
    llmock_service: Llmock, tmp_path: Path, project: Path
) -> None:
    script_plan(llmock_service, call("propose_plan", OPUS, **PLAN | {"approach": "an outbox"}))
    async with at_home(llmock_service, tmp_path, project) as house:
        first = await planned(house)
        await house.engine.decide(first.approval, "reject", "acks are lost then")
        view = await house.until_child(
            lambda view: view.approvals and view.approvals[0].approval != first.approval
        )
        assert "an outbox" in view.approvals[0].shown
        # The comparison is not paid twice.
        sketches = len([m for m in asked_of(llmock_service) if m != OPUS])
        assert sketches == 2
        body = json.dumps([r["body"] for r in llmock_service.requests() if r["model"] == OPUS][-1])
        assert "acks are lost then" in body
        with pytest.raises(EngineError, match="no longer open"):
            await house.engine.decide(first.approval, "approve")


async def test_a_plan_rejected_without_a_reason_is_dropped(
    llmock_service: Llmock, tmp_path: Path, project: Path
) -> None:
    script_plan(llmock_service)
    async with at_home(llmock_service, tmp_path, project) as house:
        question = await planned(house)
        await house.engine.decide(question.approval, "reject")
        await ended(house, "cancelled")
        await house.until(lambda view: any(m.role == "announcement" for m in view.messages))
        assert announced(house)[0].state == "cancelled"
    assert list((tmp_path / "home" / "data" / "workspaces").glob("*/sum.py")) == []


async def test_an_alternative_and_an_edit_are_proposals_of_their_own(
    llmock_service: Llmock, tmp_path: Path, project: Path
) -> None:
    script_plan(llmock_service, reply("Nothing to do.", CODEX))
    async with at_home(llmock_service, tmp_path, project) as house:
        first = await planned(house)
        other = house.child.alternatives[0]
        await house.engine.decide(first.approval, str(other.number))
        await house.until_child(
            lambda view: view.approvals and view.approvals[0].approval != first.approval
        )
        second = await asked(house, "plan")
        assert other.text.splitlines()[-1] in second.shown
        assert second.digest != first.digest
        await house.engine.decide(second.approval, "edit", second.shown + "\n\nAnd write a test.")
        await house.until_child(lambda view: view.plan.origin == "edited" and view.approvals)
        third = house.child.approvals[0]
        assert "And write a test." in third.shown
        await house.engine.decide(third.approval, "approve")
        await ended(house)
        decisions = [e.event.decision for e in house.entries if isinstance(e.event, PlanDecided)]
    assert decisions == ["chosen", "edited", "approved"]
    body = json.dumps(llmock_service.requests()[-1]["body"])
    assert "And write a test." in body


@pytest.mark.parametrize(
    ("choice", "reason", "told"),
    [("approve", "", "Exit code 0"), ("reject", "not that one", "not that one")],
)
async def test_a_command_runs_only_when_it_was_approved(
    llmock_service: Llmock, tmp_path: Path, project: Path, choice: str, reason: str, told: str
) -> None:
    llmock_service.script(
        call("run_command", command="touch ran.txt"), reply("That is all.", CODEX)
    )
    async with at_home(llmock_service, tmp_path, project) as house:
        await submit(house, "/code try it", plan=False)
        question = await asked(house, "command")
        assert question.shown == "touch ran.txt"
        assert house.view.tasks[-1].state == "waiting"
        assert "touch ran.txt" in house.view.tasks[-1].reason
        folder = Path(house.child.workspace_opened.folder)
        assert not (folder / "ran.txt").exists()
        await house.engine.decide(question.approval, choice, reason)
        if choice == "approve":
            await decide(house, "changes", "discard")
        await ended(house)
        returned = [e.event.text for e in house.entries if isinstance(e.event, ToolReturned)]
    assert told in returned[0]
    assert not (project / "ran.txt").exists()


async def test_rejecting_all_ends_the_session(
    llmock_service: Llmock, tmp_path: Path, project: Path
) -> None:
    llmock_service.script(call("run_command", command="touch ran.txt"))
    async with at_home(llmock_service, tmp_path, project) as house:
        await submit(house, "/code try it", plan=False)
        await decide(house, "command", "stop", "enough")
        await ended(house, "cancelled")
    assert len(llmock_service.requests()) == 1


async def test_a_card_is_there_again_after_a_restart_and_the_work_goes_on(
    llmock_service: Llmock, tmp_path: Path, project: Path
) -> None:
    llmock_service.script(
        call("write_file", path="new.txt", content="kept\n"),
        call("run_command", command="cat new.txt"),
        reply("It says kept.", CODEX),
    )
    async with at_home(llmock_service, tmp_path, project) as house:
        await submit(house, "/code try it", plan=False)
        before = await asked(house, "command")
        session = house.session
    async with at_home(llmock_service, tmp_path, project, session) as house:
        assert house.view.tasks[-1].state == "waiting"
        assert house.view.tasks[-1].reason == "wants to run: cat new.txt"
        again = await asked(house, "command")
        assert again.approval == before.approval
        await house.engine.decide(again.approval, "approve")
        await decide(house, "changes", "apply")
        await ended(house)
        returned = [e.event.text for e in house.entries if isinstance(e.event, ToolReturned)]
    assert "kept" in returned[0]
    assert (project / "new.txt").read_text() == "kept\n"
    sent = json.dumps(llmock_service.requests()[-1]["body"])
    assert sent.count("new.txt") >= 2  # the call of before the restart is in the history


async def test_a_plan_waits_over_a_restart(
    llmock_service: Llmock, tmp_path: Path, project: Path
) -> None:
    script_plan(llmock_service, reply("Nothing to do.", CODEX))
    async with at_home(llmock_service, tmp_path, project) as house:
        await planned(house)
        session = house.session
    async with at_home(llmock_service, tmp_path, project, session) as house:
        view = house.child
        assert len(view.alternatives) == 2
        assert view.approvals[0].shown == view.plan.text
        await house.engine.decide(view.approvals[0].approval, "approve")
        await ended(house)


async def test_interrupted_work_is_resumed_with_what_it_had_done(
    llmock_service: Llmock, tmp_path: Path, project: Path
) -> None:
    llmock_service.script(
        call("write_file", path="new.txt", content="kept\n"),
        call("run_command", command="true"),
        reply("this is never said to its end", CODEX),
    )
    slow = TimeLimits(first_token=60, silence=60)
    async with at_home(llmock_service, tmp_path, project, limits=slow) as house:
        await submit(house, "/code try it", plan=False)
        question = await asked(house, "command")
        llmock_service.script({**spoil("stall", CODEX, after=8), "stall_seconds": 60})
        await house.engine.decide(question.approval, "approve")
        await house.until_child(lambda view: view.messages[-1].text.length)
        session, child = house.session, house.child.session
    llmock_service.reset()
    llmock_service.script(reply("It was all done.", CODEX))
    async with at_home(llmock_service, tmp_path, project, session) as house:
        assert house.view.tasks[-1].state == "interrupted"
        await house.engine.retry(child)
        await decide(house, "changes", "apply")
        await ended(house)
    assert (project / "new.txt").read_text() == "kept\n"
    assert "new.txt" in json.dumps(llmock_service.requests()[0]["body"])


async def test_cancelling_stops_it_and_keeps_what_was_written_apart(
    llmock_service: Llmock, tmp_path: Path, project: Path
) -> None:
    llmock_service.script(
        call("write_file", path="new.txt", content="half\n"),
        call("run_command", command="sleep 60"),
    )
    async with at_home(llmock_service, tmp_path, project) as house:
        await submit(house, "/code try it", plan=False)
        question = await asked(house, "command")
        assert await house.engine.cancel(house.child.session)
        view = await ended(house, "cancelled")
        assert view.approvals == ()
        assert [f.path for f in view.changes.files] == ["new.txt"]
        with pytest.raises(EngineError, match="no longer open"):
            await house.engine.decide(question.approval, "approve")
    assert not (project / "new.txt").exists()


async def test_a_session_that_waits_for_the_user_can_be_cancelled(
    llmock_service: Llmock, tmp_path: Path, project: Path
) -> None:
    script_plan(llmock_service)
    async with at_home(llmock_service, tmp_path, project) as house:
        await planned(house)
        assert await house.engine.cancel(house.child.session)
        view = await ended(house, "cancelled")
        assert view.approvals == ()


async def test_it_stops_at_its_limit_says_so_and_offers_what_there_is(
    llmock_service: Llmock, tmp_path: Path, project: Path
) -> None:
    llmock_service.script(
        *(call("write_file", path=f"{n}.txt", content=f"{n}\n") for n in range(5))
    )
    async with at_home(llmock_service, tmp_path, project, coding=Coding(steps=3)) as house:
        await submit(house, "/code count", plan=False)
        await ended(house, "failed")
        assert "3 steps" in house.view.tasks[-1].reason
        await decide(house, "changes", "apply")
        await house.until_child(lambda view: len(view.settled) == 3)
        assert house.child.state == "failed"
    assert (project / "2.txt").read_text() == "2\n"


async def test_changes_of_the_user_in_the_same_place_are_a_conflict_and_stay(
    llmock_service: Llmock, tmp_path: Path, project: Path
) -> None:
    llmock_service.script(
        call("write_file", path="sum.py", content="print(1 + 2)\n"),
        call("write_file", path="other.txt", content="new\n"),
        reply("Done.", CODEX),
    )
    async with at_home(llmock_service, tmp_path, project) as house:
        await submit(house, "/code mend it", plan=False)
        await asked(house, "changes")
        (project / "sum.py").write_text("print('mine')\n")
        await decide(house, "changes", "apply")
        view = await house.until_child(lambda view: len(view.settled) == 2 and view.approvals)
        assert (project / "sum.py").read_text() == "print('mine')\n"
        assert (project / "other.txt").read_text() == "new\n"
        assert view.settled["sum.py"].settlement == "conflict"
        assert "sum.py" in view.approvals[0].detail
        await house.engine.settle(view.session, "discard", ["sum.py"])
        await ended(house)
    assert (project / "sum.py").read_text() == "print('mine')\n"


async def test_only_what_was_shown_is_applied(
    llmock_service: Llmock, tmp_path: Path, project: Path
) -> None:
    llmock_service.script(call("write_file", path="a.txt", content="a\n"), reply("Done.", CODEX))
    async with at_home(llmock_service, tmp_path, project) as house:
        await submit(house, "/code write it", plan=False)
        first = await asked(house, "changes")
        (Path(house.child.workspace_opened.folder) / "a.txt").write_text("something else\n")
        with pytest.raises(EngineError, match="look again"):
            await house.engine.decide(first.approval, "apply")
        assert not (project / "a.txt").exists()
        view = await house.until_child(
            lambda view: view.approvals and view.approvals[0].approval != first.approval
        )
        assert "something else" in view.changes.files[0].diff
        await decide(house, "changes", "apply")
        await ended(house)
    assert (project / "a.txt").read_text() == "something else\n"


async def test_single_files_are_settled_one_by_one(
    llmock_service: Llmock, tmp_path: Path, project: Path
) -> None:
    llmock_service.script(
        call("write_file", path="a.txt", content="a\n"),
        call("write_file", path="b.txt", content="b\n"),
        reply("Done.", CODEX),
    )
    async with at_home(llmock_service, tmp_path, project) as house:
        await submit(house, "/code write two", plan=False)
        first = await asked(house, "changes")
        child = house.child.session
        with pytest.raises(EngineError, match="none of the changes"):
            await house.engine.settle(child, "apply", ["../sum.py"])
        await house.engine.settle(child, "apply", ["a.txt"])
        again = await house.until_child(
            lambda view: view.approvals and view.approvals[0].approval != first.approval
        )
        assert "a.txt" not in again.approvals[0].shown
        await house.engine.settle(child, "discard", ["b.txt"])
        await ended(house)
    assert (project / "a.txt").exists()
    assert not (project / "b.txt").exists()


async def test_kept_changes_are_on_a_branch_of_their_own(
    llmock_service: Llmock, tmp_path: Path, project: Path
) -> None:
    llmock_service.script(call("write_file", path="a.txt", content="a\n"), reply("Done.", CODEX))
    async with at_home(llmock_service, tmp_path, project) as house:
        await submit(house, "/code write it", plan=False)
        branch = (await house.until_child(lambda view: view.changes)).workspace_opened.branch
        await decide(house, "changes", "keep")
        await ended(house)
    shown = subprocess.run(
        ["git", "show", f"{branch}:a.txt"], cwd=project, capture_output=True, text=True, check=True
    )
    assert shown.stdout == "a\n"
    assert not (project / "a.txt").exists()


async def test_private_work_is_planned_and_written_on_this_machine_only(
    llmock_service: Llmock, tmp_path: Path, project: Path
) -> None:
    llmock_service.script(
        call("propose_plan", LOCAL, **PLAN),
        call("write_file", LOCAL, path="a.txt", content="a\n"),
        reply("Done.", LOCAL),
    )
    async with at_home(llmock_service, tmp_path, project) as house:
        await submit(house, "/plan something of mine", private=True)
        await decide(house, "plan", "approve")
        await asked(house, "changes")
    assert set(asked_of(llmock_service)) == {LOCAL}


async def test_without_a_model_that_calls_tools_it_is_answered_in_words(
    llmock_service: Llmock, tmp_path: Path, project: Path
) -> None:
    llmock_service.script(reply("def add(a, b): ...", CODEX))
    config = configuration(llmock_service, tools=False)
    async with open_house(config, tmp_path / "home", workspace=project) as house:
        answer = await house.say("/code write a function that adds")
    assert str(answer.text) == "def add(a, b): ..."
    notes = [str(m.text) for m in house.view.messages if m.role == "note"]
    assert any("no file is written" in note for note in notes)


async def test_another_model_goes_on_in_mid_work_with_the_tool_history(
    llmock_service: Llmock, tmp_path: Path, project: Path
) -> None:
    llmock_service.script(
        call("write_file", path="a.txt", content="first\n"),
        call("run_command", command="true"),
        call("write_file", SONNET, path="b.txt", content="second\n"),
        reply("Both are there.", SONNET),
    )
    async with at_home(llmock_service, tmp_path, project) as house:
        await submit(house, "/code write two", plan=False)
        question = await asked(house, "command")
        llmock_service.script(fail(529, CODEX))
        await house.engine.decide(question.approval, "approve")
        await asked(house, "changes")
        files = [file.path for file in house.child.changes.files]
    assert files == ["a.txt", "b.txt"]
    sent = [r for r in llmock_service.requests() if r["model"] == SONNET]
    assert "a.txt" in json.dumps(sent[0]["body"])


async def test_four_run_and_those_who_wait_for_the_user_make_room(
    llmock_service: Llmock, tmp_path: Path, project: Path
) -> None:
    llmock_service.script(
        call("run_command", command="true"),
        reply("The second one.", CODEX),
    )
    sessions = Sessions(parallel=1)
    async with at_home(llmock_service, tmp_path, project, sessions=sessions) as house:
        task = SpawnTask(task="one", kind="code", parent=house.session)
        first = await house.engine.spawn(task)
        await house.until(lambda _: house.children.get(first) and house.children[first].approvals)
        second = await house.engine.spawn(replace(task, task="two"))
        await house.until(lambda _: house.children[second].state == "done")
        assert house.children[first].state == "waiting"
