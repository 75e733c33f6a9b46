"""Appending to the journal and reading it back."""

import asyncio
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.errors import StoreClosed
from store.events import BandChanged, Note, ReasoningDelta, TextDelta
from store.opening import Store
from tests.store.samples import (
    delta,
    deltas,
    events,
    exchange,
    finished,
    gauge,
    prompt,
    reply_started,
    started,
    text_of,
    write,
)


async def test_durable_events_are_acknowledged_with_their_numbers(store: Store) -> None:
    first = await store.journal.append("s", started(), prompt())
    second = await store.journal.append("s", finished())
    assert (first, second) == ((1, 2), (3,))
    assert store.journal.last_seq() == 3


def test_what_was_written_is_read_back_after_reopening(folder: Path) -> None:
    said = [started(title="A title"), prompt("Grüße ✓ \x00 \x1b[31m"), reply_started(), finished()]
    with Store.open(folder) as store:
        write(store, "s", *said, at=1234)
    with Store.open(folder) as store:
        entries = list(store.journal.read("s"))
    assert events(entries) == said
    assert [(entry.seq, entry.at, entry.session) for entry in entries] == [
        (seq, 1234, "s") for seq in range(1, 5)
    ]


def test_closing_writes_what_is_queued(folder: Path) -> None:
    with Store.open(folder) as store:
        store.journal.append("s", started())
        store.journal.append("s", delta("a tail that nobody waited for"))
    with Store.open(folder) as store:
        assert text_of(store.journal.read("s")) == "a tail that nobody waited for"


def test_a_closed_store_says_so_and_may_be_closed_again(store: Store) -> None:
    store.close()
    store.close()
    with pytest.raises(StoreClosed, match="closed"):
        store.journal.append("s", prompt())
    with pytest.raises(StoreClosed, match="closed"):
        store.journal.last_seq()


def test_streamed_text_is_coalesced_on_disk(store: Store) -> None:
    text = "The worker acknowledges before it commits. " * 20
    pieces = deltas(text)
    for piece in pieces:
        ticket = store.journal.append("s", piece)
    assert ticket.wait(5) == (1,)
    entries = list(store.journal.read("s"))
    assert text_of(entries) == text
    assert len(entries) < len(pieces) / 20


def test_text_waits_a_fifth_of_a_second_and_any_other_event_takes_it_along(store: Store) -> None:
    begun = time.monotonic()
    store.journal.append("s", delta("alone")).wait(5)
    alone = time.monotonic() - begun
    assert 0.15 < alone < 2

    text = store.journal.append("s", delta("together", 5))
    store.journal.append(None, gauge(3)).wait(5)
    assert text.done


def test_texts_are_merged_only_where_one_goes_on_where_the_other_ends(store: Store) -> None:
    store.journal.append(
        "s",
        delta("ab"),
        delta("cd", 2),
        ReasoningDelta(reply="r1", offset=0, text="hm"),
        ReasoningDelta(reply="r1", offset=2, text="m"),
        delta("ef", 4),
        delta("gap", 9),
        delta("other", 0, "r2"),
    )
    write(store, "t", delta("another session", 6))
    assert events(store.journal.read("s")) == [
        delta("abcd"),
        ReasoningDelta(reply="r1", offset=0, text="hmm"),
        delta("ef", 4),
        delta("gap", 9),
        delta("other", 0, "r2"),
    ]


def test_sessions_that_stream_side_by_side_are_merged_each_by_itself(store: Store) -> None:
    text = "0123456789" * 30
    for pieces in zip(*(deltas(text, f"r{n}") for n in range(4)), strict=True):
        for number, piece in enumerate(pieces):
            store.journal.append(f"s{number}", piece)
    write(store, None, gauge(1))
    for number in range(4):
        entries = list(store.journal.read(f"s{number}"))
        assert text_of(entries, f"r{number}") == text
        assert len(entries) <= 3


def test_events_of_one_call_go_down_together_or_not_at_all(store: Store) -> None:
    ticket = store.journal.append("s", prompt("fine"), Note(level="info", text="x"), at=2**63)
    with pytest.raises(OverflowError):
        ticket.wait(5)
    assert list(store.journal.read("s")) == []


def test_an_event_that_no_file_can_hold_does_not_sink_its_neighbours(store: Store) -> None:
    tickets = [
        store.journal.append("s", prompt(f"{n}"), at=2**63 if n == 5 else n) for n in range(10)
    ]
    for number, ticket in enumerate(tickets):
        if number == 5:
            with pytest.raises(OverflowError):
                ticket.wait(5)
        else:
            ticket.wait(5)
    assert len(list(store.journal.read("s"))) == 9


