"""A wire with the mock server that speaks it, behind one face for every wire."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, Literal, Protocol, cast

import pytest
import pytest_asyncio

from router.providers import Connection, Wire, open_model
from router.providers.base import Model
from tests.servers.aimock import Aimock
from tests.servers.llmock import Llmock

WIRES: tuple[Wire, ...] = ("anthropic", "openai", "openai-chat", "google", "ollama")
ON_LLMOCK = WIRES[:-1]
"""For `parametrize("wire", …)` where aimock, and so Ollama, can't do what is tested."""
KEY = "sk-test-0123456789abcdef"

Opener = Callable[..., Awaitable[Model]]
StreamFault = Literal["cut", "truncate", "malformed", "stall"]


class Service(Protocol):
    """A mock server as one wire sees it."""

    wire: Wire

    @property
    def base_url(self) -> str: ...

    def reply(self, text: str) -> None: ...

    def call_tool(self, name: str, arguments: dict[str, Any]) -> None: ...

    def fail(self, status: int, message: str = "no", retry_after: float | None = None) -> None: ...

    def spoil(self, fault: StreamFault) -> None:
        """Break the next stream in its middle."""
        ...

    def attempts(self) -> int: ...

    def faults(self) -> list[str]:
        """What went wrong on purpose, as the server remembers it."""
        ...


class OnLlmock:
    """Anthropic, OpenAI and Gemini."""

    def __init__(self, wire: Wire, server: Llmock) -> None:
        self.wire = wire
        self._server = server

    @property
    def base_url(self) -> str:
        return self._server.base_url(self.wire)

    def reply(self, text: str) -> None:
        self._server.script({"type": "reply", "text": text})

    def call_tool(self, name: str, arguments: dict[str, Any]) -> None:
        call = {"name": name, "arguments": arguments}
        self._server.script({"type": "reply", "tool_calls": [call]})

    def fail(self, status: int, message: str = "no", retry_after: float | None = None) -> None:
        behavior = {"type": "fail", "status": status, "message": message}
        wait = {} if retry_after is None else {"retry_after": retry_after}
        self._server.script(behavior | wait)

    def spoil(self, fault: StreamFault) -> None:
        kind = "disconnect" if fault == "cut" else fault
        self.reply("one two three four five six seven eight nine ten")
        self._server.script(
            {"type": "stream_fault", "kind": kind, "after_chunks": 5, "stall_seconds": 30}
        )

    def attempts(self) -> int:
        return len(self._server.requests())

    def faults(self) -> list[str]:
        return [request["fault"] for request in self._server.requests() if request["fault"]]


class OnAimock:
    """Ollama."""

    def __init__(self, wire: Wire, server: Aimock) -> None:
        self.wire = wire
        self._server = server

    @property
    def base_url(self) -> str:
        return self._server.base_url(self.wire)

    def reply(self, text: str) -> None:
        self._server.answer({"content": text}, chunkSize=4)

    def call_tool(self, name: str, arguments: dict[str, Any]) -> None:
        self._server.answer({"toolCalls": [{"name": name, "arguments": arguments}]})

    def fail(self, status: int, message: str = "no", retry_after: float | None = None) -> None:
        response = {"error": {"message": message}, "status": status, "retryAfter": retry_after}
        self._server.answer({name: v for name, v in response.items() if v is not None})

    def spoil(self, fault: StreamFault) -> None:
        options: dict[StreamFault, dict[str, Any]] = {
            # Without latency it would drop the connection before anything was sent.
            "cut": {"truncateAfterChunks": 3, "latency": 20},
            "malformed": {"chaos": {"malformedRate": 1}},
            "stall": {"latency": 30000},
        }
        self._server.answer({"content": "one two three four five"}, chunkSize=4, **options[fault])

    def attempts(self) -> int:
        return len(self._server.requests())

    def faults(self) -> list[str]:
        found: list[str] = []
        for request in self._server.requests():
            response = request["response"]
            fixture = response.get("fixture") or {}
            if response["status"] >= 400:
                found.append(f"status:{response['status']}")
            elif reason := response.get("interruptReason") or response.get("chaosAction"):
                found.append(str(reason))
            elif fixture.get("latency"):
                found.append("stall")
        return found


@pytest.fixture(params=WIRES)
def wire(request: pytest.FixtureRequest) -> Wire:
    return cast(Wire, request.param)


@pytest.fixture
def service(wire: Wire, request: pytest.FixtureRequest) -> Service:
    if wire == "ollama":
        return OnAimock(wire, request.getfixturevalue("aimock_service"))
    return OnLlmock(wire, request.getfixturevalue("llmock_service"))


@pytest_asyncio.fixture
async def opened() -> AsyncIterator[Opener]:
    """Open models that are closed when the test ends."""
    async with AsyncExitStack() as stack:

        async def opener(wire: Wire, base_url: str, **more: Any) -> Model:
            connection = Connection(wire=wire, base_url=base_url, **{"key": KEY, **more})
            model = await open_model(connection)
            stack.push_async_callback(model.aclose)
            return model

        yield opener
