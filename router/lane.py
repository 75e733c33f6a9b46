"""A chat's prompts, answered one after the other."""

import asyncio
import hashlib
import logging
import re
import uuid
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from msgspec.structs import replace

from router import compaction, context, house_rules, intent, reading, secrets
from router.asking import Prompt, SpawnTask, Waiting
from router.dispatch import Call
from router.intent.explicit import without_word
from router.policy import Ask, Refusal, Unconfirmed
from router.policy_table import Work
from router.providers.base import Failure
from router.services import Services
from router.tools import CHAT_TOOLS, ChatTools
from router.view import View
from store.errors import StoreError
from store.events import (
    ApprovalAsked,
    ApprovalGiven,
    Attachment,
    Candidate,
    Note,
    ReplyFailed,
    RouteDecided,
    SessionStateChanged,
)

log = logging.getLogger(__name__)

_SHOWN = """{kinds}
approve: only the local tier sees it, now and later in this conversation
reject: it is not sent at all
send: it goes out as it is"""

Spawn = Callable[[SpawnTask], Awaitable[str]]
Ask_ = Callable[[str, ApprovalAsked], Awaitable[None]]


WORKS: Final[dict[intent.Executor, Work]] = {"specialist": "code", "background": "background"}
"""The row of the policy table for what is answered in the chat itself; `main` for the rest."""

_LONG: Final = 200
"""Characters from which a text is worth a session of its own; below, the answer in the chat is
there sooner than a tab could be opened."""

_ASIDE: Final = re.compile(r"\bin the background\b", re.IGNORECASE)


def _is_work_of_its_own(prompt: Prompt, decision: intent.Decision) -> bool:
    """Whether background work brings a text, or is asked for aside, and so gets its own session.
    The rest is answered in the chat, by the same background tier."""
    text = without_word(prompt.text)
    asked = decision.word == "sum" or bool(_ASIDE.search(text))
    return decision.kind == "summarization" and (
        asked or bool(prompt.attachments) or len(text) >= _LONG
    )


