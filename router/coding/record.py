"""A coding session as its journal tells it: which phase it is in, and what is known for the next.

Pure. The desk reads it before it does anything, so a session goes on where its journal ends,
whoever wrote that journal.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from store.events import (
    ApprovalAsked,
    ApprovalGiven,
    ChangeSettled,
    ChangesReady,
    Entry,
    Event,
    PlanCompared,
    PlanDecided,
    PlanProposed,
    SessionStarted,
    SessionStateChanged,
    WorkspaceOpened,
)

UNSETTLED: Final = "conflict"


class Record(msgspec.Struct, kw_only=True):
    """What a journal holds, read up to its end."""

    started: SessionStarted | None = None
    opened: WorkspaceOpened | None = None
    plan: PlanProposed | None = None
    """The latest proposal."""
    decided: PlanDecided | None = None
    """What the user said of the latest proposal, `None` while that is open."""
    latest: dict[int, PlanProposed] = msgspec.field(default_factory=dict[int, PlanProposed])
    """The last proposal of each number."""
    rejected: list[tuple[str, str]] = msgspec.field(default_factory=list[tuple[str, str]])
    """Plans the user has rejected, in full, with the reason."""
    alternatives: dict[int, PlanCompared] = msgspec.field(default_factory=dict[int, PlanCompared])
    compared: bool = False
    """Others were asked already: they are not paid twice."""
    asked: dict[str, ApprovalAsked] = msgspec.field(default_factory=dict[str, ApprovalAsked])
    """By approval: everything that was ever asked."""
    given: dict[str, ApprovalGiven] = msgspec.field(default_factory=dict[str, ApprovalGiven])
    """By approval."""
    changes: ChangesReady | None = None
    settled: dict[str, ChangeSettled] = msgspec.field(default_factory=dict[str, ChangeSettled])
    finished: bool | None = None
    """Whether the work had come to its end when the changes were shown; else it had failed or was
    called off. `None` while nothing tells."""
    settling: bool = False
    """The user has decided about the changes, and nothing tells that it was done."""
    worked_ms: int = 0
    """Time in which it ran, without what it stood in line or waited for the user."""
    running_since: int | None = None

    def take(self, entry: Entry) -> None:
        step = _STEPS.get(type(entry.event))
        if step is not None:
            step(self, entry.event, entry.at)

    @property
    def approved(self) -> PlanProposed | None:
        """The plan to follow, if the user has approved the latest."""
        said = self.decided
        return self.plan if said is not None and said.decision == "approved" else None

    def answers(self, call: str, digest: str) -> list[ApprovalGiven]:
        """What the user has decided about tool calls of this id that showed exactly this. Services
        may give an id twice."""
        return [
            given
            for approval, asked in self.asked.items()
            if asked.call == call
            and asked.digest == digest
            and (given := self.given.get(approval)) is not None
            and given.choice in asked.choices
        ]

    def open(self, kind: str = "") -> list[ApprovalAsked]:
        """What was asked (of a kind) and not answered."""
        return [
            asked
            for approval, asked in self.asked.items()
            if approval not in self.given and kind in ("", asked.kind)
        ]

    def was_asked(self, call: str) -> bool:
        return any(asked.call == call for asked in self.asked.values())

    def was_approved(self, call: str) -> bool:
        """Whether a tool call was allowed to run: it may have run, in whole or in part."""
        return any(
            asked.call == call
            and (given := self.given.get(approval)) is not None
            and given.choice in ("approve", "always")
            for approval, asked in self.asked.items()
        )

    def unsettled(self) -> list[str]:
        """Paths of changes the user has not decided about, or that could not be applied."""
        if self.changes is None or "" in self.settled:
            return []
        return [
            file.path
            for file in self.changes.files
            if file.path not in self.settled or self.settled[file.path].settlement == UNSETTLED
        ]


def record(entries: Iterable[Entry]) -> Record:
    found = Record()
    for entry in entries:
        found.take(entry)
    return found


def _started(found: Record, event: SessionStarted, _at: int) -> None:
    found.started = event


def _opened(found: Record, event: WorkspaceOpened, _at: int) -> None:
    found.opened = event


def _proposed(found: Record, event: PlanProposed, _at: int) -> None:
    found.plan, found.decided = event, None
    found.latest[event.number] = event
    found.compared = True


def _compared(found: Record, event: PlanCompared, _at: int) -> None:
    found.alternatives[event.number] = event


def _decided(found: Record, event: PlanDecided, _at: int) -> None:
    if found.plan is None or found.plan.id != event.id:
        return
    found.decided = event
    if event.decision == "rejected":
        found.rejected.append((found.plan.text, event.reason))


def _asked(found: Record, event: ApprovalAsked, _at: int) -> None:
    found.asked[event.approval] = event
    if event.kind == "changes":
        found.settling = False


def _given(found: Record, event: ApprovalGiven, _at: int) -> None:
    found.given[event.approval] = event
    asked = found.asked.get(event.approval)
    if asked is not None and asked.kind == "changes":
        found.settling = event.choice in asked.choices


def _ready(found: Record, event: ChangesReady, _at: int) -> None:
    found.changes, found.settled, found.settling = event, {}, False
    found.finished = None


def _settled(found: Record, event: ChangeSettled, _at: int) -> None:
    found.settled[event.path] = event


def _state(found: Record, event: SessionStateChanged, at: int) -> None:
    if found.running_since is not None:
        found.worked_ms += max(0, at - found.running_since)
        found.running_since = None
    if found.changes is not None and found.finished is None:
        found.finished = event.state == "waiting"
    if event.state == "running":
        found.running_since = at


_STEPS: Final[dict[type[Event], Callable[[Record, Any, int], None]]] = {
    SessionStarted: _started,
    SessionStateChanged: _state,
    WorkspaceOpened: _opened,
    PlanProposed: _proposed,
    PlanCompared: _compared,
    PlanDecided: _decided,
    ApprovalAsked: _asked,
    ApprovalGiven: _given,
    ChangesReady: _ready,
    ChangeSettled: _settled,
}
