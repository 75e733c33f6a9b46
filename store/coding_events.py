"""What happens at the coding desk: a workspace, plans, changed files, what the user does with them.

All of them belong to a coding session. The files themselves are in the workspace; the journal holds
enough of them to show again what was shown.
"""

from typing import Literal, TypeAlias

import msgspec

from store.event_base import Event, Tier

WorkspaceKind: TypeAlias = Literal["worktree", "copy", "empty"]
Change: TypeAlias = Literal["new", "edit", "delete"]
Settlement: TypeAlias = Literal["applied", "merged", "conflict", "kept", "discarded"]


class WorkspaceOpened(Event, frozen=True):
    """A folder of the session's own: all it writes is there."""

    durable = True

    kind: WorkspaceKind
    """A worktree of the user's repository, a copy of a folder that is none, or an empty folder
    where the user's is too large to copy."""
    folder: str
    source: str
    """The user's folder, which stays as it is until changes are applied."""
    branch: str = ""
    base: str = ""
    """Commit that holds the user's files as they were, with what was not committed."""
    repository: str = ""
    """The git directory that holds `base` and `branch`."""
    subfolder: str = ""
    """Where `source` lies in its repository: `folder` has all of the repository."""


class PlannedFile(msgspec.Struct, frozen=True):
    path: str
    change: Change = "edit"
    why: str = ""


class Plan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is going to be done, before it is."""

    title: str
    approach: str
    architecture: str = ""
    tradeoffs: str = ""
    files: tuple[PlannedFile, ...] = ()
    steps: tuple[str, ...] = ()
    risks: tuple[str, ...] = ()


class Estimate(msgspec.Struct, frozen=True):
    """US dollars that the work is going to cost, as a range, and who would do it."""

    low: float
    high: float
    tier: Tier
    model: str


class PlanProposed(Event, frozen=True):
    """A plan, to be approved by the user. Each edit, choice and new attempt is another one."""

    durable = True

    id: str
    plan: Plan
    text: str
    """The plan in full as Markdown: what is approved, and what the specialist is given."""
    origin: Literal["model", "edited", "alternative"] = "model"
    number: int = 1
    """Which of the alternatives it is; 1 is the orchestrator's own."""
    tier: Tier | None = None
    model: str = ""
    estimate: Estimate | None = None


class PlanCompared(Event, frozen=True):
    """How another model would tackle it, or why it did not say."""

    durable = True

    number: int
    """From 2 on, as the card numbers it."""
    tier: Tier
    model: str
    title: str = ""
    """Its approach in a few words."""
    text: str = ""
    failed: str = ""
    cost: float | None = None
    """US dollars the sketch took."""
    estimate: Estimate | None = None


class PlanDecided(Event, frozen=True):
    durable = True

    id: str
    decision: Literal["approved", "rejected", "edited", "chosen", "dropped"]
    reason: str = ""


class FileChanged(Event, frozen=True):
    """A tool of the session, or the coding agent, has changed a file of the workspace."""

    reply: str
    path: str
    """Relative to the workspace, with `/`."""
    change: Change
    added: int
    removed: int
    diff: str = ""
    """Unified, cut off where it is long."""
    call: str = ""
    """The tool call that did it; empty where that is not known."""


class ChangedFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file that differs from what the session began with."""

    path: str
    change: Change
    added: int = 0
    removed: int = 0
    binary: bool = False
    diff: str = ""
    """Unified, with three lines of context; empty for binary files."""
    cut: bool = False
    """The diff is longer than what is kept here."""
    version: str = ""
    """Exactly the content and mode that are shown: the new side's mode and git's name of its
    object. Empty for a deletion, and in journals of old."""


class ChangesReady(Event, frozen=True):
    """The session has done its work. Nothing of it is in the user's files yet."""

    durable = True

    files: tuple[ChangedFile, ...]
    text: str = ""
    """What the specialist says of it."""


class ChangeSettled(Event, frozen=True):
    """What became of one changed file, or of all at once (`path` empty: the branch was kept)."""

    durable = True

    path: str
    settlement: Settlement
    detail: str = ""
    """Of a conflict: the merge with its markers, cut off where it is long. Else where it went."""


CodingEvent: TypeAlias = (
    WorkspaceOpened
    | PlanProposed
    | PlanCompared
    | PlanDecided
    | FileChanged
    | ChangesReady
    | ChangeSettled
)
