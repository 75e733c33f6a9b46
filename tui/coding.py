"""A coding task without the screen: what its events say, and what became of it."""

from typing import Final, Literal, TypeAlias

import msgspec

from store.events import (
    AnyEvent,
    ApprovalAsked,
    ChangeSettled,
    ChangesReady,
    Entry,
    Estimate,
    ModelSwitched,
    Note,
    PlanCompared,
    PlanProposed,
    ReplyFailed,
    ReplyStarted,
    SessionAnnounced,
    SessionStarted,
    SessionStateChanged,
    Tier,
    WorkspaceOpened,
)
from tui.answering import Answer
from tui.exits import Exit

Settle: TypeAlias = Literal["apply", "keep"]
State: TypeAlias = Literal["running", "done", "waiting", "failed", "cancelled", "interrupted"]

_FAILURES: Final[dict[str, Exit]] = {
    "no-tier": Exit.NO_TIER,
    "refused-by-policy": Exit.DECLINED,
    "declined": Exit.DECLINED,
    "cancelled": Exit.DECLINED,
}
_STATES: Final[dict[State, Exit]] = {
    "done": Exit.DONE,
    "waiting": Exit.DECLINED,
    "cancelled": Exit.DECLINED,
    "interrupted": Exit.INTERRUPTED,
}
_IN_WORDS: Final = "No model that can call tools is at hand, so no file was written."
_WAITS: Final = {
    "plan": "The plan waits for your approval; nothing is written before that.",
    "command": "A command waits for your approval.",
    "question": "The model waits for your answer.",
    "secret": "Something in it looks like a secret: nothing was sent, and you are asked.",
}


class File(msgspec.Struct, kw_only=True):
    path: str
    change: str
    added: int
    removed: int
    binary: bool = False
    diff: str = ""
    cut: bool = False
    """The diff is longer than what is kept of it."""
    settled: str = ""
    """applied, merged, conflict, kept, discarded; empty while it waits in the workspace."""
    conflict: str = ""
    """The merge with its markers, or why there is none."""


class Result(msgspec.Struct, kw_only=True):
    """What became of the task. `state` tells of the work; the changes may still be unsettled."""

    session: str
    """The conversation it belongs to: butler --session shows it."""
    task: str = ""
    """The coding session itself."""
    state: State = "running"
    asked: str = ""
    """What is still open: plan, changes, command, question, secret; empty if nothing is."""
    text: str = ""
    """What the model says of its work."""
    plan: str = ""
    """The latest proposal, as Markdown."""
    number: int = 1
    """Which one that is: 1 is the orchestrator's own, the others are `alternatives`."""
    estimate: Estimate | None = None
    alternatives: list[PlanCompared] = msgspec.field(default_factory=list[PlanCompared])
    files: list[File] = msgspec.field(default_factory=list[File])
    refused: list[str] = msgspec.field(default_factory=list[str])
    """Commands that were not run because nobody could be asked."""
    workspace: str = ""
    """The folder it is written in, while that is there."""
    branch: str = ""
    """Of the user's repository, while that is there."""
    tier: Tier | None = None
    model: str = ""
    tokens: int = 0
    cost: float | None = None
    elapsed_ms: int = 0
    """Without the time in which the user was asked."""
    failure: str = ""
    error: str = ""
    """One sentence; empty when all went well."""

    @property
    def code(self) -> Exit:
        if self.failure in _FAILURES:
            return _FAILURES[self.failure]
        return Exit.FAILED if self.conflicts else _STATES.get(self.state, Exit.FAILED)

    @property
    def conflicts(self) -> list[str]:
        return [file.path for file in self.files if file.settled == "conflict"]

    @property
    def unsettled(self) -> list[File]:
        return [file for file in self.files if file.settled in ("", "conflict")]

    def answered_in_words(self, answer: Answer, warning: str) -> None:
        """The chat has answered itself: what was said is all there is."""
        self.text, self.tier, self.model = answer.answer, answer.tier, answer.model
        self.tokens, self.cost = answer.tokens, answer.cost
        self.failure, self.error = answer.failure, answer.error or warning or _IN_WORDS
        self.state = "failed"

    def failed(self, error: str, failure: str = "") -> None:
        self.state, self.error, self.failure = "failed", error, failure


