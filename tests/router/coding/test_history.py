"""The tool history: out of the journal, into any model's window, on any wire."""

import json
import string
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.coding.history import History, Step
from router.providers.base import (
    Message,
    OpaquePart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from store.events import (
    AnyEvent,
    Entry,
    Plan,
    PlanDecided,
    PlanProposed,
    ReplyFailed,
    ReplyFinished,
    ReplyStarted,
    ToolCalled,
    ToolReturned,
)

TASK = "Mend the sum."
BIG = "line of a file\n" * 800
"""12 kB."""


def entries(*events: AnyEvent) -> list[Entry]:
    return [Entry(seq, 0, "s", event) for seq, event in enumerate(events, 1)]


def started(reply: str) -> ReplyStarted:
    return ReplyStarted(reply=reply, prompt="p", tier="T1", model="m", account="a")


def called(reply: str, call: str, **arguments: str) -> ToolCalled:
    return ToolCalled(
        reply=reply, call=call, name="read_file", arguments=json.dumps(arguments), opaque="c2ln"
    )


def finished(reply: str, text: str = "") -> ReplyFinished:
    return ReplyFinished(reply=reply, text=text, stop_reason="tool-calls")


def failed(reply: str, text: str = "") -> ReplyFailed:
    return ReplyFailed(reply=reply, prompt="p", text=text, failure="cancelled", message="m")


def returned(reply: str, call: str, text: str = "content") -> ToolReturned:
    return ToolReturned(reply=reply, call=call, text=text)


def step(number: int, text: str = BIG, *, size: int = 1) -> Step:
    """One that has read files."""
    calls = tuple(
        ToolCallPart(f"call-{number}-{n}", "read_file", json.dumps({"path": f"src/{number}.py"}))
        for n in range(size)
    )
    results = {c.call: ToolResultPart(c.call, c.name, text) for c in calls}
    return Step(reply=f"reply-{number}", text=f"Step {number}.", calls=calls, results=results)


def history(*steps: Step) -> History:
    made = History()
    for one in steps:
        made.add(one)
    return made


def texts(messages: tuple[Message, ...]) -> list[str]:
    return [
        part.text
        for message in messages
        for part in message.parts
        if isinstance(part, TextPart | ToolResultPart)
    ]


def assert_accepted(messages: tuple[Message, ...]) -> None:
    """What services insist on: sides take turns, each call is answered at once and only once, by
    an id that is like no other."""
    assert [m.role for m in messages] == (["user", "assistant"] * len(messages))[: len(messages)]
    assert messages[-1].role == "user"
    ids: list[str] = []
    for before, after in pairwise(messages):
        made = [part.call for part in before.parts if isinstance(part, ToolCallPart)]
        given_back = [part.call for part in after.parts if isinstance(part, ToolResultPart)]
        if before.role == "assistant":
            assert made == given_back
            ids += made
    assert len(ids) == len(set(ids))
    assert all(set(one) <= set(string.ascii_letters + string.digits + "_-") for one in ids)


# --- out of the journal ------------------------------------------------------------------------


def test_steps_come_back_as_they_were() -> None:
    found = History.from_entries(
        entries(
            started("r1"),
            called("r1", "c1", path="a.py"),
            finished("r1", "I look."),
            returned("r1", "c1", "a - b"),
            started("r2"),
            finished("r2", "Done."),
        )
    )
    assert found.messages(TASK) == (
        Message("user", (TextPart(TASK),)),
        Message(
            "assistant",
            (
                TextPart("I look."),
                ToolCallPart("c1", "read_file", '{"path": "a.py"}', "c2ln"),
            ),
        ),
        Message("user", (ToolResultPart("c1", "read_file", "a - b"),)),
        Message("assistant", (TextPart("Done."),)),
        Message("user", (TextPart("Go on with the task. If it is done, end with your report."),)),
    )


def test_a_call_without_a_result_is_pending() -> None:
    found = History.from_entries(
        entries(
            started("r1"),
            called("r1", "c1"),
            called("r1", "c2"),
            finished("r1"),
            returned("r1", "c1"),
        )
    )
    assert [call.call for call in found.pending()] == ["c2"]
    assert_accepted(found.messages(TASK))
    found.answer(ToolResultPart("c2", "read_file", "there"))
    assert found.pending() == ()
    assert "there" in texts(found.messages(TASK))


def test_a_failed_answer_keeps_its_text_and_no_call_that_was_not_run() -> None:
    found = History.from_entries(
        entries(
            started("r1"),
            called("r1", "c1"),
            failed("r1", "I was about to"),
            started("r2"),
            failed("r2"),
        )
    )
    assert found.pending() == ()
    [only] = found.steps
    assert (only.text, only.calls) == ("I was about to", ())
    assert "cut off" in texts(found.messages(TASK))[-1]


def test_what_the_planner_looked_at_is_the_planners() -> None:
    plan = PlanProposed(id="p", plan=Plan(title="t", approach="a"), text="1. Turn the sign.")
    found = History.from_entries(
        entries(
            started("r1"),
            called("r1", "c1"),
            returned("r1", "c1", "seen by the planner"),
            finished("r1", "The plan."),
            plan,
            PlanDecided(id="p", decision="approved"),
            started("r2"),
            finished("r2", "On it."),
        )
    )
    assert [one.text for one in found.steps] == ["On it."]


# --- what any wire takes -----------------------------------------------------------------------


def test_ids_and_names_of_one_wire_are_made_fit_for_the_others() -> None:
    odd = ToolCallPart("functions.read_file:0", "read file!", '{"path": "a.py"')
    made = history(*(Step(reply=f"r{n}", calls=(odd,)) for n in range(3)))
    messages = made.messages(TASK)
    assert_accepted(messages)
    [call] = [part for part in messages[1].parts if isinstance(part, ToolCallPart)]
    assert call.name == "read_file_"
    assert json.loads(call.arguments) == {"invalid_json": '{"path": "a.py"'}


def test_opaque_reasoning_goes_back_to_its_own_model_only() -> None:
    one = step(1, "short")
    one.opaque, one.model = (OpaquePart("openai", "{}"),), "mine"
    made = history(one)
    mine = made.fit(TASK, 100_000, model="mine").messages[1].parts
    others = made.fit(TASK, 100_000, model="another").messages[1].parts
    assert mine == (OpaquePart("openai", "{}"), *others)
    assert not any(isinstance(part, OpaquePart) for part in others)


def test_what_is_told_follows_the_results() -> None:
    made = history(step(1, "short"))
    made.tell("Another way, please.")
    made.tell("And smaller.")
    last = made.messages(TASK)[-1]
    assert isinstance(last.parts[0], ToolResultPart)
    assert last.parts[1:] == (TextPart("Another way, please.\n\nAnd smaller."),)


def test_what_is_told_after_silence_joins_what_came_before() -> None:
    """All of an answer went into hidden reasoning: there is nothing to send back of it."""
    made = history(step(1, "short"), Step(reply="r2", told="You were cut off."))
    messages = made.messages(TASK)
    assert_accepted(messages)
    assert messages[-1].parts[-1] == TextPart("You were cut off.")


# --- into a window -----------------------------------------------------------------------------


def test_what_fits_goes_in_whole() -> None:
    made = history(*(step(n) for n in range(10)))
    fitted = made.fit(TASK, 100_000)
    assert fitted.messages == made.messages(TASK)
    assert fitted.dropped == 0
    assert fitted.tokens > 10 * len(BIG) // 3


def test_old_results_become_a_line_first_and_the_newest_stay_whole() -> None:
    made = history(*(step(n) for n in range(20)))
    fitted = made.fit(TASK, 60_000)
    assert_accepted(fitted.messages)
    assert fitted.tokens <= 60_000
    assert fitted.dropped == 0
    told = texts(fitted.messages)
    assert told[0] == TASK
    assert told[2] == "read_file src/0.py: 12 kB left out"
    results = [text for text in told if text == BIG]
    assert len(results) >= 4
    assert told[-1] == BIG


def test_the_oldest_steps_fall_out_visibly_and_the_task_stays() -> None:
    made = history(*(step(n) for n in range(200)))
    fitted = made.fit(TASK, 9_000)
    assert_accepted(fitted.messages)
    assert fitted.tokens <= 9_000
    assert fitted.dropped > 0
    assert texts(fitted.messages)[0] == TASK
    assert f"[{fitted.dropped} earlier steps" in texts(fitted.messages)[1]
    assert texts(fitted.messages)[-1] == BIG


def test_long_arguments_of_old_calls_are_left_out_too() -> None:
    writing = [
        Step(
            reply=f"r{n}",
            calls=(ToolCallPart(f"c{n}", "write_file", json.dumps({"path": "a.py", "text": BIG})),),
            results={f"c{n}": ToolResultPart(f"c{n}", "write_file", "Wrote a.py.")},
        )
        for n in range(20)
    ]
    fitted = history(*writing).fit(TASK, 40_000)
    first = fitted.messages[1].parts[0]
    assert isinstance(first, ToolCallPart)
    assert json.loads(first.arguments) == {"path": "a.py", "text": "[12 kB left out]"}
    assert texts(fitted.messages)[1] == "Wrote a.py."


def test_one_result_that_is_too_large_is_cut_in_its_middle() -> None:
    made = history(step(1, "the beginning\n" + BIG * 4 + "the end"))
    fitted = made.fit(TASK, 3_000)
    assert fitted.tokens <= 3_000
    result = texts(fitted.messages)[-1]
    assert result.startswith("the beginning")
    assert result.endswith("the end")
    assert "kB left out …]" in result


def test_a_smaller_room_gives_something_smaller_until_nothing_can_be_given() -> None:
    """What the dispatcher counts on when a model says that it was too much all the same."""
    made = history(*(step(n, size=2) for n in range(30)))
    sizes = [made.fit(TASK, room).tokens for room in (200_000, 100_000, 50_000, 9_000, 3_000)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < 3_000


def test_what_stands_before_the_newest_stays_the_same_for_a_while() -> None:
    """Services charge less for a beginning that they have read before."""
    made = history(*(step(n) for n in range(40)))
    beginnings: set[tuple[str, ...]] = set()
    for number in range(40, 56):
        made.add(step(number))
        beginnings.add(tuple(texts(made.fit(TASK, 80_000).messages)[:40]))
    assert len(beginnings) <= 4


def test_steps_are_built_once() -> None:
    """A session of n steps is fitted n times: what was measured is not measured again."""
    made = history(*(step(n) for n in range(50)))
    before = made.fit(TASK, 100_000).messages
    made.add(step(50))
    after = made.fit(TASK, 110_000).messages
    assert before[-1] is after[-3]
    assert sum(one is other for one, other in zip(before, after, strict=False)) >= 40


_text = st.sampled_from(["", "  ", "ä" * 50, "short", BIG])


@st.composite
def _journal(draw: st.DrawFn) -> list[AnyEvent]:
    """Anything a store may hold, also what ends in the middle."""
    events: list[AnyEvent] = []
    for number in range(draw(st.integers(0, 12))):
        reply = f"r{number}"
        ids = draw(st.lists(st.sampled_from(["call_0", "a.b:1", "", "ü"]), unique=True))
        events.append(started(reply))
        events += [called(reply, one, path=draw(_text)) for one in ids]
        end = draw(st.sampled_from([finished, failed]))
        events.append(end(reply, draw(_text)))
        events += [returned(reply, one, draw(_text)) for one in ids if draw(st.booleans())]
    return events


@given(_journal(), st.integers(-100, 60_000))
def test_whatever_the_journal_holds_services_accept_it(events: list[AnyEvent], room: int) -> None:
    found = History.from_entries(entries(*events))
    assert_accepted(found.messages(TASK))
    fitted = found.fit(TASK, room)
    assert_accepted(fitted.messages)
    assert texts(fitted.messages)[0] == TASK


@pytest.mark.parametrize("end", [finished, failed])
def test_an_answer_without_text_leaves_no_trace(
    end: Callable[[str, str], AnyEvent],
) -> None:
    found = History.from_entries(entries(started("r1"), end("r1", " \n")))
    assert found.steps == ()
    assert found.messages(TASK) == (Message("user", (TextPart(TASK),)),)
