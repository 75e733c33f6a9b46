"""What happens in a session: prompts, replies, what they cost, what the user decides."""

from typing import Literal

import msgspec

from store.event_base import Attachment, Band, Event, Level, SessionKind, SessionState, Tier, Usage


class SessionStarted(Event, frozen=True):
    """First event of every session. A spawned one also names its parent."""

    durable = True

    kind: SessionKind
    title: str = ""
    workspace: str = ""
    parent: str | None = None
    task: str = ""
    """What a spawned session was asked to do, in full."""
    attachments: tuple[Attachment, ...] = ()
    tier: Tier | None = None
    model: str | None = None
    private: bool = False
    timeout: float | None = None
    """Seconds, or `None` for no limit."""
    plan: bool = False
    """Of a coding session: plan, compare and ask before anything is written."""
    approved: bool = False
    """The user approved the plan beforehand, whatever it says."""
    agent: str = ""
    """Name of the user's own agent that does it; empty for ours."""


class SessionStateChanged(Event, frozen=True):
    durable = True

    state: SessionState
    reason: str = ""


class SessionTitled(Event, frozen=True):
    title: str


class SessionAnnounced(Event, frozen=True):
    """In the parent's stream: a spawned session has ended. Every figure is the runtime's."""

    durable = True

    child: str
    kind: SessionKind
    title: str
    state: SessionState
    result: str
    elapsed_ms: int
    tokens: int
    cost: float | None = None
    tier: Tier | None = None
    model: str = ""
    private: bool = False


class PromptSubmitted(Event, frozen=True):
    durable = True

    prompt: str
    text: str
    attachments: tuple[Attachment, ...] = ()
    tier: Tier | None = None
    model: str | None = None
    critical: bool = False
    private: bool = False
    emergency: bool = False
    """The user wants to spend the reserve on this prompt, once it is confirmed."""
    plan: bool | None = None
    """Of coding: whether a plan comes first, where the user said so."""


class Candidate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One model that was considered, and what became of it."""

    tier: Tier
    model: str
    account: str
    chosen: bool = False
    passed_over: str = ""
    """Why not, for a person to read; empty when it was chosen or stands in reserve."""


class RouteDecided(Event, frozen=True):
    prompt: str
    kind: str
    executor: Literal["orchestrator", "specialist", "background", "image", "audio"]
    confidence: float
    band: Band
    percent: float | None
    candidates: tuple[Candidate, ...]
    reason: str


class ReplyStarted(Event, frozen=True):
    """A model begins to answer. Repeated for the same `reply` when the first choice failed before
    its first token: the last one counts."""

    reply: str
    prompt: str
    tier: Tier
    model: str
    account: str
    why: str = ""
    """Why not the first choice of the tier table; empty when it is the first choice."""
    private: bool = False
    """It answers something private, and so is private itself."""


class TextDelta(Event, frozen=True):
    """A piece of the answer. On disk the pieces of a few hundred milliseconds are one event, so
    nothing may depend on how the text is cut."""

    reply: str
    offset: int
    """Characters of the reply before this piece."""
    text: str


class ReasoningDelta(Event, frozen=True):
    reply: str
    offset: int
    text: str


class ToolCalled(Event, frozen=True):
    reply: str
    call: str
    name: str
    arguments: str
    """JSON, as the model wrote it."""
    opaque: str = ""
    """What the provider needs back with the call, base64."""


class ToolReturned(Event, frozen=True):
    durable = True

    reply: str
    call: str
    text: str
    failed: bool = False


class ModelSwitched(Event, frozen=True):
    """Another model goes on with a reply that had already begun to show."""

    reply: str
    tier: Tier
    model: str
    account: str
    why: str
    offset: int
    """Characters of the reply before the seam."""


class ReplyFinished(Event, frozen=True):
    durable = True

    reply: str
    text: str
    stop_reason: str
    usage: Usage = msgspec.field(default_factory=Usage)
    cost: float | None = None


class ReplyFailed(Event, frozen=True):
    """The reply ended without its end. `text` is what had arrived."""

    durable = True

    reply: str
    prompt: str
    text: str
    failure: str
    """A failure's name from `router.providers.base`, or `cancelled`, or `interrupted`."""
    message: str
    """One sentence for the user: what happened and what to do."""
    usage: Usage = msgspec.field(default_factory=Usage)
    cost: float | None = None


class UsageReserved(Event, frozen=True):
    """The worst case of a call, taken before it starts."""

    durable = True

    reservation: str
    reply: str
    account: str
    tier: Tier
    model: str
    kind: str
    tokens: int
    """Input and output together."""
    cost: float | None
    expires_at: int
    output: int = 0
    """The part of `tokens` that is the enforced output limit."""


class UsageSettled(Event, frozen=True):
    durable = True

    reservation: str
    account: str
    tier: Tier
    model: str
    kind: str
    usage: Usage
    cost: float | None


class UsageReleased(Event, frozen=True):
    """The call never reached the service: nothing was spent."""

    durable = True

    reservation: str


class ApprovalAsked(Event, frozen=True):
    durable = True

    approval: str
    kind: str
    question: str
    shown: str
    """Exactly what the user is shown and approves."""
    digest: str
    """SHA-256 of `shown`, in hex: a decision names it, so an edited proposal is another one."""
    choices: tuple[str, ...] = ("approve", "reject")
    prompt: str = ""
    call: str = ""
    """The tool call that waits for the answer, if one does."""
    detail: str = ""
    """What is good to know for the decision, such as what a command can reach."""


class ApprovalGiven(Event, frozen=True):
    durable = True

    approval: str
    digest: str
    choice: str
    reason: str = ""


class HistorySummarized(Event, frozen=True):
    """The conversation up to a message stands as a summary in what models are sent. The
    transcript keeps all of it."""

    through: str
    """Id of the last message that the summary covers."""
    text: str


class Note(Event, frozen=True):
    """Something the user should read in the transcript that no other event says."""

    level: Level
    text: str
