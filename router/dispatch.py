"""One request down its candidates: reserve, stream, fail over, settle.

Every call of every kind goes through here, so each is metered and each obeys the same health.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from store.opening import Store

if TYPE_CHECKING:
    from store.ticket import Ticket

from router import attempts
from router.attempts import Attempt, Ended
from router.calls import Act, Acted, Call, Outcome, Problem
from router.catalogue import Catalogue
from router.clock import now_ms
from router.config import Config, ModelRef, program_of
from router.connections import Connections
from router.context import Fitted, continued
from router.keeper import Keeper
from router.providers.base import (
    BadRequest,
    ContextTooLong,
    Failure,
    Message,
    Missing,
    Refused,
    Request,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from router.tool_calls import too_long
from store.events import (
    AnyEvent,
    Candidate,
    ModelSwitched,
    ReplyFailed,
    ReplyFinished,
    ReplyStarted,
    Tier,
    ToolCalled,
    ToolReturned,
    Usage,
)

log = logging.getLogger(__name__)

_STEPS: Final = 12
"""Times a model may call tools within one reply."""


class Dispatcher:
    def __init__(
        self,
        config: Config,
        store: Store,
        keeper: Keeper,
        connections: Connections,
        catalogue: Catalogue,
    ) -> None:
        self.config = config
        self.store = store
        self.keeper = keeper
        self.connections = connections
        self.catalogue = catalogue

    def can_call_tools(self, ref: ModelRef) -> bool:
        """The user's word, else what is known of the wire: a server of one's own may serve any
        model, and many refuse a request that offers tools."""
        said = self.config.settings(ref).tools
        if said is not None:
            return said
        account = self.config.accounts.get(ref.account)
        return account is not None and account.wire in ("anthropic", "openai", "google")

    def can_write(self, candidate: Candidate) -> bool:
        """Whether it can change files: with our tools, or by itself."""
        ref = ModelRef(candidate.account, candidate.model)
        return program_of(ref.account) is not None or self.can_call_tools(ref)

    async def run(self, call: Call) -> Outcome:
        """Answer with the first candidate that can. The outcome is in the journal when it returns.

        A cancellation ends the reply as cancelled, what was spent is settled, and it goes on.
        """
        run = _Run(self, call)
        outcome = await run.run()
        if run.told is not None:
            await run.told
        return outcome


class _Run:
    """One call on its way down the candidates."""

    def __init__(self, desk: Dispatcher, call: Call) -> None:
        self._desk = desk
        self._call = call
        self._spent = Usage()
        self._cost: float | None = 0.0
        self._known_cost = 0.0
        self._text = ""
        self._segment = ""
        """What was written since the last tool was called."""
        self._extra: tuple[Message, ...] = ()
        """Tool calls and their results, with what was said before them."""
        self._serving: ModelRef | None = None
        self._problems: list[Problem] = []
        """What the next model's line or seam has to tell."""
        self._met: list[Problem] = []
        """All of them, for when nobody could answer."""
        self.told: Ticket[tuple[int, ...]] | None = None
        """For the last thing that was said: with it, all of the call is on disk."""

    async def run(self) -> Outcome:
        passed = [c for c in self._call.candidates if c.passed_over]
        self._problems = [(c.tier, c.passed_over) for c in passed]
        self._met = list(self._problems)
        for candidate in self._call.candidates:
            if not candidate.passed_over:
                outcome = await self._try(candidate)
                if outcome is not None:
                    return outcome
        return self._fail("no-tier", nobody(self._met))

    async def _try(self, candidate: Candidate) -> Outcome | None:
        """The outcome, or `None` when the next candidate should have a go."""
        ref = ModelRef(candidate.account, candidate.model)
        if candidate.tier != "T4" and not self._desk.keeper.probe(ref):
            self._meet(candidate.tier, "is being tried again by another request")
            return None
        for _ in range(_STEPS):
            ended = await self._fitted(candidate)
            self._count(ended)
            if ended.cancelled:
                self._desk.keeper.unprobe(ref)
                self._fail("cancelled", "Interrupted.")
                raise ended.cancelled
            if ended.failure is not None:
                return self._failed(candidate, ended.failure)
            if not ended.calls or self._call.act is None:
                return self._finish(candidate, ended)
            await self._act(ended, self._call.act)
        return self._fail("too-many-steps", f"{candidate.model} called {_STEPS} tools in a row.")

    def _failed(self, candidate: Candidate, failure: Failure) -> Outcome | None:
        self._judge(candidate, failure)
        if isinstance(failure, Refused):
            return self._fail(failure.name, f"{candidate.model} declined: {failure}")
        return None

    async def _act(self, ended: Ended, act: Act) -> None:
        """Run the tools that were called, and keep calls and results for whoever goes on: the
        same model or, should it fail, the next one."""
        said = (TextPart(self._segment),) if self._segment else ()
        try:
            results = [await self._acted(call, act) for call in ended.calls]
        except asyncio.CancelledError:
            self._fail("cancelled", "Interrupted.")
            raise
        self._extra += (
            Message("assistant", (*ended.opaque, *said, *ended.calls)),
            Message("user", tuple(results)),
        )
        self._segment = ""

    async def _acted(self, call: ToolCallPart, act: Act) -> ToolResultPart:
        reply = self._call.reply
        self._say_called(call)
        problem = too_long(call)
        if problem:
            acted = Acted(problem, failed=True)
        elif any(tool.name == call.name for tool in self._call.tools):
            acted = await act(call)
        else:
            known = ", ".join(tool.name for tool in self._call.tools)
            acted = Acted(f"There is no tool called {call.name}; there are: {known}.", failed=True)
        self._say(ToolReturned(reply=reply, call=call.call, text=acted.text, failed=acted.failed))
        return ToolResultPart(call.call, call.name, acted.text, acted.failed)

    def _say_called(self, call: ToolCallPart) -> None:
        called = ToolCalled(
            reply=self._call.reply,
            call=call.call,
            name=call.name,
            arguments=call.arguments,
            opaque=call.opaque,
        )
        self._say(called)

    async def _fitted(self, candidate: Candidate) -> Ended:
        """An attempt with as much history as fits by our estimate. Where the model says that it
        is too much, once more with half of it, if there is anything that can be left out."""
        ref = ModelRef(candidate.account, candidate.model)
        local = candidate.tier == "T4"
        context = self._desk.catalogue.facts(ref).context
        wanted = self._desk.config.settings(ref).max_output or self._call.max_output
        output = min(wanted, context // 2)
        fitted = self._call.prepare(context - output - _SPARE, local)
        ended = await self._attempt(candidate, fitted, output)
        if isinstance(ended.failure, ContextTooLong) and not ended.text:
            less = self._call.prepare(fitted.tokens // 2, local)
            if less.messages != fitted.messages:
                ended = await self._attempt(candidate, less, output)
        return ended

    async def _attempt(self, candidate: Candidate, fitted: Fitted, output: int) -> Ended:
        ref = ModelRef(candidate.account, candidate.model)
        messages = (*fitted.messages, *self._extra)
        request = Request(
            model=candidate.model,
            messages=continued(messages, self._segment) if self._segment else messages,
            system=self._call.system(candidate.tier),
            max_output_tokens=output,
            tools=self._call.tools if self._desk.can_call_tools(ref) else (),
            connect_timeout=self._desk.config.limits.connect,
        )
        attempt = Attempt(
            desk=self._desk,
            session=self._call.session,
            reply=self._call.reply,
            kind=self._call.kind,
            candidate=candidate,
            request=request,
            offset=len(self._text),
            partial=self._segment,
            begin=lambda: self._begin(candidate),
            quiet=self._call.quiet,
        )
        return await attempts.run(attempt)

    def _begin(self, candidate: Candidate) -> None:
        """Say who answers now. Not before the call is granted: nobody else is named."""
        ref = ModelRef(candidate.account, candidate.model)
        if self._serving == ref:
            return
        self._serving = ref
        why = told(self._problems)
        if self._text or self._extra:
            event = ModelSwitched(
                reply=self._call.reply,
                tier=candidate.tier,
                model=candidate.model,
                account=candidate.account,
                why=why,
                offset=len(self._text),
            )
        else:
            event = ReplyStarted(
                reply=self._call.reply,
                prompt=self._call.prompt,
                tier=candidate.tier,
                model=candidate.model,
                account=candidate.account,
                why=why,
                private=self._call.private or (self._call.overheard and candidate.tier == "T4"),
            )
        self._say(event)

    def _count(self, ended: Ended) -> None:
        self._text += ended.text
        self._segment += ended.text
        self._spent = add(self._spent, ended.usage)
        self._known_cost += ended.cost or 0.0
        self._cost = None if self._cost is None or ended.cost is None else self._cost + ended.cost

    def _judge(self, candidate: Candidate, failure: Failure) -> None:
        ref = ModelRef(candidate.account, candidate.model)
        self._desk.keeper.failed(ref, failure)
        log.info("%s %s failed: %s: %s", candidate.tier, ref, failure.name, failure)
        if self._text or self._extra:
            self._problems = []  # a seam names its own reason; the earlier ones are told already
        sentence = isinstance(failure, (BadRequest, Missing))
        said = str(failure) if sentence else attempts.phrase(failure)
        self._meet(candidate.tier, said)

    def _meet(self, tier: Tier, problem: str) -> None:
        self._problems.append((tier, problem))
        self._met.append((tier, problem))

    def _finish(self, candidate: Candidate, ended: Ended) -> Outcome:
        ref = ModelRef(candidate.account, candidate.model)
        self._desk.keeper.succeeded(ref)
        for call in ended.calls:
            self._say_called(call)
        self._say(
            ReplyFinished(
                reply=self._call.reply,
                text=self._text,
                stop_reason=ended.stop_reason,
                usage=self._spent,
                cost=self._cost,
            )
        )
        return Outcome(
            text=self._text,
            tier=candidate.tier,
            model=candidate.model,
            usage=self._spent,
            cost=self._cost,
            known_cost=self._known_cost,
            stop_reason=ended.stop_reason,
            calls=tuple(ended.calls),
            opaque=ended.opaque,
            offered=self._desk.can_call_tools(ref),
        )

    def _fail(self, failure: str, message: str) -> Outcome:
        self._say(
            ReplyFailed(
                reply=self._call.reply,
                prompt=self._call.prompt,
                text=self._text,
                failure=failure,
                message=message,
                usage=self._spent,
                cost=self._cost,
            )
        )
        return Outcome(
            text=self._text,
            failure=failure,
            message=message,
            problems=tuple(self._met),
            usage=self._spent,
            cost=self._cost,
            known_cost=self._known_cost,
        )

    def _say(self, event: AnyEvent) -> None:
        if self._call.quiet:
            return
        self.told = self._desk.store.journal.append(self._call.session, event, at=now_ms())


_SPARE: Final = 64
"""Tokens left free for the template a service wraps messages in."""


def told(problems: Sequence[Problem]) -> str:
    """Who did not answer and why, those with one reason together: `T0, T3 no key`."""
    tiers: dict[str, list[str]] = {}
    for tier, reason in problems:
        known = tiers.setdefault(reason, [])
        if tier not in known:
            known.append(tier)
    return "; ".join(f"{', '.join(known)} {reason}" for reason, known in tiers.items())


def nobody(problems: Sequence[Problem]) -> str:
    """One sentence for when no candidate could answer."""
    tried = told(problems) or "no model is configured for this"
    return f"No tier could answer ({tried}). Your prompt is kept; run: butler doctor"


def add(one: Usage, other: Usage) -> Usage:
    return Usage(
        input=one.input + other.input,
        output=one.output + other.output,
        cache_read=one.cache_read + other.cache_read,
        cache_write=one.cache_write + other.cache_write,
        reasoning=one.reasoning + other.reasoning,
        estimated=one.estimated or other.estimated,
    )
