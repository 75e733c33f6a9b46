"""A chat's prompts, answered one after the other."""

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from router import compaction, context, delegating, house_rules, intent, reading, recovery
from router.approvals import Approvals, asked_of
from router.asking import EngineError, SpawnTask, Waiting
from router.calls import Call
from router.coding import kit
from router.coding.contract import Question
from router.consent import Consent
from router.policy import Ask, Refusal, Unconfirmed
from router.policy_table import Work
from router.providers.base import Failure
from router.services import Services
from router.tools import ChatTools
from router.view import View
from store.errors import StoreError
from store.events import (
    AnyEvent,
    ApprovalAsked,
    ApprovalGiven,
    Candidate,
    Note,
    ReplyFailed,
    RouteDecided,
    SessionStateChanged,
)

if TYPE_CHECKING:
    from router.coding.toolbox import Toolbox

log = logging.getLogger(__name__)

Spawn = Callable[[SpawnTask], Awaitable[str]]


WORKS: Final[dict[intent.Executor, Work]] = {"specialist": "code", "background": "background"}
"""The row of the policy table for what is answered in the chat itself; `main` for the rest."""

_NO_HANDS: Final = (
    "No model that can call tools is at hand: this is answered in words, no file is written. "
    "butler doctor says what is missing."
)


