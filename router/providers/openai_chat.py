"""The chat-completions wire, as vLLM, llama.cpp, gateways and OpenAI itself speak it."""

import base64
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec
import openai
from openai.types.chat import (
    ChatCompletionAssistantMessageParam,
    ChatCompletionContentPartParam,
    ChatCompletionFunctionToolParam,
    ChatCompletionMessageFunctionToolCallParam,
    ChatCompletionMessageParam,
)

from router.providers.answer import Answer, Piece, deliver
from router.providers.base import (
    Chunk,
    Failure,
    ImagePart,
    Message,
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
from router.providers.openai_sdk import explain, list_models, open_client, time_limits, usage_of
from store.events import Usage

_STOP: Final[Mapping[str, StopReason]] = {
    "stop": "end",
    "length": "length",
    "tool_calls": "tool-calls",
    "function_call": "tool-calls",
    "content_filter": "refused",
}


class OpenAIChatModel:
    """`Model` over chat completions.

    The SDK sends the request, reads the stream and tells its errors; what each event holds is
    decoded here, which takes a tenth of the time that the SDK takes to make its own objects.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._client = open_client(connection)

    def stream(self, request: Request) -> AsyncIterator[Chunk]:
        answer = Answer()
        return deliver(self._connection, answer, self._read(request, answer), self._explain)

    async def models(self) -> list[str]:
        return await list_models(self._client, self._connection)

    async def aclose(self) -> None:
        await self._client.close()

    async def _read(self, request: Request, answer: Answer) -> AsyncGenerator[Piece, None]:
        stream = await self._client.post(
            "/chat/completions",
            cast_to=object,
            body=self._body(request),
            options={"timeout": time_limits(self._connection, request)},
            stream=True,
            stream_cls=openai.AsyncStream[object],
        )
        async with stream:
            yield answer.head(stream.response.headers)
            calls: dict[int, _Growing] = {}
            async for event in stream:
                for piece in _pieces(_decoded(event), calls, answer):
                    yield piece
            for call in calls.values() if answer.stop_reason else ():
                yield call.ready()

    def _body(self, request: Request) -> dict[str, object]:
        # OpenAI's reasoning models refuse the old name of the limit, older servers don't know
        # the new one.
        limit = "max_tokens" if self._connection.base_url else "max_completion_tokens"
        body: dict[str, object] = {
            "model": request.model,
            "messages": _messages(request),
            limit: request.max_output_tokens,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if request.tools:
            body["tools"] = [_tool(tool) for tool in request.tools]
        return body

    def _explain(self, error: Exception) -> Failure | None:
        return explain(self._connection, error)


def open_wire(connection: Connection) -> OpenAIChatModel:
    return OpenAIChatModel(connection)


# --- what comes --------------------------------------------------------------------------------


class _Details(msgspec.Struct, frozen=True):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None

    def normalised(self) -> Usage:
        into = self.prompt_tokens_details or _Details()
        out = self.completion_tokens_details or _Details()
        return usage_of(
            taken=self.prompt_tokens,
            given=self.completion_tokens,
            read=into.cached_tokens,
            write=into.cache_write_tokens,
            reasoning=out.reasoning_tokens,
        )


class _Function(msgspec.Struct, frozen=True):
    name: str | None = None
    arguments: str | None = None


class _Call(msgspec.Struct, frozen=True):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Delta(msgspec.Struct, frozen=True):
    content: str | None = None
    refusal: str | None = None
    tool_calls: tuple[_Call, ...] | None = None
    reasoning_content: object = None
    reasoning: object = None


class _Choice(msgspec.Struct, frozen=True):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Event(msgspec.Struct, frozen=True):
    """What is read of an event; compatible servers leave out what they like."""

    choices: tuple[_Choice, ...] | None = None
    usage: _Usage | None = None


def _decoded(event: object) -> _Event:
    """Raises ValueError for what is no event of this protocol."""
    return msgspec.convert(event, _Event, strict=False)


@dataclass
class _Growing:
    """A tool call while its pieces arrive."""

    call: str = ""
    name: str = ""
    arguments: str = ""

    def add(self, piece: _Call) -> None:
        self.call = self.call or piece.id or ""
        if piece.function:
            self.name = self.name or piece.function.name or ""
            self.arguments += piece.function.arguments or ""

    def ready(self) -> ToolCallReady:
        call = self.call or f"call_{secrets.token_hex(8)}"  # some servers give none
        return ToolCallReady(ToolCallPart(call, self.name, self.arguments or "{}"))


def _pieces(event: _Event, calls: dict[int, _Growing], answer: Answer) -> Iterable[Piece]:
    if event.usage:
        answer.usage = event.usage.normalised()
    for choice in event.choices or ():
        if choice.delta:
            yield from _grow(choice.delta, calls, answer)
        if choice.finish_reason:
            answer.stop_reason = _STOP.get(choice.finish_reason, "end")


def _grow(delta: _Delta, calls: dict[int, _Growing], answer: Answer) -> Iterable[Piece]:
    # Not in OpenAI's own protocol; llama.cpp and vLLM use the one name, gateways the other.
    reasoning = delta.reasoning_content or delta.reasoning
    if isinstance(reasoning, str):
        yield Reasoning(reasoning)
    if delta.content:
        yield Text(delta.content)
    if delta.refusal:
        answer.declined = True
        yield Text(delta.refusal)
    for piece in delta.tool_calls or ():
        calls.setdefault(piece.index or 0, _Growing()).add(piece)
        arguments = piece.function.arguments if piece.function else None
        yield Progress(len(arguments or ""))


# --- what is asked -----------------------------------------------------------------------------


def _messages(request: Request) -> list[ChatCompletionMessageParam]:
    built: list[ChatCompletionMessageParam] = []
    if request.system:
        built.append({"role": "system", "content": request.system})
    for message in request.messages:
        built.extend(_assistant(message) if message.role == "assistant" else _user(message))
    return built


def _assistant(message: Message) -> Iterable[ChatCompletionMessageParam]:
    text = "".join(part.text for part in message.parts if isinstance(part, TextPart))
    calls = [_call(part) for part in message.parts if isinstance(part, ToolCallPart)]
    turn: ChatCompletionAssistantMessageParam = {"role": "assistant", "content": text}
    if calls:
        turn["tool_calls"] = calls
    if text or calls:
        yield turn


def _user(message: Message) -> Iterable[ChatCompletionMessageParam]:
    """Tool results are messages of their own here, and come before the rest."""
    for part in message.parts:
        if isinstance(part, ToolResultPart):
            text = f"The tool failed: {part.text}" if part.failed else part.text
            yield {"role": "tool", "tool_call_id": part.call, "content": text}
    content = [piece for part in message.parts for piece in _content(part)]
    if len(content) == 1 and content[0]["type"] == "text":
        yield {"role": "user", "content": content[0]["text"]}  # plain: every server reads it
    elif content:
        yield {"role": "user", "content": content}


def _content(part: Part) -> Iterable[ChatCompletionContentPartParam]:
    if isinstance(part, TextPart) and part.text:
        yield {"type": "text", "text": part.text}
    elif isinstance(part, ImagePart):
        data = base64.b64encode(part.data).decode()
        url = f"data:{part.media_type};base64,{data}"
        yield {"type": "image_url", "image_url": {"url": url}}


def _call(part: ToolCallPart) -> ChatCompletionMessageFunctionToolCallParam:
    return {
        "id": part.call,
        "type": "function",
        "function": {"name": part.name, "arguments": part.arguments},
    }


def _tool(tool: Tool) -> ChatCompletionFunctionToolParam:
    return {
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": dict(tool.schema),
        },
    }
