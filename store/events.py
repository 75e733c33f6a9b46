"""The vocabulary: one frozen struct for each thing that can happen, one tagged union.

An event is a fact in the past tense. It is written once to the journal and never changed. All
times are milliseconds since the epoch, UTC; all costs are US dollars, `None` where no price is
known. Readers skip types they don't know (`decode` returns `None`), so that an older program can
open a newer journal.
"""

from typing import Final, TypeAlias, get_args

import msgspec

from store.coding_events import (
    Change,
    ChangedFile,
    ChangeSettled,
    ChangesReady,
    CodingEvent,
    Estimate,
    FileChanged,
    Plan,
    PlanCompared,
    PlanDecided,
    PlannedFile,
    PlanProposed,
    Settlement,
    WorkspaceKind,
    WorkspaceOpened,
)
from store.event_base import (
    TIERS,
    Attachment,
    Band,
    Event,
    GaugeSource,
    HealthState,
    Level,
    SessionKind,
    SessionState,
    Tier,
    Usage,
    Window,
)
from store.house_events import (
    BandChanged,
    ConfigurationApplied,
    ForecastChanged,
    Foreseen,
    Gauge,
    GaugeChanged,
    HealthChanged,
    ModelInfo,
    ThresholdCrossed,
    TierInfo,
)
from store.session_events import (
    ApprovalAsked,
    ApprovalGiven,
    Candidate,
    HistorySummarized,
    ModelSwitched,
    Note,
    PromptSubmitted,
    ReasoningDelta,
    ReplyFailed,
    ReplyFinished,
    ReplyStarted,
    RouteDecided,
    SessionAnnounced,
    SessionStarted,
    SessionStateChanged,
    SessionTitled,
    TextDelta,
    ToolCalled,
    ToolReturned,
    UsageReleased,
    UsageReserved,
    UsageSettled,
)

__all__ = [
    "TIERS",
    "AnyEvent",
    "ApprovalAsked",
    "ApprovalGiven",
    "Attachment",
    "Band",
    "BandChanged",
    "Candidate",
    "Change",
    "ChangeSettled",
    "ChangedFile",
    "ChangesReady",
    "ConfigurationApplied",
    "Entry",
    "Estimate",
    "Event",
    "FileChanged",
    "ForecastChanged",
    "Foreseen",
    "Gauge",
    "GaugeChanged",
    "GaugeSource",
    "HealthChanged",
    "HealthState",
    "HistorySummarized",
    "Level",
    "ModelInfo",
    "ModelSwitched",
    "Note",
    "Plan",
    "PlanCompared",
    "PlanDecided",
    "PlanProposed",
    "PlannedFile",
    "PromptSubmitted",
    "ReasoningDelta",
    "ReplyFailed",
    "ReplyFinished",
    "ReplyStarted",
    "RouteDecided",
    "SessionAnnounced",
    "SessionKind",
    "SessionStarted",
    "SessionState",
    "SessionStateChanged",
    "SessionTitled",
    "Settlement",
    "TextDelta",
    "ThresholdCrossed",
    "Tier",
    "TierInfo",
    "ToolCalled",
    "ToolReturned",
    "Usage",
    "UsageReleased",
    "UsageReserved",
    "UsageSettled",
    "Window",
    "WorkspaceKind",
    "WorkspaceOpened",
    "decode",
    "encode",
    "tag_of",
]

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
    | CodingEvent
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


def tag_of(event: Event | type[Event]) -> str:
    return str(event.__struct_config__.tag)


def encode(event: Event) -> bytes:
    """The event as JSON, its type under `type`."""
    return _encoder.encode(event)


def decode(tag: str, body: bytes | str) -> AnyEvent | None:
    """The event of a journal row, or `None` for a type this program doesn't know.

    Raises:
        msgspec.ValidationError: the body does not fit the type it claims.
    """
    return _decoder.decode(body) if tag in _KNOWN else None
