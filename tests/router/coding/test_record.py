"""What a coding session's journal says of where it stands."""

from router.coding.record import Record, record
from store.events import (
    AnyEvent,
    ApprovalAsked,
    ApprovalGiven,
    ChangedFile,
    ChangeSettled,
    ChangesReady,
    Entry,
    Plan,
    PlanDecided,
    PlanProposed,
    SessionStateChanged,
)


def of(*events: AnyEvent | tuple[int, AnyEvent]) -> Record:
    """The record of events, each a second after the one before where no time is given."""
    timed = [event if isinstance(event, tuple) else (at, event) for at, event in enumerate(events)]
    return record(Entry(n, at * 1000, "s", event) for n, (at, event) in enumerate(timed, 1))


def proposed(name: str) -> PlanProposed:
    return PlanProposed(id=name, plan=Plan(title=name, approach=name), text=name)


def command(approval: str, call: str) -> ApprovalAsked:
    return ApprovalAsked(
        approval=approval, kind="command", question="?", shown="ls", digest="d", call=call
    )


def test_it_counts_the_time_it_worked_and_not_the_time_it_waited() -> None:
    found = of(
        (0, SessionStateChanged(state="queued")),
        (5, SessionStateChanged(state="running")),
        (7, SessionStateChanged(state="waiting")),
        (90, SessionStateChanged(state="running")),
        (91, SessionStateChanged(state="done")),
    )
    assert found.worked_ms == 3000


def test_a_plan_is_approved_only_while_it_is_the_latest() -> None:
    approved = PlanDecided(id="one", decision="approved")
    assert of(proposed("one"), approved).approved == proposed("one")
    assert of(proposed("one"), proposed("two"), approved).approved is None
    assert of(proposed("one"), approved, proposed("two")).approved is None


def test_rejected_plans_are_remembered_with_the_reason() -> None:
    rejected = PlanDecided(id="one", decision="rejected", reason="too large")
    found = of(proposed("one"), rejected, proposed("two"))
    assert found.rejected == [("one", "too large")]
    assert found.decided is None


def test_an_answer_counts_for_the_call_and_the_text_it_was_given_for() -> None:
    given = ApprovalGiven(approval="a", digest="d", choice="approve")
    found = of(command("a", "call-1"), given)
    assert found.answers("call-1", "d") == [given]
    assert found.answers("call-2", "d") == []
    assert found.answers("call-1", "another") == []
    assert found.was_approved("call-1")
    assert found.open() == []


def test_a_conflict_is_not_settled_and_a_kept_branch_settles_all() -> None:
    ready = ChangesReady(
        files=(ChangedFile(path="a", change="new"), ChangedFile(path="b", change="new"))
    )
    conflict = ChangeSettled(path="a", settlement="conflict")
    assert of(ready, conflict).unsettled() == ["a", "b"]
    assert of(ready, ChangeSettled(path="a", settlement="merged")).unsettled() == ["b"]
    assert of(ready, conflict, ChangeSettled(path="", settlement="kept")).unsettled() == []


def test_a_decision_on_changes_that_nothing_followed_is_known() -> None:
    ready = ChangesReady(files=(ChangedFile(path="a", change="new"),))
    asked = ApprovalAsked(
        approval="c",
        kind="changes",
        question="?",
        shown="a",
        digest="d",
        choices=("apply", "keep", "discard"),
    )
    apply = ApprovalGiven(approval="c", digest="d", choice="apply")
    withdrawn = ApprovalGiven(approval="c", digest="d", choice="withdrawn")
    assert of(ready, asked, apply).settling
    assert not of(ready, asked, withdrawn).settling
