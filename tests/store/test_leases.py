"""Who may write a session, and who counts as alive."""

import os
import socket
import sqlite3
import time
from contextlib import closing

import psutil
import pytest

from store import leases
from store.opening import Store
from tests.store.samples import reply_started, started, write

HERE = socket.gethostname()


def now() -> int:
    return time.time_ns() // 1_000_000


def other_process(store: Store, session: str, **fields: object) -> None:
    """A process that holds a session, as it would have described itself."""
    row = {
        "host": HERE,
        "pid": os.getppid(),
        "born": int(psutil.Process(os.getppid()).create_time() * 1000),
        "expires_at": now() + 10_000,
        **fields,
    }
    with closing(sqlite3.connect(store.path)) as connection, connection:
        connection.execute(
            "INSERT INTO processes VALUES ('other', :host, :pid, :born, :expires_at)", row
        )
        connection.execute("INSERT OR REPLACE INTO leases VALUES (?, 'other')", (session,))


def test_who_starts_a_session_may_write_it_until_released(store: Store) -> None:
    write(store, "s", started())
    assert store.sessions.holds("s")
    store.sessions.release("s")
    assert not store.sessions.holds("s")
    lease = store.sessions.lease("s")
    assert lease is not None
    assert lease.held


def test_a_fork_belongs_to_who_made_it(store: Store) -> None:
    write(store, "s", started())
    assert store.sessions.holds(store.sessions.fork("s", 1))


@pytest.mark.parametrize(
    ("fields", "alive"),
    [
        pytest.param({}, True, id="a living process"),
        pytest.param({"expires_at": 0}, False, id="one that no longer says so"),
        pytest.param({"pid": 2**22 + 1}, False, id="one that is no more"),
        pytest.param({"born": 1000}, False, id="another one with its number"),
        pytest.param({"host": "elsewhere", "pid": 2**22 + 1}, True, id="one elsewhere"),
        pytest.param({"host": "elsewhere", "expires_at": 0}, False, id="silence from elsewhere"),
    ],
)
def test_a_lease_is_good_while_its_process_lives(
    store: Store, fields: dict[str, object], alive: bool
) -> None:
    write(store, "s", started(), reply_started())
    store.sessions.release("s")
    other_process(store, "s", **fields)
    assert [row.id for row in store.sessions.orphans()] == ([] if alive else ["s"])
    assert (store.sessions.lease("s") is None) is alive


def test_a_lease_is_renewed_for_as_long_as_the_store_is_open(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "RENEWAL", 0.02)

    def expiry() -> int:
        with closing(sqlite3.connect(store.path)) as connection:
            return connection.execute("SELECT expires_at FROM processes").fetchone()[0]

    write(store, "s", started())
    first, deadline = expiry(), time.monotonic() + 5
    while expiry() == first:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_closing_gives_everything_back(store: Store) -> None:
    write(store, "s", started())
    store.close()
    with closing(sqlite3.connect(store.path)) as connection:
        assert connection.execute("SELECT * FROM leases").fetchall() == []
        assert connection.execute("SELECT * FROM processes").fetchall() == []


def test_a_session_at_rest_is_no_orphan(store: Store) -> None:
    write(store, "s", started())
    store.sessions.release("s")
    assert store.sessions.orphans() == []
