"""Google's Gemini wire."""

import base64
import re
import secrets
import warnings
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import aclosing, suppress
from typing import Final, cast

import httpx2
import msgspec
from google import genai
from google.genai import errors, types
from google.genai.types import FinishReason

from router.providers.answer import Answer, Piece, arguments_object, deliver
from router.providers.base import (
    Chunk,
    Failure,
    ImagePart,
    OpaquePart,
    Part,
    Reasoning,
    Request,
    Text,
    TextPart,
    Tool,
    ToolCallPart,
    ToolCallReady,
    ToolResultPart,
)
from router.providers.connection import Connection
from router.providers.exchange import Exchange, hooks
from router.providers.failures import Trouble, broken, failure_of, transport_failure
from router.providers.waiting import span, until_pacific_midnight
from store.events import Usage

WIRE: Final = "google"

_OWN_CALL: Final = "butler-"
"""Begins the ids of calls that came without one; those are not sent back."""

_UNSIGNED: Final = base64.urlsafe_b64decode("skip_thought_signature_validator")
"""Stands for the thought signature of a call that never had one: another model made it. Gemini 3
refuses such a call without; this is the word Google documents for it, and the SDK turns these
bytes back into it."""

_LENIENT: Final = re.compile(r"gemini-[12](?![0-9])")
"""Models that ask for no signature."""

_REFUSED: Final = frozenset(
    {
        FinishReason.SAFETY,
        FinishReason.RECITATION,
        FinishReason.LANGUAGE,
        FinishReason.BLOCKLIST,
        FinishReason.PROHIBITED_CONTENT,
        FinishReason.SPII,
        FinishReason.IMAGE_SAFETY,
        FinishReason.MODEL_ARMOR,
    }
)
_GIVEN_UP: Final = frozenset(
    {
        FinishReason.OTHER,
        FinishReason.MALFORMED_FUNCTION_CALL,
        FinishReason.UNEXPECTED_TOOL_CALL,
        FinishReason.TOO_MANY_TOOL_CALLS,
        FinishReason.MISSING_THOUGHT_SIGNATURE,
        FinishReason.MALFORMED_RESPONSE,
    }
)

# Said on every reason newer than the SDK, and it would land in the middle of the screen.
warnings.filterwarnings("ignore", ".* is not a valid FinishReason", UserWarning)


