"""The pretended service: an HTTP server on the loopback that passes requests on to a real model
and lets the script's limits and failures happen on the way."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import msgspec

from router.providers.base import Failure
from router.rehearsal import coding, wires
from router.rehearsal.acting import Body, played
from router.rehearsal.conditions import Act, Conditions
from router.rehearsal.wires import Answer

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)

_CUT_AFTER: Final = 14
"""Pieces of text before the connection goes."""
_STROKE: Final = 0.03
_LARGEST: Final = 1 << 22
"""Bytes of a request."""
_TEXT: Final = (b'"text_delta"', b'"response.output_text.delta"', b'"delta":{"content":"')
"""What marks an event with text in it: Messages, Responses, chat completions."""
_STRANGE: Final = (
    ConnectionError,
    asyncio.IncompleteReadError,
    asyncio.LimitOverrunError,
    ValueError,
    msgspec.MsgspecError,
)
_OVERLOADED: Final = {
    "type": "error",
    "error": {"type": "overloaded_error", "message": "Overloaded (rehearsed)"},
}


class Upstream(msgspec.Struct, frozen=True):
    """The model that plays them all."""

    url: str
    key: str
    paths: Mapping[str, str] = msgspec.field(default_factory=dict[str, str])
    """What goes before the path of an account's wire; nothing for llama.cpp's own server."""


class _Request(msgspec.Struct, frozen=True):
    method: str
    account: str
    path: str
    """Without the account's name that it began with."""
    body: bytes


class Service:
    """Listens from `async with` on; the model may come later.

    Args:
        model: waits for the model and tells where it is.
        conditions: what happens to each request.
        stroke: seconds between two pieces of an answer that was written beforehand.
    """

    def __init__(
        self,
        model: Callable[[], Awaitable[Upstream]],
        conditions: Conditions,
        stroke: float = _STROKE,
    ) -> None:
        self._model = model
        self._conditions = conditions
        self._stroke = stroke
        self._visits: set[asyncio.Task[None]] = set()
        self.url = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._visited, "127.0.0.1", 0, limit=_LARGEST)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self._client = await asyncio.to_thread(_open_client)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        for visit in self._visits:
            visit.cancel()
        if self._visits:
            await asyncio.wait(self._visits)
        await self._client.aclose()

    async def _visited(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  (the server runs this in one)
        self._visits.add(task)
        task.add_done_callback(self._visits.discard)
        # A client that goes, or that speaks something else, is no trouble of ours.
        with suppress(asyncio.CancelledError, *_STRANGE):
            await self._answer(await _read(reader), writer)
        writer.close()

    async def _answer(self, request: _Request, writer: asyncio.StreamWriter) -> None:
        asked = request.method == "POST"
        body = msgspec.json.decode(request.body, type=Body) if asked else {}
        written = coding.answer(request.account, body) if asked else None
        if written is not None:  # no failure is due here: the story of the limits goes on after it
            await self._recite(request.account, body, written, writer)
            return
        act = self._conditions.act(str(body.get("model", ""))) if asked else Act()
        if act.fault == "overloaded":
            await _say(writer, 529, _OVERLOADED)
            return
        try:
            upstream = await self._model()
        except Failure as failure:
            error = {"type": "overloaded_error", "message": str(failure)}
            await _say(writer, 503, {"type": "error", "error": error})
            return
        await self._relay(request, body, act, upstream, writer)

    async def _recite(
        self, account: str, body: Body, answer: Answer, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(_head(200, {"content-type": "text/event-stream"}))
        for event in wires.events(account, body, answer):
            writer.write(b"%x\r\n%s\r\n" % (len(event), event))
            await writer.drain()
            await asyncio.sleep(self._stroke)
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    async def _relay(
        self,
        request: _Request,
        body: Body,
        act: Act,
        upstream: Upstream,
        writer: asyncio.StreamWriter,
    ) -> None:
        sent = self._client.stream(
            request.method,
            upstream.url + upstream.paths.get(request.account, "") + request.path,
            json=played(request.account, body) if body else None,
            headers={"authorization": f"Bearer {upstream.key}", "x-api-key": upstream.key},
        )
        async with sent as response:
            kind = response.headers.get("content-type", "application/json")
            writer.write(_head(response.status_code, {"content-type": kind, **act.headers}))
            async for piece in _cut(_events(response), act):
                writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                await writer.drain()
            if act.fault == "cut":
                writer.transport.abort()
                return
            writer.write(b"0\r\n\r\n")
            await writer.drain()


async def _events(response: "httpx.Response") -> AsyncIterator[bytes]:
    """The body, event by event; what is no stream of events comes in one piece."""
    held = b""
    async for data in response.aiter_bytes():
        *whole, held = (held + data).split(b"\n\n")
        for event in whole:
            yield event + b"\n\n"
    if held:
        yield held


async def _cut(events: AsyncIterator[bytes], act: Act) -> AsyncIterator[bytes]:
    """All of the events or, where the script says so, those up to the middle of the text: in
    any case before the one that ends it."""
    pieces = 0
    async for event in events:
        text = any(mark in event for mark in _TEXT)
        if act.fault == "cut" and (pieces >= _CUT_AFTER or (pieces and not text)):
            return
        pieces += text
        yield event


def _open_client() -> "httpx.AsyncClient":
    import ssl

    import httpx

    # No proxy belongs between two ports of one machine, and no certificates are needed there.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.AsyncClient(trust_env=False, verify=context, timeout=httpx.Timeout(120.0))


# --- as much HTTP as our own SDKs speak -----------------------------------------------------------


async def _read(reader: asyncio.StreamReader) -> _Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    method, target, _ = first.split(" ", 2)
    length = 0
    for line in lines:
        name, _, value = line.partition(":")
        if name.lower() == "content-length":
            length = int(value)
    _, account, *rest = target.split("/")
    body = await reader.readexactly(min(length, _LARGEST))
    return _Request(method, account, "/" + "/".join(rest), body)


async def _say(writer: asyncio.StreamWriter, status: int, error: Mapping[str, object]) -> None:
    body = json.dumps(error).encode()
    writer.write(_head(status, {"content-type": "application/json"}))
    writer.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
    await writer.drain()


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    ours = {**headers, "transfer-encoding": "chunked", "connection": "close"}
    lines = [f"{name}: {value}" for name, value in ours.items()]
    return "\r\n".join([f"HTTP/1.1 {status} Rehearsed", *lines, "", ""]).encode("latin-1")
