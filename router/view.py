"""What is shown, as immutable data. Widgets render these and nothing else.

A part that did not change stays the same object, so that a renderer finds what to redraw with
`is`. Long text is kept in parts, so that adding to it costs the same however long it has grown.
"""

from typing import Literal, TypeAlias

import msgspec

from router.settled import Settled
from store.events import (
    ApprovalAsked,
    Attachment,
    Band,
    ChangesReady,
    FileChanged,
    ForecastChanged,
    Gauge,
    HealthState,
    Level,
    PlanCompared,
    PlanProposed,
    RouteDecided,
    SessionKind,
    SessionState,
    ThresholdCrossed,
    Tier,
    TierInfo,
    Usage,
    WorkspaceOpened,
)

PART_SIZE = 2048
WINDOW = 200
"""Messages a view holds at most; older ones are read from the store when asked for."""
TASKS = 50

Role: TypeAlias = Literal["user", "butler", "note", "announcement", "plan"]
ReplyState: TypeAlias = Literal[
    "queued", "waiting", "streaming", "finished", "failed", "cancelled", "interrupted"
]


class LongText(msgspec.Struct, frozen=True):
    """Text that grows at its end. Two are equal when their text is, however it arrived."""

    parts: tuple[str, ...] = ()
    length: int = 0

    def plus(self, text: str) -> "LongText":
        if not text:
            return self
        length = self.length + len(text)
        if self.parts and len(self.parts[-1]) + len(text) <= PART_SIZE:
            return LongText((*self.parts[:-1], self.parts[-1] + text), length)
        return LongText((*self.parts, text), length)

    def since(self, offset: int) -> str:
        """The text from a character offset on; cheap when the offset is near the end."""
        end = self.length
        tail: list[str] = []
        for part in reversed(self.parts):
            start = end - len(part)
            tail.append(part if start >= offset else part[offset - start :])
            if start <= offset:
                break
            end = start
        return "".join(reversed(tail))

    def __str__(self) -> str:
        return "".join(self.parts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LongText):
            return NotImplemented
        return self.parts is other.parts or (
            self.length == other.length and str(self) == str(other)
        )

    def __hash__(self) -> int:
        return hash(str(self))


class Seam(msgspec.Struct, frozen=True):
    """Where another model took over."""

    offset: int
    text: str


class ToolUse(msgspec.Struct, frozen=True, kw_only=True):
    """A tool that a model called while it answered."""

    call: str
    name: str
    arguments: str
    """JSON, as the model wrote it."""
    offset: int
    """Characters of the reply before it."""
    result: str | None = None
    """`None` while it runs."""
    failed: bool = False
    changed: tuple[FileChanged, ...] = ()
    """Files it has changed, in order."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One thing in the transcript."""

    id: str
    role: Role
    at: int
    text: LongText = LongText()
    state: ReplyState = "finished"
    ended_at: int | None = None
    # a prompt
    attachments: tuple[Attachment, ...] = ()
    private: bool = False
    critical: bool = False
    # a reply
    prompt: str = ""
    tier: Tier | None = None
    model: str = ""
    account: str = ""
    why: str = ""
    reasoning: LongText = LongText()
    seams: tuple[Seam, ...] = ()
    tools: tuple[ToolUse, ...] = ()
    failure: str = ""
    problem: str = ""
    """One sentence: what went wrong and what to do."""
    stop_reason: str = ""
    usage: Usage | None = None
    cost: float | None = None
    # a note
    level: Level = "info"
    # an announcement
    child: str = ""
    kind: SessionKind = "chat"
    title: str = ""
    outcome: SessionState = "done"
    elapsed_ms: int = 0
    tokens: int = 0


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A spawned session, as the task list shows it."""

    session: str
    kind: SessionKind
    title: str
    state: SessionState
    started_at: int
    """When it was spawned."""
    running_since: int | None = None
    ended_at: int | None = None
    tier: Tier | None = None
    model: str = ""
    tokens: int = 0
    """Settled, plus an estimate of what is streaming now."""
    cost: float | None = 0.0
    streamed: int = 0
    """Characters streamed by the reply under way."""
    last_heard: int = 0
    reason: str = ""
    agent: str = ""
    """Name of the user's own agent, empty for ours."""


class ModelHealth(msgspec.Struct, frozen=True):
    state: HealthState = "unknown"
    reason: str = ""
    until: int | None = None
    failures: int = 0
    by_user: bool = False


class House(msgspec.Struct, frozen=True, kw_only=True):
    """The side panel: configuration, gauges, band, health."""

    tiers: tuple[TierInfo, ...] = ()
    hint: str = ""
    band: Band = "normal"
    percent: float | None = None
    binds: str = ""
    gauges: dict[str, Gauge] = msgspec.field(default_factory=dict)
    health: dict[str, ModelHealth] = msgspec.field(default_factory=dict)
    """By `account/model`."""
    forecasts: dict[str, ForecastChanged] = msgspec.field(default_factory=dict)
    """By gauge. The panel's line is that of the gauge that `binds`."""
    told: dict[str, ThresholdCrossed] = msgspec.field(default_factory=dict)
    """By subject: the latest mark that the user was told of."""


class View(msgspec.Struct, frozen=True, kw_only=True):
    """One session and the house around it."""

    session: str
    kind: SessionKind = "chat"
    title: str = ""
    workspace: str = ""
    parent: str | None = None
    private: bool = False
    state: SessionState = "open"
    started_at: int = 0
    messages: tuple[Message, ...] = ()
    earlier: int = 0
    """Messages before the first one held, notes not counted."""
    tasks: tuple[Task, ...] = ()
    """Newest last; what has ended longest ago falls out first."""
    approvals: tuple[ApprovalAsked, ...] = ()
    """Asked and not yet answered, oldest first."""
    workspace_opened: WorkspaceOpened | None = None
    """Where a coding session works."""
    plan: PlanProposed | None = None
    """The latest proposal of a coding session."""
    alternatives: tuple[PlanCompared, ...] = ()
    """How others would do it, by number."""
    changes: ChangesReady | None = None
    """What a coding session has changed, once it is done."""
    settled: Settled = msgspec.field(default_factory=Settled)
    """What became of changed files, by path; `""` when the branch was kept."""
    summary: str = ""
    """What models are sent in place of the messages up to `summarized`."""
    summarized: str = ""
    routes: dict[str, RouteDecided] = msgspec.field(default_factory=dict)
    """By prompt, for the prompts held."""
    house: House = House()
    now: int = 0
    """Time of the latest event: the only clock a view knows."""
