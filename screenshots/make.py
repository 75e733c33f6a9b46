"""Make the pictures of the documentation: the real program, driven by its keys.

Its models are small servers on this machine that answer what they are told to; the first-run
picture is answered by the embedded model. Run it with `make screenshots`.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from textual.pilot import Pilot  # noqa: E402

from router.config import Account, Budget, Config, ModelRef, ModelSettings, Price  # noqa: E402
from router.loading import load  # noqa: E402
from router.places import Places  # noqa: E402
from store.opening import Store  # noqa: E402
from tests.servers.scripted import Script, Scripted, scripted_server, sse  # noqa: E402
from tui.app import ButlerApp, ReplayApp  # noqa: E402
from tui.drafts import Draft  # noqa: E402
from tui.options import Options  # noqa: E402
from tui.player import Player  # noqa: E402

WIDE, NARROW = (120, 40), (80, 24)

PLANNED = """The worker **acknowledges before it commits**. Three places matter:

1. `queue.py:88` acks in `finally`, so a crash between ack and commit loses the message.

```python
async with transaction() as t:
    await t.store(message)
    await message.ack()
```

2. The heartbeat outlives the lease, and a second worker takes the message again.
3. `tests/test_retry.py` never restarts the worker, so nothing notices.
"""
SUMMARY = "The change log covers three releases: a new queue, faster retries, and fewer locks."
LONGER = """A unique key on the outbox makes the retry **idempotent**:

| step | before | after |
|---|---|---|
| deliver | ack, then commit | commit, then ack |
| crash in between | message lost | delivered again |
| second delivery | never happens | ignored by key |

So the worker may die at any moment; the message is handled exactly once.
"""


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
                    price=Price(input=price[0], output=price[1]), context=1_000_000
                )
                for tier, price in prices.items()
            },
            budgets=(Budget(window="day", limit=5.0), Budget(window="month", limit=60.0)),
        )


def answer(text: str, read: int = 2_000, written: int = 600, *, ends: bool = True) -> Script:
    """An answer as an OpenAI-compatible server streams it, with what it counted."""
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    pieces = [text[at : at + 40] for at in range(0, len(text), 40)]
    chunks: list[dict[str, Any]] = [
        head | {"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]}
        for piece in pieces
    ]
    if not ends:
        return Script(sse(*chunks), ending="hang")
    chunks.append(head | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    chunks.append(head | {"choices": [], "usage": usage})
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
    app.save_screenshot(f"{name}.svg", path=str(ROOT / "screenshots"))
    print(f"screenshots/{name}.svg")


async def first_run() -> None:
    """Nothing is configured: the embedded model answers."""
    async with opened_shop() as shop:
        places = Places.find({"BUTLER_HOME": str(shop.folder / ".butler")})
        app = steady(ButlerApp(shop.options(load(places, environ={}, project=None))))
        async with app.run_test(size=WIDE) as pilot:
            await until(pilot, lambda: app.live.is_ready and app.chat.view.house.hint)
            await picture(app, pilot, "first-run")
            await ask(app, pilot, "Name three rivers.")
            await until(pilot, answered(app, 1), 180)
            await picture(app, pilot, "local-model")
            await app.close_house()


async def busy_day() -> None:
    """Five tiers, a budget nearly used up, work in the background, a question to the user."""
    async with opened_shop() as shop:
        shop.servers["anthropic"].play(answer(PLANNED, 900_000, 30_000))
        for account in ("openai", "anthropic-team"):
            shop.servers[account].play(answer(LONGER))
        shop.servers["google"].play(answer(SUMMARY), answer(SUMMARY[:60], ends=False))
        app = steady(ButlerApp(shop.options(shop.config())))
        async with app.run_test(size=WIDE) as pilot:
            await until(pilot, lambda: app.live.is_ready)
            question = "Why does the retry queue lose messages when the worker restarts?"
            await ask(app, pilot, question)
            await until(pilot, answered(app, 1))
            await ask(app, pilot, "/sum @spec.md ")
            await until(pilot, lambda: any(t.state == "done" for t in app.chat.deck.main.tasks))
            await ask(app, pilot, "/sum @CHANGELOG.md ")
            await until(pilot, lambda: any(t.streamed for t in app.chat.deck.main.tasks))
            await picture(app, pilot, "chat")
            await ask(app, pilot, "Make it idempotent.")
            await until(pilot, answered(app, 2))
            await picture(app, pilot, "chat-fallback")
            await _other_looks(app, pilot)
            await _other_screens(app, pilot)
            await ask(app, pilot, "Use aws_access_key_id = AKIAIOSFODNN7EXAMPL3 in the test.")
            await until(pilot, lambda: app.chat.deck.main.approvals)
            await picture(app, pilot, "card")
            session = app.chat.deck.chat
            await app.close_house()
        await replayed(shop, session)


async def _other_looks(app: ButlerApp, pilot: Pilot[int]) -> None:
    app.use_theme("butler-light")
    await picture(app, pilot, "chat-light")
    await pilot.resize_terminal(*NARROW)
    await picture(app, pilot, "narrow-light")
    app.use_theme("butler-dark")
    await picture(app, pilot, "narrow")
    await pilot.resize_terminal(*WIDE)


async def _other_screens(app: ButlerApp, pilot: Pilot[int]) -> None:
    for key, name in (
        ("f2", "usage"),
        ("f1", "help"),
        ("ctrl+s", "sessions"),
        ("ctrl+p", "palette"),
    ):
        await pilot.press(key)
        await until(pilot, lambda: app.screen is not app.chat)
        await picture(app, pilot, name)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.chat)


async def replayed(shop: Shop, session: str) -> None:
    with Store.open(shop.options(shop.config()).places.data) as store:
        player = Player.of_store(store, session)
    app = ReplayApp(shop.options(shop.config()), player)
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("space", "home", *["n"] * 2, *["right"] * 6)
        await picture(app, pilot, "replay")


async def make() -> None:
    await busy_day()
    await first_run()


if __name__ == "__main__":
    asyncio.run(make())
