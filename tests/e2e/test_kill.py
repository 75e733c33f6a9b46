"""Killed in mid-stream, twenty times at random moments: all of it is found again."""

import asyncio
import multiprocessing
import random
import time
from collections.abc import Iterator
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import pytest

from router.config import Config
from router.reading import open_view
from store.events import (
    ApprovalGiven,
    PromptSubmitted,
    ReplyStarted,
    SessionStarted,
    TextDelta,
    UsageSettled,
)
from tests.e2e import mortal
from tests.router.house import configuration, open_house
from tests.servers.llmock import Llmock

KILLS = 20
LOST = 0.25
"""Seconds of streamed text that a crash may cost."""


@pytest.fixture(scope="module")
def forks() -> Iterator[Any]:
    """Processes forked from one that has the SDKs loaded: each costs milliseconds."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["tests.e2e.mortal", "router.providers.openai_chat", "router.providers.anthropic"]
    )
    yield context
    multiprocessing.forkserver._forkserver._stop()


class Promises:
    """What the killed programs had promised or shown."""

    def __init__(self) -> None:
        self.prompts: dict[str, str] = {}
        self.spawned: set[str] = set()
        self.decided: set[str] = set()
        self.shown: dict[str, list[tuple[float, int]]] = {}
        self.killed_at: dict[str, float] = {}

    def take(self, message: tuple[Any, ...]) -> None:
        match message:
            case ("prompt", prompt, text):
                self.prompts[prompt] = text
            case ("spawned", session):
                self.spawned.add(session)
            case ("decided", approval):
                self.decided.add(approval)
            case ("shown", reply, length, at):
                self.shown.setdefault(reply, []).append((at, length))
            case _:
                raise AssertionError(message)

    def safe_length(self, reply: str) -> int:
        """Characters that were shown long enough before the end to be on disk."""
        end = self.killed_at.get(reply, float("inf"))
        # Twice the promise: the machine is shared, and the clock is read on both sides of a pipe.
        return max((n for at, n in self.shown[reply] if at < end - 2 * LOST), default=0)


def live_and_die(
    forks: Any, config: Config, home: Path, session: str | None, seconds: float
) -> Promises:
    promises = Promises()
    ours, theirs = forks.Pipe(duplex=False)
    process = forks.Process(
        target=mortal.live, args=(config, str(home), session, theirs), daemon=True
    )
    process.start()
    theirs.close()
    deadline = None
    while deadline is None or time.monotonic() < deadline:
        left = 20.0 if deadline is None else max(0.0, deadline - time.monotonic())
        if wait([ours], timeout=left):
            promises.take(ours.recv())
            # The clock of its death runs from the first promise, not from its birth.
            deadline = deadline or time.monotonic() + seconds
        else:
            assert deadline is not None, "the program never got as far as a prompt"
    process.kill()
    killed = time.monotonic()
    process.join()
    while ours.poll():
        try:
            promises.take(ours.recv())
        except EOFError:
            break
    promises.killed_at = dict.fromkeys(promises.shown, killed)
    return promises


@pytest.mark.timeout(120)
async def test_nothing_that_was_promised_is_lost(
    forks: Any, llmock_service: Llmock, tmp_path: Path
) -> None:
    # Each stream pauses in its middle, so that there is a middle to be killed in.
    pause = {"type": "stream_fault", "kind": "stall", "after_chunks": 6, "stall_seconds": 0.3}
    llmock_service.script(
        {"type": "reply", "text": "word " * 400, "times": None},
        {**pause, "times": None, "match": {"stream": True}},
    )
    config = configuration(llmock_service)
    chance = random.Random(20)
    session: str | None = None
    lives: list[Promises] = []
    for _ in range(KILLS):
        seconds = chance.uniform(0.02, 0.7)
        lives.append(
            await asyncio.to_thread(live_and_die, forks, config, tmp_path, session, seconds)
        )
        session = session or first_session(tmp_path)
    assert session is not None
    async with open_house(config, tmp_path) as house:
        await house.engine.open(session)
        await house.engine.check()
        check_promises(house.engine.store, session, lives)


def first_session(home: Path) -> str:
    from store.opening import Store

    store = Store.open(home / "data")
    try:
        return store.sessions.list()[0].id
    finally:
        store.close()


def check_promises(store: Any, session: str, lives: list[Promises]) -> None:
    children = [row.id for row in store.sessions.children(session, 1000)]
    entries = list(store.journal.read(session, *children))
    events = [entry.event for entry in entries]
    prompts = {e.prompt: e.text for e in events if isinstance(e, PromptSubmitted)}
    given = {e.approval for e in events if isinstance(e, ApprovalGiven)}
    started = {e.session for e in entries if isinstance(e.event, SessionStarted)}
    text: dict[str, int] = {}
    for event in events:
        if isinstance(event, TextDelta):
            text[event.reply] = max(text.get(event.reply, 0), event.offset + len(event.text))
    assert sum(len(life.prompts) for life in lives) >= KILLS
    assert any(life.shown for life in lives), "no program was killed in mid-stream"
    for life in lives:
        assert life.prompts.items() <= prompts.items()
        assert life.spawned <= started
        assert life.decided <= given
        for reply in life.shown:
            assert text.get(reply, 0) >= life.safe_length(reply)
    check_ends(store, session, events)


def check_ends(store: Any, session: str, events: list[Any]) -> None:
    """Nothing hangs, and every call that began is in the ledger once."""
    view = open_view(store, session, 10_000)
    assert {m.state for m in view.messages} <= {"finished", "interrupted", "cancelled"}
    assert {t.state for t in view.tasks} <= {"done", "interrupted"}
    assert any(m.state == "interrupted" and m.text.length for m in view.messages)
    settled = [e.reservation for e in events if isinstance(e, UsageSettled)]
    began = [e.reply for e in events if isinstance(e, ReplyStarted)]
    assert len(settled) == len(set(settled))
    assert store.ledger.used(since=0).requests >= len(began)
    assert store.ledger.reserved().requests == 0
