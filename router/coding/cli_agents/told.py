"""What a program tells while it works, whichever program it is."""

from collections.abc import Mapping
from typing import TypeAlias

import msgspec

from router.providers.base import Failure
from store.events import Change, Usage


class Began(msgspec.Struct, frozen=True):
    model: str = ""
    """What it says it works with; empty where it doesn't say."""


class Said(msgspec.Struct, frozen=True):
    text: str


class Thought(msgspec.Struct, frozen=True):
    text: str


class Called(msgspec.Struct, frozen=True):
    call: str
    name: str
    arguments: Mapping[str, object]


class Returned(msgspec.Struct, frozen=True):
    call: str
    text: str
    failed: bool = False


class Changed(msgspec.Struct, frozen=True):
    path: str
    """As the program names it: absolute, or relative to where it works."""
    change: Change
    added: int
    removed: int
    diff: str = ""


class Remarked(msgspec.Struct, frozen=True):
    """Something by the way: it waits, or it could not do all that it wanted."""

    text: str
    warning: bool = False


class Reported(msgspec.Struct, frozen=True):
    """How full its account's windows are, in the words of the headers that say so elsewhere."""

    headers: Mapping[str, str]


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """Its last word. Nothing but its exit may follow."""

    text: str = ""
    usage: Usage = msgspec.field(default_factory=Usage)
    cost: float | None = None
    """US dollars as the program counts them, `None` where it doesn't."""
    failure: Failure | None = None
    stopped: str = ""
    """It kept to a limit that it was given: no fault of its model's, and no other would do
    better. One sentence."""


class Unreadable(msgspec.Struct, frozen=True):
    """A line that is none of the protocol's: a warning of the program's runtime, or half of one."""

    line: str


Told: TypeAlias = (
    Began | Said | Thought | Called | Returned | Changed | Remarked | Reported | Ended | Unreadable
)
