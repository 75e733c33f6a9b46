"""Finding, paging, forking and deleting sessions."""

import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from store.errors import SessionAmbiguous, SessionNotFound
from store.events import (
    ModelSwitched,
    Note,
    ReplyFailed,
    SessionAnnounced,
    SessionStateChanged,
    SessionTitled,
)
from store.opening import Store
from tests.store.samples import (
    SECONDS,
    asked,
    delta,
    events,
    exchange,
    finished,
    prompt,
    reply_started,
    settled,
    started,
    write,
)
from tests.store.samples import given as answered


def announced(child: str) -> SessionAnnounced:
    return SessionAnnounced(
        child=child,
        kind="summarize",
        title="sum",
        state="done",
        result="ok",
        elapsed_ms=1,
        tokens=1,
    )


def failed(text: str, reply: str = "r1") -> ReplyFailed:
    return ReplyFailed(reply=reply, prompt="p1", text=text, failure="interrupted", message="Cut.")


# --- rows --------------------------------------------------------------------------------------


def test_a_row_tells_what_happened_in_the_session(store: Store) -> None:
    write(store, "s", started(workspace="/src/shop"), at=1000)
    write(store, "s", prompt("\n  Why does the queue lose messages?\nIt does."), at=2000)
    write(store, "s", reply_started(), finished(), at=3000)
    write(
        store,
        "s",
        settled("v1", tokens=70, cost=0.25),
        settled("v2", tokens=30, cost=None),
        at=4000,
    )
    row = store.sessions.get("s")
    assert (row.kind, row.title, row.workspace) == (
        "chat",
        "Why does the queue lose messages?",
        "/src/shop",
    )
    assert (row.created_at, row.updated_at, row.messages) == (1000, 4000, 2)
    assert (row.tier, row.model, row.tokens) == ("T0", "opus", 100)
    assert (row.cost, row.unpriced) == (0.25, True)
    assert (row.state, row.private, row.waiting) == ("open", False, False)

    switched = ModelSwitched(
        reply="r1", tier="T3", model="sonnet", account="a", why="went silent", offset=3
    )
    write(store, "s", SessionTitled(title="The queue\x1b[31m"), switched)
    row = store.sessions.get("s")
    assert (row.title, row.tier, row.model) == ("The queue [31m", "T3", "sonnet")


def test_a_cost_nobody_knows_is_not_zero(store: Store) -> None:
    write(store, "s", started())
    assert store.sessions.get("s").cost == 0
    write(store, "s", settled("v1", cost=None))
    row = store.sessions.get("s")
    assert (row.cost, row.unpriced) == (None, True)


def test_a_private_turn_makes_the_session_private(store: Store) -> None:
    write(store, "s", started(), prompt(private=True), prompt("open again", "p2"))
    assert store.sessions.get("s").private


def test_a_task_has_its_times(store: Store) -> None:
    write(store, "t", started(kind="summarize", parent="s"), at=1)
    assert store.sessions.get("t").state == "queued"
    write(store, "t", SessionStateChanged(state="running"), at=5)
    write(store, "t", SessionStateChanged(state="waiting"), at=6)
    assert store.sessions.get("t").waiting
    write(store, "t", SessionStateChanged(state="running"), at=7)
    write(store, "t", SessionStateChanged(state="done"), at=9)
    row = store.sessions.get("t")
    assert (row.state, row.started_at, row.ended_at, row.waiting) == ("done", 5, 9, False)
    write(store, "t", SessionStateChanged(state="running"), at=11)
    row = store.sessions.get("t")
    assert (row.started_at, row.ended_at) == (5, None), "it was taken up again"


def test_a_session_waits_while_an_approval_is_open(store: Store) -> None:
    write(store, "s", started(), asked("a1"), asked("a2"))
    assert store.sessions.get("s").waiting
    assert events(store.sessions.open_approvals("s")) == [asked("a1"), asked("a2")]
    write(store, "s", answered("a1"))
    assert events(store.sessions.open_approvals("s")) == [asked("a2")]
    write(store, "s", answered("a2", "reject"))
    assert not store.sessions.get("s").waiting


def test_an_approval_is_given_once(store: Store) -> None:
    write(store, "s", started(), asked())
    assert write(store, "s", answered(choice="reject")) == [3]
    assert write(store, "s", answered(choice="approve")) == [0]
    assert events(store.journal.read("s"))[2:] == [answered(choice="reject")]


