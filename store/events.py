"""The vocabulary: one frozen struct for each thing that can happen, one tagged union.

An event is a fact in the past tense. It is written once to the journal and never changed. All
times are milliseconds since the epoch, UTC; all costs are US dollars, `None` where no price is
known. Readers skip types they don't know (`decode` returns `None`), so that an older program can
open a newer journal.
"""

import re
from typing import Annotated, ClassVar, Final, Literal, TypeAlias, get_args

import msgspec

Tier: TypeAlias = Literal["T0", "T1", "T2", "T3", "T4"]
TIERS: Final[tuple[Tier, ...]] = get_args(Tier)
SessionKind: TypeAlias = Literal["chat", "summarize", "code"]
SessionState: TypeAlias = Literal[
    "open", "queued", "running", "waiting", "done", "failed", "cancelled", "interrupted"
]
Window: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^([1-9][0-9]{0,2}[smh]|day|week|month)\Z",
        description='day, week, month, or a rolling length such as "30m" or "5h" (s, m or h)',
    ),
]
"""A calendar's day, week or month, or a length of time that rolls along."""
GaugeSource: TypeAlias = Literal["provider", "budget", "unknown"]
HealthState: TypeAlias = Literal[
    "unknown", "ready", "cooling", "probing", "exhausted", "off", "missing"
]
Band: TypeAlias = Literal[
    "normal", "prefer-cheaper", "cheaper-only", "background-only", "local-only"
]
Level: TypeAlias = Literal["info", "warning", "error"]


def _kebab(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag=_kebab):
    """Base of the vocabulary. A subclass's kebab-cased name is its tag on disk: never rename one."""

    durable: ClassVar[bool] = False
    """Committed with `synchronous=FULL` and acknowledged only then."""

    @property
    def subject(self) -> str | None:
        """For an event of the house: the thing whose latest state this is. `None` otherwise."""
        return None


class Usage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Tokens of one call, normalised: `input` excludes both cache figures, `output` includes
    `reasoning`."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0
    estimated: bool = False
    """True where the service never said and we counted ourselves (a cancelled stream)."""

    @property
    def total(self) -> int:
        return self.input + self.output + self.cache_read + self.cache_write


class Attachment(msgspec.Struct, frozen=True):
    """A text that came with a prompt: a file or a long paste."""

    name: str
    text: str


# --- the house: configuration, gauges, band, health (session is None) -------------------------


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A model as the panel names it."""

    model: str
    account: str
    label: str = ""


class TierInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    tier: Tier
    role: str
    models: tuple[ModelInfo, ...] = ()


class ConfigurationApplied(Event, frozen=True):
    tiers: tuple[TierInfo, ...]
    hint: str = ""
    """What the user should know at once (the first-run line), empty when there is nothing."""

    @property
    def subject(self) -> str:
        return "configuration"


class Gauge(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One usage percentage."""

    account: str | None
    """Whose quota; `None` for a budget over all accounts."""
    window: Window
    percent: float | None
    """0–100 and beyond; `None` when unknown, never 0 for it."""
    source: GaugeSource
    measured_at: int
    resets_at: int | None = None
    model: str | None = None
    used: float | None = None
    limit: float | None = None
    unit: Literal["usd", "tokens", "requests", ""] = ""

    @property
    def key(self) -> str:
        return "/".join((self.account or "*", self.model or "*", self.window, self.source))


class GaugeChanged(Event, frozen=True):
    gauge: Gauge

    @property
    def subject(self) -> str:
        return f"gauge:{self.gauge.key}"


class BandChanged(Event, frozen=True):
    before: Band
    after: Band
    percent: float | None
    binds: str = ""
    """The key of the gauge that decided."""

    @property
    def subject(self) -> str:
        return "band"


