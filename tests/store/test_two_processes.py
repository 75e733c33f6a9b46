"""Two programs on one store."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from store.errors import SessionBusy
from store.events import Entry, TextDelta
from store.opening import Store
from tests.store.samples import (
    SECONDS,
    delta,
    events,
    gauge,
    hear,
    prompt,
    reserved,
    settled,
    started,
    text_of,
    write,
)

ROOT = Path(__file__).parents[2]


class Child:
    """Another process, spoken to in lines."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def ask(self, line: str) -> None:
        self.tell(line)
        assert self.line() == "done"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(SECONDS)


@contextmanager
def child(program: str, folder: Path, *arguments: object) -> Generator[Child, None, None]:
    command = [sys.executable, "-m", "tests.store.child", program, folder, *arguments]
    with subprocess.Popen(
        [str(word) for word in command],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            other = Child(process)
            assert other.line() == "ready"
            yield other
            if process.stdin is not None:
                process.stdin.close()
            if process.poll() is None:
                process.wait(SECONDS * 6)
        finally:
            process.kill()


async def test_each_hears_the_other_within_a_second(store: Store, folder: Path) -> None:
    with child("speak", folder, "s") as other:
        async with store.journal.subscribe("s") as subscription:
            await subscription.start
            write(store, "s", started())
            for line, event in (("prompt hello", prompt("hello")), ("gauge 42", gauge(42))):
                other.tell(line)
                heard = await hear(subscription, lambda heard, e=event: e in events(heard))
                assert time.time() - heard[-1].at / 1000 < 1
                assert heard[-1].seq > 0


async def test_the_others_text_arrives_whole_and_in_order(store: Store, folder: Path) -> None:
    text = "streamed by another process".replace(" ", "_")
    with child("speak", folder, "s") as other:
        async with store.journal.subscribe("s") as subscription:
            await subscription.start
            other.ask(f"stream {text}")
            other.ask("prompt end")
            heard = await hear(subscription, lambda heard: prompt("end") in events(heard))
    assert text_of(heard) == text
    assert all(isinstance(entry.event, TextDelta) for entry in heard[:-1])


async def test_house_events_are_heard_in_the_order_of_the_journal(
    store: Store, folder: Path
) -> None:
    """Durable ones, by both processes in turn: the last one heard is the state of both."""
    with child("speak", folder, "s") as other:
        async with store.journal.subscribe("s") as subscription:
            await subscription.start
            for number in range(20):
                other.ask(f"prompt theirs-{number}")
                await store.journal.append("s", prompt(f"ours-{number}"))
            heard = await hear(subscription, lambda heard: prompt("ours-19") in events(heard))
    seqs = [entry.seq for entry in heard]
    assert seqs == sorted(seqs)
    assert len(seqs) == 40


def test_each_sees_the_others_usage(store: Store, folder: Path) -> None:
    with child("speak", folder, "s") as one, child("speak", folder, "t") as two:
        one.ask("settle 30")
        two.ask("settle 12")
        assert store.ledger.used(since=0).tokens == 42
        write(store, "u", settled("ours", tokens=8))
        assert store.ledger.used(since=0).tokens == 50


@pytest.mark.parametrize("settle", ["keep", "settle"])
def test_fifty_threads_in_two_processes_never_pass_a_limit(
    store: Store, folder: Path, settle: str
) -> None:
    write(store, "s", started())
    with ExitStack() as stack:
        others = [stack.enter_context(child("reserve", folder, 400, 25, settle)) for _ in range(2)]
        for other in others:
            other.tell("go")
        for other in others:
            assert other.process.wait(SECONDS * 6) == 0
    used, held = store.ledger.used(since=0), store.ledger.reserved()
    assert used.tokens + held.tokens <= 400
    assert used.tokens + held.tokens > 390, "what is left is too little for another call"
    assert _highest(store) <= 400
    assert len({e.reservation for e in _reservations(store)}) == used.requests + held.requests


def _reservations(store: Store):
    granted = type(reserved("x"))
    return [event for event in events(store.journal.read("s")) if isinstance(event, granted)]


def _highest(store: Store) -> int:
    """The most that was ever spent and promised together, told from the journal."""
    open_ones: dict[str, int] = {}
    spent = highest = 0
    for event in events(store.journal.read("s")):
        if isinstance(event, type(reserved("x"))):
            open_ones[event.reservation] = event.tokens
        elif isinstance(event, type(settled("x"))):
            del open_ones[event.reservation]
            spent += event.usage.total
        highest = max(highest, spent + sum(open_ones.values()))
    return highest


def test_a_living_process_keeps_its_sessions(store: Store, folder: Path) -> None:
    with child("hold", folder, "theirs"):
        assert store.sessions.lease("theirs") is None
        assert store.sessions.orphans() == []
        assert store.ledger.overdue(int(time.time() * 1000)) == []
        with pytest.raises(SessionBusy, match="open in another Butler"):
            store.sessions.delete("theirs")
        write(store, "parent", started())
    # It closed the store, and so gave back what it held.
    assert store.sessions.lease("theirs") is not None
    assert store.sessions.delete("theirs") == 1


def test_what_a_killed_process_held_is_free_at_once(store: Store, folder: Path) -> None:
    with child("hold", folder, "theirs") as other:
        other.kill()
        (orphan,) = store.sessions.orphans()
        assert orphan.id == "theirs"
        assert [(reply.reply, reply.text) for reply in store.sessions.unanswered("theirs")] == [
            ("r1", "half an answer")
        ]
        (entry,) = store.ledger.overdue(int(time.time() * 1000))
        assert (entry.session, entry.event) == ("theirs", reserved("theirs-v"))
        with store.sessions.lease("theirs") as lease:
            assert lease.held
            assert store.sessions.orphans() == [], "it is ours now"
        assert not lease.held


def test_a_deleted_family_is_spared_if_a_child_is_open_elsewhere(
    store: Store, folder: Path
) -> None:
    write(store, "parent", started())
    with child("hold", folder, "theirs"):
        store.journal.append("link", started(parent="parent")).wait(SECONDS)
        assert store.sessions.delete("parent") == 2
        assert store.sessions.get("theirs").id == "theirs"


def test_two_programs_may_start_at_the_same_moment(folder: Path) -> None:
    with ExitStack() as stack:
        others = [stack.enter_context(child("speak", folder, f"s{n}")) for n in range(4)]
        for other in others:
            other.ask("prompt hello")
    with Store.open(folder) as store:
        assert store.notices == ()
        assert store.journal.last_seq() == 4
        assert store.health().sound


async def test_a_late_reader_of_another_process_misses_nothing(store: Store, folder: Path) -> None:
    with child("speak", folder, "s") as other:
        heard: list[Entry] = []
        for number in range(10):
            other.tell(f"prompt {number}")
        async with store.journal.subscribe("s", house=False) as subscription:
            before = await subscription.start + 1
            heard += store.journal.read("s", before=before)
            other.tell("prompt end")
            heard += await hear(subscription, lambda heard: prompt("end") in events(heard))
        await asyncio.sleep(0)
    assert events(heard) == [*(prompt(f"{number}") for number in range(10)), prompt("end")]
    assert delta("x") not in events(heard)
