"""A specialist at work: a store and services over a mock service, and a folder with tools."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from router.calls import Acted
from router.clock import now_ms
from router.coding.contract import Assignment, Report, ToolsOfferedAndRun
from router.coding.history import History
from router.coding.specialist import Specialist
from router.config import Config
from router.opening import open_services, prepare
from router.places import Places
from router.policy import Ask
from router.providers.base import Tool, ToolCallPart
from router.services import Services
from store.events import AnyEvent, Candidate, Event, SessionStarted
from store.opening import Store

SESSION = "session-of-the-work"


class _File(msgspec.Struct, forbid_unknown_fields=True):
    path: str
    text: str | None = None


def _tool(name: str, *arguments: str) -> Tool:
    properties = {argument: {"type": "string"} for argument in arguments}
    return Tool(name, f"{name}.", {"type": "object", "properties": properties})


class Folder:
    """Tools that read and write files of one folder."""

    tools = (_tool("read_file", "path"), _tool("write_file", "path", "text"))

    def __init__(self, root: Path, before: Callable[[ToolCallPart], Any] | None = None) -> None:
        self.root = root
        self.ran: list[str] = []
        """Ids of the calls."""
        self._before = before

    async def act(self, call: ToolCallPart, reply: str) -> Acted:
        self.ran.append(call.call)
        if self._before is not None:
            answer = self._before(call)
            if answer is not None:
                await answer
        try:
            asked = msgspec.json.decode(call.arguments, type=_File)
            if asked.text is not None:
                (self.root / asked.path).write_text(asked.text)
                return Acted(f"Wrote {asked.path}.")
            return Acted((self.root / asked.path).read_text())
        except (OSError, msgspec.MsgspecError) as error:
            return Acted(f"{type(error).__name__}: {Path(asked_path(call)).name}", failed=True)


def once(act: Callable[[], Any]) -> Callable[[ToolCallPart], None]:
    """Something that happens while the first tool runs."""
    left = [act]

    def before(_: ToolCallPart) -> None:
        if left:
            left.pop()()

    return before


def asked_path(call: ToolCallPart) -> str:
    return str(msgspec.json.decode(call.arguments).get("path", ""))


@dataclass
class Workshop:
    services: Services
    root: Path
    said: list[AnyEvent] = field(default_factory=list)

    def say(self, event: AnyEvent) -> None:
        self.said.append(event)
        self.services.say(SESSION, event)

    def candidates(self) -> Sequence[Candidate]:
        return self.services.candidates(Ask(work="code"))

    def specialist(
        self, folder: ToolsOfferedAndRun, history: History | None = None, **how: Any
    ) -> Specialist:
        settings: dict[str, Any] = {"candidates": self.candidates, "steps": 20, "cost": 0.0} | how
        return Specialist(self.services, folder, history or History(), say=self.say, **settings)

    def work(self, task: str = "Mend the sum.", plan: str = "") -> Assignment:
        return Assignment(session=SESSION, prompt="task", task=task, plan=plan, root=self.root)

    async def do(
        self, folder: Folder | None = None, history: History | None = None, **how: Any
    ) -> Report:
        specialist = self.specialist(folder or Folder(self.root), history, **how)
        return await specialist.run(self.work())

    async def journal(self) -> list[AnyEvent]:
        """What is on disk of the session."""
        return [entry.event for entry in await self.entries()]

    async def entries(self) -> list[Any]:
        await self.services.say(SESSION, SessionStarted(kind="code", title="the end of the test"))
        return list(self.services.store.journal.read(SESSION))

    async def of(self, kind: type[Event]) -> list[Any]:
        return [event for event in await self.journal() if isinstance(event, kind)]


@asynccontextmanager
async def open_workshop(config: Config, folder: Path) -> AsyncGenerator[Workshop]:
    environ = {"BUTLER_HOME": str(folder / "home"), "TEST_KEY": "sk-test-0123456789"}
    places = Places.find(environ)
    root = folder / "work"
    root.mkdir()
    store = Store.open(places.data)
    services = open_services(config, store, places, root, environ)
    try:
        await prepare(services, environ)
        store.journal.append(SESSION, SessionStarted(kind="code", title="work"), at=now_ms())
        yield Workshop(services, root)
    finally:
        await services.connections.aclose()
        store.close()


def call(name: str, model: str = "*", **arguments: Any) -> dict[str, Any]:
    """A script for llmock: the model calls a tool."""
    return calls((name, arguments), model=model)


def calls(*made: tuple[str, dict[str, Any]], model: str = "*", text: str = "") -> dict[str, Any]:
    written = [{"name": name, "arguments": arguments} for name, arguments in made]
    said = {"text": text} if text else {}
    return {"type": "reply", "tool_calls": written, "match": {"model": model}, **said}
