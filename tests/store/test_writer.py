"""What the writer thread does to the disk: how often, how safely, at what cost."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from store import connections, writer
from store.events import AnyEvent, Note, encode
from store.leases import Identity
from store.ledger import Limit
from store.opening import Store
from store.transaction import Transaction
from tests.store.samples import (
    FAR,
    asked,
    delta,
    deltas,
    events,
    exchange,
    finished,
    gauge,
    given,
    prompt,
    reply_started,
    reserved,
    settled,
    started,
    write,
)


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement of the writer's own connection, as it runs."""
    seen: list[str] = []

    def connect(path: Path, *, patience: float) -> sqlite3.Connection:
        connection = connections.connect(path, patience=patience)
        connection.set_trace_callback(seen.append)
        return connection

    monkeypatch.setattr(writer, "connect", connect)
    return seen


def transactions(statements: list[str]) -> list[tuple[str, int]]:
    """The durability of each transaction and how many events it wrote."""
    found: list[tuple[str, int]] = []
    level, inside = "", False
    for statement in statements:
        if statement.startswith("PRAGMA synchronous"):
            assert not inside, "SQLite ignores it inside a transaction"
            level = statement.rpartition(" ")[2]
        elif statement.startswith("BEGIN"):
            assert statement == "BEGIN IMMEDIATE"
            inside = True
            found.append((level, 0))
        elif statement.startswith(("COMMIT", "ROLLBACK")):
            inside = False
        elif statement.startswith("INSERT INTO events"):
            found[-1] = (level, found[-1][1] + 1)
    return found


def test_what_was_typed_spent_or_approved_is_flushed_and_text_is_not(
    statements: list[str], folder: Path
) -> None:
    with Store.open(folder) as store:
        durable = [started(), prompt(), settled("v"), asked(), given(), finished()]
        for event in durable:
            write(store, "s", event)
        assert transactions(statements) == [("FULL", 1)] * len(durable)
        statements.clear()
        for event in (reply_started(), delta("x"), Note(level="info", text="-")):
            write(store, "s", event)
        write(store, None, gauge(1))
        assert transactions(statements) == [("NORMAL", 1)] * 4
        statements.clear()
        store.journal.append("s", delta("y", 1))
        write(store, "s", prompt(name="p2"))
        assert transactions(statements) == [("FULL", 2)]


def test_events_that_come_together_are_committed_together(
    statements: list[str], folder: Path
) -> None:
    with Store.open(folder) as store:

        def submit(number: int) -> None:
            for turn in range(25):
                write(store, f"s{number}", prompt(name=f"p{number}-{turn}"))

        threads = [threading.Thread(target=submit, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        commits = transactions(statements)
        assert sum(count for _, count in commits) == 200
        assert len(commits) < 150


def test_a_reservation_has_a_transaction_to_itself(statements: list[str], folder: Path) -> None:
    with Store.open(folder) as store:
        limit = Limit(account=None, model=None, unit="requests", since=0, amount=1)
        store.journal.append("s", delta("before"))
        first = store.ledger.reserve(reserved("v1"), "s", [limit])
        second = store.ledger.reserve(reserved("v2"), "s", [limit])
        store.journal.append("s", delta("after", 6)).wait(5)
        assert (first.wait(5).granted, second.wait(5).granted) == (True, False)
        assert transactions(statements) == [("NORMAL", 1), ("FULL", 1), ("FULL", 0), ("NORMAL", 1)]


def test_a_stream_costs_a_few_transactions_a_second(statements: list[str], folder: Path) -> None:
    with Store.open(folder) as store:
        for piece in deltas("word " * 1000):
            last = store.journal.append("s", piece)
        last.wait(5)
        assert len(transactions(statements)) <= 3


def test_a_long_backlog_goes_down_in_turns(statements: list[str], folder: Path) -> None:
    with Store.open(folder) as store:
        with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            store.journal.append("s", started())
            for number in range(3500):
                last = store.journal.append("s", Note(level="info", text=f"{number}"))
            other.execute("ROLLBACK")
        last.wait(10)
        assert max(count for _, count in transactions(statements)) <= 1000
        assert len(events(store.journal.read("s"))) == 3501


@pytest.mark.parametrize(
    "event",
    [
        prompt("one more", "new"),
        delta("x", 0, "new"),
        reply_started("new", "new"),
        finished("one more answer", "old"),
        settled("new"),
        reserved("new"),
        asked("new"),
        gauge(50),
    ],
    ids=lambda event: type(event).__name__,
)
def test_an_event_costs_the_same_in_a_long_history(store: Store, event: AnyEvent) -> None:
    """Counted in steps of SQLite's machine, so that no clock is needed."""

    def steps() -> int:
        count = 0

        def step() -> int:
            nonlocal count
            count += 1
            return 0

        with closing(sqlite3.connect(store.path, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            transaction = Transaction(connection, Identity(), FAR)
            transaction.write("s", FAR, reply_started("old"), encode(reply_started("old")))
            connection.set_progress_handler(step, 1)
            transaction.write("s", FAR, event, encode(event))
            transaction.finish()
            connection.set_progress_handler(None, 0)
            connection.execute("ROLLBACK")
        return count

    def go_on(first: int, last: int) -> None:
        for number in range(first, last):
            store.journal.append("s", *exchange(number), settled(f"v{number}"))
            store.journal.append(None, gauge(number))
        write(store, "s", prompt(name=f"last{last}"))

    write(store, "s", started())
    go_on(0, 10)
    short = steps()
    go_on(10, 400)
    assert steps() <= short * 1.2 + 40


def test_a_pasted_book_is_taken_in_one_piece(store: Store) -> None:
    book = "It was the best of times, it was the worst of times. " * 40_000
    write(store, "s", started(), prompt(book), finished(book))
    assert events(store.journal.read("s"))[1] == prompt(book)
    assert len(store.sessions.search("worst of times")) == 2