def test_half_a_surrogate_pair_is_replaced(store: Store) -> None:
    write(store, "s", started(), prompt("a\ud83db"), delta("\ude00x"), delta("y", 2))
    assert [getattr(event, "text", None) for event in events(store.journal.read("s"))] == [
        None,
        "a\ufffdb",
        "\ufffdxy",
    ]


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.text(), st.integers(1, 5)), max_size=8))
def test_any_text_cut_anywhere_is_read_back(store: Store, texts: list[tuple[str, int]]) -> None:
    after = store.journal.last_seq()
    for number, (text, size) in enumerate(texts):
        for piece in deltas(text, f"r{number}", size):
            store.journal.append("s", piece)
    write(store, "s", finished())
    entries = list(store.journal.read("s", after=after))
    for number, (text, _) in enumerate(texts):
        storable = "".join(c if c.encode("utf-8", "ignore") else "\ufffd" for c in text)
        assert text_of(entries, f"r{number}") == storable


def test_many_threads_append_and_each_keeps_its_order(store: Store) -> None:
    def run(session: str) -> None:
        for number in range(50):
            store.journal.append(session, Note(level="info", text=f"{number}"))
        write(store, session, prompt("end"))

    threads = [threading.Thread(target=run, args=(f"s{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(8):
        notes = events(store.journal.read(f"s{number}"))[:-1]
        assert [getattr(note, "text", "") for note in notes] == [f"{n}" for n in range(50)]


async def test_giving_up_a_wait_takes_nothing_back(store: Store) -> None:
    async def submit() -> None:
        await store.journal.append("s", prompt("kept"))

    task = asyncio.create_task(submit())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await store.journal.append("s", finished())
    assert events(store.journal.read("s"))[0] == prompt("kept")


# --- reading -----------------------------------------------------------------------------------


def test_sessions_and_the_house_are_read_in_one_order(store: Store) -> None:
    for number in range(600):
        store.journal.append(f"s{number % 2}", Note(level="info", text=f"{number}"))
        store.journal.append(None, gauge(number))
    write(store, "other", prompt())
    entries = list(store.journal.read("s0", "s1", house=True))
    assert [entry.seq for entry in entries] == list(range(1, 1201))
    assert {entry.session for entry in entries} == {"s0", "s1", None}
    assert [e.seq for e in store.journal.read("s1", after=3, before=12)] == [7, 11]
    assert [e.seq for e in store.journal.read("s0", "s1", after=2, limit=3)] == [3, 5, 7]


def test_pieces_of_ended_replies_can_be_left_out(store: Store) -> None:
    write(store, "s", started(), *exchange(1, "a long answer"), prompt("again", "p2"))
    write(store, "s", reply_started("r2", "p2"), delta("half an ans", 0, "r2"))
    entries = list(store.journal.read("s", deltas=False))
    assert [e.event for e in entries if isinstance(e.event, TextDelta)] == [
        delta("half an ans", 0, "r2")
    ]
    ended = next(e.seq for e in entries if e.event == finished("a long answer"))
    early = store.journal.read("s", before=ended, deltas=False)
    assert text_of(early) == "a long answer", "it had not ended there"


def test_events_of_some_types_can_be_read_alone(store: Store) -> None:
    write(store, "s", started(), prompt(), reply_started(), delta("Hi", 0), finished())
    write(store, "s", Note(level="info", text="a note"), finished())
    read = store.journal.read("s", types={Note, TextDelta}, deltas=False)
    assert [entry.event for entry in read] == [Note(level="info", text="a note")]
    assert list(store.journal.read("s", types=())) == []


def test_types_of_a_newer_program_are_skipped(store: Store, folder: Path) -> None:
    write(store, "s", started())
    with closing(sqlite3.connect(folder / "butler.db")) as newer, newer:
        newer.executemany(
            "INSERT INTO events (at, session, type, body, origin) VALUES (1, 's', ?, ?, 'x')",
            [("telepathy", '{"type":"telepathy"}'), ("note", '{"type":"note","level":"new"}')],
        )
    write(store, "s", prompt())
    assert events(store.journal.read("s")) == [started(), prompt()]


def test_the_house_is_known_as_it_was_at_any_number(store: Store) -> None:
    band = BandChanged(before="normal", after="prefer-cheaper", percent=81)
    write(store, None, gauge(10), gauge(20, "openai"), gauge(80), band, gauge(82))
    assert events(store.journal.house_at()) == [gauge(20, "openai"), band, gauge(82)]
    assert events(store.journal.house_at(3)) == [gauge(20, "openai"), gauge(80)]
    assert store.journal.house_at(0) == []


def test_reading_holds_up_nothing(store: Store) -> None:
    write(store, "s", *(Note(level="info", text=f"{n}") for n in range(2000)))
    reader = store.journal.read("s")
    next(reader)
    write(store, "s", prompt())
    with closing(sqlite3.connect(store.path)) as other:
        busy, frames, moved = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert (busy, frames, moved) == (0, 0, 0)
    assert len(list(reader)) == 2000