class Lane:
    """One session's queue. What is queued stays queued when the answer under way is cancelled."""

    def __init__(
        self,
        services: Services,
        session: str,
        tasks: asyncio.TaskGroup,
        spawn: Spawn,
        ask: Ask_,
    ) -> None:
        self.services = services
        self._session = session
        self._tasks = tasks
        self._spawn = spawn
        self._ask = ask
        self._queue: deque[Waiting] = deque()
        self._answering: asyncio.Task[None] | None = None
        self._worker: asyncio.Task[None] | None = None
        self._dispatched = ""
        """The prompt whose fate is the dispatcher's to tell."""
        self._told_dropped = False
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
            await self._ask_for_reserve(waiting, str(unconfirmed))
        except Refusal as refusal:
            self._failed(waiting, "refused-by-policy", str(refusal))
        except (Failure, StoreError) as failure:
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
        if await self._must_ask(waiting):
            return
        prompt = waiting.prompt
        decision = intent.decide(prompt.text, attached=bool(prompt.attachments))
        if decision.word == "local":
            waiting = replace(waiting, prompt=replace(prompt, tier="T4"))
        if decision.executor == "background" and _is_work_of_its_own(prompt, decision):
            await self._background(waiting, decision)
        else:
            self._say_what_is_missing(decision)
            await self._directly(waiting, decision, WORKS.get(decision.executor, "main"))

    def _say_what_is_missing(self, decision: intent.Decision) -> None:
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
        call = Call(
            session=self._session,
            prompt=waiting.id,
            reply=uuid.uuid4().hex,
            kind="chat" if decision.kind == "direct" else decision.kind,
            system=lambda tier: house_rules.for_chat(tier, services.config.instructions),
            prepare=lambda room, local: self._fit(view, waiting.id, room, local=local),
            candidates=candidates,
            max_output=services.config.sessions.max_output,
            private=waiting.prompt.private,
            overheard=overheard,
            tools=CHAT_TOOLS,
            act=ChatTools(
                self._session,
                self._spawn,
                lambda: services.keeper.house,
                # What a local model heard it may pass on: what it spawns then stays here, too.
                private=waiting.prompt.private or overheard,
            ).act,
        )
        self._dispatched = waiting.id
        await services.dispatcher.run(call)

    def _fit(self, view: View, prompt: str, room: int, *, local: bool) -> context.Fitted:
        """Fit the history into a candidate's room, and say so when some has to stay out."""
        fitted = context.fit(context.since(view, prompt), room, local=local)
        if fitted.dropped and not self._told_dropped:
            self._told_dropped = True
            text = "The oldest turns no longer fit into this model's window and are left out."
            self.services.say(self._session, Note(level="info", text=text))
        return fitted

    async def _background(self, waiting: Waiting, decision: intent.Decision) -> None:
        services, prompt = self.services, waiting.prompt
        candidates = services.candidates(_ask(waiting, "background"))
        route = self._route(waiting, decision, candidates)
        task = SpawnTask(
            task=without_word(prompt.text),
            title=_title(without_word(prompt.text), prompt.attachments),
            attachments=prompt.attachments,
            parent=self._session,
            tier=prompt.tier,
            model=prompt.model,
            private=prompt.private,
        )
        await services.say(self._session, route)
        await self._spawn(task)

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

    # --- secrets ---------------------------------------------------------------------------------

    async def _must_ask(self, waiting: Waiting) -> bool:
        """Whether the user has to decide first: what looks like a secret would leave here."""
        prompt = waiting.prompt
        if waiting.cleared or prompt.private:
            return False
        texts = [prompt.text, *(attachment.text for attachment in prompt.attachments)]
        found = [f for text in texts for f in await asyncio.to_thread(secrets.find, text)]
        if not found:
            return False
        kinds = ", ".join(dict.fromkeys(f"{f.kind} in line {f.line}" for f in found[:3]))
        if not self._cloud():
            self._keep_at_home(waiting, kinds)
            return False
        await self._question(
            waiting,
            "secret",
            "This looks like a secret. Answer it on this machine only?",
            _SHOWN.format(kinds=kinds),
            ("approve", "reject", "send"),
        )
        return True

    def _keep_at_home(self, waiting: Waiting, kinds: str) -> None:
        """No service can be asked now, so nobody need decide; one may be there tomorrow, and must
        not be sent this as history."""
        asked = ApprovalAsked(
            approval=uuid.uuid4().hex,
            kind="secret",
            question="This looks like a secret.",
            shown=kinds,
            digest=hashlib.sha256(kinds.encode()).hexdigest(),
            prompt=waiting.id,
        )
        given = ApprovalGiven(
            approval=asked.approval,
            digest=asked.digest,
            choice="approve",
            reason="only this machine could answer",
        )
        self.services.say(self._session, asked, given)

    async def _ask_for_reserve(self, waiting: Waiting, question: str) -> None:
        house = self.services.keeper.house
        used = "?" if house.percent is None else f"{house.percent:.0f} %"
        shown = (
            f"usage {used} ({house.binds or 'no limit known'}), band {house.band}\n"
            f"approve: {self._reserve(waiting)} may answer this one prompt\n"
            "reject: the reserve stays"
        )
        await self._question(waiting, "reserve", question, shown, ("approve", "reject"))

    def _reserve(self, waiting: Waiting) -> str:
        """What would be spent: the pinned tier or model, else the orchestrator."""
        prompt = waiting.prompt
        first = next(iter(self.services.config.tiers.get("T0", ())), None)
        named = prompt.model or prompt.tier
        return str(named or (f"T0 {first.model}" if first else "T0"))

    async def _question(
        self,
        waiting: Waiting,
        kind: str,
        question: str,
        shown: str,
        choices: tuple[str, ...],
    ) -> None:
        """Ask the user about a prompt. It is left until the answer comes; the lane goes on."""
        await self._ask(
            self._session,
            ApprovalAsked(
                approval=uuid.uuid4().hex,
                kind=kind,
                question=question,
                shown=shown,
                digest=hashlib.sha256(shown.encode()).hexdigest(),
                choices=choices,
                prompt=waiting.id,
            ),
        )
        self.services.say(self._session, SessionStateChanged(state="waiting", reason=kind))

    def _cloud(self) -> bool:
        """Whether any service outside this machine could be asked at all."""
        services = self.services
        return any(
            tier != "T4" and ref.account in services.keeper.ready
            for tier, ref in services.config.ladder()
        )


HISTORY_MESSAGES = 160
"""Messages of history that are looked at for a request; the model's window decides how many of
them go in, and a summary stands for what came before."""


def _ask(waiting: Waiting, work: Work) -> Ask:
    prompt = waiting.prompt
    return Ask(
        work=work,
        tier=prompt.tier,
        model=prompt.model,
        critical=prompt.critical,
        private=prompt.private,
        emergency=prompt.emergency,
        confirmed=waiting.confirmed,
    )


def _title(text: str, attachments: tuple[Attachment, ...]) -> str:
    return attachments[0].name if attachments else title_of(text)


TITLE = 48
"""Characters of a title."""


def title_of(text: str) -> str:
    """The first words of a text, for a list."""
    words = " ".join(text[:400].split())
    return words if len(words) <= TITLE else words[: TITLE - 1].rstrip() + "…"
