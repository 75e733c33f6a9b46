"""What an event costs in the journal, against a bare `sqlite3` insert on the same disk.

CPU is that of all threads of the process; the wait for the disk is told apart from it. Every
figure comes with its ratio to the bare insert of the same run, because absolute ones mean little
on another machine.
"""

import json
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from store.events import (
    AnyEvent,
    Note,
    PromptSubmitted,
    ReplyFinished,
    ReplyStarted,
    SessionStarted,
    TextDelta,
    Usage,
    UsageReserved,
    UsageSettled,
    encode,
    tag_of,
)
from store.ledger import Limit
from store.opening import Store

BATCHED = 5_000
"""Events that are appended without waiting for them."""
AWAITED = 300
"""Events that are waited for one by one."""
HISTORY = 100_000
ROUNDS = 3
_FAR = 10**15


@dataclass(frozen=True)
class Cost:
    """Microseconds for one event."""

    cpu: float
    wall: float

    @property
    def disk(self) -> float:
        return max(0.0, self.wall - self.cpu)


def measure(count: int, run: Callable[[], None]) -> Cost:
    """The best of a few rounds: what disturbs a round is not what we measure."""
    costs: list[Cost] = []
    for _ in range(ROUNDS):
        cpu, wall = time.process_time(), time.perf_counter()
        run()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        costs.append(Cost(cpu / count * 1e6, wall / count * 1e6))
    return Cost(min(c.cpu for c in costs), statistics.median(c.wall for c in costs))


# --- the bare insert ---------------------------------------------------------------------------


