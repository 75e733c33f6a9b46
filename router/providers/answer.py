"""What every wire owes its caller, kept in one place.

A wire reads its service's events into an `Answer` and yields what is to be shown; `deliver` sees
to it that a stream ends in exactly one `Done` or one `Failure`, and that the connection is closed
however it ends.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TypeAlias

import msgspec

from router.providers.base import (
    Chunk,
    ContextTooLong,
    Done,
    Failure,
    HeadersReceived,
    OpaquePart,
    Progress,
    Reasoning,
    Refused,
    StopReason,
    Text,
    ToolCallReady,
)
from router.providers.connection import Connection
from router.providers.failures import broken
from store.events import Usage

Piece: TypeAlias = HeadersReceived | Text | Reasoning | Progress | ToolCallReady
Explain: TypeAlias = Callable[[Exception], Failure | None]


@dataclass
class Answer:
    """What has come of an answer so far, besides what was shown."""

    usage: Usage = field(default_factory=Usage)
    stop_reason: StopReason | None = None
    """Set when the protocol's terminal marker has come, and only then."""
    opaque: list[OpaquePart] = field(default_factory=list[OpaquePart])
    headers: dict[str, str] = field(default_factory=dict[str, str])
    said: bool = False
    """Whether there was any text or tool call."""
    called: bool = False
    """Whether there was a tool call."""
    declined: bool = False
    """Whether the protocol marked text as a refusal, which its stop reason then hides."""

    def head(self, headers: Mapping[str, str]) -> HeadersReceived:
        """Keep the response's headers, names in lower case, and make the chunk that tells them."""
        self.headers = {name.lower(): value for name, value in headers.items()}
        return HeadersReceived(self.headers)

    def note(self, piece: Piece) -> None:
        self.called = self.called or isinstance(piece, ToolCallReady)
        self.said = self.said or isinstance(piece, Text | ToolCallReady)


async def deliver(
    connection: Connection,
    answer: Answer,
    pieces: AsyncGenerator[Piece, None],
    explain: Explain,
) -> AsyncIterator[Chunk]:
    """Pass the pieces on under the contract of `Model.stream`."""
    unsure: list[ToolCallReady] = []
    try:
        async with aclosing(pieces):
            async for piece in pieces:
                if isinstance(piece, ToolCallReady) and not _is_object(piece.call.arguments):
                    unsure.append(piece)
                elif not isinstance(piece, Text | Reasoning) or piece.text:
                    answer.note(piece)
                    yield piece
        for call in _whole(unsure, answer):
            answer.note(call)
            yield call
        done = _close(connection, answer)
    except Exception as error:
        failure = _failure(connection, error, explain)
        failure.headers = failure.headers or answer.headers
        failure.usage = failure.usage or (answer.usage if answer.usage.total else None)
        if failure is error:
            raise
        raise failure from error
    yield done


def arguments_object(arguments: str) -> dict[str, object]:
    """A call's arguments for wires that want them as an object. What the model wrote wrongly goes
    back to it under `invalid_json`, so that it sees its mistake."""
    try:
        return msgspec.json.decode(arguments or "{}", type=dict[str, object])
    except (msgspec.DecodeError, RecursionError):  # the latter for thousands of brackets
        return {"invalid_json": arguments}


def _is_object(arguments: str) -> bool:
    try:
        msgspec.json.decode(arguments, type=dict[str, object])
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _whole(unsure: list[ToolCallReady], answer: Answer) -> list[ToolCallReady]:
    """Calls whose arguments are no JSON object: cut off, and then dropped, or written wrongly by
    the model, which is for the caller to tell it."""
    return [] if answer.stop_reason in {None, "length", "context-full"} else unsure


def _close(connection: Connection, answer: Answer) -> Done:
    reason = answer.stop_reason
    if reason is None:
        raise broken(connection, "ended its answer before the end")
    if not answer.said:
        _allow_silence(connection, answer, reason)
    if reason == "end" and answer.called:  # not every protocol tells the two apart
        reason = "tool-calls"
    if reason == "end" and answer.declined:
        reason = "refused"
    return Done(stop_reason=reason, usage=answer.usage, opaque=tuple(answer.opaque))


def _allow_silence(connection: Connection, answer: Answer, reason: StopReason) -> None:
    """An answer without text or tool call is one only if its limit went into hidden reasoning."""
    if reason == "refused":
        raise Refused(
            f"{connection.name} declined to answer: put it differently or use another model."
        )
    if reason == "context-full":
        raise ContextTooLong(
            f"The conversation fills the whole window of the model of {connection.name}: use a "
            "model with a larger one or start a new session."
        )
    if reason != "length" or not answer.usage.output:
        raise broken(connection, "sent an empty answer")


def _failure(connection: Connection, error: Exception, explain: Explain) -> Failure:
    if isinstance(error, Failure):
        return error
    known = explain(error)
    if known is not None:
        return known
    if isinstance(error, ValueError | TypeError | AttributeError | LookupError | AssertionError):
        # What SDKs, which don't validate, run into when a service sends something else.
        return broken(connection, "answered with something that is not its protocol")
    raise error
