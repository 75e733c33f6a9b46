"""The work of a coding session as its model remembers it: answers, tool calls, their results.

Pure. It is rebuilt from the journal, so a session that goes on after a crash, or with another
model, knows all that was done; and it is fitted into what a model can read.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Self

import msgspec

from router.coding import briefly
from router.coding.sentences import GO_ON, LEFT_OUT, NEVER_CAME_BACK
from router.context import CONTINUE, Fitted, estimate
from router.providers.base import (
    Message,
    OpaquePart,
    Part,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from store.events import (
    Entry,
    Event,
    PlanDecided,
    PlanProposed,
    ReplyFailed,
    ReplyFinished,
    ReplyStarted,
    ToolCalled,
    ToolReturned,
)

_NEWEST: Final = 4
"""Steps that are shortened or left out only if nothing older is left to."""

_ROUND: Final = 8
"""Older steps are shortened and left out so many at a time: what stands before the newest steps
then stays the same for a while, and services charge less for what they have read before."""

_UNSAFE: Final = re.compile(r"[^a-zA-Z0-9_-]")


class Step(msgspec.Struct, kw_only=True):
    """One answer of a model, and what came of the tools it called."""

    reply: str
    text: str = ""
    calls: tuple[ToolCallPart, ...] = ()
    results: dict[str, ToolResultPart] = msgspec.field(default_factory=dict[str, ToolResultPart])
    """By call."""
    opaque: tuple[OpaquePart, ...] = ()
    """Never in the journal: it is of use only to the model that is at work."""
    model: str = ""
    told: str = ""
    """What the model is told after it, besides results."""

    @property
    def pending(self) -> tuple[ToolCallPart, ...]:
        return tuple(call for call in self.calls if call.call not in self.results)


class History:
    def __init__(self) -> None:
        self._held: list[_Held] = []
        self._ids: set[str] = set()
        self._opening = _Sized((), 0)

    @classmethod
    def from_entries(cls, entries: Iterable[Entry]) -> Self:
        """What a journal holds of it. What was done before a plan was approved is the planner's.
        Measures all of it, so that a long one is best read in a thread."""
        found = _Found()
        for entry in entries:
            take = _TAKE.get(type(entry.event))
            if take is not None:
                take(found, entry.event)
        history = cls()
        for step in found.steps.values():
            history.add(step)
        for held in history._held:
            held.whole("")
            held.brief()
        return history

    @property
    def steps(self) -> tuple[Step, ...]:
        return tuple(held.step for held in self._held)

    def add(self, step: Step) -> None:
        """A finished answer. One that says nothing and calls nothing leaves no trace."""
        if step.text.strip() or step.calls or step.told:
            self._held.append(_Held(step, {c.call: self._safe(c.call) for c in step.calls}))

    def answer(self, result: ToolResultPart) -> None:
        """The result of a call of the last step."""
        held = self._held[-1]
        held.step.results[result.call] = result
        held.forget()

    def tell(self, text: str) -> None:
        """Say something to the model, after the last step."""
        held = self._held[-1]
        held.step.told = "\n\n".join(part for part in (held.step.told, text) if part)
        held.forget()

    def pending(self) -> tuple[ToolCallPart, ...]:
        """Calls of the last step that have no result."""
        return self._held[-1].step.pending if self._held else ()

    def messages(self, opening: str) -> tuple[Message, ...]:
        return _joined([self._first(opening), *(held.whole("") for held in self._held)])

    def _first(self, opening: str) -> "_Sized":
        """The task, which may bring files along: measured once."""
        message = Message("user", (TextPart(opening),))
        if self._opening.messages != (message,):
            self._opening = _Sized((message,), estimate(opening))
        return self._opening

    def _safe(self, call: str) -> str:
        """An id that every wire takes and no other call has."""
        base = _UNSAFE.sub("_", call)[:40] or "call"
        safe, number = base, 1
        while safe in self._ids:
            number += 1
            safe = f"{base}-{number}"
        self._ids.add(safe)
        return safe

    # --- into a model's window -------------------------------------------------------------------

    def fit(self, opening: str, room: int, *, model: str = "") -> Fitted:
        """As much as fits into `room` tokens. The task always stays; results of the oldest steps
        become a line each, then the oldest steps are left out, and say so.

        Args:
            model: who is going to read it; opaque reasoning goes back only to its own model.
        """
        first = self._first(opening)
        left = room - first.tokens
        sized = [held.whole(model) for held in self._held]
        over = sum(one.tokens for one in sized) - left
        if over > 0:
            over = self._shorten(sized, over)
        dropped = 0
        if over > 0:
            note = estimate(LEFT_OUT)
            dropped = _reach([one.tokens for one in sized], over + note)
            first = _noted(first, dropped) if dropped else first
            sized = sized[dropped:]
        over = first.tokens + sum(one.tokens for one in sized) - room
        if over > 0 and sized:
            sized[-1] = self._held[-1].cut(sized[-1].tokens - over)
        parts = [first, *sized]
        return Fitted(_joined(parts), sum(part.tokens for part in parts), dropped)

    def _shorten(self, sized: list["_Sized"], over: int) -> int:
        """Put the oldest steps briefly, all but the last if need be; what is still too much."""
        saved = [
            one.tokens - held.brief().tokens for one, held in zip(sized, self._held, strict=True)
        ]
        count = _reach(saved, over)
        for index in range(count):
            sized[index] = self._held[index].brief()
        return over - sum(saved[:count])


def _reach(saved: Sequence[int], wanted: int) -> int:
    """How many of the oldest have to give what they can, so that it is enough; never the last."""
    most = max(0, len(saved) - 1)
    count = 0
    while count < most and wanted > 0:
        wanted -= saved[count]
        count += 1
    if not count:
        return 0
    rounded = -(-count // _ROUND) * _ROUND
    return min(rounded, max(count, len(saved) - _NEWEST))


class _Sized(msgspec.Struct, frozen=True):
    messages: tuple[Message, ...]
    tokens: int


class _Held:
    """A step with what was made of it: each form is built and measured once."""

    def __init__(self, step: Step, ids: dict[str, str]) -> None:
        self.step = step
        self._ids = ids
        self._forms: dict[str, _Sized] = {}

    def forget(self) -> None:
        self._forms.clear()

    def whole(self, model: str) -> _Sized:
        step = self.step
        theirs = bool(step.opaque) and step.model == model
        return self._form(
            "own" if theirs else "whole",
            lambda: self._build(step.calls, step.results, step.opaque if theirs else ()),
        )

    def brief(self) -> _Sized:
        """With a line for each result, and without long arguments."""
        step = self.step

        def build() -> _Sized:
            results = {
                call.call: briefly.result(call, step.results[call.call])
                for call in step.calls
                if call.call in step.results
            }
            return self._build(tuple(map(briefly.call, step.calls)), results, ())

        return self._form("brief", build)

    def cut(self, room: int) -> _Sized:
        """Its results cut down so that it takes `room` tokens, as far as they can give that."""
        step = self.step
        calls = tuple(map(briefly.call, step.calls))
        bare = self._build(calls, {}, ())
        share = max(0, room - bare.tokens) * 3 // max(1, len(step.results))
        results = {
            call: briefly.cut(result, max(share, briefly.SHORT))
            for call, result in step.results.items()
        }
        return self._build(calls, results, ())

    def _form(self, name: str, build: Callable[[], _Sized]) -> _Sized:
        if name not in self._forms:
            self._forms[name] = build()
        return self._forms[name]

    def _build(
        self,
        calls: Sequence[ToolCallPart],
        results: dict[str, ToolResultPart],
        opaque: tuple[OpaquePart, ...],
    ) -> _Sized:
        step = self.step
        said = (TextPart(step.text),) if step.text.strip() else ()
        called = tuple(self._called(call) for call in calls)
        told = step.told or ("" if calls else GO_ON)
        back: tuple[Part, ...] = tuple(self._returned(c, results.get(c.call)) for c in calls)
        back = (*back, TextPart(told)) if told else back
        spoken = (Message("assistant", (*opaque, *said, *called)),) if said or called else ()
        messages = (*spoken, Message("user", back))
        return _Sized(messages, sum(_size(p) for m in messages for p in m.parts))

    def _called(self, call: ToolCallPart) -> ToolCallPart:
        arguments = briefly.sound(call).arguments
        return ToolCallPart(self._ids[call.call], _name(call), arguments, call.opaque)

    def _returned(self, call: ToolCallPart, result: ToolResultPart | None) -> ToolResultPart:
        """No call without a result: services refuse that."""
        sent, name = self._ids[call.call], _name(call)
        if result is None:
            return ToolResultPart(sent, name, NEVER_CAME_BACK, failed=True)
        return ToolResultPart(sent, name, result.text, result.failed)


def _name(call: ToolCallPart) -> str:
    return _UNSAFE.sub("_", call.name)[:64] or "unnamed"


def _size(part: Part) -> int:
    match part:
        case TextPart(text) | ToolResultPart(text=text):
            return estimate(text)
        case ToolCallPart(name=name, arguments=arguments, opaque=opaque):
            return estimate(name + arguments + opaque)
        case OpaquePart(body=body):
            return estimate(body)
        case _:
            return 0


def _noted(first: _Sized, dropped: int) -> _Sized:
    note = LEFT_OUT.format(count=dropped)
    [message] = first.messages
    noted = Message("user", (*message.parts, TextPart(note)))
    return _Sized((noted,), first.tokens + estimate(note))


def _joined(parts: Iterable[_Sized]) -> tuple[Message, ...]:
    """Neighbours of one side become one message: some services insist on taking turns."""
    joined: list[Message] = []
    for message in (message for part in parts for message in part.messages):
        if joined and joined[-1].role == message.role:
            joined[-1] = Message(message.role, (*joined[-1].parts, *message.parts))
        else:
            joined.append(message)
    return tuple(joined)


# --- out of the journal --------------------------------------------------------------------------


class _Found:
    """What the journal has told so far."""

    def __init__(self) -> None:
        self.steps: dict[str, Step] = {}
        """Answers that have ended, by reply."""
        self.begun: dict[str, Step] = {}
        self.open: str = ""
        """The reply that is at work."""

    def begin(self, reply: str, model: str) -> None:
        """Begins anew where a first choice had failed, with what the reply has called already."""
        step = self.begun.setdefault(reply, Step(reply=reply))
        step.model = model

    def of(self, reply: str) -> Step:
        return self.steps.get(reply) or self.begun.setdefault(reply, Step(reply=reply))


def _planned(found: _Found, _event: PlanProposed | PlanDecided) -> None:
    found.steps.clear()
    found.begun.clear()


def _started(found: _Found, event: ReplyStarted) -> None:
    found.begin(event.reply, event.model)


def _called(found: _Found, event: ToolCalled) -> None:
    step = found.of(event.reply)
    if all(call.call != event.call for call in step.calls):
        part = ToolCallPart(event.call, event.name, event.arguments, event.opaque)
        step.calls = (*step.calls, part)


def _returned(found: _Found, event: ToolReturned) -> None:
    step = found.of(event.reply)
    name = next((call.name for call in step.calls if call.call == event.call), "")
    step.results[event.call] = ToolResultPart(event.call, name, event.text, event.failed)


def _finished(found: _Found, event: ReplyFinished) -> None:
    step = found.of(event.reply)
    step.text = event.text
    found.steps[event.reply] = step


def _failed(found: _Found, event: ReplyFailed) -> None:
    """What it had called was not run, unless there is a result."""
    step = found.of(event.reply)
    step.text = event.text
    step.calls = tuple(call for call in step.calls if call.call in step.results)
    step.told = CONTINUE if step.text.strip() and not step.calls else ""
    found.steps[event.reply] = step


_TAKE: Final[dict[type[Event], Callable[[_Found, Any], None]]] = {
    PlanProposed: _planned,
    PlanDecided: _planned,
    ReplyStarted: _started,
    ToolCalled: _called,
    ToolReturned: _returned,
    ReplyFinished: _finished,
    ReplyFailed: _failed,
}