# --- lists -------------------------------------------------------------------------------------


def test_the_list_begins_with_the_latest_activity(store: Store) -> None:
    for number in range(6):
        write(store, f"s{number}", started(), at=number)
    write(store, "task", started(kind="summarize", parent="s1"), at=50)
    write(store, "s2", prompt(), at=60)
    assert [row.id for row in store.sessions.list()] == ["s2", "s5", "s4", "s3", "s1", "s0"]
    assert [row.id for row in store.sessions.list(limit=2)] == ["s2", "s5"]
    assert [row.id for row in store.sessions.list(before=4)] == ["s3", "s1", "s0"]
    assert [row.id for row in store.sessions.list(parents_only=False, limit=2)] == ["s2", "task"]
    assert store.sessions.list(kind="summarize") == []
    assert [row.id for row in store.sessions.children("s1")] == ["task"]


def test_a_session_is_found_by_the_beginning_of_its_id(store: Store) -> None:
    for name in ("abc1", "abd2", "abd", "xyz"):
        write(store, name, started())
    assert store.sessions.get("x").id == "xyz"
    assert store.sessions.get("abd").id == "abd", "an exact id is no prefix"
    with pytest.raises(SessionAmbiguous, match=r"abd2.*more letters"):
        store.sessions.get("ab")
    with pytest.raises(SessionNotFound, match=r"Did you mean xyz\?.*butler sessions list"):
        store.sessions.get("xyy")
    for nothing in ("", "%", "_", "' OR 1=1 --", "\U0010ffff", "\udcff"):
        with pytest.raises(SessionNotFound, match="butler sessions list"):
            store.sessions.get(nothing)


# --- search ------------------------------------------------------------------------------------


def test_search_finds_finished_messages_and_marks_the_match(store: Store) -> None:
    write(store, "s", started(title="Queue"), prompt("Why does the rétry queue lose messages?"))
    write(store, "s", reply_started(), *[delta("It acknowledges too early.")])
    assert store.sessions.search("acknowledges") == [], "it has not finished"
    write(store, "s", finished("It acknowledges too early."), at=77)
    (hit,) = store.sessions.search("acknowledges")
    assert (hit.session, hit.title, hit.role, hit.at, hit.seq) == ("s", "Queue", "assistant", 77, 3)
    assert hit.snippet == "It \x02acknowledges\x03 too early."
    assert [hit.seq for hit in store.sessions.search("RETRY mess")] == [2]
    assert store.sessions.search('"queue retry"') == []
    assert len(store.sessions.search('"retry queue"')) == 1
    assert store.sessions.search("queue absent") == []


def test_what_a_failed_reply_had_said_is_found(store: Store) -> None:
    write(store, "s", started(), reply_started(), failed("a partial thought"))
    assert [hit.seq for hit in store.sessions.search("partial")] == [2]


def test_a_snippet_carries_no_control_characters(store: Store) -> None:
    write(
        store,
        "s",
        started(title="\x1b]0;owned\x07"),
        prompt("\x02evil\x03 \x1b[2J\x00 \x9b31m needle"),
    )
    (hit,) = store.sessions.search("needle")
    shown = hit.snippet.replace("\x02needle\x03", "needle") + hit.title
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in shown)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text(alphabet=st.sampled_from("\"'*()-+^:{}\x00\ud800 aNOTRDEoröü\n;,%_"), max_size=12))
@example('"')
@example('""')
@example('a"b')
@example("*")
@example("NOT")
@example("text: a")
@example("a NEAR b")
@example("\ud800")
@example("'; DROP TABLE messages; --")
def test_no_text_is_search_syntax(store: Store, text: str) -> None:
    store.sessions.search(text)


def test_what_looks_like_syntax_is_searched_for(store: Store) -> None:
    write(store, "s", started(), prompt("use NOT and OR, a-b, C++ and f(x): y*"))
    for text in ("NOT", "OR", "a-b", "C++", "f(x)", "y*", "not OR and"):
        assert store.sessions.search(text), text
    assert store.sessions.search("-nothing") == []


# --- pages -------------------------------------------------------------------------------------


def chat(store: Store, session: str, turns: int) -> None:
    write(store, session, started())
    for number in range(1, turns + 1):
        last = store.journal.append(
            session, *exchange(number), Note(level="info", text=f"{number}")
        )
    last.wait(SECONDS)


