"""The chat-completions wire, as vLLM, llama.cpp, gateways and OpenAI itself speak it."""

import base64
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import openai
from openai.types.chat import (
    ChatCompletionAssistantMessageParam,
    ChatCompletionChunk,
    ChatCompletionContentPartParam,
    ChatCompletionFunctionToolParam,
    ChatCompletionMessageFunctionToolCallParam,
    ChatCompletionMessageParam,
)
from openai.types.chat.chat_completion_chunk import ChoiceDelta, ChoiceDeltaToolCall

from router.providers.answer import Answer, Piece, deliver
from router.providers.base import (
    Chunk,
    Failure,
    ImagePart,
    Message,
    Part,
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

_STOP: Final[Mapping[str, StopReason]] = {
    "stop": "end",
    "length": "length",
    "tool_calls": "tool-calls",
    "function_call": "tool-calls",
    "content_filter": "refused",
}


class OpenAIChatModel:
    """`Model` over `chat.completions.create(stream=True)`."""

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
        # OpenAI's reasoning models refuse the old name of the limit, older servers don't know
        # the new one.
        own = self._connection.base_url is None
        stream = await self._client.chat.completions.create(
            model=request.model,
            messages=_messages(request),
            max_completion_tokens=request.max_output_tokens if own else openai.omit,
            max_tokens=openai.omit if own else request.max_output_tokens,
            tools=[_tool(tool) for tool in request.tools] or openai.omit,
            stream=True,
            stream_options={"include_usage": True},
            timeout=time_limits(self._connection, request),
        )
        async with stream:
            yield answer.head(stream.response.headers)
            calls: dict[int, _Growing] = {}
            async for chunk in stream:
                for piece in _pieces(chunk, calls, answer):
                    yield piece
            for call in calls.values() if answer.stop_reason else ():
                yield call.ready()

    def _explain(self, error: Exception) -> Failure | None:
        return explain(self._connection, error)


def open_wire(connection: Connection) -> OpenAIChatModel:
    return OpenAIChatModel(connection)


# --- what comes --------------------------------------------------------------------------------


@dataclass
class _Growing:
    """A tool call while its pieces arrive."""

    call: str = ""
    name: str = ""
    arguments: str = ""

    def add(self, piece: ChoiceDeltaToolCall) -> None:
        self.call = self.call or piece.id or ""
        if piece.function:
            self.name = self.name or piece.function.name or ""
            self.arguments += piece.function.arguments or ""

    def ready(self) -> ToolCallReady:
        call = self.call or f"call_{secrets.token_hex(8)}"  # some servers give none
        return ToolCallReady(ToolCallPart(call, self.name, self.arguments or "{}"))


def _pieces(
    chunk: ChatCompletionChunk, calls: dict[int, _Growing], answer: Answer
) -> Iterable[Piece]:
    if chunk.usage:
        answer.usage = usage_of(chunk.usage)
    for choice in chunk.choices or ():
        if choice.delta:
            yield from _grow(choice.delta, calls, answer)
        if choice.finish_reason:
            answer.stop_reason = _STOP.get(choice.finish_reason, "end")


def _grow(delta: ChoiceDelta, calls: dict[int, _Growing], answer: Answer) -> Iterable[Piece]:
    yield Reasoning(_reasoning(delta))
    yield Text(delta.content or "")
    if delta.refusal:
        answer.declined = True
        yield Text(delta.refusal)
    for piece in delta.tool_calls or ():
        calls.setdefault(piece.index or 0, _Growing()).add(piece)


def _reasoning(delta: ChoiceDelta) -> str:
    """Not in OpenAI's own protocol; llama.cpp and vLLM use the one name, gateways the other."""
    extra = delta.model_extra or {}
    text: object = extra.get("reasoning_content") or extra.get("reasoning")
    return text if isinstance(text, str) else ""


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
