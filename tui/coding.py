"""A coding task without the screen: following its session, asking on the terminal, telling it."""

import contextlib
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, TypeAlias

import click
import msgspec

from store.events import (
    AnyEvent,
    ApprovalAsked,
    ChangeSettled,
    ChangesReady,
    Entry,
    FileChanged,
    Note,
    PlanCompared,
    PlanProposed,
    ReplyFailed,
    SessionAnnounced,
    SessionStarted,
    TextDelta,
    Tier,
    ToolCalled,
    WorkspaceOpened,
)
from tui import figures
from tui.answering import Form
from tui.exits import Exit
from tui.output import Streaming, remark, say, say_json, say_json_line

Settle: TypeAlias = Literal["apply", "keep", "discard"]

_CODES: Final[dict[str, Exit]] = {
    "done": Exit.DONE,
    "waiting": Exit.DECLINED,
    "cancelled": Exit.DECLINED,
    "interrupted": Exit.INTERRUPTED,
}
_NOBODY: Final = "Nobody is at the keyboard: decide by yourself, and say in your report how."


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """What the user has decided beforehand."""

    yes_plan: bool = False
    yes_commands: bool = False
    settle: Settle | None = None


class File(msgspec.Struct, kw_only=True):
    path: str
    change: str
    added: int
    removed: int
    settled: str = ""
    """applied, merged, conflict, kept, discarded; empty while it waits in the workspace."""


class Result(msgspec.Struct, kw_only=True):
    """What became of the task. `state` is the session's; `waiting` waits for the user."""

    session: str
    """The conversation it belongs to: butler --session shows it."""
    task: str = ""
    """The coding session itself."""
    state: str = "running"
    text: str = ""
    plan: str = ""
    files: list[File] = msgspec.field(default_factory=list[File])
    workspace: str = ""
    branch: str = ""
    tier: Tier | None = None
    model: str = ""
    tokens: int = 0
    cost: float | None = None
    elapsed_ms: int = 0
    error: str = ""
    failure: str = ""

    @property
    def code(self) -> Exit:
        if self.failure == "no-tier":
            return Exit.NO_TIER
        if any(file.settled == "conflict" for file in self.files):
            return Exit.FAILED
        return _CODES.get(self.state, Exit.FAILED)


class Decision(msgspec.Struct, frozen=True):
    choice: str
    reason: str = ""


class CodeFollower:
    """Reads the events of a coding session, and keeps what the result needs."""

    def __init__(self, chat: str, tell: "Teller") -> None:
        self.result = Result(session=chat)
        self.asked: ApprovalAsked | None = None
        self.left = False
        """A question stays open: this is as far as it goes now."""
        self._announced = False
        self._tell = tell

    @property
    def conflicts(self) -> bool:
        return any(file.settled == "conflict" for file in self.result.files)

    @property
    def done(self) -> bool:
        """Whether nothing more is to come."""
        if not self._announced:
            return self.left and self.result.state == "waiting"
        settled = all(file.settled for file in self.result.files) and not self.conflicts
        return self.left or settled

    def follow(self, entry: Entry) -> None:
        event = entry.event
        if isinstance(event, SessionStarted) and event.kind == "code" and not self.result.task:
            self.result.task = entry.session or ""
        if entry.session is None or entry.session not in (self.result.task, self.result.session):
            return
        self._tell.heard(entry)
        if isinstance(event, SessionAnnounced) and event.child == self.result.task:
            self._end(event)
        elif entry.session == self.result.task:
            self._step(event)

    def _step(self, event: AnyEvent) -> None:
        result = self.result
        match event:
            case WorkspaceOpened():
                result.workspace, result.branch = event.folder, event.branch
            case PlanProposed():
                result.plan = event.text
            case ChangesReady():
                result.files = [
                    File(
                        path=f.path, change=f.change, added=f.added, removed=f.removed, diff=f.diff
                    )
                    for f in event.files
                ]
            case ChangeSettled():
                for file in result.files:
                    if event.path in ("", file.path):
                        file.settled = event.settlement
            case ReplyFailed():
                result.failure = event.failure
            case ApprovalAsked():
                self.asked = event
            case _:
                return

    def _end(self, event: SessionAnnounced) -> None:
        result = self.result
        result.state, result.text = event.state, event.result
        result.tier, result.model = event.tier, event.model
        result.tokens, result.cost, result.elapsed_ms = event.tokens, event.cost, event.elapsed_ms
        if event.state != "done":
            result.error = event.result or event.state
        else:
            result.failure = ""
        self._announced = True


# --- deciding ------------------------------------------------------------------------------------


def decide(asked: ApprovalAsked, wishes: Wishes) -> Decision | None:
    """What is to be answered: as decided beforehand, else by the person at the terminal; `None`
    leaves the question open."""
    given = _beforehand(asked, wishes)
    if given is not None:
        return given
    if sys.stdin.isatty() and sys.stderr.isatty():
        return _by_hand(asked)
    return _without_anybody(asked)


def _beforehand(asked: ApprovalAsked, wishes: Wishes) -> Decision | None:
    if asked.kind == "plan" and wishes.yes_plan:
        return Decision("approve")
    if asked.kind == "command" and wishes.yes_commands:
        return Decision("approve")
    if asked.kind == "changes" and wishes.settle:
        return Decision(wishes.settle)
    return None