def test_pages_cover_a_session_without_gap_or_overlap(store: Store) -> None:
    chat(store, "s", 20)
    everything = list(store.journal.read("s"))
    pages, before = [], None
    while True:
        page = store.sessions.window("s", 6, before)
        pages.insert(0, page)
        if not page.earlier:
            break
        before = page.start_seq
    entries = [
        entry
        for page in pages
        for entry in store.journal.read("s", after=page.start_seq - 1, before=page.end_seq + 1)
    ]
    assert entries == everything
    assert [page.earlier for page in pages] == [0, 4, 10, 16, 22, 28, 34]


def test_a_window_holds_its_messages_whole(store: Store) -> None:
    write(store, "s", started(), prompt("one", "p1"), reply_started("r1", "p1"))
    write(store, "s", prompt("two", "p2"), finished("first", "r1"))
    write(store, "s", reply_started("r2", "p2"), finished("second", "r2"))
    page = store.sessions.window("s", 2)
    inside = events(store.journal.read("s", after=page.start_seq - 1))
    assert inside[0] == reply_started("r1", "p1"), "it was under way when the window begins"
    assert page.earlier == 1


def test_a_window_of_an_empty_or_unknown_session_is_empty(store: Store) -> None:
    write(store, "s", started())
    assert store.sessions.window("s", 5).earlier == 0
    assert list(store.journal.read("s", before=store.sessions.window("s", 5).end_seq + 1))
    assert store.sessions.window("nobody", 5).end_seq == 0


def test_an_announcement_takes_its_place_in_the_parent(store: Store) -> None:
    write(store, "s", started(), prompt(), announced("t"), *exchange(2))
    page = store.sessions.window("s", 3)
    assert events(store.journal.read("s", after=page.start_seq - 1))[0] == announced("t")
    assert (page.earlier, store.sessions.get("s").messages) == (1, 4)


def steps(store: Store, work: Callable[[], object]) -> int:
    """What reading costs in steps of SQLite's machine, so that no clock is needed."""
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    with store._readers.borrow() as connection:  # the next borrower gets the same one
        connection.set_progress_handler(step, 10)
    work()
    with store._readers.borrow() as connection:
        connection.set_progress_handler(None, 0)
    return count


def test_opening_a_window_costs_the_same_in_a_long_session(store: Store) -> None:
    chat(store, "short", 15)
    chat(store, "long", 300)
    short = steps(store, lambda: store.sessions.window("short", 20))
    assert 0 < steps(store, lambda: store.sessions.window("long", 20)) <= short * 1.1 + 1


def test_listing_costs_the_same_among_many_sessions(store: Store) -> None:
    def add(first: int, last: int) -> None:
        for number in range(first, last):
            store.journal.append(f"s{number}", started(), at=number)
            ticket = store.journal.append(f"t{number}", started(parent=f"s{number}"), at=number)
        ticket.wait(SECONDS)

    def listing() -> int:
        return steps(store, lambda: store.sessions.list(limit=20))

    add(0, 30)
    few = listing()
    add(30, 500)
    assert 0 < listing() <= few * 1.1 + 1


# --- what was left open ------------------------------------------------------------------------


def test_the_text_of_an_unanswered_reply_is_put_together(store: Store) -> None:
    write(store, "s", started(), *exchange(1), prompt("more", "p2"), reply_started("r2", "p2"))
    write(store, "s", delta("half", 0, "r2"), Note(level="info", text="-"), delta(" an", 4, "r2"))
    (open_reply,) = store.sessions.unanswered("s")
    assert open_reply == ("r2", "p2", "half an")
    write(store, "s", failed("half an", "r2"))
    assert store.sessions.unanswered("s") == []


def test_a_reply_ends_once(store: Store) -> None:
    write(store, "s", started(), reply_started(), finished("the answer"), failed("", "r1"))
    assert store.sessions.get("s").messages == 1
    assert len(store.sessions.search("answer")) == 1


# --- forks -------------------------------------------------------------------------------------