class Bare:
    """The events table and nothing else, each insert in a transaction or all in one."""

    def __init__(self, file: Path, synchronous: str) -> None:
        self.connection = sqlite3.connect(file, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute(f"PRAGMA synchronous = {synchronous}")
        self.connection.execute(
            "CREATE TABLE events (seq INTEGER PRIMARY KEY, at INTEGER, session TEXT, type TEXT, "
            "body TEXT) STRICT"
        )

    def one_by_one(self, events: list[AnyEvent]) -> None:
        for event in events:
            self.connection.execute(
                "INSERT INTO events (at, session, type, body) VALUES (?, ?, ?, ?)",
                (time.time_ns() // 1_000_000, "s", tag_of(event), encode(event).decode()),
            )

    def together(self, events: list[AnyEvent]) -> None:
        self.connection.execute("BEGIN IMMEDIATE")
        self.one_by_one(events)
        self.connection.execute("COMMIT")


# --- the journal -------------------------------------------------------------------------------


def append_all(store: Store, events: list[AnyEvent]) -> None:
    for event in events[:-1]:
        store.journal.append("s", event)
    store.journal.append("s", events[-1]).wait(60)


def append_each(store: Store, events: list[AnyEvent]) -> None:
    for event in events:
        store.journal.append("s", event).wait(60)


def reserve_each(store: Store, prefix: str, count: int) -> None:
    since = time.time_ns() // 1_000_000 - 5 * 3_600_000
    limits = [Limit(None, None, "usd", since, 1e9), Limit("a", None, "tokens", since, 1e12)]
    for number in range(count):
        name = f"{prefix}-{number}"
        event = UsageReserved(
            reservation=name,
            reply="r",
            account="a",
            tier="T0",
            model="m",
            kind="chat",
            tokens=1000,
            cost=0.01,
            expires_at=_FAR,
        )
        store.ledger.reserve(event, "s", limits).wait(60)


def settle_each(store: Store, prefix: str, count: int) -> None:
    usage = Usage(input=900, output=100)
    for number in range(count):
        event = UsageSettled(
            reservation=f"{prefix}-{number}",
            account="a",
            tier="T0",
            model="m",
            kind="chat",
            usage=usage,
            cost=0.01,
        )
        store.journal.append("s", event).wait(60)


# --- events ------------------------------------------------------------------------------------

_names = iter(range(10**9))


def notes(count: int) -> list[AnyEvent]:
    return [Note(level="info", text=f"Something worth telling, {n}.") for n in range(count)]


def deltas(count: int) -> list[AnyEvent]:
    reply = f"r{next(_names)}"
    return [TextDelta(reply=reply, offset=5 * n, text="word ") for n in range(count)]


def prompts(count: int) -> list[AnyEvent]:
    return [
        PromptSubmitted(prompt=f"p{next(_names)}", text="Why does the queue lose messages?")
        for _ in range(count)
    ]


def answers(count: int) -> list[AnyEvent]:
    return [
        ReplyFinished(reply=f"r{next(_names)}", text="It acks too early. " * 40, stop_reason="end")
        for _ in range(count)
    ]


def grow(store: Store, events: int) -> None:
    """A long history: ended replies with their pieces."""
    last = store.journal.append("s", Note(level="info", text="The first of many."))
    for number in range(events // 10):
        reply = f"old{number}"
        last = store.journal.append(
            "s",
            PromptSubmitted(prompt=f"op{number}", text=f"Question {number}?"),
            ReplyStarted(reply=reply, prompt=f"op{number}", tier="T0", model="m", account="a"),
            *(TextDelta(reply=reply, offset=7 * at, text="words. ") for at in range(0, 14, 2)),
            ReplyFinished(reply=reply, text="words. " * 14, stop_reason="end"),
        )
    last.wait(60)


# --- what is found -----------------------------------------------------------------------------


def compare(what: str, cost: Cost, bare: Cost, than: str, aim: float | None = None) -> None:
    finding = {
        "what": f"{what}, CPU",
        "value": cost.cpu / bare.cpu,
        "than": than,
        "note": f"{cost.cpu:.0f} µs against {bare.cpu:.0f} µs",
    }
    print(json.dumps(finding if aim is None else {**finding, "aim": aim}), flush=True)


def compare_waits(what: str, cost: Cost, bare: Cost, than: str) -> None:
    finding = {
        "what": f"{what}, with its fsync",
        "value": cost.wall / bare.wall,
        "than": than,
        "note": f"{cost.wall:.0f} µs ({cost.disk:.0f} waiting) against "
        f"{bare.wall:.0f} µs ({bare.disk:.0f})",
    }
    print(json.dumps(finding), flush=True)


def many(store: Store, bare: Bare) -> Cost:
    """Events nobody waits for: the CPU they take."""
    floor = measure(BATCHED, lambda: bare.together(notes(BATCHED)))
    than = "an insert among many in a transaction"
    state = measure(BATCHED, lambda: append_all(store, notes(BATCHED)))
    compare("a state event", state, floor, than)
    pieces = measure(BATCHED, lambda: append_all(store, deltas(BATCHED)))
    compare("a streamed piece of text", pieces, floor, than)
    return state


def awaited(store: Store, bare: Bare) -> None:
    """Events that are acknowledged one by one: CPU, and the wait for the disk."""
    floor = measure(AWAITED, lambda: bare.one_by_one(prompts(AWAITED)))
    than = "an insert with an fsync of its own"
    rounds = (f"v{next(_names)}" for _ in range(10**9))
    reserved = [next(rounds) for _ in range(ROUNDS)]
    taken, spent = iter(reserved), iter(reserved)
    works: dict[str, Callable[[], None]] = {
        "a prompt": lambda: append_each(store, prompts(AWAITED)),
        "an answer, searchable": lambda: append_each(store, answers(AWAITED)),
        "a reservation against two limits": lambda: reserve_each(store, next(taken), AWAITED),
        "a settlement with rollup": lambda: settle_each(store, next(spent), AWAITED),
    }
    for what, work in works.items():
        cost = measure(AWAITED, work)
        compare(what, cost, floor, than)
        compare_waits(what, cost, floor, than)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bare, durable = Bare(folder / "bare.db", "NORMAL"), Bare(folder / "durable.db", "FULL")
        with closing(bare.connection), closing(durable.connection), Store.open(folder) as store:
            append_each(store, [SessionStarted(kind="chat")])
            young = many(store, bare)
            awaited(store, durable)
            grow(store, HISTORY)
            old = measure(BATCHED, lambda: append_all(store, notes(BATCHED)))
            than = "the same in a young store"
            compare(f"a state event after {HISTORY:,} others", old, young, than, aim=1.25)


if __name__ == "__main__":
    main()
