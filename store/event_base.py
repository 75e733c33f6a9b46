"""What all events are made of: their base, and the words that several of them use."""

import re
from typing import Annotated, ClassVar, Final, Literal, TypeAlias, get_args

import msgspec

Tier: TypeAlias = Literal["T0", "T1", "T2", "T3", "T4"]
TIERS: Final[tuple[Tier, ...]] = get_args(Tier)
SessionKind: TypeAlias = Literal["chat", "summarize", "code", "agent"]
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
    """Base of the vocabulary. A subclass's kebab-cased name is its tag on disk: it stays."""

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
