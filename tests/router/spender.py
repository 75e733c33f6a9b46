"""A program that spends from a shared budget in many sessions at once, and may be killed."""

import asyncio
import os
import signal
from multiprocessing.connection import Connection
from pathlib import Path

from router.config import Config
from router.engine import Engine, Prompt
from router.places import Places
from store.events import ReplyStarted
from store.opening import Store


def spend(config: Config, home: str, sessions: int, dies: bool, tell: Connection) -> None:
    asyncio.run(_spend(config, Path(home), sessions, dies, tell))


async def _spend(config: Config, home: Path, sessions: int, dies: bool, tell: Connection) -> None:
    environ = {"BUTLER_HOME": str(home), "TEST_KEY": "sk-test-0123456789"}
    places = Places.find(environ)
    store = Store.open(places.data)
    async with Engine(config, store, places, workspace=home, environ=environ) as engine:
        tell.send("ready")
        assert await asyncio.to_thread(tell.recv) == "go"
        begun = [engine.begin() for _ in range(sessions)]
        dying = asyncio.create_task(_die(engine, begun)) if dies else None
        for session in begun:
            await engine.submit(session, Prompt(text="hello"))
        await asyncio.gather(*(engine.idle(session) for session in begun))
        assert dying is None, "it lived too long"
        # Once more for what came late: whoever is dead by now has left its reservations.
        await engine.submit(begun[0], Prompt(text="and again", tier="T4"))
        await engine.idle(begun[0])
        tell.send("done")
    store.close()


async def _die(engine: Engine, sessions: list[str]) -> None:
    """In the middle of it: some calls have been granted, and are not answered yet."""
    started = 0
    async with engine.subscribe(*sessions) as heard:
        async for batch in heard:
            started += sum(isinstance(entry.event, ReplyStarted) for entry in batch)
            if started >= 3:
                os.kill(os.getpid(), signal.SIGKILL)
