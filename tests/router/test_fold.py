"""The fold: the same events give the same view, however they arrive."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from router.fold import fold, fold_all
from router.view import TASKS, WINDOW, LongText, View
from store.events import (
    AnyEvent,
    ApprovalAsked,
    ApprovalGiven,
    Attachment,
    Entry,
    ModelSwitched,
    Note,
    PromptSubmitted,
    ReplyFailed,
    ReplyFinished,
    ReplyStarted,
    SessionStarted,
    SessionStateChanged,
    TextDelta,
    Usage,
    UsageSettled,
)


def entries(*events: AnyEvent, session: str | None = "s", start: int = 1) -> list[Entry]:
    return [Entry(n, 1000 + n, session, event) for n, event in enumerate(events, start)]


def conversation(pieces: list[str]) -> list[AnyEvent]:
    """A prompt and its answer, cut into these pieces."""
    offsets = [sum(map(len, pieces[:n])) for n in range(len(pieces))]
    return [
        SessionStarted(kind="chat", title="hello"),
        PromptSubmitted(prompt="p", text="hello", attachments=(Attachment("a.txt", "x"),)),
        ReplyStarted(reply="r", prompt="p", tier="T0", model="m", account="a"),
        *(TextDelta(reply="r", offset=o, text=t) for o, t in zip(offsets, pieces, strict=True)),
    ]


def cut(text: str, places: list[int]) -> list[str]:
    edges = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
    return [text[a:b] for a, b in pairwise(edges)]


@given(st.text(min_size=1, max_size=6000), st.lists(st.integers(0, 10_000), max_size=30))
def test_how_the_text_was_cut_makes_no_difference(text: str, places: list[int]) -> None:
    whole = fold_all(View(session="s"), entries(*conversation([text])))
    pieces = fold_all(View(session="s"), entries(*conversation(cut(text, places))))
    assert pieces.messages == whole.messages
    assert str(pieces.messages[-1].text) == text


@given(st.text(min_size=1, max_size=3000), st.integers(0, 3000))
def test_a_piece_that_is_there_already_is_not_added_twice(text: str, place: int) -> None:
    first, *rest = cut(text, [place])
    events = conversation([first, *rest])
    view = fold_all(View(session="s"), entries(*events, events[-1], events[3]))
    assert str(view.messages[-1].text) == text


@given(st.lists(st.text(max_size=3000), max_size=8), st.integers(0, 20_000))
def test_long_text_gives_its_end_from_any_offset(pieces: list[str], offset: int) -> None:
    text = LongText()
    for piece in pieces:
        text = text.plus(piece)
    assert text.since(offset) == "".join(pieces)[offset:]


def test_a_finished_reply_holds_the_whole_text_without_its_pieces() -> None:
    events = conversation(["Hel", "lo"])
    end = ReplyFinished(reply="r", text="Hello", stop_reason="end", usage=Usage(output=2))
    streamed = fold_all(View(session="s"), entries(*events, end))
    read_back = fold_all(View(session="s"), entries(*events[:3], end))
    assert streamed.messages[-1].text == read_back.messages[-1].text
    assert streamed.messages[-1].state == "finished"
    assert streamed.messages[0].attachments[0].name == "a.txt"


def test_a_reply_that_broke_keeps_what_arrived_and_says_why() -> None:
    failed = ReplyFailed(
        reply="r", prompt="p", text="Hel", failure="overloaded", message="T0 is overloaded."
    )
    view = fold_all(View(session="s"), entries(*conversation(["Hel"]), failed))
    reply = view.messages[-1]
    assert (str(reply.text), reply.state, reply.problem) == ("Hel", "failed", "T0 is overloaded.")


def test_a_prompt_that_never_got_a_reply_shows_its_failure() -> None:
    failed = ReplyFailed(reply="r", prompt="p", text="", failure="interrupted", message="Ended.")
    view = fold_all(View(session="s"), entries(*conversation([])[:2], failed))
    assert [m.state for m in view.messages] == ["finished", "interrupted"]


def test_a_seam_stands_where_the_other_model_took_over() -> None:
    switched = ModelSwitched(
        reply="r", tier="T3", model="n", account="b", why="T0 broke off", offset=3
    )
    more = TextDelta(reply="r", offset=3, text="lo")
    view = fold_all(View(session="s"), entries(*conversation(["Hel"]), switched, more))
    reply = view.messages[-1]
    assert str(reply.text) == "Hello"
    assert (reply.tier, reply.seams[0].offset) == ("T3", 3)
    assert reply.seams[0].text == "T0 broke off: continued by T3 · n"


def test_a_view_holds_a_window_and_counts_the_rest() -> None:
    prompts = [PromptSubmitted(prompt=f"p{n}", text=str(n)) for n in range(WINDOW + 7)]
    view = fold_all(View(session="s"), entries(*prompts))
    assert len(view.messages) == WINDOW
    assert view.earlier == 7
    assert str(view.messages[-1].text) == str(WINDOW + 6)


def child(name: str, *events: AnyEvent, start: int) -> list[Entry]:
    first = SessionStarted(kind="summarize", title=name, parent="s", task="sum")
    return entries(first, *events, session=name, start=start)


def test_a_spawned_session_is_a_task_with_its_own_figures() -> None:
    view = fold_all(
        View(session="s"),
        child(
            "c",
            SessionStateChanged(state="running"),
            ReplyStarted(reply="r", prompt="p", tier="T2", model="m", account="a"),
            TextDelta(reply="r", offset=0, text="so far"),
            start=1,
        ),
    )
    task = view.tasks[0]
    assert (task.state, task.tier, task.model, task.streamed) == ("running", "T2", "m", 6)
    settled = UsageSettled(
        reservation="x",
        account="a",
        tier="T2",
        model="m",
        kind="summarization",
        usage=Usage(input=10, output=5),
        cost=0.25,
    )
    done = SessionStateChanged(state="done")
    view = fold_all(view, entries(settled, done, session="c", start=9))
    task = view.tasks[0]
    assert (task.state, task.tokens, task.cost, task.streamed) == ("done", 15, 0.25, 0)
    assert task.ended_at == 1010


def test_a_task_under_way_never_falls_out_of_the_list() -> None:
    view = View(session="s")
    view = fold_all(view, child("first", SessionStateChanged(state="running"), start=1))
    for n in range(TASKS + 5):
        view = fold_all(view, child(f"c{n}", SessionStateChanged(state="done"), start=3 + n))
    assert view.tasks[0].session == "first"
    assert len(view.tasks) == TASKS


def test_sessions_that_are_none_of_ours_change_nothing() -> None:
    view = fold_all(View(session="s"), entries(*conversation(["x"])))
    for entry in entries(*conversation(["y"]), session="other"):
        assert fold(view, entry) is view


def test_a_question_stays_until_it_is_answered_and_makes_its_prompt_private() -> None:
    asked = ApprovalAsked(
        approval="a", kind="secret", question="?", shown="key", digest="d", prompt="p"
    )
    view = fold_all(View(session="s"), entries(*conversation([])[:2], asked))
    assert [a.approval for a in view.approvals] == ["a"]
    given_ = ApprovalGiven(approval="a", digest="d", choice="approve")
    view = fold_all(view, entries(given_, start=9))
    assert view.approvals == ()
    assert view.messages[0].private


def test_notes_of_one_moment_are_all_shown() -> None:
    notes = [Entry(n, 5, "s", Note(level="info", text=str(n))) for n in range(3)]
    assert len(fold_all(View(session="s"), notes).messages) == 3
