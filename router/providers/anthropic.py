"""Anthropic's Messages wire."""

import base64
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, cast

import anthropic
import httpx2
import msgspec
from anthropic.types import (
    ImageBlockParam,
    MessageDeltaUsage,
    MessageParam,
    RawContentBlockDeltaEvent,
    RawContentBlockStartEvent,
    RawMessageStreamEvent,
    RedactedThinkingBlockParam,
    TextBlockParam,
    ThinkingBlockParam,
    ToolParam,
    ToolResultBlockParam,
    ToolUseBlockParam,
)
from anthropic.types import Usage as AnthropicUsage

from router.providers import tls
from router.providers.answer import Answer, Piece, arguments_object, deliver
from router.providers.base import (
    Chunk,
    Failure,
    ImagePart,
    Message,
    OpaquePart,
    Part,
    Progress,
    Reasoning,
    Request,
    StopReason,
    Text,
    TextPart,
    Tool,
    ToolCallPart,
    ToolCallReady,
    ToolResultPart,
)
from router.providers.connection import Connection
from router.providers.failures import Trouble, failure_of, transport_failure
from store.events import Usage

WIRE: Final = "anthropic"

_STOP: Final[Mapping[str, StopReason]] = {
    "end_turn": "end",
    "stop_sequence": "end",
    "pause_turn": "end",
    "max_tokens": "length",
    "tool_use": "tool-calls",
    "refusal": "refused",
    "model_context_window_exceeded": "context-full",
}

_Block = (
    TextBlockParam
    | ImageBlockParam
    | ToolUseBlockParam
    | ToolResultBlockParam
    | ThinkingBlockParam
    | RedactedThinkingBlockParam
)


class AnthropicModel:
    """`Model` over `messages.create(stream=True)`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._client = anthropic.AsyncAnthropic(
            # A server without keys still needs one in the constructor, else the SDK would go
            # looking for other credentials on this machine.
            api_key=connection.key or "none",
            base_url=connection.base_url,
            max_retries=0,
            default_headers=connection.headers,
            http_client=anthropic.DefaultAsyncHttpxClient(verify=tls.context()),
        )
        self._eager = tells_arguments_early(str(self._client.base_url))

    def stream(self, request: Request) -> AsyncIterator[Chunk]:
        answer = Answer()
        return deliver(self._connection, answer, self._read(request, answer), self._explain)

    async def models(self) -> list[str]:
        try:
            return [model.id async for model in self._client.models.list(limit=1000)]
        except Exception as error:
            raise (self._explain(error) or error) from error

    async def aclose(self) -> None:
        await self._client.close()

    async def _read(self, request: Request, answer: Answer) -> AsyncGenerator[Piece, None]:
        stream = await self._client.messages.create(
            model=request.model,
            max_tokens=request.max_output_tokens,
            messages=_messages(request.messages),
            system=request.system or anthropic.omit,
            tools=[_tool(tool, eager=self._eager) for tool in request.tools] or anthropic.omit,
            stream=True,
            timeout=httpx2.Timeout(self._connection.silence, connect=request.connect_timeout),
        )
        async with stream:
            yield answer.head(stream.response.headers)
            reading = _Reading(answer)
            async for event in stream:
                for piece in reading.pieces(event):
                    yield piece

    def _explain(self, error: Exception) -> Failure | None:
        if isinstance(error, anthropic.APIStatusError):
            codes = {error.type, error.error_code} - {None}
            return failure_of(
                self._connection,
                Trouble(
                    status=error.status_code,
                    codes=frozenset(cast(set[str], codes)),
                    said=error.api_message or "",
                    headers={name.lower(): v for name, v in error.response.headers.items()},
                ),
            )
        return transport_failure(self._connection, error)


def tells_arguments_early(address: str) -> bool:
    """Whether the service may be asked to tell a call's arguments while they are written. Else it
    holds each value back until that is whole: silence, for as long as a file takes to write.
    Gateways that don't know the wish refuse the request, so only Anthropic itself is asked."""
    return httpx2.URL(address).host == "api.anthropic.com"


def open_wire(connection: Connection) -> AnthropicModel:
    return AnthropicModel(connection)


# --- what comes --------------------------------------------------------------------------------


@dataclass
class _Growing:
    """A content block while its deltas arrive."""

    kind: str
    call: str = ""
    name: str = ""
    text: str = ""
    signature: str = ""


