"""A coding session from where its journal ends to its next stop: a question, or its end."""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from router.approvals import Approvals, asked_of
from router.clock import now_ms
from router.coding import closing, kit, proposing
from router.coding.contract import Assignment, Halt, Question, Report
from router.coding.record import Record, record
from router.config import ModelRef, program_of
from router.policy import Ask
from router.policy_table import Work
from router.providers.base import Failure, ToolCallPart
from router.services import Services
from store.events import (
    AnyEvent,
    ApprovalAsked,
    ApprovalGiven,
    Candidate,
    Entry,
    Note,
    SessionStarted,
    SessionStateChanged,
    WorkspaceOpened,
)

if TYPE_CHECKING:
    from router.coding.agents import AgentFile
    from router.coding.history import History
    from router.coding.toolbox import Toolbox
    from router.coding.workspace import Workspace

log = logging.getLogger(__name__)

_EMPTY: Final = (
    "{source} is too large to copy: this session works in an empty folder and sees nothing of it. "
    "Begin in a smaller folder, or in a git repository, to have it work on your files."
)

_WAITS: Final = {
    "command": "wants to run: {}",
    "write": "wants to write: {}",
    "question": "asks: {}",
}

Away = Callable[[], AbstractAsyncContextManager[None]]
"""Gives the session's slot and clock up while the user is asked."""


