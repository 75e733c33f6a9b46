"""What the door of the engine takes: prompts and tasks."""

from pathlib import Path

import msgspec

from store.events import ApprovalGiven, Attachment, SessionKind, Tier


class EngineError(Exception):
    """Something was asked of the engine that can't be done. The message is for the user."""


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    text: str
    attachments: tuple[Attachment, ...] = ()
    tier: Tier | None = None
    model: str | None = None
    """`account/model`, or the model's name alone."""
    critical: bool = False
    private: bool = False
    emergency: bool = False
    """Spend the reserve on this prompt; the user is asked to confirm it."""
    plan: bool | None = None
    """Of coding: whether a plan comes first; `None` lets the size of the work decide."""


class Waiting(msgspec.Struct, frozen=True):
    """A prompt that is on disk and not yet answered, with what the user decided about it."""

    id: str
    prompt: Prompt
    cleared: bool = False
    """The user has decided about a secret in it: it is not asked about again."""
    confirmed: bool | None = None
    """Whether the reserve may be spent on it; `None` while nobody has asked."""
    given: dict[str, ApprovalGiven] = msgspec.field(default_factory=dict)
    """What was decided about tools before a restart, by the digest of what was shown. Each counts
    once."""


class SpawnTask(msgspec.Struct, frozen=True, kw_only=True):
    """A session of its own: returns at once, runs when there is room, is announced when done."""

    task: str
    title: str = ""
    kind: SessionKind = "summarize"
    attachments: tuple[Attachment, ...] = ()
    parent: str | None = None
    tier: Tier | None = None
    model: str | None = None
    timeout: float | None = None
    """Seconds once it runs; `None` takes the configured limit."""
    private: bool = False
    workspace: Path | None = None
    """Of a coding session: the folder it is about; `None` is the engine's."""
    plan: bool = False
    """Of a coding session: plan, compare and ask before anything is written."""
    approved: bool = False
    """The plan needs no approval: the user gave it beforehand."""
    agent: str = ""
    """Name of the user's own agent that does it."""


class TierCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What `butler doctor` says of one configured model."""

    tier: Tier
    account: str
    model: str
    ready: bool
    detail: str
    remedy: str = ""
    """The command that mends it, empty when nothing is wrong."""