class Lane:
    """One session's queue. What is queued stays queued when the answer under way is cancelled."""

    def __init__(
        self,
        services: Services,
        session: str,
        tasks: asyncio.TaskGroup,
        spawn: Spawn,
        approvals: Approvals,
    ) -> None:
        self.services = services
        self._session = session
        self._tasks = tasks
        self._spawn = spawn
        self._approvals = approvals
        self._consent = Consent(lambda: self.services, session, approvals)
        self._queue: deque[Waiting] = deque()
        self._answering: asyncio.Task[None] | None = None
        self._worker: asyncio.Task[None] | None = None
        self._dispatched = ""
        """The prompt whose fate is the dispatcher's to tell."""
        self._told_dropped = False
        self._commands: list[tuple[str, str]] = []
        """Commands that were shown in this chat, and what the user said."""
        self._idle = asyncio.Event()
        self._idle.set()

    def put(self, waiting: Waiting) -> None:
        self._queue.append(waiting)
        if self._worker is None:
            self._idle.clear()
            self._worker = self._tasks.create_task(self._work(), name=f"lane {self._session}")

    def cancel(self) -> bool:
        """Interrupt the answer under way; False if there is none."""
        return self._answering is not None and self._answering.cancel()

    async def idle(self) -> None:
        await self._idle.wait()

    async def resume(self, asked: ApprovalAsked, choice: str) -> None:
        """Go on with a prompt as the user decided about it, now or after a restart."""
        if asked.kind == "secret" and choice == "reject":
            failed = ReplyFailed(
                reply=uuid.uuid4().hex,
                prompt=asked.prompt,
                text="",
                failure="cancelled",
                message="Not sent, as you decided. The prompt is kept here.",
            )
            self.services.say(self._session, failed)
            return
        store = self.services.store
        self.put(await asyncio.to_thread(recovery.waiting, store, self._session, asked.prompt))

    async def _work(self) -> None:
        try:
            while self._queue:
                waiting = self._queue.popleft()
                self._answering = asyncio.create_task(self._guarded(waiting))
                await asyncio.wait({self._answering})
                self._answering = None
                await self._recount()
        finally:
            if self._answering is not None and not self._answering.done():
                self._answering.cancel()
                await asyncio.wait({self._answering})
            self._answering = None
            self._worker = None
            self._idle.set()

    async def _recount(self) -> None:
        try:
            await self.services.keeper.recount()
        except StoreError:
            log.exception("counting usage")

    async def _guarded(self, waiting: Waiting) -> None:
        """Answer, and turn whatever was not foreseen into a failure that can be read."""
        try:
            await self._answer(waiting)
        except Unconfirmed as unconfirmed:
            await self._consent.ask_for_reserve(waiting, str(unconfirmed))
        except Refusal as refusal:
            self._failed(waiting, "refused-by-policy", str(refusal))
        except (Failure, StoreError, EngineError) as failure:
            self._failed(waiting, "failed", str(failure))
        except asyncio.CancelledError:
            # Once a model is asked, the dispatcher tells of the cancellation itself.
            if self._dispatched != waiting.id:
                self._failed(waiting, "cancelled", "Interrupted.")
        except Exception:
            log.exception("answering %s", waiting.id)
            message = "Something in Butler itself went wrong; the log has it. Your prompt is kept."
            self._failed(waiting, "internal", message)

    def _failed(self, waiting: Waiting, failure: str, message: str) -> None:
        self.services.say(
            self._session,
            ReplyFailed(
                reply=uuid.uuid4().hex,
                prompt=waiting.id,
                text="",
                failure=failure,
                message=message,
            ),
        )

    # --- one prompt ------------------------------------------------------------------------------

    async def _answer(self, waiting: Waiting) -> None:
        services = self.services
        await services.ready.wait()
        if await self._consent.must_ask(waiting):
            return
        prompt = waiting.prompt
        decision = intent.decide(prompt.text, attached=bool(prompt.attachments))
        if decision.word == "local":
            waiting = replace(waiting, prompt=replace(prompt, tier="T4"))
        if delegating.is_background(prompt, decision):
            task = delegating.background(self._session, prompt)
            await self._delegate(waiting, decision, "background", task)
        elif decision.word == "agent":
            task = delegating.agent(self._session, prompt)
            await self._delegate(waiting, decision, "main", task)
        elif delegating.is_coding(decision) and self._can_write(waiting):
            task = delegating.coding(self._session, prompt, decision)
            await self._delegate(waiting, decision, "code", task)
        else:
            self._say_what_is_missing(decision)
            await self._directly(waiting, decision, WORKS.get(decision.executor, "main"))

    def _say_what_is_missing(self, decision: intent.Decision) -> None:
        if decision.word in ("code", "plan"):
            self.services.say(self._session, Note(level="warning", text=_NO_HANDS))
        if decision.executor in ("image", "audio"):
            text = f"There is no skill for {decision.executor} here; this is answered in words."
            self.services.say(self._session, Note(level="warning", text=text))

    async def _directly(self, waiting: Waiting, decision: intent.Decision, work: Work) -> None:
        services = self.services
        candidates = services.candidates(_ask(waiting, work))
        # Awaited: once the route is on disk so is all before it, and the view read is complete.
        await services.say(self._session, self._route(waiting, decision, candidates))
        view = await asyncio.to_thread(
            reading.open_view, services.store, self._session, HISTORY_MESSAGES
        )
        view = await compaction.compact(services, view, waiting.id, candidates)
        overheard = any(turn.private for turn in context.since(view, waiting.id))
        reply = uuid.uuid4().hex
        tools = ChatTools(
            self._session,
            self._spawn,
            lambda: services.keeper.house,
            await self._files(waiting, view),
            reply=reply,
            # What a local model heard it may pass on: what it spawns then stays here, too.
            private=waiting.prompt.private or overheard,
            agents=await asyncio.to_thread(self._agents),
        )
        call = Call(
            session=self._session,
            prompt=waiting.id,
            reply=reply,
            kind="chat" if decision.kind == "direct" else decision.kind,
            system=lambda tier: house_rules.for_chat(tier, services.config.instructions),
            prepare=lambda room, local: self._fit(view, waiting.id, room, local=local),
            candidates=candidates,
            max_output=services.config.sessions.max_output,
            private=waiting.prompt.private,
            overheard=overheard,
            tools=tools.offered,
            act=tools.act,
        )
        self._dispatched = waiting.id
        await services.dispatcher.run(call)

    def _agents(self) -> dict[str, str]:
        from router.coding.agents import load

        agents, _ = load(self.services.places, self.services.workspace)
        return {name: agent.description for name, agent in agents.items()}

    async def _files(self, waiting: Waiting, view: View) -> "Toolbox":
        """Tools on the user's own files. Reading asks for nothing; whatever changes or runs
        something is shown first."""

        async def ask(question: Question) -> ApprovalGiven:
            return await self._ask_about_tool(waiting, question)

        def say(event: AnyEvent) -> None:
            self.services.say(self._session, event)

        root = Path(view.workspace or self.services.workspace)
        return await kit.tools(
            self.services,
            root,
            ask=ask,
            say=say,
            answers=lambda: self._commands,
            confirm_writes=True,
        )

    async def _ask_about_tool(self, waiting: Waiting, question: Question) -> ApprovalGiven:
        asked = asked_of(question, waiting.id)
        given = waiting.given.pop(asked.digest, None)
        if given is None:
            waits = SessionStateChanged(state="waiting", reason=question.kind)
            try:
                given = await self._approvals.ask(self._session, asked, waits)
            except asyncio.CancelledError:
                await self._approvals.called_off(self._session, asked.approval)
                raise
            self.services.say(self._session, SessionStateChanged(state="open"))
        if question.kind == "command":
            self._commands.append((question.shown, given.choice))
        return given

    def _fit(self, view: View, prompt: str, room: int, *, local: bool) -> context.Fitted:
        """Fit the history into a candidate's room, and say so when some has to stay out."""
        fitted = context.fit(context.since(view, prompt), room, local=local)
        if fitted.dropped and not self._told_dropped:
            self._told_dropped = True
            text = "The oldest turns no longer fit into this model's window and are left out."
            self.services.say(self._session, Note(level="info", text=text))
        return fitted

    async def _delegate(
        self, waiting: Waiting, decision: intent.Decision, work: Work, task: SpawnTask
    ) -> None:
        """Have it done in a session of its own."""
        ask = _ask(waiting, work, programs=work == "code")
        candidates = self.services.candidates(ask)
        await self.services.say(self._session, self._route(waiting, decision, candidates))
        await self._spawn(task)

    def _can_write(self, waiting: Waiting) -> bool:
        """Whether the first who would write the code can change files."""
        candidates = self.services.candidates(_ask(waiting, "code", programs=True))
        first = next((one for one in candidates if not one.passed_over), None)
        return first is not None and self.services.dispatcher.can_write(first)

    def _route(
        self, waiting: Waiting, decision: intent.Decision, candidates: tuple[Candidate, ...]
    ) -> RouteDecided:
        house = self.services.keeper.house
        first = next((i for i, c in enumerate(candidates) if not c.passed_over), None)
        marked = tuple(
            replace(c, chosen=True) if i == first else c for i, c in enumerate(candidates)
        )
        return RouteDecided(
            prompt=waiting.id,
            kind=decision.kind,
            executor=decision.executor,
            confidence=decision.confidence,
            band=house.band,
            percent=house.percent,
            candidates=marked,
            reason=decision.reason,
        )


HISTORY_MESSAGES = 160
"""Messages of history that are looked at for a request; the model's window decides how many of
them go in, and a summary stands for what came before."""


def _ask(waiting: Waiting, work: Work, *, programs: bool = False) -> Ask:
    prompt = waiting.prompt
    return Ask(
        work=work,
        tier=prompt.tier,
        model=prompt.model,
        critical=prompt.critical,
        private=prompt.private,
        emergency=prompt.emergency,
        confirmed=waiting.confirmed,
        programs=programs,
    )
