"""Make the pictures of the documentation: the real program, driven by its keys.

Its models are small servers on this machine that answer what they are told to; the first-run
picture is answered by the embedded model. Run it with `make screenshots`;
`make screenshots ARGS=coding` makes only those of the coding desk.
"""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from textual.pilot import Pilot

from router.loading import load
from router.places import Places
from screenshots.coding import coding_desk
from screenshots.stage import (
    NARROW,
    WIDE,
    Shop,
    answer,
    answered,
    ask,
    opened_shop,
    picture,
    steady,
    until,
)
from store.opening import Store
from tui.app import ButlerApp, ReplayApp
from tui.player import Player

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
            await ask(app, pilot, "What does a unique key on the outbox change?")
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


MAKERS = {"chat": busy_day, "coding": coding_desk, "first": first_run}


async def make(names: list[str]) -> None:
    for name in names or MAKERS:
        await MAKERS[name]()


if __name__ == "__main__":
    asyncio.run(make(sys.argv[1:]))
