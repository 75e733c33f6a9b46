"""The tools of the chat: spawn a session, look at the usage, work on the user's files."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Literal

import msgspec

from router.asking import EngineError, SpawnTask
from router.calls import Acted
from router.clock import now_ms
from router.coding.contract import Stop, ToolsOfferedAndRun
from router.delegating import title_of
from router.policy import span
from router.providers.base import Tool, ToolCallPart
from router.view import House
from store.events import Attachment, Gauge, Tier

Spawn = Callable[[SpawnTask], Awaitable[str]]


class _SpawnArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    task: str
    kind: Literal["summarize", "code"] = "summarize"
    plan: bool = False
    agent: str = ""
    text: str = ""
    label: str = ""
    tier: Tier | None = None
    model: str | None = None
    timeout: float | None = None


_STRING: Final = {"type": "string"}

CHAT_TOOLS: Final = (
    Tool(
        "sessions_spawn",
        "Start a session beside this conversation: kind summarize has a text summarised or "
        "processed by a cheap model, kind code has a specialist write code in a copy of the "
        "workspace (with plan: true for a new app or changes across files, which the user then "
        "approves first). Returns its id at once; its result is announced here when it is done. "
        "Do not wait for it. Never use it for short questions.",
        {
            "type": "object",
            "properties": {
                "task": {**_STRING, "description": "What to do, as a complete instruction"},
                "kind": {"enum": ["summarize", "code"], "description": "summarize if left out"},
                "plan": {"type": "boolean", "description": "Of code: plan first"},
                "agent": {**_STRING, "description": "One of the user's own agents, by name"},
                "text": {**_STRING, "description": "The text to work on, in full"},
                "label": {**_STRING, "description": "Two or three words for the task list"},
                "tier": {
                    "enum": ["T1", "T2", "T3", "T4"],
                    "description": "Only if the user asked for it",
                },
                "model": {**_STRING, "description": "Only if the user asked for it"},
                "timeout": {"type": "number", "description": "Seconds it may take"},
            },
            "required": ["task"],
            "additionalProperties": False,
        },
    ),
    Tool(
        "usage_status",
        "How much of the user's limits is used: band, gauges with their source and reset, and the "
        "health of each model. For questions about usage, limits or which model answers.",
        {"type": "object", "properties": {}, "additionalProperties": False},
    ),
)


_SPAWNED: Final = 8
"""Sessions that one answer may start: each of them costs."""
_NAMED: Final = 20
"""Agents that the orchestrator is told of; the others it can still be told to use."""


def spawning(agents: Mapping[str, str]) -> Tool:
    """`sessions_spawn`, with the user's own agents: what each is for, by name."""
    spawn = CHAT_TOOLS[0]
    if not agents:
        return spawn
    listed = "; ".join(f"{name}: {what}" for name, what in list(agents.items())[:_NAMED])
    more = f"; and {len(agents) - _NAMED} more" if len(agents) > _NAMED else ""
    told = f"{spawn.description} The user's own agents, each by its name in `agent`: {listed}{more}"
    return Tool(spawn.name, told, spawn.schema)


class ChatTools:
    """Runs them for one reply of a chat."""

    def __init__(
        self,
        session: str,
        spawn: Spawn,
        house: Callable[[], House],
        files: ToolsOfferedAndRun,
        *,
        reply: str,
        private: bool,
        agents: Mapping[str, str] | None = None,
    ) -> None:
        """
        Args:
            agents: the user's own, by name, each with what it is for.
        """
        self._session = session
        self._spawn = spawn
        self._house = house
        self._files = files
        self._reply = reply
        self._private = private
        self._agents = agents or {}
        self._spawned_already = 0

    @property
    def offered(self) -> tuple[Tool, ...]:
        return (spawning(self._agents), *CHAT_TOOLS[1:], *self._files.tools)

    async def act(self, call: ToolCallPart) -> Acted:
        match call.name:
            case "usage_status":
                return Acted(status(self._house(), now_ms()))
            case "sessions_spawn":
                return await self._spawned(call)
            case _:
                return await self._on_files(call)

    async def _on_files(self, call: ToolCallPart) -> Acted:
        try:
            return await self._files.act(call, self._reply)
        except Stop as stop:
            return Acted(f"The user stops this: {stop} Do not call tools any more.", failed=True)

    async def _spawned(self, call: ToolCallPart) -> Acted:
        try:
            asked = msgspec.json.decode(call.arguments or "{}", type=_SpawnArguments)
        except msgspec.MsgspecError as error:
            return Acted(f"Those arguments don't fit: {error}", failed=True)
        if self._spawned_already == _SPAWNED:
            told = f"An answer may start at most {_SPAWNED} sessions; ask the user before more."
            return Acted(told, failed=True)
        try:
            child = await self._spawn(self._task(asked))
        except EngineError as error:
            return Acted(str(error), failed=True)
        self._spawned_already += 1
        return Acted(f"Spawned as {child[:8]}; its result will be announced.")

    def _task(self, asked: _SpawnArguments) -> SpawnTask:
        return SpawnTask(
            task=asked.task,
            title=title_of(asked.label),
            kind="agent" if asked.agent else asked.kind,
            attachments=(Attachment("text", asked.text),) if asked.text else (),
            parent=self._session,
            tier=asked.tier,
            model=asked.model,
            timeout=asked.timeout,
            private=self._private,
            plan=asked.plan and asked.kind == "code",
            agent=asked.agent,
        )


def status(house: House, now: int) -> str:
    """The house in plain lines, for a model to read."""
    percent = "no limit known" if house.percent is None else f"{house.percent:.0f} %"
    lines = [f"band: {house.band} ({percent})"]
    lines += [_gauge(gauge, now) for gauge in house.gauges.values()]
    for info in house.tiers:
        for model in info.models:
            health = house.health.get(f"{model.account}/{model.model}")
            state = health.state if health else "unknown"
            lines.append(f"{info.tier} {info.role}: {model.model}: {state}")
    return "\n".join(lines)


def _gauge(gauge: Gauge, now: int) -> str:
    percent = "?" if gauge.percent is None else f"{gauge.percent:.0f} %"
    resets = "" if gauge.resets_at is None else f", resets in {span(gauge.resets_at - now)}"
    whose = gauge.account or "all accounts"
    age = span(now - gauge.measured_at)
    return f"{whose}, {gauge.window}: {percent} ({gauge.source}, {age} ago{resets})"
