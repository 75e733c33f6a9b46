"""A program that works until it is killed. Tells through a pipe what it was promised and shown."""

import asyncio
import itertools
import time
from multiprocessing.connection import Connection
from pathlib import Path

from router.config import Config
from router.engine import Engine, Prompt, SpawnTask
from router.places import Places
from store.events import ApprovalAsked, Attachment, Entry, TextDelta
from store.opening import Store

SECRET = "is AKIAQWERTYUIOPASDFGH still valid?"


def live(config: Config, home: str, session: str | None, tell: Connection) -> None:
    asyncio.run(_live(config, Path(home), session, tell))


async def _live(config: Config, home: Path, session: str | None, tell: Connection) -> None:
    environ = {"BUTLER_HOME": str(home), "TEST_KEY": "sk-test-0123456789"}
    places = Places.find(environ)
    store = Store.open(places.data)
    async with Engine(config, store, places, workspace=home, environ=environ) as engine:
        if session is None:
            session = engine.begin()
        else:
            await engine.open(session)
        async with engine.subscribe(session) as heard, asyncio.TaskGroup() as tasks:
            tasks.create_task(_type(engine, session, tell))
            async for batch in heard:
                for entry in batch:
                    await _tell(engine, entry, tell)


async def _type(engine: Engine, session: str, tell: Connection) -> None:
    """Prompts one after the other, now and then a summary or a secret."""
    for number in itertools.count():
        text = SECRET if number % 4 == 3 else f"prompt {time.time_ns()}"
        prompt = await engine.submit(session, Prompt(text=text))
        tell.send(("prompt", prompt, text))
        if number % 3 == 1:
            task = SpawnTask(task="sum", parent=session, attachments=(Attachment("a", "b " * 40),))
            tell.send(("spawned", await engine.spawn(task)))
        await engine.idle(session)


async def _tell(engine: Engine, entry: Entry, tell: Connection) -> None:
    match entry.event:
        case TextDelta(reply=reply, offset=offset, text=text):
            tell.send(("shown", reply, offset + len(text), time.monotonic()))
        case ApprovalAsked(approval=approval):
            await engine.decide(approval, "reject")
            tell.send(("decided", approval))
        case _:
            pass
