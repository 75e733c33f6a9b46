"""One attempt of one model: reserve its worst case, stream its answer, settle what it took."""

import asyncio
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec.structs import replace

from router.clock import now_ms
from router.config import ModelRef
from router.context import estimate
from router.providers.base import (
    BadKey,
    BrokenStream,
    Chunk,
    Done,
    Failure,
    HeadersReceived,
    Message,
    Model,
    OpaquePart,
    Overloaded,
    Progress,
    QuotaSpent,
    RateLimited,
    Reasoning,
    Request,
    Text,
    TextPart,
    TimedOut,
    ToolCallPart,
    ToolCallReady,
    ToolResultPart,
    Unreachable,
)
from router.seam import Joint
from router.tool_calls import ToolCalls
from router.waiting import limited
from store.events import (
    AnyEvent,
    Candidate,
    ReasoningDelta,
    TextDelta,
    Usage,
    UsageReleased,
    UsageReserved,
    UsageSettled,
)
from store.ledger import Limit, Verdict

if TYPE_CHECKING:
    from router.dispatch import Dispatcher

_LEASE_MS: Final = 15 * 60_000
"""How long a reservation stands without a word from its process."""

_SHORTEST: Final = 256
"""Tokens below which a lowered output limit makes no useful answer."""

_LONGEST: Final = 32_000_000
"""Characters of an answer, what is not shown of it included; calls may count twice."""
_TOOLS: Final = 512
"""Tokens at most that services add of their own to tell a model how to call tools."""

_PHRASES: Final[dict[type[Failure], str]] = {
    Overloaded: "overloaded",
    RateLimited: "rate limited",
    QuotaSpent: "quota spent",
    BadKey: "key refused",
    BrokenStream: "broke off",
    Unreachable: "unreachable",
}


class OverBudget(Failure):
    """Not a fault of the model's: what it would cost at worst is no longer in the budget."""

    name = "over-budget"


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    desk: "Dispatcher"
    session: str
    reply: str
    kind: str
    candidate: Candidate
    request: Request
    offset: int
    """Characters of the reply that are there already."""
    partial: str
    """The end of them that the model is to go on from."""
    begin: Callable[[], None]
    """Called once the call is granted."""
    quiet: bool
    """Its text is no part of the transcript; its usage counts all the same."""


class Ended(msgspec.Struct, kw_only=True):
    """How an attempt ended, and what it left."""

    text: str = ""
    stop_reason: str = ""
    calls: list[ToolCallPart] = msgspec.field(default_factory=list[ToolCallPart])
    opaque: tuple[OpaquePart, ...] = ()
    failure: Failure | None = None
    cancelled: asyncio.CancelledError | None = None
    usage: Usage = msgspec.field(default_factory=Usage)
    cost: float | None = 0.0


def phrase(failure: Failure) -> str:
    """The failure in two or three words, to stand behind a tier's name."""
    if isinstance(failure, (TimedOut, OverBudget)):
        return str(failure)
    return _PHRASES.get(type(failure), failure.name.replace("-", " "))


async def run(attempt: Attempt) -> Ended:
    """Make the attempt. Never raises a `Failure` or a cancellation: both are in the result."""
    return await _Running(attempt).run()