def _without_anybody(asked: ApprovalAsked) -> Decision | None:
    if asked.kind == "command":
        return Decision("reject", "Nobody is here to approve commands; go on without it.")
    if asked.kind == "question":
        return Decision("answer", _NOBODY)
    return None


def _by_hand(asked: ApprovalAsked) -> Decision | None:
    if asked.kind != "plan":  # which stands on the terminal already
        remark(f"\n{asked.shown}")
    if asked.detail:
        remark(asked.detail)
    choices = [*asked.choices, "later"] if asked.kind in ("plan", "changes") else asked.choices
    with contextlib.suppress(click.Abort):
        choice = click.prompt(asked.question, type=click.Choice(choices), err=True)
        return None if choice == "later" else _with_reason(asked, choice)
    return None


def _with_reason(asked: ApprovalAsked, choice: str) -> Decision | None:
    if asked.kind == "plan" and choice == "edit":
        from tui.editor import edit

        edited = edit(asked.shown, "plan")
        if edited.problem:
            remark(f"butler: {edited.problem}")
        return Decision("edit", edited.text)
    if choice == "reject":
        why = "Why? It is planned again with that; leave it empty to drop the task"
        why = why if asked.kind == "plan" else "Why? (may be left empty)"
        return Decision(choice, click.prompt(why, default="", show_default=False, err=True))
    if choice == "answer":
        return Decision(choice, click.prompt("Your answer", err=True))
    return Decision(choice)


# --- telling -------------------------------------------------------------------------------------


class Teller:
    """Says nothing until the end."""

    def heard(self, entry: Entry) -> None:
        pass

    def ended(self, result: Result) -> None:
        say_json(result)


class EventTeller(Teller):
    """Every event on a line of its own; the last line is the result."""

    def heard(self, entry: Entry) -> None:
        place: dict[str, object] = {"seq": entry.seq, "at": entry.at, "session": entry.session}
        say_json_line(place | msgspec.to_builtins(entry.event))

    def ended(self, result: Result) -> None:
        say_json_line({"type": "result", **msgspec.to_builtins(result)})


class TextTeller(Teller):
    """The specialist's words and the plan on the standard output, the rest on the standard
    error."""

    def __init__(self) -> None:
        self._out = Streaming(sys.stdout)
        self._reply = ""
        self._length = 0

    def heard(self, entry: Entry) -> None:
        told = _TOLD.get(type(entry.event))
        if isinstance(entry.event, TextDelta):
            self._text(entry.event)
        elif told is not None:
            self._break()
            told(entry.event)

    def _text(self, event: TextDelta) -> None:
        if event.reply != self._reply:
            self._break()
            self._reply, self._length = event.reply, 0
        more = event.text[max(0, self._length - event.offset) :]
        self._length += len(more)
        self._out.write(more)

    def _break(self) -> None:
        if self._out.wrote:
            self._out.end_line()
            self._out = Streaming(sys.stdout)

    def ended(self, result: Result) -> None:
        self._break()
        for file in result.files:
            where = file.settled or "waits in the workspace"
            remark(f"{file.change:<6} {file.path}  +{file.added} −{file.removed}  {where}")
        if result.error:
            remark(f"butler: {result.error}")
        for line in _next_steps(result):
            remark(line)
        remark(_footer(result))


def _next_steps(result: Result) -> Sequence[str]:
    if result.state == "waiting":
        return [f"It waits for your decision: butler --session {result.session[:8]}"]
    if any(file.settled == "conflict" for file in result.files):
        where = f"butler --session {result.session[:8]}"
        return [f"What conflicts was not applied, and nothing was overwritten: {where}"]
    if any(not file.settled for file in result.files):
        return [f"Apply, keep or discard it: butler --session {result.session[:8]}"]
    return []


def _footer(result: Result) -> str:
    by = f"{result.tier} · {result.model} · " if result.tier else ""
    spent = f"{figures.tokens(result.tokens)} tokens · {figures.money(result.cost)}"
    return f"{by}{figures.stopwatch(result.elapsed_ms)} · {spent} · session {result.session[:8]}"


def _plan(event: PlanProposed) -> None:
    by = f"{event.tier} · {event.model}" if event.tier else "edited"
    remark(f"— plan by {by}")
    say(event.text)


def _compared(event: PlanCompared) -> None:
    if event.failed:
        remark(f"— {event.number}  {event.tier} {event.model}: failed: {event.failed}")
        return
    remark(f"— {event.number}  {event.tier} {event.model} would: {event.title}\n{event.text}")


def _called(event: ToolCalled) -> None:
    try:
        given = msgspec.json.decode(event.arguments or "{}", type=dict[str, object])
    except msgspec.MsgspecError:
        given = {}
    first = str(next(iter(given.values()), ""))
    remark(f"▸ {event.name} {' '.join(first.split())[:100]}")


def _changed(event: FileChanged) -> None:
    remark(f"✎ {event.path} +{event.added} −{event.removed}")


def _noted(event: Note) -> None:
    remark(f"butler: {event.text}")


_TOLD: Final[dict[type, Callable[[Any], None]]] = {
    PlanProposed: _plan,
    PlanCompared: _compared,
    ToolCalled: _called,
    FileChanged: _changed,
    Note: _noted,
}
TELLERS: Final[dict[Form, Callable[[], Teller]]] = {
    "text": TextTeller,
    "json": Teller,
    "stream-json": EventTeller,
}
