"""What the rehearsal says there is to see."""

import pytest
from msgspec.structs import replace

from router.rehearsal import REQUESTS, WINDOW
from router.view import House, LongText, Message, Seam, Task, View
from store.events import Band
from tui.rehearsal.narration import LOADING, Narrator

NOW = 1_800_000_000_000


def view(band: Band, *answers: Message) -> View:
    return View(session="s", messages=answers, house=House(band=band))


def answer(tier: str, ago: int = 0, **fields: object) -> Message:
    at = NOW - ago * 1000
    text = LongText().plus("So it is.")
    return Message(id="m", role="butler", at=at, ended_at=at, tier=tier, text=text, **fields)


def test_before_the_first_answer_it_says_what_one_waits_for() -> None:
    assert Narrator().lines(view("normal"), NOW) == (LOADING, "")


@pytest.mark.parametrize(
    ("band", "said"),
    [
        ("normal", "Below 80 %"),
        ("prefer-cheaper", "80 % is passed"),
        ("cheaper-only", "90 % is passed"),
        ("background-only", "95 % is passed"),
        ("local-only", f"100 %: {REQUESTS} requests in {WINDOW} s"),
    ],
)
def test_on_the_way_up_each_band_is_explained(band: Band, said: str) -> None:
    assert Narrator().lines(view(band, answer("T0")), NOW)[0].startswith(said)


def test_on_the_way_down_it_speaks_of_recovery() -> None:
    narrator = Narrator()
    for band in ("normal", "local-only"):
        narrator.lines(view(band, answer("T0")), NOW)
    assert "no longer count" in narrator.lines(view("background-only", answer("T4")), NOW)[0]
    assert narrator.lines(view("normal", answer("T4")), NOW)[0].startswith("Recovered")


def test_the_wait_in_local_only_counts_the_services_requests_and_not_the_local_models() -> None:
    answers = (answer("T0", ago=WINDOW - 30), answer("T2", ago=10), answer("T4", ago=0))
    assert "stops counting in 30 s" in Narrator().lines(view("local-only", *answers), NOW)[0]


def coding(state: str, **more: object) -> Task:
    return Task(session="c", kind="code", title="t", state=state, started_at=NOW, **more)


def test_a_coding_task_is_told_from_the_plan_to_its_end() -> None:
    narrator = Narrator()
    before = view("normal", answer("T0", ago=5))

    def told(task: Task, asked: str = "") -> str:
        return narrator.lines(replace(before, tasks=(task,)), NOW, asked)[1]

    assert "plans" in told(coding("running"))
    assert "alt+a approves the plan" in told(coding("waiting"), "plan")
    assert "works in a copy" in told(coding("running"))
    assert "Nothing runs unasked" in told(coding("waiting"), "command")
    assert "alt+a applies the changes" in told(coding("waiting"), "changes")
    assert "has ended" in told(coding("done", ended_at=NOW))
    later = replace(before, messages=(answer("T2", ago=-1),), tasks=(coding("done", ended_at=NOW),))
    assert narrator.lines(later, NOW)[1].startswith("T2 answers")


def test_failovers_are_pointed_out() -> None:
    overloaded = answer("T3", why="T0 overloaded")
    cut = answer("T2", seams=(Seam(3, "T3 broke off"),), why="T0 critical only at 92 %")
    assert "T3 took over" in Narrator().lines(view("prefer-cheaper", overloaded), NOW)[1]
    assert "T2 went on from there" in Narrator().lines(view("cheaper-only", cut), NOW)[1]
