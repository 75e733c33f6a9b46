"""A user's machine for the length of a picture, and hands to drive the program on it."""

import json
import os
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from router.config import Account, Budget, Config, ModelRef, ModelSettings, Price
from router.places import Places
from tests.servers.scripted import Script, Scripted, scripted_server, sse
from tui.app import ButlerApp, ReplayApp
from tui.drafts import Draft
from tui.options import Options

PICTURES = Path(__file__).parent
WIDE, NARROW = (120, 40), (80, 24)
_HEAD = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}


@dataclass
class Shop:
    """A user's machine for the length of a picture."""

    folder: Path
    servers: dict[str, Scripted] = field(default_factory=dict)

    @property
    def workspace(self) -> Path:
        return self.folder / "src" / "shop"

    def options(self, config: Config, **more: Any) -> Options:
        fields: dict[str, Any] = {"theme": "butler-dark", "mouse": True} | more
        places = Places.find({"BUTLER_HOME": str(self.folder / ".butler")})
        return Options(places=places, config=config, workspace=self.workspace, **fields)

    def config(self) -> Config:
        def ref(account: str, model: str) -> ModelRef:
            return ModelRef(account, model)

        tiers = {
            "T0": ref("anthropic", "claude-opus-5-5"),
            "T1": ref("openai", "gpt-6.2-sol"),
            "T2": ref("google", "gemini-3.8-flash"),
            "T3": ref("anthropic-team", "claude-sonnet-5-5"),
            "T4": ref("home", "qwen-4-8b"),
        }
        prices = {"T0": (4, 20), "T1": (2, 10), "T2": (0.75, 3.75), "T3": (2, 10), "T4": (0, 0)}
        return Config(
            accounts={
                ref.account: Account(
                    wire="openai-chat", base_url=f"{self.servers[ref.account].url}/v1", key="none"
                )
                for ref in tiers.values()
            },
            tiers={tier: (ref,) for tier, ref in tiers.items()},  # type: ignore[misc]
            models={
                str(tiers[tier]): ModelSettings(
                    price=Price(input=price[0], output=price[1]),
                    context=1_000_000,
                    tools=tier != "T4",
                )
                for tier, price in prices.items()
            },
            budgets=(Budget(window="day", limit=5.0), Budget(window="month", limit=60.0)),
        )


def answer(text: str, read: int = 2_000, written: int = 600, *, ends: bool = True) -> Script:
    """An answer as an OpenAI-compatible server streams it, with what it counted."""
    chunks = [_chunk({"content": text[at : at + 40]}) for at in range(0, len(text), 40)]
    if not ends:
        return Script(sse(*chunks), ending="hang")
    return _ended(chunks, "stop", read, written)


def calls(
    *made: tuple[str, dict[str, Any]], text: str = "", read: int = 2_000, written: int = 300
) -> Script:
    """An answer that calls tools."""
    wanted = [
        {
            "index": number,
            "id": f"call-{uuid.uuid4().hex}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(arguments)},
        }
        for number, (name, arguments) in enumerate(made)
    ]
    said = [_chunk({"content": text})] if text else []
    return _ended([*said, _chunk({"tool_calls": wanted})], "tool_calls", read, written)


def _chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return _HEAD | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def _ended(chunks: list[dict[str, Any]], finish: str, read: int, written: int) -> Script:
    usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    chunks += [_chunk({}, finish), _HEAD | {"choices": [], "usage": usage}]
    return Script(sse(*chunks) + b"data: [DONE]\n\n")


@asynccontextmanager
async def opened_shop() -> AsyncIterator[Shop]:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="butler-pictures-")))
        shop = Shop(folder)
        shop.workspace.mkdir(parents=True)
        for name in ("CHANGELOG.md", "spec.md"):
            (shop.workspace / name).write_text("The queue delivers every message once. " * 40)
        for account in ("anthropic", "anthropic-team", "openai", "google", "home"):
            shop.servers[account] = await stack.enter_async_context(scripted_server())
            shop.servers[account].play(answer("ok"))
        os.environ["HOME"] = str(folder)
        yield shop


async def until(pilot: Pilot[int], seen: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not seen():
        if time.monotonic() > end:
            raise TimeoutError("the picture never came")
        await pilot.pause(0.05)


async def ask(app: ButlerApp, pilot: Pilot[int], text: str) -> None:
    app.chat.prompt.draft = Draft(text)
    await pilot.press("enter")


def answered(app: ButlerApp, count: int) -> Callable[[], bool]:
    def done() -> bool:
        replies = [m for m in app.chat.deck.main.messages if m.role == "butler"]
        return len(replies) == count and replies[-1].state == "finished"

    return done


def steady(app: ButlerApp) -> ButlerApp:
    app.chat.prompt.area.cursor_blink = False
    return app


async def picture(app: ButlerApp | ReplayApp, pilot: Pilot[int], name: str) -> None:
    await pilot.pause(0.6)
    app.save_screenshot(f"{name}.svg", path=str(PICTURES))
    print(f"screenshots/{name}.svg")
