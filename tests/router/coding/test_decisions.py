"""A decision counts once, for what was shown; and nothing that fails leaves a session stuck."""

import asyncio
import hashlib
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from router.approvals import Approvals
from router.asking import EngineError
from router.coding.contract import Question
from router.coding.desk import Desk
from router.coding.record import record
from router.config import Coding
from router.services import Services
from store.events import (
    AnyEvent,
    ApprovalAsked,
    ApprovalGiven,
    ChangeSettled,
    Entry,
    ToolReturned,
)
from tests.router.coding.desks import (
    announced,
    asked,
    at_home,
    call,
    ended,
    events,
    repository,
    submit,
)
from tests.router.house import CODEX, reply
from tests.servers.llmock import Llmock
from tui.live import Live
from tui.options import Options

COMMAND = Question(kind="command", question="Run?", shown="sh t.sh", call="call_0")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return repository(tmp_path / "project")


class Asked:
    """A desk whose journal is a list, and a user who answers what is asked."""

    def __init__(self, *before: AnyEvent) -> None:
        self.said: list[AnyEvent] = list(before)
        self.approvals = Approvals(cast(Any, self._say))
        services = cast(Services, SimpleNamespace(say=lambda _, *more: self.said.extend(more)))
        self.desk = Desk(services, self.approvals, "s", nullcontext)
        self.desk.record = record(Entry(n, n, "s", e) for n, e in enumerate(before, 1))

    async def _say(self, _session: str, *more: AnyEvent) -> None:
        self.said.extend(more)

    async def answer(self, question: Question, choice: str) -> str:
        """The decision that a tool gets, given where it is asked for."""
        asking = asyncio.create_task(self.desk.ask(question))
        for _ in range(10):  # turns of the loop: nothing here waits for anything else
            await asyncio.sleep(0)
        for open_one in self.approvals.of("s"):
            await self.approvals.decide(open_one.approval, choice, "")
        return (await asking).choice

    @property
    def questions(self) -> int:
        return sum(isinstance(event, ApprovalAsked) for event in self.said)


async def test_an_approval_is_for_one_run_though_a_service_gives_an_id_twice() -> None:
    user = Asked()
    assert await user.answer(COMMAND, "approve") == "approve"
    assert await user.answer(COMMAND, "reject") == "reject"
    assert user.questions == 2


def shown_before(choice: str) -> tuple[ApprovalAsked, ApprovalGiven]:
    digest = hashlib.sha256(COMMAND.shown.encode()).hexdigest()
    asked = ApprovalAsked(
        approval="a", kind="command", question="?", shown="sh t.sh", digest=digest, call="call_0"
    )
    return asked, ApprovalGiven(approval="a", digest=digest, choice=choice)


@pytest.mark.parametrize("choice", ["approve", "withdrawn"])
async def test_what_an_earlier_life_was_told_is_asked_again(choice: str) -> None:
    user = Asked(*shown_before(choice))
    assert await user.answer(COMMAND, "reject") == "reject"
    assert user.questions == 2


async def test_what_was_answered_after_a_restart_counts_once() -> None:
    asked, _ = shown_before("approve")
    user = Asked(asked)
    user.approvals.know("s", [asked])
    await user.approvals.decide("a", "approve", "")
    user.desk.record = record(Entry(n, n, "s", e) for n, e in enumerate(user.said, 1))
    user.desk._late = user.approvals.take_late(user.desk.record.given)
    assert (await user.desk.ask(COMMAND)).choice == "approve"
    assert await user.answer(COMMAND, "reject") == "reject"
    assert user.approvals.take_late(["a"]) == set()


async def test_cancelled_at_the_card_and_run_again_it_asks_again(
    llmock_service: Llmock, tmp_path: Path, project: Path
) -> None:
    llmock_service.script(call("run_command", command="true"), reply("Done.", CODEX))
    async with at_home(llmock_service, tmp_path, project) as house:
        await submit(house, "/code try it", plan=False)
        first = await asked(house, "command")
        child = house.child.session
        assert await house.engine.cancel(child)
        await ended(house, "cancelled")
        await house.engine.idle(child)
        await house.engine.retry(child)
        again = await asked(house, "command")
        assert again.approval != first.approval
        await house.engine.decide(again.approval, "approve")
        await ended(house)
        told = [event.text for event in events(house, ToolReturned)]
    assert "Exit code 0" in told[-1]


