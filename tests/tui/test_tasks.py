"""The task list at a glance: who runs where, for how long, and what waits for the user."""

from msgspec.structs import replace

from router.view import Task
from tests.tui import coding_tab_scenes as scenes
from tests.tui.conftest import Shown, on_screen
from tests.tui.scenes import NOW
from tui.widgets.tasks import arranged, draw_tasks


def drawn(*tasks: Task, width: int = 43, now: int = NOW) -> list[str]:
    return draw_tasks(arranged(tasks), width, now, None).plain.splitlines()


def running(**more: object) -> Task:
    return replace(scenes.task("c", "retry queue", "running", 95, tokens=18_000, cost=0.12), **more)


def test_a_task_says_tier_time_tokens_model_and_cost() -> None:
    lines = drawn(running())
    assert lines[1].split() == ["▶", "code", "retry", "queue", "T1", "1:35", "18k"]
    assert lines[2] == "  gpt-6.2-sol · $0.12"


def test_silence_is_told_from_ten_seconds_on() -> None:
    task = running(last_heard=NOW)
    assert "silent" not in drawn(task, now=NOW + 9_000)[2]
    assert drawn(task, now=NOW + 42_000)[2].endswith("silent 42 s")
    waiting = replace(task, state="waiting", reason="plan ready")
    assert not any("silent" in line for line in drawn(waiting, now=NOW + 42_000))


def test_what_waits_for_the_user_comes_first_and_says_what_for() -> None:
    lines = drawn(*scenes.many_tasks())
    assert lines[0] == "Tasks   3 wait for you · 3 run · 1 in line"
    assert [line[0] for line in lines[1:] if line[0] != " "] == list("!!!▶▶▶○✓")
    assert lines[2].startswith("  changes ready: 3 files +20 −4")
    assert lines[4].startswith("  wants to run: git push origin main")
    assert lines[6].startswith("  plan ready")


def test_a_remark_is_never_shortened_for_a_figure() -> None:
    long = running(state="waiting", reason="wants to run: git push --force origin m")
    assert drawn(long)[2].rstrip() == "  wants to run: git push --force origin m"


def test_a_cost_is_shown_whole_or_not_at_all() -> None:
    for title in ("a", "CHANGELOG.md", "a title that takes all the room there is"):
        line = drawn(running(state="done", ended_at=NOW, title=title, cost=0.004))[1]
        assert "$0.004" in line or "$" not in line, line
    assert "$0.004" in drawn(running(state="done", ended_at=NOW, title="a", cost=0.004))[1]


def test_an_agent_of_the_users_own_is_called_by_its_name() -> None:
    assert drawn(running(agent="reviewer"))[1].split()[1] == "reviewer"
    assert "\x1b" not in drawn(running(agent="\x1b[2Jevil", model="m\x1b[5m"))[1]


def test_every_row_fits_its_column() -> None:
    for width in (34, 37, 43, 60):
        assert all(len(line) <= width for line in drawn(*scenes.many_tasks(), width=width))


async def test_eight_tasks_are_all_in_sight_and_a_click_hits_the_right_one(shown: Shown) -> None:
    async with shown(*scenes.working()) as (app, pilot):
        text = on_screen(app)
        assert all(task.title in text for task in scenes.many_tasks())
        rows = [line.plain for line in app.chat.tasks.render().split("\n")]
        chosen = next(y for y, line in enumerate(rows) if "retry queue" in line)
        await pilot.click("#tasks", offset=(4, chosen + 1))
        await pilot.pause()
        assert app.chat.active == "code1"


async def test_a_narrow_screen_counts_what_runs_and_waits(shown: Shown) -> None:
    async with shown(*scenes.working(), size=(80, 24)) as (app, _):
        assert "3▶ 3!" in on_screen(app)
