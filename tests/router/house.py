"""A whole house for tests: an engine on a store of its own, its accounts on a mock service."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from router.config import Account, Budget, Config, ModelRef, ModelSettings, Price, TimeLimits
from router.engine import Engine, Prompt
from router.fold import fold
from router.places import Places
from router.view import Message, View
from store.opening import Store
from tests.servers.llmock import Llmock

if TYPE_CHECKING:
    from store.events import Entry

OPUS, CODEX, FLASH, SONNET, LOCAL = (
    "claude-opus-5-5",
    "gpt-6.2-sol",
    "gemini-3.8-flash",
    "claude-sonnet-5-5",
    "local-model",
)
_PRICES = {OPUS: (4, 20), CODEX: (2, 10), FLASH: (0.75, 3.75), SONNET: (2, 10), LOCAL: (0, 0)}
_ACCOUNTS = {OPUS: "anthropic", CODEX: "openai", FLASH: "google", SONNET: "other", LOCAL: "home"}


def configuration(service: Llmock, *budgets: Budget, tools: bool = False, **changes: Any) -> Config:
    """Five tiers on one mock service; T3 has an account of its own, T4 asks for no key.

    No tools, if not asked for: llmock calls one whenever it is offered any.
    """

    def account(wire: Any, key: str = "env:TEST_KEY") -> Account:
        return Account(wire=wire, base_url=service.base_url(wire), key=key)

    config = Config(
        accounts={
            "anthropic": account("anthropic"),
            "openai": account("openai"),
            "google": account("google"),
            "other": account("anthropic"),
            "home": account("openai-chat", key="none"),
        },
        tiers={
            "T0": (ref(OPUS),),
            "T1": (ref(CODEX),),
            "T2": (ref(FLASH),),
            "T3": (ref(SONNET),),
            "T4": (ref(LOCAL),),
        },
        models={
            str(ref(model)): ModelSettings(
                price=Price(input=price[0], output=price[1]), tools=tools
            )
            for model, price in _PRICES.items()
        },
        budgets=budgets,
        time_zone="UTC",
        limits=TimeLimits(connect=2, first_token=5, first_token_local=5, silence=1),
    )
    return replace(config, **changes)


def ref(model: str) -> ModelRef:
    return ModelRef(_ACCOUNTS[model], model)


class House:
    """The user at the keyboard: submits, waits, and sees what the screen would show."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.session = engine.begin()
        self.view = View(session=self.session)
        self.entries: list[Entry] = []
        self.children: dict[str, View] = {}
        self._changed = asyncio.Condition()

    async def open(self, session: str) -> None:
        """Go on with a session of an earlier life, and what waits in those it spawned."""
        self.view = await self.engine.open(session)
        self.session = session
        for task in self.view.tasks:
            self.children[task.session] = await self.engine.open(task.session)

    async def follow(self) -> None:
        async with self.engine.subscribe(self.session) as heard:
            for child in self.children:
                await heard.add(child)
            async for batch in heard:
                async with self._changed:
                    for entry in batch:
                        self._take(entry)
                    self._changed.notify_all()

    def _take(self, entry: "Entry") -> None:
        self.entries.append(entry)
        self.view = fold(self.view, entry)
        child = entry.session
        if child is None or child == self.session:
            return
        self.children[child] = fold(self.children.get(child, View(session=child)), entry)

    @property
    def child(self) -> View:
        """The session that was spawned last."""
        return list(self.children.values())[-1]

    async def until_child(self, seen: Callable[[View], object]) -> View:
        await self.until(lambda _: self.children and seen(self.child))
        return self.child

    async def until(self, seen: Callable[[View], object]) -> View:
        async with asyncio.timeout(20), self._changed:
            await self._changed.wait_for(lambda: seen(self.view))
        return self.view

    async def say(self, text: str, **how: Any) -> Message:
        """Submit a prompt and wait for its answer, or for its failure."""
        prompt = await self.engine.submit(self.session, Prompt(text=text, **how))
        view = await self.until(lambda view: reply_to(view, prompt))
        found = reply_to(view, prompt)
        assert found is not None
        return found


def reply_to(view: View, prompt: str) -> Message | None:
    under_way = ("waiting", "streaming")
    replies = [m for m in view.messages if m.prompt == prompt and m.state not in under_way]
    return replies[-1] if replies else None


@asynccontextmanager
async def open_house(
    config: Config,
    folder: Path,
    environ: dict[str, str] | None = None,
    *,
    workspace: Path | None = None,
    session: str | None = None,
) -> AsyncIterator[House]:
    environ = {"BUTLER_HOME": str(folder), "TEST_KEY": "sk-test-0123456789"} | (environ or {})
    places = Places.find(environ)
    store = Store.open(places.data)
    async with AsyncExitStack() as stack:
        stack.callback(store.close)
        engine = await stack.enter_async_context(
            Engine(config, store, places, workspace=workspace or folder, environ=environ)
        )
        house = House(engine)
        if session is not None:
            await house.open(session)
        following = asyncio.create_task(house.follow())
        stack.callback(following.cancel)
        yield house


def asked_of(service: Llmock, provider: str | None = None) -> list[str]:
    """The models that were asked, in order; what was turned away counts too."""
    requests = [r for r in service.requests() if r["method"] == "POST"]
    return [r["model"] for r in requests if provider in (None, r["provider"])]


def reply(text: str, model: str = "*") -> dict[str, Any]:
    return {"type": "reply", "text": text, "match": {"model": model}}


def fail(status: int, model: str, **more: Any) -> dict[str, Any]:
    return {"type": "fail", "status": status, "match": {"model": model}, **more}


def spoil(kind: str, model: str, after: int = 4) -> dict[str, Any]:
    return {
        "type": "stream_fault",
        "kind": kind,
        "after_chunks": after,
        "stall_seconds": 8,
        "match": {"model": model, "stream": True},
    }