class Foreseen(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When a gauge will stand at a level, as a range that holds the truth four times in five."""

    level: float
    """Per cent."""
    earliest: int | None = None
    """Milliseconds since the epoch; `None` if it is not likely to come so far in the time looked
    at."""
    latest: int | None = None
    """`None` if it may well come so far only later, or not at all."""


class ForecastChanged(Event, frozen=True):
    """What the past use of a gauge makes one expect. Said again when it has moved a good deal."""

    gauge: str
    """Its key."""
    made_at: int
    until: int
    """How far it looks ahead: to the gauge's reset, or as far as the past it knows is long."""
    samples: int
    """Steps of the past in which anything was used."""
    next_band: Band | None = None
    """The band above the present one; `None` in the last one, and with too few samples."""
    next: Foreseen | None = None
    """When that band begins."""
    full: Foreseen | None = None
    """When the gauge stands at 100 %; `None` when it does already, and with too few samples."""

    @property
    def subject(self) -> str:
        return f"forecast:{self.gauge}"


class ThresholdCrossed(Event, frozen=True):
    """Usage has passed a mark that the user is to be told of, once in each window.

    Whoever notices it first says so: a second program's event is left out of the journal.
    """

    durable = True

    gauge: str
    """Its key."""
    threshold: int
    """The highest mark passed, in per cent."""
    percent: float
    at: int
    until: int
    """The window's end: so long this mark, and those below it, count as told."""
    limit: float | None = None
    """Of a budget. Another limit makes the marks new."""
    to: Literal["screen", "script"] = "screen"
    """Who is told. A script that polls must not miss what a running screen has shown."""

    @property
    def subject(self) -> str:
        return f"threshold:{self.to}:{self.gauge}"

    def repeats(self, told: "ThresholdCrossed") -> bool:
        """Whether an earlier one of the same subject has said as much."""
        same_window = told.until > self.at and told.limit == self.limit
        return same_window and told.threshold >= self.threshold


class HealthChanged(Event, frozen=True):
    account: str
    model: str
    state: HealthState
    reason: str = ""
    until: int | None = None
    """When the state is over by itself, or `None`."""
    failures: int = 0
    """In a row, so far."""
    by_user: bool = False
    """The user said so: only the user takes it back."""

    @property
    def subject(self) -> str:
        return f"health:{self.account}/{self.model}"


# --- a session ---------------------------------------------------------------------------------


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


AnyEvent: TypeAlias = (
    ConfigurationApplied
    | GaugeChanged
    | BandChanged
    | ForecastChanged
    | ThresholdCrossed
    | HealthChanged
    | SessionStarted
    | SessionStateChanged
    | SessionTitled
    | SessionAnnounced
    | PromptSubmitted
    | RouteDecided
    | ReplyStarted
    | TextDelta
    | ReasoningDelta
    | ToolCalled
    | ToolReturned
    | ModelSwitched
    | ReplyFinished
    | ReplyFailed
    | UsageReserved
    | UsageSettled
    | UsageReleased
    | ApprovalAsked
    | ApprovalGiven
    | HistorySummarized
    | Note
)


class Entry(msgspec.Struct, frozen=True):
    """An event with its place in the journal."""

    seq: int
    """Global order, from 1; 0 while the event is shown but not yet committed."""
    at: int
    session: str | None
    event: AnyEvent


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)
_KNOWN: Final = frozenset(
    str(kind.__struct_config__.tag)
    for kind in get_args(AnyEvent)  # pyright: ignore[reportAny]
)


def tag_of(event: Event) -> str:
    return str(type(event).__struct_config__.tag)


def encode(event: Event) -> bytes:
    """The event as JSON, its type under `type`."""
    return _encoder.encode(event)


def decode(tag: str, body: bytes | str) -> AnyEvent | None:
    """The event of a journal row, or `None` for a type this program doesn't know.

    Raises:
        msgspec.ValidationError: the body does not fit the type it claims.
    """
    return _decoder.decode(body) if tag in _KNOWN else None
