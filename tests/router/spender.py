"""A program that spends from a shared budget in many sessions at once."""

import asyncio
from multiprocessing.connection import Connection
from pathlib import Path

from router.config import Config
from router.engine import Engine, Prompt
from router.places import Places
from store.opening import Store


def spend(config: Config, home: str, sessions: int, tell: Connection) -> None:
    asyncio.run(_spend(config, Path(home), sessions, tell))


async def _spend(config: Config, home: Path, sessions: int, tell: Connection) -> None:
    environ = {"BUTLER_HOME": str(home), "TEST_KEY": "sk-test-0123456789"}
    places = Places.find(environ)
    store = Store.open(places.data)
    async with Engine(config, store, places, workspace=home, environ=environ) as engine:
        tell.send("ready")
        assert await asyncio.to_thread(tell.recv) == "go"
        begun = [engine.begin() for _ in range(sessions)]
        for session in begun:
            await engine.submit(session, Prompt(text="hello"))
        await asyncio.gather(*(engine.idle(session) for session in begun))
        # Once more for what came late: whoever is dead by now has left its reservations.
        await engine.submit(begun[0], Prompt(text="and again", tier="T4"))
        await engine.idle(begun[0])
        tell.send("done")
    store.close()