class _Running:
    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt
        self._desk = attempt.desk
        self._ref = ModelRef(attempt.candidate.account, attempt.candidate.model)
        self._reservation = uuid.uuid4().hex
        self._ended = Ended()
        self._text: list[str] = []
        self._calls = ToolCalls()
        self._sent = 0
        self._length = attempt.offset
        self._joint = Joint(attempt.partial)
        self._output = attempt.request.max_output_tokens
        self._received = 0
        """Characters of text, also of what is trimmed as a repetition."""
        self._reasoned = 0
        self._unseen = 0
        """Characters of tool calls, as far as the wire told."""
        self._accepted = False
        """Whether the service began to answer, so that it may bill what it did."""
        self._usage: Usage | None = None

    async def run(self) -> Ended:
        try:
            return await self._run()
        finally:
            self._desk.keeper.holding.discard(self._reservation)

    async def _run(self) -> Ended:
        ended = self._ended
        try:
            model = await self._desk.connections.model(self._ref.account)
            await self._reserve()
        except Failure as failure:
            ended.failure = failure
            return ended
        except asyncio.CancelledError as cancelled:
            ended.cancelled = cancelled
            self._say(UsageReleased(reservation=self._reservation))
            return ended
        try:
            await self._stream(model)
        except Failure as failure:
            ended.failure = failure
            self._usage = self._usage or failure.usage
            self._desk.keeper.reported(self._ref.account, failure.headers)
        except asyncio.CancelledError as cancelled:
            ended.cancelled = cancelled
        finally:
            self._heard(self._joint.finish())
            ended.text = "".join(self._text)
            self._settle()
        return ended

    # --- streaming -------------------------------------------------------------------------------

    async def _stream(self, model: Model) -> None:
        limits = self._desk.config.limits
        local = self._attempt.candidate.tier == "T4"
        first = limits.first_token_local if local else limits.first_token
        self._attempt.begin()
        request = replace(self._attempt.request, max_output_tokens=self._output)
        stream = model.stream(request)
        async for chunk in limited(stream, first, limits.silence):
            self._accepted = True
            self._bound(chunk)
            match chunk:
                case Text(text=text):
                    self._received += len(text)
                    self._heard(self._joint.feed(text))
                case Reasoning(text=text):
                    self._thought(text)
                case HeadersReceived(headers=headers):
                    self._desk.keeper.reported(self._ref.account, headers)
                case Done():
                    self._usage = chunk.usage
                    self._ended.stop_reason = chunk.stop_reason
                    self._ended.opaque = chunk.opaque
                case Progress(characters=characters):
                    self._unseen += characters
                case ToolCallReady(call=call):
                    self._calls.take(call)
        self._finished(request)

    def _bound(self, chunk: Chunk) -> None:
        match chunk:
            case Text(text=text) | Reasoning(text=text):
                self._sent += len(text)
            case Progress(characters=characters):
                self._sent += characters
            case ToolCallReady(call=call):
                self._sent += len(call.arguments)
            case _:
                return
        if self._sent > _LONGEST:
            raise BrokenStream("sent more than any answer holds, and did not stop")

    def _finished(self, request: Request) -> None:
        if not self._ended.stop_reason:
            raise BrokenStream("ended without its end")
        self._ended.calls = self._calls.calls
        if self._calls.cut_off:
            self._ended.stop_reason = "length"
        if self._ended.calls and not request.tools:
            self._ended.calls = []  # invented: nobody waits for them
            if not self._received:
                raise BrokenStream("called a tool instead of answering, though none was offered")

    def _heard(self, text: str) -> None:
        if not text:
            return
        self._text.append(text)
        if not self._attempt.quiet:
            self._say(TextDelta(reply=self._attempt.reply, offset=self._length, text=text))
        self._length += len(text)

    def _thought(self, text: str) -> None:
        if not self._attempt.quiet:
            self._say(ReasoningDelta(reply=self._attempt.reply, offset=self._reasoned, text=text))
        self._reasoned += len(text)

    # --- counting --------------------------------------------------------------------------------

    async def _reserve(self) -> None:
        """Take the worst case: a byte of input is at most a token, and all the output allowed.
        Where that is too much, the output limit is lowered to what is left.

        Raises:
            OverBudget: even the shortest useful answer does not fit.
        """
        refused = await self._take()
        if refused is not None and refused.limit is not None:
            self._output = self._affordable(refused.limit, refused.left or 0.0)
            if self._output < _SHORTEST:
                raise OverBudget(f"over budget ({_named(refused.limit)})")
            refused = await self._take()
        if refused is not None:
            raise OverBudget("over budget")

    async def _take(self) -> Verdict | None:
        """Reserve; the verdict if it was refused."""
        ref, tier = self._ref, self._attempt.candidate.tier
        worst = Usage(input=self._worst_input(), output=self._output)
        event = UsageReserved(
            reservation=self._reservation,
            reply=self._attempt.reply,
            account=ref.account,
            tier=tier,
            model=ref.model,
            kind=self._attempt.kind,
            tokens=worst.total,
            output=worst.output,
            cost=self._desk.catalogue.cost(ref, worst),
            expires_at=now_ms() + _LEASE_MS,
        )
        self._desk.keeper.holding.add(self._reservation)
        # What runs on this machine is no one's quota: it is counted, but never refused.
        limits = [] if tier == "T4" else self._desk.keeper.limits(ref)
        verdict = await self._desk.store.ledger.reserve(event, self._attempt.session, limits)
        return None if verdict.granted else verdict

    def _worst_input(self) -> int:
        request = self._attempt.request
        system = len(request.system.encode("utf-8", "replace"))
        tools = len(msgspec.json.encode(request.tools)) + _TOOLS if request.tools else 0
        return system + tools + sum(_bytes(message) for message in request.messages)

    def _affordable(self, limit: Limit, left: float) -> int:
        """Tokens of output that fit beside the input into what a budget has left."""
        if limit.unit == "requests":
            return 0
        if limit.unit == "tokens":
            return int(left) - self._worst_input()
        price = self._desk.catalogue.facts(self._ref).price
        if price is None or not price.output:
            return 0
        given = self._desk.catalogue.cost(self._ref, Usage(input=self._worst_input())) or 0.0
        return int((left - given) / price.output * 1_000_000)

    def _settle(self) -> None:
        """Book what the service counted, or what we can tell if it never said."""
        if self._usage is None and not self._accepted and _turned_away(self._ended.failure):
            self._say(UsageReleased(reservation=self._reservation))
            return
        usage = self._used()
        cost = self._desk.catalogue.cost(self._ref, usage)
        self._ended.usage, self._ended.cost = usage, cost
        self._say(
            UsageSettled(
                reservation=self._reservation,
                account=self._ref.account,
                tier=self._attempt.candidate.tier,
                model=self._ref.model,
                kind=self._attempt.kind,
                usage=usage,
                cost=cost,
            )
        )

    def _used(self) -> Usage:
        """What the service counted. A stream that broke off was counted in part at most: then
        what was seen of the output is more than what was told of it."""
        seen = self._estimate()
        told = self._usage
        if told is None:
            return seen
        if self._ended.stop_reason or told.output >= seen.output:
            return told
        return replace(told, output=seen.output, estimated=True)

    def _estimate(self) -> Usage:
        request = self._attempt.request
        given = sum(_estimate(message) for message in request.messages)
        written = (self._received + self._reasoned + self._unseen) // 3
        return Usage(input=given + estimate(request.system), output=written, estimated=True)

    def _say(self, event: AnyEvent) -> None:
        self._desk.store.journal.append(self._attempt.session, event, at=now_ms())


def _named(limit: Limit) -> str:
    whose = limit.account or "all accounts"
    return f"{whose}: {limit.amount:g} {limit.unit}"


def _turned_away(failure: Failure | None) -> bool:
    """Whether the service did nothing for the request, so that nothing can have been spent."""
    return failure is not None and not isinstance(failure, (BrokenStream, TimedOut))


def _estimate(message: Message) -> int:
    texts = (part.text for part in message.parts if isinstance(part, TextPart | ToolResultPart))
    calls = (part.arguments for part in message.parts if isinstance(part, ToolCallPart))
    return sum(map(estimate, texts)) + sum(map(estimate, calls))


def _bytes(message: Message) -> int:
    return 16 + len(msgspec.json.encode(message.parts))
