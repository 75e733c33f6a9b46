"""Servers on which a cell of the fault matrix happens, and that can tell that it did."""

import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Protocol

from llmock.journal import RequestRecord
from llmock.verdict import Finding, judge

from router.config import Wire
from tests.router.fault_matrix import CALL, FIRST, TEXT, Cell, Fault
from tests.servers import speech
from tests.servers.aimock import Aimock
from tests.servers.llmock import Llmock
from tests.servers.scripted import Script, Scripted, scripted_server
from tests.servers.speech import SPEECH

MODEL = "faulty-model"
"""What the first choice is called: no other model on llmock matches it."""
WORDS = "one two three four five six seven eight nine ten eleven twelve"
TOOL = "sessions_spawn"
TASK = "Condense the minutes of the bees' last assembly into three short points, please."

_STATUS = {
    "429 that passes": (429, "", 90.0),
    "429 quota spent": (429, "", 7200.0),
    "529": (529, "", None),
    "500": (500, "", None),
    "503": (503, "", None),
    "401": (401, "", None),
    "402": (402, "", None),
    "400 context": (400, "prompt is too long: 210000 tokens > 200000 maximum", None),
}
_QUOTA_CODE = {
    "anthropic": "enforced_spend_limit_reached",
    "openai": "insufficient_quota",
    "openai-chat": "insufficient_quota",
}
_STREAM_FAULT = {
    "connection cut": "disconnect",
    "clean early end": "truncate",
    "broken JSON": "malformed",
    "stall": "stall",
}
_CHUNKS = {FIRST: 0, TEXT: 6, CALL: 5}
"""Events of llmock's after which each wire is where the moment says."""


class Stage(Protocol):
    """A server that fails its first request as the cell says."""

    base_url: str

    async def fired(self) -> None:
        """Assert, from the server's own record, that the fault happened, and but once."""
        ...


# --- llmock ------------------------------------------------------------------------------------


class OnLlmock:
    def __init__(self, cell: Cell, server: Llmock) -> None:
        self._cell = cell
        self._server = server
        self.base_url = server.base_url(cell.wire)
        server.script(*(self._matched(b) for b in _behaviors(cell)))

    def _matched(self, behavior: dict[str, Any]) -> dict[str, Any]:
        return {**behavior, "match": {"model": MODEL}}

    async def fired(self) -> None:
        asked = [r for r in self._server.requests() if r["model"] == MODEL]
        assert len(asked) == 1, "asked again, though another model was well"
        [request] = asked
        fault = self._cell.fault
        if fault.name in _STATUS:
            assert request["fault"] == f"scenario:{_STATUS[fault.name][0]}"
        elif fault.name == "empty answer":
            assert request["status"] == 200
            assert request["completed"]
        else:
            assert request["fault"] == f"stream:{_STREAM_FAULT[fault.name]}@{_CHUNKS[fault.moment]}"

    def findings(self) -> list[Finding]:
        """What llmock has to say against the client.

        It takes a request with another body for another call, and so can't see that the next
        model took over what broke in mid-stream: it is told which attempts are one call, and that
        a stream with a broken piece failed, also when its end was sent before the client left.
        """
        records = [_record(r) for r in self._server.requests() if r["method"] == "POST"]
        if self._cell.fault.name not in _STREAM_FAULT:
            # A status is answered by another model's at once; that is no early retry of this one.
            return [f for f in judge(records).findings if f.code != "gave_up"]
        return list(judge(_one_call(records)).findings)


def _behaviors(cell: Cell) -> list[dict[str, Any]]:
    fault = cell.fault
    if fault.name in _STATUS:
        status, message, wait = _STATUS[fault.name]
        failing: dict[str, Any] = {"type": "fail", "status": status}
        failing |= {"message": message} if message else {}
        failing |= {} if wait is None else {"retry_after": wait}
        failing |= {"code": _QUOTA_CODE[cell.wire]} if fault.name == "429 quota spent" else {}
        return [failing]
    if fault.name == "empty answer":
        return [{"type": "reply", "text": ""}]
    call = {"name": TOOL, "arguments": {"task": TASK}}
    reply = {"tool_calls": [call]} if fault.moment == CALL else {"text": WORDS}
    breaking = {
        "type": "stream_fault",
        "kind": _STREAM_FAULT[fault.name],
        "after_chunks": _CHUNKS[fault.moment],
        "stall_seconds": 30,
    }
    return [{"type": "reply", **reply}, breaking]


def _record(request: dict[str, Any]) -> RequestRecord:
    fields = {name: request[name] for name in RequestRecord.__dataclass_fields__}
    return RequestRecord(**fields)


def _one_call(records: list[RequestRecord]) -> list[RequestRecord]:
    return [
        replace(record, fingerprint="one", completed=record.completed and not record.fault)
        for record in records
    ]


# --- aimock ------------------------------------------------------------------------------------


