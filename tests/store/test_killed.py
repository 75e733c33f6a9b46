"""`kill -9` at any moment: what was acknowledged is there, whole and once."""

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from store.events import (
    ApprovalGiven,
    PromptSubmitted,
    ReplyFinished,
    UsageReserved,
    UsageSettled,
)
from store.opening import Store

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "tests.store.child", "die_often")
LOST = 0.25
"""Seconds of streamed text that a kill may cost."""
JITTER = 0.15
"""Seconds by which a loaded machine may be late."""


def run_and_kill(folder: Path, *, rounds: int, processes: int, longest: float) -> list[list[str]]:
    """What the killed writers had been promised, and when they were killed."""
    Store.open(folder).close()
    with ExitStack() as stack:
        killers = [
            stack.enter_context(
                subprocess.Popen(
                    [*COMMAND, str(folder), f"k{number}", str(rounds), str(longest)],
                    cwd=ROOT,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for number in range(processes)
        ]
        said = [killer.communicate(timeout=rounds * 3 + 60)[0] for killer in killers]
        assert [killer.returncode for killer in killers] == [0] * processes
    return [line.split() for text in said for line in text.splitlines()]


def check(store: Store, lines: list[list[str]]) -> None:
    assert store.notices == ()
    assert store.health().sound
    _check_promises(store, [line for line in lines if line[0] not in ("text", "kill", "session")])
    _check_money(store)
    _check_text(store, lines)
    dead = {line[1] for line in lines if line[0] == "session"}
    assert dead <= {row.id for row in store.sessions.list(limit=10_000)}


def _check_promises(store: Store, promises: list[list[str]]) -> None:
    kinds = {
        "prompt": (PromptSubmitted, "prompt"),
        "finished": (ReplyFinished, "reply"),
        "reserved": (UsageReserved, "reservation"),
        "settled": (UsageSettled, "reservation"),
        "given": (ApprovalGiven, "approval"),
    }
    found: dict[tuple[str, str], int] = {}
    for session in {promise[1] for promise in promises}:
        for entry in store.journal.read(session):
            for name, (kind, field) in kinds.items():
                if isinstance(entry.event, kind):
                    key = (name, getattr(entry.event, field))
                    assert key not in found, "written twice"
                    found[key] = entry.seq
    assert promises
    for kind, _, name, *seq in promises:
        assert (kind, name) in found
        assert not seq or found[kind, name] == int(seq[0])


def _check_money(store: Store) -> None:
    settled = [
        entry.event
        for row in store.sessions.list(limit=10_000)
        for entry in store.journal.read(row.id, deltas=False)
        if isinstance(entry.event, UsageSettled)
    ]
    totals = store.ledger.used(since=0)
    assert totals.requests == len(settled)
    assert totals.tokens == sum(event.usage.total for event in settled)
    by_tier = dict(store.ledger.by("tier", since=0))
    assert not settled or by_tier["T0"] == totals, "rows and rollup agree"


def _check_text(store: Store, lines: list[list[str]]) -> None:
    killed = {line[1]: float(line[2]) for line in lines if line[0] == "kill"}
    due: dict[str, int] = {}
    for line in lines:
        if line[0] == "text" and float(line[3]) < killed[line[1]] - LOST - JITTER:
            due[line[1]] = int(line[2])
    orphans = {row.id for row in store.sessions.orphans()}
    assert due, "somebody streamed for long enough"
    for session, length in due.items():
        (reply,) = store.sessions.unanswered(session)
        assert len(reply.text) >= length
        assert session in orphans


def test_nothing_acknowledged_is_lost_by_twenty_kills(folder: Path) -> None:
    lines = run_and_kill(folder, rounds=10, processes=2, longest=0.9)
    assert sum(line[0] == "kill" for line in lines) == 20
    with Store.open(folder) as store:
        check(store, lines)
