"""Many kills, and a very large store against a small one.

python bench/store_long.py [--kills 200] [--events 1000000]
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from store.events import (  # noqa: E402 - the tests' programs are beside us, not installed
    AnyEvent,
    Gauge,
    GaugeChanged,
    PromptSubmitted,
    ReplyFinished,
    ReplyStarted,
    SessionStarted,
    TextDelta,
    Usage,
    UsageSettled,
)
from store.opening import Store  # noqa: E402
from tests.store.test_killed import check, run_and_kill  # noqa: E402

EXCHANGE = 12
"""Events of a prompt, its reply and its settlement."""
IN_SESSION = 200
"""Exchanges in one session."""
YEAR = 365 * 24 * 3_600_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--events", type=int, default=1_000_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        kill(Path(name) / "killed", arguments.kills)
        small, large = Path(name) / "small", Path(name) / "large"
        fill(small, 2 * IN_SESSION * EXCHANGE)
        fill(large, arguments.events)
        compare(small, large, arguments.events)


def say(**finding: object) -> None:
    print(json.dumps(finding), flush=True)


# --- kills -------------------------------------------------------------------------------------


def kill(folder: Path, kills: int) -> None:
    lines = run_and_kill(folder, rounds=kills // 2, processes=2, longest=1.0)
    with Store.open(folder) as store:
        check(store, lines)
    promises = sum(line[0] not in ("kill", "text", "session") for line in lines)
    say(
        what=f"promises lost by {kills // 2 * 2} kills",
        value=0.0,
        unit="",
        aim=0,
        note=f"{promises} were given",
    )


# --- size --------------------------------------------------------------------------------------


def fill(folder: Path, events: int) -> None:
    """Conversations spread over a year, a gauge moving with each."""
    exchanges = events // EXCHANGE
    began = time.time_ns() // 1_000_000 - YEAR
    with Store.open(folder) as store:
        for number in range(exchanges):
            session, at = f"s{number // IN_SESSION}", began + number * YEAR // exchanges
            if number % IN_SESSION == 0:
                store.journal.append(session, SessionStarted(kind="chat"), at=at)
            last = store.journal.append(session, *exchange(number), at=at)
            store.journal.append(None, gauge(number % 100, at), at=at)
            if number % 500 == 0:
                last.wait(60)


def exchange(number: int) -> list[AnyEvent]:
    name, reply = f"p{number}", f"r{number}"
    answer = f"It acknowledges before it commits, says word{number}. " * 8
    size = len(answer) // 7
    return [
        PromptSubmitted(prompt=name, text=f"Why are messages lost, question {number}?"),
        ReplyStarted(reply=reply, prompt=name, tier="T0", model="m", account="a"),
        # Not quite adjoining, so that they stay separate events as they would over time.
        *(
            TextDelta(reply=reply, offset=at, text=answer[at : at + size - 1])
            for at in range(0, size * 7, size)
        ),
        ReplyFinished(reply=reply, text=answer, stop_reason="end"),
        UsageSettled(
            reservation=f"v{number}",
            account=f"a{number % 3}",
            tier="T0",
            model=f"m{number % 5}",
            kind="chat",
            usage=Usage(input=900, output=100),
            cost=0.01,
        ),
    ]


def gauge(percent: float, at: int) -> GaugeChanged:
    return GaugeChanged(
        gauge=Gauge(account="a", window="week", percent=percent, source="provider", measured_at=at)
    )


def compare(small: Path, large: Path, events: int) -> None:
    size = (large / "butler.db").stat().st_size / 2**20
    say(what=f"size of a store with {events:,} events", value=size, unit="MB")
    ratio("opening the store", lambda folder: Store.open(folder).close(), small, large, aim=2)
    with Store.open(small) as few, Store.open(large) as many:
        month = time.time_ns() // 1_000_000 - YEAR // 12
        works: dict[str, tuple[Callable[[Store], object], float | None]] = {
            "listing sessions": (lambda store: store.sessions.list(limit=2), 2),
            "the last 30 messages of a session": (last_messages, 2),
            "the state of the house": (lambda store: store.journal.house_at(), 2),
            "usage of the last month": (lambda store: store.ledger.used(since=month), None),
            "a search for a rare word": (lambda store: store.sessions.search("word123"), None),
            "usage of each day of a year": (lambda store: store.ledger.by("day", since=0), None),
            "a search for a frequent word": (lambda store: store.sessions.search("lost"), None),
        }
        for what, (work, aim) in works.items():
            ratio(what, work, few, many, aim)
        began = time.perf_counter()
        many.sessions.delete("s1")
        elapsed = (time.perf_counter() - began) * 1e3
        deleted = IN_SESSION * (EXCHANGE - 1)
        say(what=f"deleting a session of {deleted:,} events", value=elapsed, unit="ms")


def last_messages(store: Store) -> None:
    page = store.sessions.window("s0", 30)
    for _ in store.journal.read("s0", after=page.start_seq - 1, deltas=False):
        pass


def ratio(
    what: str, work: Callable[[Any], object], small: Any, large: Any, aim: float | None
) -> None:
    few, many = milliseconds(work, small), milliseconds(work, large)
    finding: dict[str, object] = {
        "what": f"{what}, large store",
        "value": many / few,
        "than": "a small store",
        "note": f"{many:.2f} ms against {few:.2f} ms",
    }
    say(**finding if aim is None else {**finding, "aim": aim})


def milliseconds(work: Callable[[Any], object], thing: Any) -> float:
    times: list[float] = []
    for _ in range(9):
        began = time.perf_counter()
        work(thing)
        times.append((time.perf_counter() - began) * 1e3)
    return statistics.median(times)


if __name__ == "__main__":
    main()
