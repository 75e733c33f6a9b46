"""The project that the coding desk works on in the pictures, and what is to become of it."""

import subprocess
from pathlib import Path

_QUEUE = '''"""A queue of messages that survives a restart."""

from collections.abc import Callable
from sqlite3 import Connection

TABLE = "messages (id INTEGER PRIMARY KEY, body TEXT)"
PUT = "INSERT INTO messages (body) VALUES (?)"
NEXT = "SELECT id, body FROM messages ORDER BY id"


class Queue:
    def __init__(self, db: Connection) -> None:
        self.db = db
        db.execute(f"CREATE TABLE IF NOT EXISTS {TABLE}")

    def put(self, body: str) -> None:
        with self.db:
            self.db.execute(PUT, (body,))

    def take(self, handle: Callable[[str], None]) -> bool:
        """Hand the oldest message to `handle`, if any."""
        row = self.db.execute(NEXT).fetchone()
        if row is None:
            return False
        try:
            handle(row[1])
        finally:
            self.ack(row[0])
        return True

    def ack(self, number: int) -> None:
        delete = "DELETE FROM messages WHERE id = ?"
        with self.db:
            self.db.execute(delete, (number,))
'''
_WORKER = '''"""Takes messages from the queue and ships what they order."""

from shop.queue import Queue


def work(queue: Queue, shipped: list[str]) -> None:
    while queue.take(shipped.append):
        pass
'''
FILES = {
    "README.md": "# Shop\n\nA queue, and a worker that takes from it.\n",
    "CHANGELOG.md": "The queue delivers every message once. " * 40,
    "spec.md": "The queue delivers every message once. " * 40,
    "shop/__init__.py": "",
    "shop/queue.py": _QUEUE,
    "shop/worker.py": _WORKER,
    "tests/__init__.py": "",
}

PLAN = {
    "title": "Idempotent retry queue",
    "approach": "Acknowledge a message only after it was handled, so that a crash leaves it in "
    "the queue; and give each message a unique key, so that putting it twice stores it once.",
    "tradeoffs": "One more index on `messages`; a retry costs a look-up.",
    "files": [
        {"path": "shop/queue.py", "change": "edit", "why": "ack after the handler, unique key"},
        {"path": "shop/worker.py", "change": "edit", "why": "go on after a failed message"},
        {"path": "tests/test_retry.py", "change": "new", "why": "a handler that dies"},
    ],
    "steps": [
        "Add the column `key` to `messages`, unique, and ignore a key that is there.",
        "Move the ack out of `finally`, behind the handler.",
        "Write a test whose handler dies once, and run the tests.",
    ],
    "risks": ["Messages are delivered again if the process dies between handler and ack."],
}
OUTBOX = """An outbox table
Approach: Write the order and its message in one transaction, and let a relay deliver what the \
table holds.
Tradeoff: One more process to run and to watch.
Risk: The relay falls behind under load.
Files: shop/outbox.py, shop/relay.py, shop/queue.py
"""
BROKER = """Let the database keep the lease
Approach: Mark a message as taken until a deadline instead of deleting it; whoever finds an \
expired one takes it again.
Tradeoff: A slow handler needs a heartbeat.
Risk: Clocks that disagree.
Files: shop/queue.py, tests/test_lease.py
"""

EDITS = [
    {
        "path": "shop/queue.py",
        "old": """\
TABLE = "messages (id INTEGER PRIMARY KEY, body TEXT)"
PUT = "INSERT INTO messages (body) VALUES (?)"
""",
        "new": '''\
TABLE = """messages (
    id INTEGER PRIMARY KEY, key TEXT UNIQUE, body TEXT
)"""
PUT = "INSERT OR IGNORE INTO messages VALUES (NULL, ?, ?)"
''',
    },
    {
        "path": "shop/queue.py",
        "old": """\
    def put(self, body: str) -> None:
        with self.db:
            self.db.execute(PUT, (body,))
""",
        "new": '''\
    def put(self, key: str, body: str) -> None:
        """Store a message, unless its key is there already."""
        with self.db:
            self.db.execute(PUT, (key, body))
''',
    },
    {
        "path": "shop/queue.py",
        "old": """\
        try:
            handle(row[1])
        finally:
            self.ack(row[0])
        return True
""",
        "new": """\
        handle(row[1])
        self.ack(row[0])  # what dies before this comes again
        return True
""",
    },
    {
        "path": "shop/worker.py",
        "old": """\
    while queue.take(shipped.append):
        pass
""",
        "new": """\
    while queue.take(lambda order: ship(order, shipped)):
        pass


def ship(order: str, shipped: list[str]) -> None:
    if order not in shipped:
        shipped.append(order)
""",
    },
]
TEST = """import sqlite3
import unittest

from shop.queue import Queue
from shop.worker import work


class Retries(unittest.TestCase):
    def setUp(self) -> None:
        self.queue = Queue(sqlite3.connect(":memory:"))
        self.queue.put("o-1", "two chairs")

    def test_a_message_whose_handler_dies_is_delivered_again(self) -> None:
        def dies(order: str) -> None:
            raise RuntimeError(order)

        with self.assertRaises(RuntimeError):
            self.queue.take(dies)
        shipped: list[str] = []
        work(self.queue, shipped)
        self.assertEqual(shipped, ["two chairs"])

    def test_a_key_is_stored_once(self) -> None:
        self.queue.put("o-1", "two chairs")
        shipped: list[str] = []
        work(self.queue, shipped)
        self.assertEqual(shipped, ["two chairs"])
"""
COMMAND = "python3 -m unittest -v"
REPORT = """The queue is **idempotent** now:

- `take` acknowledges only after the handler has returned, so a crash loses nothing.
- `put` takes a key, and a key that is there already is stored once.

Both tests pass. Callers of `put` have to pass a key: `shop/` has none, your own scripts may.
"""


def lay_out(folder: Path) -> None:
    """A small git repository, with all of it committed."""
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git = ["git", "-c", "user.name=shop", "-c", "user.email=shop@example.org"]
    for words in (["init", "-qb", "main"], ["add", "-A"], ["commit", "-qm", "First"]):
        subprocess.run([*git, *words], cwd=folder, check=True)