class _Reading:
    """One stream's events on their way to pieces."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._blocks: dict[int, _Growing] = {}
        self._stop: StopReason | None = None

    def pieces(self, event: RawMessageStreamEvent) -> Iterable[Piece]:
        match event.type:
            case "message_start":
                self._answer.usage = _usage(Usage(), event.message.usage)
            case "content_block_start":
                yield from self._begin(event)
            case "content_block_delta":
                yield from self._grow(event)
            case "content_block_stop":
                yield from self._finish(self._blocks.pop(event.index, None))
            case "message_delta":
                self._answer.usage = _usage(self._answer.usage, event.usage)
                if event.delta.stop_reason:
                    self._stop = _STOP.get(event.delta.stop_reason, "end")
            case "message_stop":
                self._answer.stop_reason = self._stop
            case _:  # pyright: ignore[reportUnnecessaryComparison] - the service adds kinds
                return

    def _begin(self, event: RawContentBlockStartEvent) -> Iterable[Piece]:
        block = event.content_block
        growing = self._blocks[event.index] = _Growing(block.type)
        if block.type == "tool_use":
            growing.call, growing.name = block.id, block.name
        elif block.type == "redacted_thinking":
            growing.text = block.data
        elif block.type == "text":
            yield Text(block.text)

    def _grow(self, event: RawContentBlockDeltaEvent) -> Iterable[Piece]:
        delta, growing = event.delta, self._blocks[event.index]
        match delta.type:
            case "text_delta":
                yield Text(delta.text)
            case "thinking_delta":
                growing.text += delta.thinking
                yield Reasoning(delta.thinking)
            case "signature_delta":
                growing.signature += delta.signature
            case "input_json_delta":
                growing.text += delta.partial_json
                yield Progress(len(delta.partial_json))
            case _:
                return

    def _finish(self, block: _Growing | None) -> Iterable[Piece]:
        if block is None:
            return
        if block.kind == "tool_use":
            yield ToolCallReady(ToolCallPart(block.call, block.name, block.text or "{}"))
        elif block.kind == "thinking" and block.signature:
            thinking = {"thinking": block.text, "signature": block.signature}
            _keep(self._answer, {"type": block.kind} | thinking)
        elif block.kind == "redacted_thinking":
            _keep(self._answer, {"type": block.kind, "data": block.text})


def _keep(answer: Answer, block: Mapping[str, str]) -> None:
    answer.opaque.append(OpaquePart(WIRE, msgspec.json.encode(block).decode()))


def _usage(before: Usage, now: AnthropicUsage | MessageDeltaUsage) -> Usage:
    """Cumulative figures: what the later event leaves out stays as it was."""
    details = now.output_tokens_details
    return Usage(
        input=_newer(now.input_tokens, before.input),
        output=_newer(now.output_tokens, before.output),
        cache_read=_newer(now.cache_read_input_tokens, before.cache_read),
        cache_write=_newer(now.cache_creation_input_tokens, before.cache_write),
        reasoning=_newer(details.thinking_tokens if details else None, before.reasoning),
    )


def _newer(now: int | None, before: int) -> int:
    return before if now is None else now


# --- what is asked -----------------------------------------------------------------------------


def _messages(messages: Iterable[Message]) -> list[MessageParam]:
    built: list[MessageParam] = []
    for message in messages:
        content = _content(message.parts)
        if content and message.role == "user":
            built.append({"role": "user", "content": content})
        elif content:
            built.append({"role": "assistant", "content": content})
    return built


def _content(parts: Iterable[Part]) -> list[_Block]:
    """Thinking first, as the wire demands; tool results before text, likewise."""
    blocks = [_block(part) for part in sorted(parts, key=_place)]
    return [block for block in blocks if block is not None]


def _place(part: Part) -> int:
    return 0 if isinstance(part, OpaquePart) else 1 if isinstance(part, ToolResultPart) else 2


def _block(part: Part) -> _Block | None:
    match part:
        case TextPart(text):
            return {"type": "text", "text": text} if text.strip() else None
        case ImagePart():
            return _image(part)
        case ToolCallPart(call, name, arguments):
            return {
                "type": "tool_use",
                "id": call,
                "name": name,
                "input": arguments_object(arguments),
            }
        case ToolResultPart(call, _, text, failed):
            return {
                "type": "tool_result",
                "tool_use_id": call,
                "content": text,
                "is_error": failed,
            }
        case OpaquePart(wire, body):
            return _thinking(body) if wire == WIRE else None


def _thinking(body: str) -> ThinkingBlockParam | RedactedThinkingBlockParam:
    return cast(
        ThinkingBlockParam | RedactedThinkingBlockParam,
        msgspec.json.decode(body, type=dict[str, str]),
    )


def _image(part: ImagePart) -> ImageBlockParam:
    kind = cast(Literal["image/jpeg", "image/png", "image/gif", "image/webp"], part.media_type)
    data = base64.b64encode(part.data).decode()
    return {"type": "image", "source": {"type": "base64", "media_type": kind, "data": data}}


def _tool(tool: Tool, *, eager: bool) -> ToolParam:
    built: ToolParam = {
        "name": tool.name,
        "description": tool.description,
        "input_schema": dict(tool.schema),
    }
    return {**built, "eager_input_streaming": True} if eager else built