class GoogleModel:
    """`Model` over `aio.models.generate_content_stream`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        # Our own HTTP client, else the SDK takes aiohttp wherever that happens to be installed.
        tls = httpx2.create_ssl_context()
        self._http = httpx2.AsyncClient(
            verify=tls,
            follow_redirects=True,
            event_hooks=hooks(connect=5.0, silence=connection.silence),
        )
        base_url, version = _split_version(connection.base_url)
        self._client = genai.Client(
            enterprise=False,
            api_key=connection.key or "none",  # a server without keys still needs one here
            http_options=types.HttpOptions(
                base_url=base_url,
                api_version=version,
                headers=dict(connection.headers),
                retry_options=types.HttpRetryOptions(attempts=1),
                httpx_async_client=self._http,
                client_args={"verify": tls},  # spares it loading all certificates once more
            ),
        )

    def stream(self, request: Request) -> AsyncIterator[Chunk]:
        answer = Answer()
        return deliver(self._connection, answer, self._read(request, answer), self._explain)

    async def models(self) -> list[str]:
        try:
            listed = [model async for model in await self._client.aio.models.list()]
        except Exception as error:
            raise (self._explain(error) or error) from error
        return [
            model.name.removeprefix("models/")
            for model in listed
            if model.name and "generateContent" in (model.supported_actions or ["generateContent"])
        ]

    async def aclose(self) -> None:
        await self._client.aio.aclose()
        await self._http.aclose()
        self._client.close()

    async def _read(self, request: Request, answer: Answer) -> AsyncGenerator[Piece, None]:
        exchange = Exchange(connect=request.connect_timeout, silence=self._connection.silence)
        chunks = cast(
            AsyncGenerator[types.GenerateContentResponse, None],
            await self._client.aio.models.generate_content_stream(  # pyright: ignore[reportUnknownMemberType] - its types name libraries that need not be installed
                model=request.model, contents=_contents(request), config=_config(request)
            ),
        )
        try:
            async with aclosing(chunks):
                chunk = await exchange.first(chunks)
                yield answer.head(exchange.headers)
                while chunk is not None:
                    for piece in self._pieces(chunk, answer):
                        yield piece
                    chunk = await anext(chunks, None)
        finally:
            await exchange.aclose()  # closing the SDK's iterator leaves the connection open

    def _pieces(self, chunk: types.GenerateContentResponse, answer: Answer) -> Iterable[Piece]:
        if chunk.usage_metadata:
            answer.usage = _usage(chunk.usage_metadata)
        if chunk.prompt_feedback and chunk.prompt_feedback.block_reason:
            answer.stop_reason = "refused"
        for candidate in (chunk.candidates or ())[:1]:
            for part in (candidate.content and candidate.content.parts) or ():
                yield from _piece(part, answer)
            if candidate.finish_reason:
                self._finish(candidate.finish_reason, answer)

    def _finish(self, reason: FinishReason, answer: Answer) -> None:
        if reason is FinishReason.MAX_TOKENS:
            answer.stop_reason = "length"
        elif reason in _REFUSED:
            answer.stop_reason = "refused"
        elif reason in _GIVEN_UP:
            raise broken(self._connection, f"gave up its answer ({reason.value})")
        elif reason is not FinishReason.FINISH_REASON_UNSPECIFIED:
            answer.stop_reason = "end"

    def _explain(self, error: Exception) -> Failure | None:
        if isinstance(error, errors.APIError):
            return failure_of(self._connection, _trouble(error))
        return transport_failure(self._connection, error)


def open_wire(connection: Connection) -> GoogleModel:
    return GoogleModel(connection)


def _split_version(base_url: str | None) -> tuple[str | None, str | None]:
    """The version may end the address; servers of others than Google speak v1beta."""
    if base_url is None:
        return None, None
    head, _, tail = base_url.rstrip("/").rpartition("/")
    return (head, tail) if tail in {"v1", "v1beta", "v1alpha"} else (base_url, "v1beta")


# --- how it fails ------------------------------------------------------------------------------


class _Detail(msgspec.Struct):
    """What counts of the several kinds of detail that Google adds to an error."""

    reason: str = ""
    retry_delay: str = msgspec.field(default="", name="retryDelay")
    violations: list[dict[str, object]] = msgspec.field(default_factory=list[dict[str, object]])


class _Error(msgspec.Struct):
    details: list[dict[str, object]] = msgspec.field(default_factory=list[dict[str, object]])


class _Body(msgspec.Struct):
    error: _Error = msgspec.field(default_factory=_Error)


def _trouble(error: errors.APIError) -> Trouble:
    details = _details(cast(object, error.details))  # pyright: ignore[reportUnknownMemberType]
    daily = any(
        "PerDay" in str(violation.get("quotaId", ""))
        for detail in details
        for violation in detail.violations
    )
    codes = {error.status or "", *(detail.reason for detail in details)}
    waits = [span(detail.retry_delay) for detail in details]
    response = cast(object, error.response)  # pyright: ignore[reportUnknownMemberType]
    headers: Mapping[str, str] = getattr(response, "headers", None) or {}
    return Trouble(
        status=error.code or 200,
        codes=frozenset(codes | ({"quota_per_day"} if daily else set())),
        said=error.message or "",
        headers={name.lower(): value for name, value in headers.items()},
        # A daily quota comes with a delay of seconds, after which it is just as spent.
        wait=until_pacific_midnight() if daily else max((w for w in waits if w), default=None),
    )


def _details(body: object) -> list[_Detail]:
    """Those details that can be read; a kind that uses these names otherwise can't."""
    found: list[_Detail] = []
    with suppress(msgspec.ValidationError):
        for detail in msgspec.convert(body, _Body).error.details:
            with suppress(msgspec.ValidationError):
                found.append(msgspec.convert(detail, _Detail))
    return found