def test_a_fork_begins_as_its_parent_did_and_goes_its_own_way(store: Store) -> None:
    chat(store, "s", 3)
    seq = next(e.seq for e in store.journal.read("s") if e.event == finished("Because.", "r2"))
    before = list(store.journal.read("s", before=seq + 1))
    fork = store.sessions.fork("s", seq)
    write(store, fork, *exchange(9, "Otherwise."))
    write(store, "s", *exchange(10, "Unseen by the fork."))

    entries = list(store.journal.read(fork))
    assert {entry.session for entry in entries} == {fork}
    assert [entry.seq for entry in entries[: len(before)]] == [entry.seq for entry in before]
    assert finished("Otherwise.", "r9") in events(entries)
    assert finished("Unseen by the fork.", "r10") not in events(entries)
    assert finished("Otherwise.", "r9") not in events(store.journal.read("s"))

    row = store.sessions.get(fork)
    assert (row.fork_of, row.parent, row.messages) == ("s", None, 6)
    page = store.sessions.window(fork, 3)
    assert page.earlier == 3
    inside = events(store.journal.read(fork, after=page.start_seq - 1))
    assert [e for e in inside if type(e) is type(finished())] == [
        finished("Because.", "r2"),
        finished("Otherwise.", "r9"),
    ]


def test_a_fork_in_the_middle_of_a_reply_leaves_it_out(store: Store) -> None:
    write(store, "s", started(), prompt(), reply_started(), delta("half"))
    fork = store.sessions.fork("s", store.journal.last_seq())
    assert events(store.journal.read(fork))[:2] == [started(), prompt()]
    assert store.sessions.unanswered(fork) == []
    assert delta("half") not in events(store.journal.read(fork))


def test_a_private_session_has_private_forks(store: Store) -> None:
    write(store, "s", started(), prompt(private=True))
    assert store.sessions.get(store.sessions.fork("s", 2)).private


def test_forking_nothing_is_refused(store: Store) -> None:
    with pytest.raises(SessionNotFound, match="butler sessions list"):
        store.sessions.fork("nobody", 3)


# --- deleting ----------------------------------------------------------------------------------


def rows(store: Store, table: str) -> int:
    with closing(sqlite3.connect(store.path)) as connection:
        return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608


def test_deleting_leaves_nothing_but_the_ledger(store: Store) -> None:
    write(store, "s", started(), *exchange(1, "secret words"), settled("v1", tokens=70), asked())
    write(store, "t", started(kind="summarize", parent="s"), *exchange(2, "secret words"))
    write(store, "u", started(kind="summarize", parent="t"), settled("v2", tokens=30))
    write(store, "other", started(), prompt("untouched"))
    assert store.sessions.delete("s") == 3
    for name in ("s", "t", "u"):
        with pytest.raises(SessionNotFound):
            store.sessions.get(name)
        assert list(store.journal.read(name)) == []
    assert store.sessions.search("secret") == []
    assert (rows(store, "messages"), rows(store, "replies"), rows(store, "approvals")) == (1, 0, 0)
    assert (rows(store, "events"), rows(store, "leases")) == (2, 1)
    assert store.ledger.used(since=0).tokens == 100
    with pytest.raises(SessionNotFound):
        store.sessions.delete("s")


def test_numbers_of_a_deleted_session_never_return(store: Store) -> None:
    write(store, "s", started(), prompt())
    store.sessions.delete("s")
    assert write(store, "t", started()) == [3]


def test_a_fork_outlives_its_parent_unchanged(store: Store) -> None:
    chat(store, "s", 3)
    places = [e.seq for e in store.journal.read("s") if type(e.event) is type(finished())]
    early, late = (store.sessions.fork("s", places[n]) for n in (0, 2))
    for fork in (early, late):
        write(store, fork, *exchange(9, f"Own words of {fork}."))
    grandchild = store.sessions.fork(late, places[1])
    forks = (early, late, grandchild)

    def picture() -> list[object]:
        return [
            (
                list(store.journal.read(fork)),
                store.sessions.window(fork, 2),
                store.sessions.window(fork, 100),
                store.sessions.get(fork).messages,
            )
            for fork in forks
        ]

    before, found = picture(), len(store.sessions.search("Because", limit=99))
    store.sessions.delete("s")
    assert picture() == before
    assert len(store.sessions.search("Because", limit=99)) == found
    store.sessions.delete(late)
    assert list(store.journal.read(early)) == before[0][0]
    assert list(store.journal.read(grandchild)) == before[2][0]
    assert store.sessions.get(early).fork_of in (None, grandchild)
