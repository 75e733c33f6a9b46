"""A server that sends exactly the bytes a test wants, for what no mock server can show, and that
sees when its client hangs up."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Visit:
    """One request and what became of its connection."""

    head: str
    headers: dict[str, str]
    body: bytes
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the client closed the connection before the answer had ended."""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Scripted:
    """Answers requests one after the other with the scripts it was given; the last one repeats."""

    port: int = 0
    scripts: list["Script"] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)
    visited: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the first request has come."""
    connections: set["asyncio.Task[None]"] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def deserted(self) -> None:
        """Until no client holds a connection any more."""
        while self.connections:
            await asyncio.wait(self.connections)

    def play(self, *scripts: "Script") -> None:
        self.scripts = list(scripts)


@dataclass(frozen=True)
class Script:
    """An answer."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    ending: str = "clean"
    """`clean`, `cut` (the connection goes in mid-body), `hang` (no end, until the client leaves),
    `mute` (not even a head, likewise) or `slam` (not even a head, and the connection goes)."""


@asynccontextmanager
async def scripted_server() -> AsyncIterator[Scripted]:
    scripted = Scripted()
    writers: set[asyncio.StreamWriter] = set()

    async def visited(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        scripted.connections.add(task)
        writers.add(writer)
        try:
            await _serve(scripted, reader, writer)
        finally:
            writer.close()
            writers.discard(writer)
            scripted.connections.discard(task)

    server = await asyncio.start_server(visited, "127.0.0.1", 0)
    scripted.port = server.sockets[0].getsockname()[1]
    try:
        yield scripted
    finally:
        server.close()
        for writer in tuple(writers):
            writer.close()
        await scripted.deserted()


async def _serve(
    scripted: Scripted, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    while True:
        try:
            visit = await _request(reader)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        if visit is None:
            writer.write(b"HTTP/1.1 400 X\r\ncontent-length: 0\r\n\r\n")
            return
        scripted.visits.append(visit)
        scripted.visited.set()
        script = scripted.scripts.pop(0) if len(scripted.scripts) > 1 else scripted.scripts[0]
        if script.ending == "slam":
            return
        if script.ending == "mute":
            await _until_gone(reader, visit)
            return
        writer.write(_head(script))
        if script.body:
            writer.write(_chunk(script.body))
        if script.ending == "hang":
            await writer.drain()
            await _until_gone(reader, visit)
            return
        if script.ending == "cut":
            await writer.drain()
            return
        writer.write(_chunk(b""))
        await writer.drain()


async def _until_gone(reader: asyncio.StreamReader, visit: Visit) -> None:
    with suppress(ConnectionError):
        assert await reader.read(1) == b""
    visit.gone.set()


async def _request(reader: asyncio.StreamReader) -> Visit | None:
    """The next request, `None` for a client that begins to speak TLS."""
    start = await reader.readexactly(1)
    if start == b"\x16":
        return None
    text = (start + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    head, *lines = text.split("\r\n")
    headers = {
        name.lower(): value.strip()
        for name, _, value in (line.partition(":") for line in lines if line)
    }
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Visit(head, headers, body)


def _head(script: Script) -> bytes:
    headers = {"content-type": "text/event-stream", "transfer-encoding": "chunked"}
    lines = [f"{name}: {value}" for name, value in {**headers, **script.headers}.items()]
    return "\r\n".join([f"HTTP/1.1 {script.status} X", *lines, "", ""]).encode()


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def sse(*events: Mapping[str, Any], named: bool = False) -> bytes:
    """Server-sent events.

    Args:
        events: their JSON.
        named: whether each also carries its `type` as the event's name.
    """
    lines = [
        (f"event: {event['type']}\n" if named else "") + f"data: {json.dumps(event)}\n\n"
        for event in events
    ]
    return "".join(lines).encode()


def ndjson(lines: Iterable[Mapping[str, Any]]) -> bytes:
    return "".join(json.dumps(line) + "\n" for line in lines).encode()
