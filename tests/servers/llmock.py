"""llmock (PyPI): OpenAI's two wires, Anthropic and Gemini, with faults on demand."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import httpx

from tests.servers.processes import missing, running

_PATHS = {"anthropic": "/anthropic", "openai": "/v1", "openai-chat": "/v1", "google": "/gemini"}


class Llmock:
    """One running server. `reset` it between tests."""

    wires = tuple(_PATHS)

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=url, trust_env=False, timeout=5)

    def base_url(self, wire: str) -> str:
        return self.url + _PATHS[wire]

    def script(self, *behaviors: dict[str, Any]) -> None:
        """Queue behaviours in llmock's own JSON form for the requests to come."""
        answer = self._http.post("/_llmock/scenario", json={"behaviors": list(behaviors)})
        assert answer.status_code == 201, answer.text

    def requests(self) -> list[dict[str, Any]]:
        """What came, oldest first, with `fault`, `status`, `completed` and `body`."""
        return self._http.get("/_llmock/requests").raise_for_status().json()["requests"]

    def verdict(self) -> dict[str, Any]:
        """llmock's own judgement of how the client coped."""
        return self._http.get("/_llmock/verdict").raise_for_status().json()

    def reset(self) -> None:
        self._http.post("/_llmock/reset").raise_for_status()

    def close(self) -> None:
        self._http.close()


@contextmanager
def llmock_server() -> Iterator[Llmock]:
    if find_spec("llmock") is None:
        missing("llmock")
    command = [sys.executable, "-m", "llmock.cli", "serve", "--port", "0"]
    with running(command, r"running on (http://\S+?) ") as url:
        server = Llmock(url)
        try:
            yield server
        finally:
            server.close()