class CodeFollower:
    """Reads the events of a chat and of the coding session it spawns."""

    def __init__(self, chat: str) -> None:
        self.result = Result(session=chat)
        self.warning = ""
        """What the chat has remarked on how it is answered."""
        self.ended = False
        """Nothing more is to come, whatever the events say."""
        self._asked: ApprovalAsked | None = None
        self._announced = False
        self._shown = False
        """The user was asked about changes."""
        self._reason = ""

    def concerns(self, entry: Entry) -> bool:
        return entry.session is not None and entry.session in (
            self.result.session,
            self.result.task,
        )

    def follow(self, entry: Entry) -> None:
        event = entry.event
        if isinstance(event, SessionStarted) and event.kind == "code" and not self.result.task:
            self.result.task = entry.session or ""
        if isinstance(event, SessionAnnounced) and event.child == self.result.task:
            self._end(event)
        elif entry.session == self.result.session:
            if isinstance(event, Note) and event.level != "info":
                self.warning = event.text
        elif entry.session == self.result.task:
            self._step(event)

    def question(self) -> ApprovalAsked | None:
        """What is to be decided now; each question is handed out once. Changes are shown once it
        is known whether the work was done or has failed."""
        asked = self._asked
        if asked is None or (asked.kind == "changes" and not self._announced):
            return None
        self._asked = None
        return asked

    def give_up(self, error: str, failure: str = "") -> None:
        self.ended = True
        self.result.failed(error, failure)

    def leave(self, asked: ApprovalAsked) -> None:
        """Nobody decides it: it stays open, and this is as far as it goes now."""
        self.ended = True
        self.result.asked = asked.kind
        if asked.kind != "changes":
            self.result.state = "waiting"
            self.result.error = _WAITS.get(asked.kind, asked.question)

    @property
    def done(self) -> bool:
        if self.ended or not self._announced:
            return self.ended
        return not self.result.unsettled or not self._shown

    @property
    def works(self) -> bool:
        """Whether the session was left in the middle of its work."""
        return self.result.state == "waiting" and self.result.asked not in ("plan", "changes")

    def _step(self, event: AnyEvent) -> None:
        result = self.result
        match event:
            case WorkspaceOpened():
                result.workspace = event.folder
                result.branch = event.branch if event.kind == "worktree" else ""
            case PlanProposed():
                result.plan, result.number = event.text, event.number
                result.estimate = event.estimate
                result.tier, result.model = event.tier, event.model
            case PlanCompared():
                result.alternatives.append(event)  # as they come
                result.alternatives.sort(key=lambda other: other.number)
            case ChangesReady():
                result.text, result.files = event.text, _files(event)
            case ChangeSettled():
                self._settle(event)
            case SessionStateChanged():
                self._reason = event.reason
            case ReplyStarted() | ModelSwitched():
                result.tier, result.model = event.tier, event.model
            case ReplyFailed():
                result.failure = event.failure
            case ApprovalAsked():
                self._asked = event
                self._shown |= event.kind == "changes"
            case _:
                return

    def _settle(self, event: ChangeSettled) -> None:
        result = self.result
        for file in result.files:
            if event.path in ("", file.path):
                file.settled = event.settlement
                file.conflict = event.detail if event.settlement == "conflict" else ""
        if not result.unsettled:
            kept = event.settlement == "kept"
            result.workspace = result.workspace if kept and not result.branch else ""
            result.branch = result.branch if kept else ""

    def _end(self, event: SessionAnnounced) -> None:
        result = self.result
        self._announced = True
        if event.tier is not None:
            result.tier, result.model = event.tier, event.model
        if not result.files:
            result.text = event.result
        if event.state == "cancelled":
            result.state, result.error = "cancelled", self._reason or "It was cancelled."
        elif event.state != "done":
            result.failed(self._reason or event.result or event.state, result.failure)
        elif self._reason and not result.files:  # it had no hands
            result.failed(self._reason)
        else:
            result.state, result.failure = "done", ""
            if not result.files:  # then nothing of it is left
                result.workspace = result.branch = ""


def _files(event: ChangesReady) -> list[File]:
    return [
        File(
            path=file.path,
            change=file.change,
            added=file.added,
            removed=file.removed,
            binary=file.binary,
            diff=file.diff,
            cut=file.cut,
        )
        for file in event.files
    ]