class Desk:
    """One run of one session."""

    def __init__(self, services: Services, approvals: Approvals, session: str, away: Away) -> None:
        self.services = services
        self.session = session
        self._approvals = approvals
        self._away = away
        self.record = Record()
        self._late: set[str] = set()
        """Questions of an earlier life that were answered since it ended."""
        self.agent: AgentFile | None = None
        self._opened: WorkspaceOpened | None = None

    async def run(self) -> Halt:
        """Go on until the session's work has ended, or it stands and waits for the user.

        Raises:
            Refusal: what the session is pinned to may not serve it.
            WorkspaceProblem: it has nowhere to work.
        """
        self.record = await asyncio.to_thread(self._read)
        self._approvals.know(self.session, self.record.open())
        started = self.record.started
        if started is None:
            reason = "This session has no beginning; it can't be run."
            return Halt(report=Report(state="failed", reason=reason))
        self._late = self._approvals.take_late(self.record.given)
        if self.record.settling and self.record.unsettled():
            return await closing.ask_again(self)
        if self.record.finished and not self.record.unsettled():
            return Halt(report=Report(state="done"))  # it ended before that could be told
        if self.record.open("changes"):
            await self.withdraw("it goes on")
        if started.agent:
            self.agent = await self._find_agent(started)
        await self._open()
        if started.plan and self.record.approved is None:
            halt = await proposing.propose(self, started)
            if halt is not None:
                return halt
        return await closing.close(self, await self._write(started))

    def _read(self) -> Record:
        return record(self.services.store.journal.read(self.session, deltas=False))

    async def _find_agent(self, started: SessionStarted) -> "AgentFile":
        from router.coding.agents import find

        source = Path(started.workspace)
        return await asyncio.to_thread(find, started.agent, self.services.places, source)

    # --- where -----------------------------------------------------------------------------------

    async def _open(self) -> None:
        from router.coding.workspace import Workspace, open_workspace

        started, opened = self.record.started, self.record.opened
        if started is None or (opened is not None and Workspace(opened).exists):
            self._opened = opened
            return
        self._opened = opened = await open_workspace(
            Path(started.workspace),
            self.session,
            started.title,
            self.services.places.data / "workspaces",
            copy_limit=self.services.config.coding.copy_limit * 1_000_000,
        )
        await self.services.say(self.session, opened)
        if opened.kind == "empty":
            self.say(Note(level="warning", text=_EMPTY.format(source=opened.source)))

    @property
    def is_open(self) -> bool:
        """Whether it has a workspace."""
        return self._opened is not None

    @property
    def workspace(self) -> "Workspace":
        from router.coding.workspace import Workspace

        if self._opened is None:
            raise RuntimeError("the workspace is opened first")
        return Workspace(self._opened)

    # --- writing ---------------------------------------------------------------------------------

    async def _write(self, started: SessionStarted) -> Report:
        """Have it done by the first candidate that can, and by the next one where it fails."""
        failed: set[ModelRef] = set()  # not each failure makes a program unfit for the policy
        while True:
            candidates = [c for c in self.candidates("code") if _ref(c) not in failed]
            first = next((one for one in candidates if not one.passed_over), None)
            if first is None or program_of(first.account) is None:
                return await self._by_specialist(started)
            try:
                return await self._by_program(started, first)
            except Failure as failure:
                ref = _ref(first)
                failed.add(ref)
                self.services.keeper.failed(ref, failure)
                log.info("%s failed: %s: %s", ref, failure.name, failure)
                text = f"{program_of(first.account)} stopped: {failure}"
                self.say(Note(level="warning", text=text))

    async def _by_specialist(self, started: SessionStarted) -> Report:
        from router.coding.specialist import Specialist

        config = self.services.config.coding
        specialist = Specialist(
            self.services,
            await self.toolbox(),
            await asyncio.to_thread(self._history),
            candidates=self._models,
            say=self.say,
            system=self.agent.prompt if self.agent else "",
            steps=config.steps,
            cost=config.cost,
            kind="agent" if self.agent else "coding",
            interrupted=self._was_running,
        )
        return await specialist.run(self.assignment(started))

    def _models(self) -> Sequence[Candidate]:
        """Whom the specialist may ask: no program, but why one was passed over is told."""
        return [
            c for c in self.candidates("code") if c.passed_over or program_of(c.account) is None
        ]

    async def _by_program(self, started: SessionStarted, candidate: Candidate) -> Report:
        from router.coding.cli_agents import agent_of

        ref = _ref(candidate)
        agent = agent_of(ref, services=self.services, say=self.say, candidate=candidate)
        report = await agent.run(self.assignment(started))
        self.services.keeper.succeeded(ref)
        return report

    def _history(self) -> "History":
        from router.coding.history import History

        return History.from_entries(self.services.store.journal.read(self.session, deltas=False))

    def _was_running(self, call: ToolCallPart) -> bool:
        """Whether a call of an earlier life may have run before that ended: a command that was
        allowed then, or that needed no asking. One that was answered after a restart has not."""
        if call.name == "run_command" and not self.record.was_asked(call.call):
            return True
        return self.record.was_approved(call.call) and not self._answered_late(call.call)

    def _answered_late(self, call: str) -> bool:
        asked = self.record.asked
        return any(asked[approval].call == call for approval in self._late)

    def assignment(self, started: SessionStarted) -> Assignment:
        files = [f'<file name="{a.name}">\n{a.text}\n</file>' for a in started.attachments]
        approved = self.record.approved
        return Assignment(
            session=self.session,
            prompt=f"task-{self.session}",
            task="\n\n".join([started.task, *files]),
            plan=approved.text if approved else "",
            root=self.workspace.root,
            instructions=self.services.config.instructions,
            private=started.private,
        )

    # --- who -------------------------------------------------------------------------------------

    def candidates(self, work: Work) -> Sequence[Candidate]:
        """Who may serve now: bands and health change while a session runs.

        Raises:
            Refusal: the pin can't be obeyed.
        """
        started = self.record.started
        pinned = started if started and not self._pins_a_program(started, work) else None
        tier = pinned.tier if pinned else None
        model = pinned.model if pinned else None
        first = None
        if self.agent is not None and tier is None and model is None:
            first, model = self.agent.tier, self.agent.model
            work = self.agent.work
        ask = Ask(
            work=work,
            tier=tier,
            model=model,
            first=first,
            # A program would know nothing of an agent's prompt, nor of the tools it may have.
            programs=work == "code" and self.agent is None,
            private=bool(started and started.private),
        )
        return self.services.candidates(ask)

    @staticmethod
    def _pins_a_program(started: SessionStarted, work: Work) -> bool:
        """A program on the PATH writes code; it doesn't plan for others."""
        return work != "code" and program_of(started.model or "") is not None

    # --- asking ----------------------------------------------------------------------------------

    async def toolbox(self, names: frozenset[str] | None = None) -> "Toolbox":
        """The session's tools, or some of them, bound to its workspace."""
        if names is None and self.agent is not None:
            names = self.agent.tools
        return await kit.tools(
            self.services,
            self.workspace.root,
            ask=self.ask,
            say=self.say,
            answers=self._command_answers,
            names=names,
        )

    def _command_answers(self) -> list[tuple[str, str]]:
        return [
            (asked.shown, given.choice)
            for approval, asked in self.record.asked.items()
            if asked.kind == "command" and (given := self.record.given.get(approval))
        ]

    async def ask(self, question: Question) -> ApprovalGiven:
        """Ask the user something in the middle of the work, and wait. What was decided about
        exactly this since an earlier life had ended counts, once."""
        digest = hashlib.sha256(question.shown.encode()).hexdigest()
        for known in self.record.answers(question.call, digest):
            if known.approval in self._late:
                self._late.discard(known.approval)
                return known
        asked = self._asked_before(question.call, digest) or asked_of(question)
        reason = _WAITS[question.kind].format(" ".join(question.shown.split())[:80])
        waits = SessionStateChanged(state="waiting", reason=reason)
        async with self._away():
            given = await self._approvals.ask(self.session, asked, waits)
            self.say(SessionStateChanged(state="queued"))
        self.record.asked[asked.approval] = asked
        self.record.given[asked.approval] = given
        self.say(SessionStateChanged(state="running"))
        return given

    def _asked_before(self, call: str, digest: str) -> ApprovalAsked | None:
        found = (a for a in self.record.open() if a.call == call and a.digest == digest)
        return next(found, None)

    async def put(self, question: Question, reason: str, *before: AnyEvent) -> None:
        """Ask something the session does not wait for: it ends here and goes on when answered.
        Without a `reason` its state is left as it is."""
        asked = asked_of(question)
        self.say_all(*before)
        waits = [SessionStateChanged(state="waiting", reason=reason)] if reason else []
        await self._approvals.put(self.session, asked, *waits)

    async def withdraw(self, reason: str) -> None:
        await self._approvals.withdraw(self.session, reason)

    # --- telling ---------------------------------------------------------------------------------

    def say(self, event: AnyEvent) -> None:
        """Write an event, and know it."""
        self.say_all(event)

    def say_all(self, *events: AnyEvent) -> None:
        if events:
            self.services.say(self.session, *events)
        for event in events:
            self.record.take(Entry(0, now_ms(), self.session, event))


def _ref(candidate: Candidate) -> ModelRef:
    return ModelRef(candidate.account, candidate.model)
