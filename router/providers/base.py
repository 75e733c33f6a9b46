"""The contract between Butler and a wire: what a model is asked, what it streams, how it fails.

A provider file translates one wire into this and does nothing else. Retrying, choosing, waiting
and time limits between tokens are the dispatcher's business.
"""

from collections.abc import AsyncIterator, Mapping
from typing import ClassVar, Literal, Protocol, TypeAlias

import msgspec

from store.events import Usage

# --- what is asked -----------------------------------------------------------------------------


class TextPart(msgspec.Struct, frozen=True, tag="text"):
    text: str


class ImagePart(msgspec.Struct, frozen=True, tag="image"):
    media_type: str
    data: bytes


class ToolCallPart(msgspec.Struct, frozen=True, tag="tool-call"):
    call: str
    name: str
    arguments: str
    """JSON text of an object."""
    opaque: str = ""
    """What the provider needs back with the call (Gemini's thought signature), base64."""


class ToolResultPart(msgspec.Struct, frozen=True, tag="tool-result"):
    call: str
    name: str
    text: str
    failed: bool = False


class OpaquePart(msgspec.Struct, frozen=True, tag="opaque"):
    """Reasoning in its provider's own form. Sent back only to the wire it came from."""

    wire: str
    body: str
    """JSON text of the provider's own object."""


Part: TypeAlias = TextPart | ImagePart | ToolCallPart | ToolResultPart | OpaquePart


class Message(msgspec.Struct, frozen=True):
    role: Literal["user", "assistant"]
    """Tool results travel in a user message."""
    parts: tuple[Part, ...]


class Tool(msgspec.Struct, frozen=True):
    name: str
    description: str
    schema: Mapping[str, object]
    """JSON Schema of the arguments, an object."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    model: str
    messages: tuple[Message, ...]
    system: str = ""
    max_output_tokens: int = 4096
    tools: tuple[Tool, ...] = ()
    connect_timeout: float = 5.0
    """Seconds until a connection must stand. The rest of the waiting is the dispatcher's."""


# --- what is streamed --------------------------------------------------------------------------


class HeadersReceived(msgspec.Struct, frozen=True):
    """Response headers, names in lower case. At most once, before any text; also on wires that
    have none to give (then it is left out)."""

    headers: Mapping[str, str]


class Text(msgspec.Struct, frozen=True):
    text: str


class Reasoning(msgspec.Struct, frozen=True):
    text: str


class ToolCallReady(msgspec.Struct, frozen=True):
    """A tool call, complete: never a half of one."""

    call: ToolCallPart


class Progress(msgspec.Struct, frozen=True):
    """A sign of life while what is not shown arrives, such as a tool call's arguments."""

    characters: int = 0
    """How much of it has come since the last one."""


StopReason: TypeAlias = Literal["end", "length", "tool-calls", "refused", "context-full"]


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """The one terminal chunk of a stream that ended as its protocol says it must."""

    stop_reason: StopReason
    usage: Usage
    opaque: tuple[OpaquePart, ...] = ()


Chunk: TypeAlias = HeadersReceived | Text | Reasoning | Progress | ToolCallReady | Done


class Model(Protocol):
    """One account's connection to one wire. Safe for several streams at once on one event loop."""

    def stream(self, request: Request) -> AsyncIterator[Chunk]:
        """Yield chunks, the last of them `Done`, or raise a `Failure`; nothing follows either.

        Cancelling the task that iterates closes the connection before the cancellation goes on.
        Never yields empty text. An answer without its protocol's terminal marker raises
        `BrokenStream`, and so does an answer that holds nothing at all.
        """
        ...

    async def models(self) -> list[str]:
        """Ids of the models the service offers, or raise a `Failure`. Costs no tokens."""
        ...

    async def aclose(self) -> None: ...


# --- how it fails ------------------------------------------------------------------------------


class Failure(Exception):  # noqa: N818  (an outcome of the contract; its kinds are the names)
    """One of a closed set. `str(failure)` is a sentence a person can read; it holds no key."""

    name: ClassVar[str] = "failure"

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        headers: Mapping[str, str] | None = None,
        usage: Usage | None = None,
        unpaid: bool = False,
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds the service asked to be left alone, or `None` if it did not say."""
        self.headers = dict(headers or {})
        self.usage = usage
        """Tokens the service had already counted before it failed, or `None`."""
        self.unpaid = unpaid
        """Whether it lasts until somebody pays (402), rather than until a window resets."""


class Overloaded(Failure):
    """The service is there but can't: 5xx, 529, an error event in a 200 stream."""

    name = "overloaded"


class RateLimited(Failure):
    """429 that passes by itself."""

    name = "rate-limited"


class QuotaSpent(Failure):
    """429 or 402 that lasts until a window resets or somebody pays. `retry_after` says when."""

    name = "quota-spent"


class BadKey(Failure):
    """401 or 403, or no key at all."""

    name = "bad-key"


class ContextTooLong(Failure):
    name = "context-too-long"


class Refused(Failure):
    """The model or its safety filter declined. No fault of the service's."""

    name = "refused"


class BrokenStream(Failure):
    """Cut, malformed, empty, without its terminal marker, or no stream at all."""

    name = "broken-stream"


class Unreachable(Failure):
    """No connection: refused, no route, no such host, TLS."""

    name = "unreachable"


class TimedOut(Failure):
    name = "timed-out"


class BadRequest(Failure):
    """4xx of our own making, such as a model name that the service doesn't know."""

    name = "bad-request"


class Missing(Failure):
    """Something on this machine is not installed: an SDK, a model file, a local server.
    The message ends with the command that mends it."""

    name = "missing"


FAILURES: tuple[type[Failure], ...] = (
    Overloaded,
    RateLimited,
    QuotaSpent,
    BadKey,
    ContextTooLong,
    Refused,
    BrokenStream,
    Unreachable,
    TimedOut,
    BadRequest,
    Missing,
)