async def test_nothing_is_applied_that_is_written_after_the_decision(
    llmock_service: Llmock, tmp_path: Path, project: Path
) -> None:
    llmock_service.script(
        call("write_file", path="a.txt", content="seen\n"), call("run_command", command="true")
    )
    async with at_home(llmock_service, tmp_path, project) as house:
        await submit(house, "/code try it", plan=False)
        await asked(house, "command")
        child = house.child.session
        await house.engine.cancel(child)
        await ended(house, "cancelled")
        await house.engine.idle(child)
        llmock_service.script(
            call("write_file", path="evil.txt", content="never seen\n"), reply("Done.", CODEX)
        )
        await house.engine.retry(child)
        await asked(house, "command")
        with pytest.raises(EngineError, match="still at work"):
            await house.engine.settle(child, "apply")
    assert not (project / "evil.txt").exists()
    assert not (project / "a.txt").exists()


async def test_what_could_not_be_applied_is_asked_again(
    llmock_service: Llmock, tmp_path: Path, project: Path
) -> None:
    llmock_service.script(call("write_file", path="new.txt", content="x\n"), reply("Done.", CODEX))
    async with at_home(llmock_service, tmp_path, project) as house:
        await submit(house, "/code try it", plan=False)
        question = await asked(house, "changes")
        project.rename(tmp_path / "moved")
        with pytest.raises(EngineError, match="gone or was moved"):
            await house.engine.decide(question.approval, "apply")
        (tmp_path / "moved").rename(project)
        again = await house.until_child(
            lambda view: view.approvals and view.approvals[0].approval != question.approval
        )
        await house.engine.decide(again.approvals[0].approval, "apply")
        await ended(house)
    assert (project / "new.txt").read_text() == "x\n"


async def test_whoever_leaves_while_it_is_applied_stops_nothing(
    llmock_service: Llmock, tmp_path: Path, project: Path
) -> None:
    llmock_service.script(call("write_file", path="new.txt", content="x\n"), reply("Done.", CODEX))
    async with at_home(llmock_service, tmp_path, project) as house:
        await submit(house, "/code try it", plan=False)
        await asked(house, "changes")
        await house.engine.idle(house.child.session)
        applying = asyncio.create_task(house.engine.settle(house.child.session, "apply"))
        await house.until(lambda _: events(house, ChangeSettled))
        applying.cancel()
        await ended(house)
    assert (project / "new.txt").read_text() == "x\n"


async def test_two_retries_are_one(llmock_service: Llmock, tmp_path: Path, project: Path) -> None:
    steps = [call("write_file", path=f"{n}.txt", content="x\n") for n in range(2)]
    llmock_service.script(*steps)
    limits = Coding(steps=2)
    async with at_home(llmock_service, tmp_path, project, coding=limits) as house:
        await submit(house, "/code try it", plan=False)
        await ended(house, "failed")
        child = house.child.session
        await house.engine.idle(child)
        llmock_service.reset()
        llmock_service.script(*[reply("Done.", CODEX)] * 3)
        both = (house.engine.retry(child), house.engine.retry(child))
        outcomes = await asyncio.gather(*both, return_exceptions=True)
        await asked(house, "changes")
        await house.until_child(lambda view: view.state == "waiting")
        await house.engine.idle(child)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["EngineError", "NoneType"]
    assert len(llmock_service.requests()) == 1


async def test_an_impatient_second_cancel_loses_nothing(
    llmock_service: Llmock, tmp_path: Path, project: Path
) -> None:
    llmock_service.script(
        call("write_file", path="a.txt", content="a\n"), call("run_command", command="true")
    )
    async with at_home(llmock_service, tmp_path, project) as house:
        await submit(house, "/code try it", plan=False)
        await asked(house, "command")
        child = house.child.session
        assert await house.engine.cancel(child)
        await asyncio.sleep(0)
        assert await house.engine.cancel(child)
        view = await ended(house, "cancelled")
        assert [file.path for file in view.changes.files] == ["a.txt"]
        await house.until(lambda _: announced(house))


async def test_the_card_of_work_that_failed_is_there_after_a_restart(
    llmock_service: Llmock, tmp_path: Path, project: Path
) -> None:
    llmock_service.script(*(call("write_file", path=f"{n}", content="x\n") for n in range(3)))
    async with at_home(llmock_service, tmp_path, project, coding=Coding(steps=2)) as house:
        await submit(house, "/code count", plan=False)
        await ended(house, "failed")
        before = await asked(house, "changes")
        session = house.session
    async with at_home(llmock_service, tmp_path, project) as house:
        live = Live(cast(Options, SimpleNamespace(workspace=project)))
        live._engine = house.engine
        await live.open(session)
        asking = [one.asked.approval for one in live.deck.asking(session)]
        live._subscription.close()
    assert asking == [before.approval]