class OnAimock:
    """Ollama's wire."""

    def __init__(self, cell: Cell, server: Aimock) -> None:
        self._fault = cell.fault
        self._server = server
        self.base_url = server.base_url(cell.wire)
        if cell.fault.name in _STATUS:
            status, message, wait = _STATUS[cell.fault.name]
            error = {"error": {"message": message or "no"}, "status": status}
            server.answer(error | ({} if wait is None else {"retryAfter": wait}))
        else:
            server.answer({"content": WORDS}, chunkSize=4, **self._options())

    def _options(self) -> dict[str, Any]:
        return {
            # Without latency it would drop the connection before anything was sent.
            "connection cut": {"truncateAfterChunks": 3, "latency": 20},
            "broken JSON": {"chaos": {"malformedRate": 1}},
            "stall": {"latency": 30_000},
        }[self._fault.name]

    async def fired(self) -> None:
        [request] = self._server.requests()
        response = request["response"]
        if self._fault.name in _STATUS:
            assert response["status"] == _STATUS[self._fault.name][0]
        elif self._fault.name == "connection cut":
            assert response["interrupted"]
        elif self._fault.name == "broken JSON":
            assert response["chaosAction"] == "malformed"
        else:
            assert response["fixture"]["latency"] == 30_000


# --- our own bytes -----------------------------------------------------------------------------


class OnBytes:
    """The wires' own words, for what no mock server can show."""

    def __init__(self, cell: Cell, server: Scripted) -> None:
        self._server = server
        self._script = _script(cell)
        # A second request would get an answer that is good, and be seen by `fired`.
        server.play(self._script, Script(SPEECH[cell.wire].whole))
        self.base_url = server.url

    async def fired(self) -> None:
        assert len(self._server.visits) == 1, "asked again, though another model was well"
        if self._script.ending == "hang":
            await self._server.visits[0].gone.wait()


def _script(cell: Cell) -> Script:
    fault, wire = cell.fault, cell.wire
    if fault.name == "200 that is no stream":
        return Script(b'{"ok": true}', headers={"content-type": "application/json"})
    if fault.name == "429 quota spent":
        body = json.dumps(_GEMINI_QUOTA).encode()
        return Script(body, status=429, headers={"content-type": "application/json"})
    if fault.name == "empty answer":
        return Script(SPEECH[wire].silent_ending)
    said = _said(fault, wire)
    if fault.name == "error in a 200 stream":
        return Script(said + SPEECH[wire].overloaded)
    if fault.name == "broken JSON":
        return Script(said + (b'{"mess\n' if wire == "ollama" else b'data: {"mess\n\n'))
    ending = {"connection cut": "cut", "clean early end": "clean", "stall": "hang"}[fault.name]
    return Script(said, ending=ending)


def _said(fault: Fault, wire: Wire) -> bytes:
    """What came before the fault."""
    if fault.moment == FIRST:
        return b""
    return SPEECH[wire].opening if fault.moment == TEXT else half_call(wire)


def half_call(wire: Wire) -> bytes:
    """A tool call's beginning; Gemini and Ollama send it whole, and then the end is missing."""
    arguments = json.dumps({"task": TASK})
    half = arguments[: len(arguments) // 2]
    whole: dict[Wire, Callable[[], bytes]] = {
        "anthropic": lambda: speech.anthropic(
            speech.anthropic_start(),
            *speech.anthropic_block(
                0,
                {"type": "tool_use", "id": "call-1", "name": TOOL, "input": {}},
                {"type": "input_json_delta", "partial_json": half},
            )[:-1],
        ),
        "openai": lambda: speech.responses(_responses_call(), _responses_arguments(half)),
        "openai-chat": lambda: speech.chat(speech.chat_chunk({"tool_calls": [_chat_call(half)]})),
        "google": lambda: speech.gemini(
            speech.gemini_chunk({"functionCall": {"name": TOOL, "args": {"task": TASK}}})
        ),
        "ollama": lambda: speech.ndjson(
            [
                speech.ollama_line(
                    message={
                        "tool_calls": [{"function": {"name": TOOL, "arguments": {"task": TASK}}}]
                    }
                )
            ]
        ),
    }
    return whole[wire]()


def _responses_call() -> speech.JSON:
    item = {"type": "function_call", "id": "f", "call_id": "call-1", "name": TOOL, "arguments": ""}
    return {"type": "response.output_item.added", "output_index": 0, "item": item}


def _responses_arguments(half: str) -> speech.JSON:
    return {
        "type": "response.function_call_arguments.delta",
        "item_id": "f",
        "output_index": 0,
        "delta": half,
    }


def _chat_call(half: str) -> speech.JSON:
    function = {"name": TOOL, "arguments": half}
    return {"index": 0, "id": "call-1", "type": "function", "function": function}


_GEMINI_QUOTA = {
    "error": {
        "code": 429,
        "status": "RESOURCE_EXHAUSTED",
        "message": "You exceeded your current quota.",
        "details": [
            {
                "@type": "type.googleapis.com/google.rpc.QuotaFailure",
                "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel"}],
            },
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "36s"},
        ],
    }
}


# --- no server at all --------------------------------------------------------------------------


class OnNobody:
    """A port that is taken and refuses connections."""

    def __init__(self, taken: socket.socket) -> None:
        self._taken = taken
        self.base_url = f"http://127.0.0.1:{taken.getsockname()[1]}"

    async def fired(self) -> None:
        with socket.socket() as other:
            assert other.connect_ex(self._taken.getsockname()) != 0


@asynccontextmanager
async def staged(cell: Cell, llmock: Llmock, aimock: Aimock | None) -> AsyncIterator[Stage]:
    if cell.server == "llmock":
        yield OnLlmock(cell, llmock)
    elif cell.server == "nobody":
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            yield OnNobody(taken)
    elif cell.server == "aimock":
        assert aimock is not None
        yield OnAimock(cell, aimock)
    else:
        async with scripted_server() as scripted:
            yield OnBytes(cell, scripted)
