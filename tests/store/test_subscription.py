"""Listening to the journal."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from store.errors import StoreBusy, StoreClosed
from store.events import AnyEvent, Entry, Note, TextDelta
from store.opening import Store
from tests.store.samples import (
    SECONDS,
    delta,
    deltas,
    events,
    finished,
    gauge,
    hear,
    prompt,
    reply_started,
    reserved,
    settled,
    started,
    text_of,
    write,
)


def until(event: AnyEvent) -> Callable[[list[Entry]], bool]:
    return lambda heard: bool(heard) and event in events(heard)


async def test_events_that_need_no_disk_are_heard_at_once_and_durable_ones_after_it(
    store: Store,
) -> None:
    async with store.journal.subscribe("s") as subscription:
        store.journal.append("s", reply_started())
        ticket = store.journal.append("s", finished())
        heard = await hear(subscription, until(finished()))
        assert [entry.seq for entry in heard] == [0, 2]
        assert await ticket == (2,)


async def test_nothing_overtakes_what_came_before_it_in_its_session(store: Store) -> None:
    said: list[AnyEvent] = []
    async with store.journal.subscribe("s") as subscription:
        for number in range(200):
            steps = [
                prompt(f"{number}"),
                reply_started(f"r{number}"),
                *deltas("abcdef", f"r{number}", 6),
                finished("abcdef", f"r{number}"),
            ]
            said += steps
            for step in steps:
                store.journal.append("s", step)
            if number % 7 == 0:
                await asyncio.sleep(0)
        heard = await hear(subscription, until(said[-1]))
    assert events(heard) == said
    assert events(store.journal.read("s")) == said


async def test_a_reservation_is_heard_in_its_place(store: Store) -> None:
    async with store.journal.subscribe("s") as subscription:
        store.journal.append("s", prompt())
        granted = store.ledger.reserve(reserved("v1"), "s", [])
        store.journal.append("s", reply_started())
        await granted
        store.journal.append("s", settled("v1"))
        heard = await hear(subscription, until(settled("v1")))
    assert events(heard) == [prompt(), reserved("v1"), reply_started(), settled("v1")]


async def test_a_slow_reader_finds_text_merged_and_every_other_event(store: Store) -> None:
    text = "word " * 4000
    async with store.journal.subscribe("s", "t") as subscription:
        await subscription.start
        for number, piece in enumerate(deltas(text, size=5)):
            store.journal.append("s", piece)
            store.journal.append("t", delta("x", number, "other"))
            if number % 1000 == 999:
                store.journal.append("s", Note(level="info", text=f"{number}"))
        heard = await hear(subscription, lambda heard: len(text_of(heard)) == len(text))
    assert text_of(heard) == text
    assert len(text_of(heard, "other")) == 4000
    assert len(heard) == 4 + 4 + 1, "a run of text for each note, the notes, the other session"


async def test_a_subscriber_in_step_hears_each_piece(store: Store) -> None:
    async with store.journal.subscribe("s") as subscription:
        for piece in deltas("piece by piece"):
            store.journal.append("s", piece)
            assert events(await hear(subscription, bool)) == [piece]


async def test_only_what_was_asked_for_is_heard(store: Store) -> None:
    async with store.journal.subscribe("s", house=False) as subscription:
        store.journal.append("t", prompt("not mine"))
        store.journal.append(None, gauge(1))
        store.journal.append("s", prompt("mine"))
        assert events(await hear(subscription, bool)) == [prompt("mine")]
        subscription.add("t")
        subscription.discard("s")
        store.journal.append("s", prompt("no longer mine"))
        store.journal.append("t", prompt("now mine"))
        assert events(await hear(subscription, bool)) == [prompt("now mine")]


async def test_history_and_subscription_meet_without_gap_or_overlap(store: Store) -> None:
    stop = threading.Event()

    def stream() -> None:
        number = 0
        while not stop.is_set():
            store.journal.append("s", Note(level="info", text=f"{number}"))
            number += 1
            if number % 50 == 0:
                store.journal.append("s", prompt(f"{number}")).wait(SECONDS)

    thread = threading.Thread(target=stream)
    thread.start()
    try:
        for _ in range(10):
            await asyncio.sleep(0.01)
            async with store.journal.subscribe("s", house=False) as subscription:
                before = await subscription.start + 1
                entries = [*store.journal.read("s", before=before)]
                entries += await hear(subscription, lambda heard: len(heard) > 120)
            notes = [e.event.text for e in entries if isinstance(e.event, Note)]
            assert notes == [f"{number}" for number in range(len(notes))]
    finally:
        stop.set()
        thread.join()


async def test_an_added_session_begins_where_it_says(store: Store) -> None:
    write(store, "t", prompt("old"))
    async with store.journal.subscribe("s") as subscription:
        store.journal.append("t", prompt("before"))
        start = subscription.add("t")
        store.journal.append("t", prompt("after"))
        heard = await hear(subscription, bool)
        assert events(store.journal.read("t", before=await start + 1)) == [
            prompt("old"),
            prompt("before"),
        ]
        assert events(heard) == [prompt("after")]


async def test_subscribers_are_independent(store: Store) -> None:
    async with store.journal.subscribe("s") as one, store.journal.subscribe("s") as two:
        write(store, "s", started())
        assert events(await hear(one, bool)) == [started()]
        one.close()
        write(store, "s", prompt())
        assert events(await hear(two, until(prompt()))) == [started(), prompt()]
        assert [batch async for batch in one] == []


async def test_closing_the_store_ends_the_subscription_after_its_last_event(store: Store) -> None:
    subscription = store.journal.subscribe("s")
    store.journal.append("s", prompt("last words"))
    await asyncio.to_thread(store.close)
    heard: list[Entry] = [entry async for batch in subscription for entry in batch]
    assert events(heard) == [prompt("last words")]
    with pytest.raises(StoreClosed):
        store.journal.subscribe("s")


async def test_a_loop_that_is_gone_disturbs_nobody(store: Store) -> None:
    async def listen() -> None:
        subscription = store.journal.subscribe("s")
        store.journal.append("s", delta("x"))
        await anext(subscription)

    await asyncio.to_thread(asyncio.run, listen())
    async with store.journal.subscribe("s") as subscription:
        store.journal.append("s", prompt())
        assert events(await hear(subscription, bool)) == [prompt()]


async def test_what_the_disk_refuses_is_heard_if_it_has_happened_anyway(folder: Path) -> None:
    with Store.open(folder, patience=0.1) as store:
        async with store.journal.subscribe("s") as subscription:
            await subscription.start
            with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                refused = store.journal.append("s", prompt("refused"), reply_started())
                over = store.journal.append("s", finished())
                heard = await hear(subscription, until(finished()))
                for ticket in (refused, over):
                    with pytest.raises(StoreBusy):
                        await ticket
                other.execute("ROLLBACK")
            assert events(heard) == [reply_started(), finished()]
            await store.journal.append("s", prompt("accepted"))
            assert events(await hear(subscription, bool)) == [prompt("accepted")]
        assert events(store.journal.read("s")) == [reply_started(), finished(), prompt("accepted")]


async def test_shown_events_reach_the_screen_and_never_the_disk(store: Store) -> None:
    async with store.journal.subscribe("s") as subscription:
        store.journal.show("s", Note(level="error", text="the disk is full"))
        (entry,) = await hear(subscription, bool)
    assert entry.seq == 0
    write(store, "s", prompt())
    assert events(store.journal.read("s")) == [prompt()]


async def test_live_events_and_the_journal_say_the_same(store: Store) -> None:
    async with store.journal.subscribe("s") as subscription:
        for number in range(30):
            store.journal.append("s", prompt(f"{number}", f"p{number}"))
            store.journal.append("s", reply_started(f"r{number}", f"p{number}"))
            for piece in deltas("a streamed answer", f"r{number}"):
                store.journal.append("s", piece)
            store.journal.append("s", finished("a streamed answer", f"r{number}"))
        heard = await hear(subscription, until(finished("a streamed answer", "r29")))
    stored = list(store.journal.read("s"))
    for number in range(30):
        assert text_of(heard, f"r{number}") == text_of(stored, f"r{number}")
    assert [e for e in events(heard) if not isinstance(e, TextDelta)] == [
        e for e in events(stored) if not isinstance(e, TextDelta)
    ]
