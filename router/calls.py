"""What is asked of the dispatcher, and what it answers."""

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from router.context import Fitted
from router.providers.base import OpaquePart, Tool, ToolCallPart
from store.events import Candidate, Tier, Usage

Problem = tuple[Tier, str]

Prepare = Callable[[int, bool], Fitted]
"""Messages that fit into so many tokens, for a local model or not."""

Act = Callable[[ToolCallPart], Awaitable["Acted"]]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted, whoever serves it."""

    session: str
    prompt: str
    reply: str
    kind: str
    """What the ledger books it under."""
    system: Callable[[Tier], str]
    """The system prompt for a model of that tier."""
    prepare: Prepare
    candidates: Sequence[Candidate]
    max_output: int
    private: bool = False
    overheard: bool = False
    """A local model would hear something private of earlier: its answer may hold it."""
    quiet: bool = False
    """Metered, but no part of the transcript."""
    tools: tuple[Tool, ...] = ()
    act: Act | None = None
    """Runs a tool. Called only for tools that were offered, once for each call. `None` ends the
    reply with the calls: whoever asked runs them, and asks anew with what they gave."""


class Acted(msgspec.Struct, frozen=True):
    """What a tool gave back, for the model to read."""

    text: str
    failed: bool = False


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    text: str
    failure: str = ""
    """Empty when the reply finished."""
    message: str = ""
    problems: tuple[Problem, ...] = ()
    """Of a failure: who was tried or passed over, and why each did not answer."""
    tier: Tier | None = None
    model: str = ""
    usage: Usage = msgspec.field(default_factory=Usage)
    cost: float | None = 0.0
    known_cost: float = 0.0
    """What is known of the cost, also where an attempt without a price leaves the whole unknown."""
    stop_reason: str = ""
    calls: tuple[ToolCallPart, ...] = ()
    """Tools it called and nobody has run yet."""
    opaque: tuple[OpaquePart, ...] = ()
    """To be sent back with the calls, before them."""
    offered: bool = True
    """Whether the model that answered was offered the tools at all."""
