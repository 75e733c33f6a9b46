"""Ollama's own wire."""

import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import aclosing
from typing import Any, Final, cast

import msgspec
import ollama

from router.providers.answer import Answer, Piece, arguments_object, deliver
from router.providers.base import (
    Chunk,
    Failure,
    ImagePart,
    Message,
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
from router.providers.exchange import Exchange, hooks
from router.providers.failures import Trouble, failure_of, transport_failure
from store.events import Usage

_STOP: Final[Mapping[str, StopReason]] = {"stop": "end", "length": "length"}


class OllamaModel:
    """`Model` over `chat(stream=True)`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        key = {"authorization": f"Bearer {connection.key}"} if connection.key else {}
        self._client = ollama.AsyncClient(
            host=connection.address,
            headers={**connection.headers, **key},
            event_hooks=hooks(connect=5.0, silence=connection.silence),
        )

    def stream(self, request: Request) -> AsyncIterator[Chunk]:
        answer = Answer()
        pieces = self._read(request, answer)
        return deliver(
            self._connection, answer, pieces, lambda error: self._explain(error, request.model)
        )

    async def models(self) -> list[str]:
        try:
            listed = await self._client.list()
        except Exception as error:
            raise (self._explain(error) or error) from error
        return [entry.model for entry in listed.models if entry.model]

    async def aclose(self) -> None:
        await self._client.close()

    async def _read(self, request: Request, answer: Answer) -> AsyncGenerator[Piece, None]:
        exchange = Exchange(connect=request.connect_timeout, silence=self._connection.silence)
        chunks = cast(
            AsyncGenerator[ollama.ChatResponse, None],
            await self._client.chat(  # pyright: ignore[reportUnknownMemberType] - bare Callable
                model=request.model,
                messages=_messages(request),
                tools=[_tool(tool) for tool in request.tools],
                options={"num_predict": request.max_output_tokens},
                stream=True,
            ),
        )
        async with aclosing(chunks):
            chunk = await exchange.first(chunks)
            yield answer.head(exchange.headers)
            while chunk is not None:
                for piece in _pieces(chunk, answer):
                    yield piece
                chunk = await anext(chunks, None)

    def _explain(self, error: Exception, model: str = "") -> Failure | None:
        if not isinstance(error, ollama.ResponseError):
            return transport_failure(self._connection, error)
        missing = error.status_code == 404 and model
        trouble = Trouble(
            status=max(200, error.status_code),  # -1 for an error told inside a stream
            said=_message(error.error),
            headers=_headers_behind(error),
            advice=f"fetch the model with `ollama pull {model}`" if missing else "",
        )
        return failure_of(self._connection, trouble)


def open_wire(connection: Connection) -> OllamaModel:
    return OllamaModel(connection)


def _message(error: object) -> str:
    """Ollama's own errors are text; servers that speak its wire also send OpenAI's objects."""
    match error:
        case {"message": str(text)} | str(text):
            return text
        case _:
            return ""


def _headers_behind(error: BaseException) -> dict[str, str]:
    """Of the HTTP error that the SDK turned into its own, which keeps the status only."""
    response = getattr(error.__context__, "response", None)
    headers: Mapping[str, str] = getattr(response, "headers", {})
    return {name.lower(): value for name, value in headers.items()}


# --- what comes --------------------------------------------------------------------------------


def _pieces(chunk: ollama.ChatResponse, answer: Answer) -> Iterable[Piece]:
    yield Reasoning(chunk.message.thinking or "")
    yield Text(chunk.message.content or "")
    for call in chunk.message.tool_calls or ():
        arguments = msgspec.json.encode(call.function.arguments).decode()
        yield ToolCallReady(
            ToolCallPart(f"call_{secrets.token_hex(8)}", call.function.name, arguments)
        )
    if chunk.done:
        answer.usage = Usage(input=chunk.prompt_eval_count or 0, output=chunk.eval_count or 0)
        answer.stop_reason = _STOP.get(chunk.done_reason or "", "end")


# --- what is asked -----------------------------------------------------------------------------


def _messages(request: Request) -> list[dict[str, Any]]:
    built: list[dict[str, Any]] = []
    if request.system:
        built.append({"role": "system", "content": request.system})
    for message in request.messages:
        built.extend(_results(message))
        turn = _turn(message)
        if len(turn) > 1:
            built.append(turn)
    return built


def _results(message: Message) -> Iterable[dict[str, Any]]:
    for part in message.parts:
        if isinstance(part, ToolResultPart):
            text = f"The tool failed: {part.text}" if part.failed else part.text
            yield {"role": "tool", "tool_name": part.name, "content": text}


def _turn(message: Message) -> dict[str, Any]:
    parts = message.parts
    turn: dict[str, Any] = {"role": message.role}
    if text := "".join(part.text for part in parts if isinstance(part, TextPart)):
        turn["content"] = text
    if images := [part.data for part in parts if isinstance(part, ImagePart)]:
        turn["images"] = images
    if calls := [_call(part) for part in parts if isinstance(part, ToolCallPart)]:
        turn["tool_calls"] = calls
    return turn


def _call(part: ToolCallPart) -> dict[str, Any]:
    return {"function": {"name": part.name, "arguments": arguments_object(part.arguments)}}


def _tool(tool: Tool) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": dict(tool.schema),
        },
    }
