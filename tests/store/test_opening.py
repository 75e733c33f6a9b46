"""Opening a store: new, old, newer, damaged, locked, unwritable."""

import os
import sqlite3
import stat
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from store import schema
from store.errors import StoreBusy, StoreDamaged, StoreError, StoreTooNew, StoreUnwritable
from store.events import Note
from store.migrations import migrations
from store.opening import Store
from tests.store.samples import (
    SECONDS,
    events,
    exchange,
    finished,
    gauge,
    prompt,
    settled,
    started,
    write,
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def fill(folder: Path) -> Path:
    with Store.open(folder) as store:
        for number in range(40):
            write(store, "s", started(), *exchange(number, f"Answer {number} " * 40))
            write(store, "s", settled(f"v{number}"))
        return store.path


def test_only_the_owner_may_read_the_store(folder: Path) -> None:
    folder.mkdir(mode=0o755)
    with Store.open(folder) as store:
        write(store, "s", prompt())
        files = list(folder.iterdir())
        assert {file.name for file in files} == {"butler.db", "butler.db-wal", "butler.db-shm"}
        assert {mode(file) for file in files} == {0o600}
        assert mode(folder) == 0o700


def test_an_existing_file_is_made_private(folder: Path) -> None:
    path = fill(folder)
    path.chmod(0o644)
    with Store.open(folder):
        assert mode(path) == 0o600


def test_the_plain_list_of_migrations_is_the_real_one() -> None:
    names = [migration.name for migration in migrations._migrations]
    assert names == list(schema.MIGRATIONS)


def test_an_up_to_date_store_opens_and_works_without_the_slow_imports(folder: Path) -> None:
    fill(folder)
    program = (
        "import sys; from pathlib import Path; from store.opening import Store\n"
        "with Store.open(Path(sys.argv[1])) as store:\n"
        "    assert store.sessions.list() and store.sessions.search('answer')\n"
        "    assert store.ledger.used(since=0).requests\n"
        "slow = {'sqlite_utils', 'psutil', 'rich', 'textual'} & set(sys.modules)\n"
        "assert not slow, slow"
    )
    subprocess.run([sys.executable, "-c", program, str(folder)], check=True, timeout=SECONDS)


def test_a_newer_store_is_refused_and_left_alone(folder: Path) -> None:
    path = fill(folder)
    with closing(sqlite3.connect(path)) as newer, newer:
        newer.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name) VALUES ('butler', 'telepathy')"
        )
    before = path.read_bytes()
    with pytest.raises(StoreTooNew, match=r"telepathy.*upgrade"):
        Store.open(folder)
    assert path.read_bytes() == before
    assert not list(folder.glob("*damaged*"))


def test_another_programs_migrations_are_its_own_business(folder: Path) -> None:
    path = fill(folder)
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("INSERT INTO _sqlite_migrations (migration_set, name) VALUES ('x', 'y')")
    Store.open(folder).close()


def overwrite_all(path: Path) -> None:
    path.write_bytes(b"This is no database. " * 500)


def overwrite_head(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"\x00" * 4096)


def cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def drop_table(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE events")


@pytest.mark.parametrize("damage", [overwrite_all, overwrite_head, cut, drop_table])
def test_a_damaged_store_is_set_aside_and_named(folder: Path, damage) -> None:
    path = fill(folder)
    damage(path)
    damaged = path.read_bytes()
    with Store.open(folder) as store:
        (notice,) = store.notices
        (aside,) = store.health().set_aside
        assert str(aside) in notice
        assert aside.read_bytes() == damaged
        assert store.sessions.list() == []
        write(store, "s", started())
    with Store.open(folder) as store:
        assert store.notices == ()
        assert [row.id for row in store.sessions.list()] == ["s"]


def test_damage_met_while_working_is_examined_at_the_next_start(folder: Path) -> None:
    path = fill(folder)
    with closing(sqlite3.connect(path)) as connection:
        pages = [
            page
            for (page,) in connection.execute(
                "SELECT pageno FROM dbstat WHERE name = 'events_session'"
            )
        ]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    with path.open("r+b") as file:
        for page in pages:
            file.seek((page - 1) * size)
            file.write(b"\xff" * size)
    with Store.open(folder) as store:
        assert store.notices == ()
        with pytest.raises(StoreDamaged, match="start Butler again"):
            write(store, "s", prompt())
    with Store.open(folder) as store:
        assert "damaged" in store.notices[0]
        write(store, "s", started())


def test_a_damaged_search_index_is_mended_and_nothing_lost(folder: Path) -> None:
    path = fill(folder)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM messages_fts_data WHERE id > 10")
    with Store.open(folder) as store, pytest.raises(StoreDamaged):
        store.sessions.search("answer")
    with Store.open(folder) as store:
        assert store.notices == ()
        assert store.sessions.search("answer")
        write(store, "s", *exchange(99))
        assert store.health().sound


def test_a_locked_store_is_a_sentence_and_later_writes_go_through(store: Store) -> None:
    store.close()
    with Store.open(store.path.parent, patience=0.2) as impatient:
        with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreBusy, match="locked by another program"):
                write(impatient, "s", prompt("refused"))
            with pytest.raises(StoreBusy, match="locked by another program"):
                write(impatient, None, gauge(50))
            with pytest.raises(StoreBusy, match="locked by another program"):
                write(impatient, "s", settled("v1"), finished("said all the same"))
            assert impatient.sessions.list() == [], "readers don't mind"
            other.execute("ROLLBACK")
        write(impatient, "s", prompt("accepted"))
        assert events(impatient.journal.read("s", house=True)) == [
            gauge(50),
            settled("v1"),
            finished("said all the same"),
            prompt("accepted"),
        ]
        assert impatient.ledger.used(since=0).requests == 1