# --- what comes --------------------------------------------------------------------------------


def _piece(part: types.Part, answer: Answer) -> Iterable[Piece]:
    signature = base64.b64encode(part.thought_signature or b"").decode()
    call = part.function_call
    if call:
        name = call.id or f"{_OWN_CALL}{secrets.token_hex(8)}"
        arguments = msgspec.json.encode(call.args or {}).decode()
        yield ToolCallReady(ToolCallPart(name, call.name or "", arguments, signature))
        return
    if signature:
        answer.opaque.append(OpaquePart(WIRE, msgspec.json.encode(signature).decode()))
    if part.text:
        yield Reasoning(part.text) if part.thought else Text(part.text)


def _usage(service: types.GenerateContentResponseUsageMetadata) -> Usage:
    cached = service.cached_content_token_count or 0
    taken = (service.prompt_token_count or 0) + (service.tool_use_prompt_token_count or 0)
    thoughts = service.thoughts_token_count or 0
    return Usage(
        input=max(0, taken - cached),
        output=(service.candidates_token_count or 0) + thoughts,
        cache_read=cached,
        reasoning=thoughts,
    )


# --- what is asked -----------------------------------------------------------------------------


def _config(request: Request) -> types.GenerateContentConfig:
    functions = [_function(tool) for tool in request.tools]
    return types.GenerateContentConfig(
        system_instruction=request.system or None,
        max_output_tokens=request.max_output_tokens,
        tools=[types.Tool(function_declarations=functions)] if functions else None,
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )


def _function(tool: Tool) -> types.FunctionDeclaration:
    return types.FunctionDeclaration(
        name=tool.name, description=tool.description, parameters_json_schema=dict(tool.schema)
    )


def _contents(request: Request) -> list[types.Content]:
    roles = {"user": "user", "assistant": "model"}
    lenient = _LENIENT.search(request.model)
    built: list[types.Content] = []
    for message in request.messages:
        parts = [sent for part in message.parts if (sent := _part(part)) is not None]
        if parts:
            if not lenient:
                _sign(parts)
            built.append(types.Content(role=roles[message.role], parts=parts))
    return built


def _sign(parts: Iterable[types.Part]) -> None:
    """The first call of a message carries the signature, for those beside it too."""
    first = next((part for part in parts if part.function_call), None)
    if first is not None and not first.thought_signature:
        first.thought_signature = _UNSIGNED


def _part(part: Part) -> types.Part | None:
    match part:
        case TextPart(text):
            return types.Part(text=text) if text else None
        case ImagePart(media_type, data):
            return types.Part(inline_data=types.Blob(mime_type=media_type, data=data))
        case ToolCallPart(call, name, arguments, opaque):
            return types.Part(
                function_call=types.FunctionCall(
                    id=_own(call), name=name, args=arguments_object(arguments)
                ),
                thought_signature=base64.b64decode(opaque) if opaque else None,
            )
        case ToolResultPart(call, name, text, failed):
            outcome = {"error" if failed else "output": text}
            return types.Part(
                function_response=types.FunctionResponse(id=_own(call), name=name, response=outcome)
            )
        case OpaquePart(wire, body):
            return _signature(body) if wire == WIRE else None


def _signature(body: str) -> types.Part:
    signature = base64.b64decode(msgspec.json.decode(body, type=str))
    return types.Part(text="", thought_signature=signature)


def _own(call: str) -> str | None:
    return None if call.startswith(_OWN_CALL) else call
