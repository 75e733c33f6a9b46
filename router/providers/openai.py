"""OpenAI's Responses wire."""

import base64
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from typing import Final, cast

import msgspec
import openai
from openai.types.responses import (
    EasyInputMessageParam,
    FunctionToolParam,
    Response,
    ResponseError,
    ResponseFunctionToolCallParam,
    ResponseInputContentParam,
    ResponseInputItemParam,
    ResponseOutputItem,
    ResponseReasoningItem,
    ResponseReasoningItemParam,
    ResponseStreamEvent,
    ResponseUsage,
)
from openai.types.responses.response_input_item_param import FunctionCallOutput

from router.providers.answer import Answer, Piece, deliver
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
from router.providers.failures import Trouble, failure_of
from router.providers.openai_sdk import explain, list_models, open_client, time_limits, usage_of
from store.events import Usage

WIRE: Final = "openai"

_INCOMPLETE: Final[Mapping[str, StopReason]] = {
    "max_output_tokens": "length",
    "content_filter": "refused",
}


class OpenAIModel:
    """`Model` over `responses.create(stream=True)`."""

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
        stream = await self._client.responses.create(
            model=request.model,
            input=_input(request.messages),
            instructions=request.system or openai.omit,
            max_output_tokens=request.max_output_tokens,
            tools=[_tool(tool) for tool in request.tools] or openai.omit,
            # The conversation lives in our journal. Reasoning comes encrypted, to be sent back;
            # asking for it by `include` is an error for models that do not reason.
            store=False,
            stream=True,
            timeout=time_limits(self._connection, request),
        )
        async with stream:
            yield answer.head(stream.response.headers)
            async for event in stream:
                for piece in self._pieces(event, answer):
                    yield piece

    def _pieces(self, event: ResponseStreamEvent, answer: Answer) -> Iterable[Piece]:
        match event.type:
            case "response.output_text.delta":
                yield Text(event.delta)
            case "response.refusal.delta":
                answer.declined = True
                yield Text(event.delta)
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
                yield Reasoning(event.delta)
            case "response.reasoning_summary_part.added":
                yield Reasoning("\n\n" if event.summary_index else "")
            case "response.function_call_arguments.delta":
                yield Progress(len(event.delta))
            case "response.output_item.done":
                yield from _finished(event.item, answer)
            case "response.completed" | "response.incomplete" | "response.failed":
                self._end(event.response, answer)
            case "error":
                raise self._told(event.code or "", event.message)
            case _:
                return

    def _end(self, response: Response, answer: Answer) -> None:
        if response.usage:
            answer.usage = _usage(response.usage)
        if response.status == "failed" or response.error:
            raise self._failed(response.error)
        details = response.incomplete_details
        reason = (details.reason if details else None) or ""
        answer.stop_reason = _INCOMPLETE.get(reason, "end")

    def _failed(self, error: ResponseError | None) -> Failure:
        return self._told(error.code if error else "", error.message if error else "")

    def _told(self, code: str, message: str) -> Failure:
        """An error the service tells inside a stream that began well."""
        trouble = Trouble(status=200, codes=frozenset({code}), said=message or "")
        return failure_of(self._connection, trouble)

    def _explain(self, error: Exception) -> Failure | None:
        return explain(self._connection, error)


def open_wire(connection: Connection) -> OpenAIModel:
    return OpenAIModel(connection)


# --- what comes --------------------------------------------------------------------------------


def _finished(item: ResponseOutputItem, answer: Answer) -> Iterable[Piece]:
    if item.type == "function_call":
        yield ToolCallReady(ToolCallPart(item.call_id, item.name, item.arguments or "{}"))
    elif item.type == "reasoning" and item.encrypted_content:
        answer.opaque.append(OpaquePart(WIRE, _reasoning(item)))


def _usage(service: ResponseUsage) -> Usage:
    into, out = service.input_tokens_details, service.output_tokens_details
    return usage_of(
        taken=service.input_tokens,
        given=service.output_tokens,
        read=into.cached_tokens if into else None,
        write=getattr(into, "cache_write_tokens", None),
        reasoning=out.reasoning_tokens if out else None,
    )


def _reasoning(item: ResponseReasoningItem) -> str:
    return item.model_dump_json(exclude={"status"}, exclude_none=True)


# --- what is asked -----------------------------------------------------------------------------


def _input(messages: Iterable[Message]) -> list[ResponseInputItemParam]:
    return [item for message in messages for item in _items(message)]


def _items(message: Message) -> Iterable[ResponseInputItemParam]:
    """Reasoning before what came of it; tool results before what the user added to them."""
    for part in message.parts:
        if isinstance(part, OpaquePart) and part.wire == WIRE:
            yield cast(ResponseReasoningItemParam, msgspec.json.decode(part.body))
        elif isinstance(part, ToolResultPart):
            yield _result(part)
    if message.role == "user":
        content = [piece for part in message.parts for piece in _content(part)]
        if content:
            yield EasyInputMessageParam(type="message", role="user", content=content)
    else:
        text = "".join(part.text for part in message.parts if isinstance(part, TextPart))
        if text:
            yield EasyInputMessageParam(type="message", role="assistant", content=text)
    yield from (_call(part) for part in message.parts if isinstance(part, ToolCallPart))


def _content(part: Part) -> Iterable[ResponseInputContentParam]:
    if isinstance(part, TextPart) and part.text:
        yield {"type": "input_text", "text": part.text}
    elif isinstance(part, ImagePart):
        data = base64.b64encode(part.data).decode()
        url = f"data:{part.media_type};base64,{data}"
        yield {"type": "input_image", "image_url": url, "detail": "auto"}


def _call(part: ToolCallPart) -> ResponseFunctionToolCallParam:
    return {
        "type": "function_call",
        "call_id": part.call,
        "name": part.name,
        "arguments": part.arguments,
    }


def _result(part: ToolResultPart) -> FunctionCallOutput:
    text = f"The tool failed: {part.text}" if part.failed else part.text
    return {"type": "function_call_output", "call_id": part.call, "output": text}


def _tool(tool: Tool) -> FunctionToolParam:
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": dict(tool.schema),
        "strict": False,
    }