def test_a_store_that_another_program_keeps_for_itself_is_busy(folder: Path) -> None:
    path = fill(folder)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreBusy, match="locked by another program"):
            Store.open(folder, patience=0.1)
    assert not list(folder.glob("*damaged*"))


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreUnwritable, match="BUTLER_HOME"):
        Store.open(tmp_path / "file" / "data")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "butler.db").mkdir()
    with pytest.raises(StoreError, match=r"butler\.db"):
        Store.open(tmp_path / "data")


_FULL = """
import resource, sys
from pathlib import Path
from store.errors import StoreUnwritable
from store.events import Note
from store.opening import Store
from tests.store.samples import *

store = Store.open(Path(sys.argv[1]))
write(store, "s", started())
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
failure = None
for number in range(1000):
    try:
        write(store, "s", prompt("x" * 10_000, f"p{number}"))
    except StoreUnwritable as error:
        failure = error
        break
assert "can't be written" in str(failure), failure
assert [row.id for row in store.sessions.list()] == ["s"], "it still answers"
try:
    write(store, "s", Note(level="info", text="kept"))
except StoreUnwritable:
    pass
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
write(store, "s", prompt("there is room again", "last"))
store.close()
print(number)
"""


def test_a_full_disk_fails_what_it_must_and_passes(folder: Path) -> None:
    """A file size limit stands in for the full disk: SQLite meets the same failing writes."""
    done = subprocess.run(
        [sys.executable, "-c", _FULL, str(folder)],
        check=True,
        timeout=SECONDS * 3,
        capture_output=True,
        text=True,
    )
    accepted = int(done.stdout)
    with Store.open(folder) as store:
        stored = events(store.journal.read("s"))
        prompts = [event.prompt for event in stored if type(event) is type(prompt())]
        assert prompts == [*(f"p{number}" for number in range(accepted)), "last"]
        assert Note(level="info", text="kept") in stored
        assert store.health().sound
        assert store.notices == ()


def test_health_tells_size_and_soundness(store: Store) -> None:
    write(store, "s", started(), prompt(), finished())
    health = store.health()
    assert (health.sessions, health.events, health.sound) == (1, 3, True)
    assert health.schema == schema.MIGRATIONS[-1]
    assert health.size > 0
    assert health.wal_size > 0
    assert health.sqlite_version == sqlite3.sqlite_version


def test_closing_does_not_wait_for_another_programs_lock(store: Store) -> None:
    write(store, "s", started())
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        begun = time.monotonic()
        store.close()
        assert time.monotonic() - begun < 3
        other.execute("ROLLBACK")
    with Store.open(store.path.parent) as again:
        assert again.sessions.list()


def test_closing_leaves_one_file(folder: Path) -> None:
    fill(folder)
    assert [file.name for file in folder.iterdir()] == ["butler.db"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anything")
def test_a_read_only_folder_is_a_sentence(folder: Path) -> None:
    folder.mkdir(mode=0o500)
    folder.parent.chmod(0o500)
    try:
        with pytest.raises(StoreUnwritable, match="Permission denied"):
            Store.open(folder / "deeper")
    finally:
        folder.parent.chmod(0o700)
        folder.chmod(0o700)
