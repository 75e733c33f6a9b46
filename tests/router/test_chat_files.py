"""The orchestrator's hands: it reads the user's folder freely and changes nothing unseen."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from router.asking import EngineError, Prompt
from store.events import ApprovalAsked, ToolReturned
from tests.router.house import OPUS, House, configuration, open_house, reply
from tests.servers.llmock import Llmock


def call(name: str, **arguments: Any) -> dict[str, Any]:
    made = {"name": name, "arguments": arguments}
    return {"type": "reply", "tool_calls": [made], "match": {"model": OPUS}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "notes.txt").write_text("buy bees\n")
    return folder


@asynccontextmanager
async def at_home(
    service: Llmock, tmp_path: Path, folder: Path, session: str | None = None
) -> AsyncIterator[House]:
    config = configuration(service, tools=True)
    environ = {"PATH": "/usr/bin:/bin"}
    async with open_house(
        config, tmp_path / "home", environ, workspace=folder, session=session
    ) as house:
        yield house


async def asked(house: House) -> ApprovalAsked:
    view = await house.until(lambda view: view.approvals)
    return view.approvals[0]


async def submit(house: House, text: str) -> None:
    await house.engine.submit(house.session, Prompt(text=text))


async def test_it_reads_without_asking(
    llmock_service: Llmock, tmp_path: Path, folder: Path
) -> None:
    llmock_service.script(call("read_file", path="notes.txt"), reply("You want bees.", OPUS))
    async with at_home(llmock_service, tmp_path, folder) as house:
        told = await house.say("what do I want to buy?")
        returned = [e.event for e in house.entries if isinstance(e.event, ToolReturned)]
    assert str(told.text) == "You want bees."
    assert "buy bees" in returned[0].text
    assert not any(isinstance(e.event, ApprovalAsked) for e in house.entries)


@pytest.mark.parametrize(
    ("choice", "after"), [("approve", "buy honey\n"), ("reject", "buy bees\n")]
)
async def test_a_change_is_shown_as_a_diff_first(
    llmock_service: Llmock, tmp_path: Path, folder: Path, choice: str, after: str
) -> None:
    llmock_service.script(
        call("edit_file", path="notes.txt", old="bees", new="honey"), reply("There.", OPUS)
    )
    async with at_home(llmock_service, tmp_path, folder) as house:
        await submit(house, "honey instead, please")
        question = await asked(house)
        assert question.kind == "write"
        assert "-buy bees" in question.shown
        assert "+buy honey" in question.shown
        assert (folder / "notes.txt").read_text() == "buy bees\n"
        await house.engine.decide(question.approval, choice)
        await house.until(lambda view: any(str(m.text) == "There." for m in view.messages))
        await house.engine.idle(house.session)
        assert house.view.state == "open"
    assert (folder / "notes.txt").read_text() == after


async def test_a_command_is_asked_about_and_always_means_this_chat(
    llmock_service: Llmock, tmp_path: Path, folder: Path
) -> None:
    llmock_service.script(
        call("run_command", command="git --version"),
        call("run_command", command="git status"),
        call("run_command", command="git status --short"),
        reply("Clean.", OPUS),
    )
    async with at_home(llmock_service, tmp_path, folder) as house:
        await submit(house, "is it clean?")
        for shown, choice in (("git --version", "approve"), ("git status", "always")):
            view = await house.until(
                lambda view, shown=shown: view.approvals and view.approvals[0].shown == shown
            )
            await house.engine.decide(view.approvals[0].approval, choice)
        await house.until(lambda view: any(str(m.text) == "Clean." for m in view.messages))
    questions = [e.event.shown for e in house.entries if isinstance(e.event, ApprovalAsked)]
    assert questions == ["git --version", "git status"]


async def test_interrupting_takes_the_question_back(
    llmock_service: Llmock, tmp_path: Path, folder: Path
) -> None:
    llmock_service.script(call("run_command", command="touch x"))
    async with at_home(llmock_service, tmp_path, folder) as house:
        await submit(house, "try something")
        question = await asked(house)
        assert await house.engine.cancel(house.session)
        await house.until(lambda view: view.messages[-1].state == "cancelled")
        await house.engine.idle(house.session)
        assert house.view.approvals == ()
        assert house.view.state == "open"
        with pytest.raises(EngineError, match="no longer open"):
            await house.engine.decide(question.approval, "approve")
    assert not (folder / "x").exists()


async def test_a_question_of_before_a_restart_can_still_be_answered(
    llmock_service: Llmock, tmp_path: Path, folder: Path
) -> None:
    """The prompt is answered anew, and what was approved is not asked about again."""
    llmock_service.script(call("write_file", path="new.txt", content="hello\n"))
    async with at_home(llmock_service, tmp_path, folder) as house:
        await submit(house, "write me something")
        before = await asked(house)
        session = house.session
    llmock_service.reset()
    llmock_service.script(
        call("write_file", path="new.txt", content="hello\n"), reply("Written.", OPUS)
    )
    async with at_home(llmock_service, tmp_path, folder, session) as house:
        assert [a.approval for a in house.view.approvals] == [before.approval]
        await house.engine.decide(before.approval, "approve")
        await house.until(lambda view: any(str(m.text) == "Written." for m in view.messages))
        assert not any(isinstance(e.event, ApprovalAsked) for e in house.entries)
    assert (folder / "new.txt").read_text() == "hello\n"


async def test_rejecting_all_tells_the_model_to_stop(
    llmock_service: Llmock, tmp_path: Path, folder: Path
) -> None:
    llmock_service.script(call("run_command", command="touch x"), reply("As you wish.", OPUS))
    async with at_home(llmock_service, tmp_path, folder) as house:
        await submit(house, "try something")
        await house.engine.decide((await asked(house)).approval, "stop", "no more of this")
        await house.until(lambda view: any(str(m.text) == "As you wish." for m in view.messages))
        returned = [e.event for e in house.entries if isinstance(e.event, ToolReturned)]
    assert "no more of this" in returned[0].text
    assert not (folder / "x").exists()


async def test_interrupting_one_prompt_leaves_the_question_about_another(
    llmock_service: Llmock, tmp_path: Path, folder: Path
) -> None:
    llmock_service.script(call("run_command", command="touch x"))
    async with at_home(llmock_service, tmp_path, folder) as house:
        await submit(house, "is AKIAIOSFODNN7EXAMPLF a good key?")
        secret = await asked(house)
        await submit(house, "try something")
        await house.until(lambda view: len(view.approvals) == 2)
        assert await house.engine.cancel(house.session)
        await house.until(lambda view: view.messages[-1].state == "cancelled")
        await house.engine.idle(house.session)
        assert [a.approval for a in house.view.approvals] == [secret.approval]
        await house.engine.decide(secret.approval, "reject")
        await house.until(lambda view: not view.approvals)
