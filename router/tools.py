"""The tools of the chat: spawn a session, look at the usage."""

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from router.asking import SpawnTask
from router.clock import now_ms
from router.dispatch import Acted
from router.policy import span
from router.providers.base import Tool, ToolCallPart
from router.view import House
from store.events import Attachment, Gauge, Tier

Spawn = Callable[[SpawnTask], Awaitable[str]]


class _SpawnArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    task: str
    text: str = ""
    label: str = ""
    tier: Tier | None = None
    model: str | None = None
    timeout: float | None = None


_STRING: Final = {"type": "string"}

CHAT_TOOLS: Final = (
    Tool(
        "sessions_spawn",
        "Start a background session that summarises or processes a text on a cheap model, beside "
        "this conversation. Returns its id at once; its result is announced here when it is done. "
        "Do not wait for it. Never use it for short questions.",
        {
            "type": "object",
            "properties": {
                "task": {**_STRING, "description": "What to do, as a complete instruction"},
                "text": {**_STRING, "description": "The text to work on, in full"},
                "label": {**_STRING, "description": "Two or three words for the task list"},
                "tier": {"enum": ["T2", "T4"], "description": "Only if the user asked for it"},
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


class ChatTools:
    """Runs them for one chat."""

    def __init__(
        self, session: str, spawn: Spawn, house: Callable[[], House], *, private: bool
    ) -> None:
        self._session = session
        self._spawn = spawn
        self._house = house
        self._private = private

    async def act(self, call: ToolCallPart) -> Acted:
        if call.name == "usage_status":
            return Acted(status(self._house(), now_ms()))
        try:
            asked = msgspec.json.decode(call.arguments or "{}", type=_SpawnArguments)
        except msgspec.MsgspecError as error:
            return Acted(f"Those arguments don't fit: {error}", failed=True)
        child = await self._spawn(
            SpawnTask(
                task=asked.task,
                title=asked.label,
                attachments=(Attachment("text", asked.text),) if asked.text else (),
                parent=self._session,
                tier=asked.tier,
                model=asked.model,
                timeout=asked.timeout,
                private=self._private,
            )
        )
        return Acted(f"Spawned as {child[:8]}; its result will be announced.")


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
