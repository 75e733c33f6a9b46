"""One prompt without the screen: following its events to the answer, and printing it."""

import sys
from typing import Any, Final, Literal, Protocol, TypeAlias

import msgspec

from store.events import (
    ApprovalAsked,
    Entry,
    ModelSwitched,
    ReplyFailed,
    ReplyFinished,
    ReplyStarted,
    RouteDecided,
    SessionAnnounced,
    TextDelta,
    Tier,
    Usage,
)
from tui import figures
from tui.exits import Exit
from tui.output import Streaming, remark, say_json, say_json_line

Form: TypeAlias = Literal["text", "json", "stream-json"]

_CODES: Final[dict[str, Exit]] = {
    "": Exit.DONE,
    "no-tier": Exit.NO_TIER,
    "refused-by-policy": Exit.DECLINED,
    "declined": Exit.DECLINED,
    "cancelled": Exit.INTERRUPTED,
    "interrupted": Exit.INTERRUPTED,
}


class Answer(msgspec.Struct, kw_only=True):
    """What became of a prompt, as far as it has come."""

    answer: str = ""
    session: str
    prompt: str = ""
    tier: Tier | None = None
    model: str = ""
    account: str = ""
    why: str = ""
    """Why not the first choice; empty when it is the first choice."""
    reason: str = ""
    """Why this kind of model was asked."""
    stop_reason: str = ""
    usage: Usage = msgspec.field(default_factory=Usage)
    tokens: int = 0
    """All that were used, also where `usage` can't tell them apart."""
    cost: float | None = None
    task: str | None = None
    """The session that was spawned for it, if one was."""
    failure: str = ""
    error: str = ""
    """One sentence; empty when all went well."""

    @property
    def code(self) -> Exit:
        return _CODES.get(self.failure, Exit.FAILED)


class Sink(Protocol):
    """Prints what happens."""

    def heard(self, entry: Entry) -> None: ...
    def named(self, answer: Answer) -> None:
        """A model begins to answer, or another goes on."""
        ...

    def text(self, text: str) -> None: ...
    def ended(self, answer: Answer) -> None: ...


class Follower:
    """Reads a session's events for those that concern one prompt."""

    def __init__(self, session: str, prompt: str, sink: Sink) -> None:
        self.answer = Answer(session=session, prompt=prompt)
        self.done = False
        self.asked: ApprovalAsked | None = None
        """What the user has to decide before it goes on."""
        self._sink = sink
        self._reply = ""
        self._background = False

    def follow(self, entry: Entry) -> None:
        if entry.session is None or self.done:
            return
        self._sink.heard(entry)
        step = _STEPS.get(type(entry.event))
        if step is not None:
            step(self, entry.event)

    def routed(self, event: RouteDecided) -> None:
        if event.prompt == self.answer.prompt:
            self.answer.reason = event.reason
            self._background = event.executor == "background"

    def started(self, event: ReplyStarted) -> None:
        if event.prompt == self.answer.prompt:
            self._reply = event.reply
            self._by(event)

    def switched(self, event: ModelSwitched) -> None:
        if event.reply == self._reply:
            self._by(event)

    def _by(self, event: ReplyStarted | ModelSwitched) -> None:
        answer = self.answer
        answer.tier, answer.model, answer.account = event.tier, event.model, event.account
        answer.why = event.why
        self._sink.named(answer)

    def grown(self, event: TextDelta) -> None:
        if event.reply == self._reply:
            more = event.text[max(0, len(self.answer.answer) - event.offset) :]
            self.answer.answer += more
            self._sink.text(more)

    def finished(self, event: ReplyFinished) -> None:
        if event.reply == self._reply:
            # What had not arrived in pieces: the end of the text is in its last event.
            self._sink.text(event.text[len(self.answer.answer) :])
            self.answer.answer = event.text
            self.answer.stop_reason = event.stop_reason
            self._paid(event)

    def failed(self, event: ReplyFailed) -> None:
        if event.prompt == self.answer.prompt:
            self.answer.failure, self.answer.error = event.failure, event.message
            self._paid(event)

    def _paid(self, event: ReplyFinished | ReplyFailed) -> None:
        self.answer.usage, self.answer.cost = event.usage, event.cost
        self.answer.tokens = event.usage.total
        self.done = True

    def announced(self, event: SessionAnnounced) -> None:
        if not self._background:
            return
        answer = self.answer
        answer.task, answer.tier, answer.model = event.child, event.tier, event.model
        answer.tokens, answer.cost = event.tokens, event.cost
        if event.state == "done":
            answer.answer = event.result
            self._sink.named(answer)
            self._sink.text(event.result)
        else:
            answer.failure, answer.error = event.state, event.result or event.state
        self.done = True

    def must_decide(self, event: ApprovalAsked) -> None:
        if event.prompt == self.answer.prompt:
            self.asked = event


_STEPS: Final[dict[type, Any]] = {
    RouteDecided: Follower.routed,
    ReplyStarted: Follower.started,
    ModelSwitched: Follower.switched,
    TextDelta: Follower.grown,
    ReplyFinished: Follower.finished,
    ReplyFailed: Follower.failed,
    SessionAnnounced: Follower.announced,
    ApprovalAsked: Follower.must_decide,
}


# --- printing -----------------------------------------------------------------------------------


class TextSink:
    """The answer as it comes on the standard output, the rest on the standard error."""

    def __init__(self) -> None:
        self._out = Streaming(sys.stdout)
        self._by = ""
        self._said = ""

    def heard(self, entry: Entry) -> None:
        pass

    def named(self, answer: Answer) -> None:
        by = f"{answer.tier} · {answer.model}" if answer.tier else "the background tier"
        self._by = f"via {by}" + (f" · {answer.why}" if answer.why else "")
        if self._out.wrote:
            self._out.end_line()
            remark(f"⟂ {answer.why}: continued by {by}")

    def text(self, text: str) -> None:
        if text and self._said != self._by and not self._out.wrote:
            # Not before the first word: until then another model may step in.
            remark(self._by)
            self._said = self._by
        self._out.write(text)

    def ended(self, answer: Answer) -> None:
        if self._out.wrote and not answer.answer.endswith("\n"):
            self._out.end_line()
        if answer.error:
            remark(f"butler: {answer.error}")
        remark(_footer(answer))


def _footer(answer: Answer) -> str:
    parts = [f"session {answer.session[:8]}"]
    if answer.tokens:
        about = "about " if answer.usage.estimated else ""
        parts.append(f"{about}{figures.tokens(answer.tokens)} tokens")
        parts.append(figures.money(answer.cost))
    return " · ".join(parts)


class JsonSink:
    """One object at the end."""

    def heard(self, entry: Entry) -> None:
        pass

    def named(self, answer: Answer) -> None:
        pass

    def text(self, text: str) -> None:
        pass

    def ended(self, answer: Answer) -> None:
        say_json(answer)


class EventSink(JsonSink):
    """Every event of the session on a line of its own as it comes; the last line is the result."""

    def heard(self, entry: Entry) -> None:
        place: dict[str, object] = {"seq": entry.seq, "at": entry.at, "session": entry.session}
        say_json_line(place | msgspec.to_builtins(entry.event))

    def ended(self, answer: Answer) -> None:
        say_json_line({"type": "result", **msgspec.to_builtins(answer)})


SINKS: Final[dict[Form, type[TextSink] | type[JsonSink]]] = {
    "text": TextSink,
    "json": JsonSink,
    "stream-json": EventSink,
}
