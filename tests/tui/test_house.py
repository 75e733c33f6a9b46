"""The panel, the tabs and the task list: what they say of a view, and what keys do there."""

import asyncio

from msgspec.structs import replace

from router.view import House, ModelHealth
from tests.tui import scenes
from tests.tui.conftest import Shown, on_screen
from tui.widgets.band import draw_band, draw_bar, draw_scale
from tui.widgets.tasks import TaskList
from tui.widgets.tiers import draw_tiers

NOW = scenes.NOW


def test_the_gauge_names_what_binds_with_its_source_age_and_reset() -> None:
    text = draw_band(scenes.busy_house(), 40, NOW).plain
    assert "prefer-cheaper" in text
    assert "84 %" in text
    assert "anthropic · week" in text
    assert "provider, 40 s ago" in text
    assert "in 2 d 14 h" in text
    assert "cheaper-only in 1 h 10 m–1 h 50 m" in text


def test_an_unknown_limit_is_never_zero() -> None:
    assert "no limit known" in draw_band(House(), 40, NOW).plain
    unknown = scenes.gauge("anthropic", None)
    house = replace(scenes.busy_house(), gauges={unknown.key: unknown})
    assert "0 %" not in draw_tiers(house, 46, NOW).plain


def test_the_bar_reads_without_colour_and_its_marks_stand_over_their_figures() -> None:
    for width in range(20, 60):
        bar, scale = draw_bar(84, width, "").plain, draw_scale(width).plain
        assert len(bar) == len(scale) == width
        assert bar.count("┿") + bar.count("┼") in (2, 3)
        assert bar.count("━") + bar.count("┿") == round(0.84 * width)
        assert scale.split() == ["0", "80", "90", "95"]
    assert "─" not in draw_bar(140, 40, "").plain


def test_a_tier_shows_the_model_that_serves_and_why_another_does_not() -> None:
    rows = draw_tiers(scenes.busy_house(), 46, NOW).plain.splitlines()
    assert rows[0].split() == ["T0", "●", "claude-opus-5-5", "84", "%", "ready"]
    cooling = next(row for row in rows if row.startswith("T1"))
    assert cooling.split()[-1] == "cooling"
    assert "42 s left · overloaded" in rows[rows.index(cooling) + 1]


def test_what_is_over_is_not_shown_as_if_it_lasted() -> None:
    full = replace(scenes.gauge("anthropic", 97.0), resets_at=NOW)
    health = {"anthropic/claude-opus-5-5": ModelHealth("cooling", "overloaded", NOW)}
    house = House(tiers=(scenes.TIERS[0],), gauges={full.key: full}, health=health)
    before = draw_tiers(house, 46, NOW - 1).plain
    assert "97 %" in before
    assert "cooling" in before
    after = draw_tiers(house, 46, NOW).plain
    assert "97 %" not in after
    assert "to retry" in after


def test_a_budget_says_how_much_of_it_is_used() -> None:
    budget = replace(
        scenes.gauge(None, 87.5), source="budget", used=7.0, limit=8.0, unit="requests"
    )
    house = House(gauges={budget.key: budget}, binds=budget.key, percent=87.5)
    assert "7 of 8 requests" in draw_band(house, 46, NOW).plain


def test_a_tier_with_a_second_model_falls_to_it() -> None:
    two = replace(scenes.TIERS[0], models=(*scenes.TIERS[0].models, scenes.model("b", "spare")))
    house = House(tiers=(two,), health={"anthropic/claude-opus-5-5": ModelHealth("off", "bad key")})
    assert "spare" in draw_tiers(house, 46, NOW).plain.splitlines()[0]


def test_names_from_outside_can_not_steer_the_terminal() -> None:
    evil = scenes.model("a\x1b[2J", "m\x1b[31m\nx")
    house = House(tiers=(replace(scenes.TIERS[0], models=(evil,)),))
    assert "\x1b" not in draw_tiers(house, 46, NOW).plain


async def test_alt_digits_and_clicks_choose_tabs_and_ctrl_w_closes_one(shown: Shown) -> None:
    async with shown(*scenes.family()) as (app, pilot):
        await pilot.press("alt+3")
        assert app.chat.active == "sum1"
        assert "sum ▶ runs" in on_screen(app).splitlines()[0]
        app.set_focus(app.chat._feed(app.chat.view).transcript)
        await pilot.press("ctrl+w")
        assert app.chat.active == "chat1"
        assert "sum1" not in app.chat.open_tabs
        await pilot.click("#tabs", offset=(12, 0))
        assert app.chat.active == "code1"


async def test_each_tab_states_a_glyph_and_a_word_while_there_is_room(shown: Shown) -> None:
    async with shown(*scenes.family(), size=(160, 40)) as (app, _):
        row = on_screen(app).splitlines()[1]
        assert "! waits for you" in row
        assert "▶ runs" in row
        assert "sum spec.md ✓" in row


async def test_ctrl_t_enters_the_task_list_and_enter_opens_what_is_chosen(shown: Shown) -> None:
    async with shown(*scenes.family()) as (app, pilot):
        await pilot.press("ctrl+t", "down", "enter")
        assert app.chat.active == "sum1"
        assert app.chat.prompt.area.has_focus


async def test_cancelling_a_task_asks_first(shown: Shown) -> None:
    async with shown(*scenes.family()) as (app, pilot):
        await pilot.press("ctrl+t", "down", "x")
        assert "Press x again" in on_screen(app)
        assert app.chat.tasks.chosen is not None
        assert app.chat.tasks.chosen.session == "sum1"
        assert app.chat.tasks.has_focus
        assert app.chat.active == "chat1"


async def test_a_narrow_screen_has_the_house_in_a_line_and_the_tasks_behind_a_key(
    shown: Shown,
) -> None:
    async with shown(scenes.busy_view(), size=(80, 24)) as (app, pilot):
        line = on_screen(app).splitlines()[1]
        house, tasks = line.split("  ", 1)
        assert house.strip() == "prefer-cheaper 84 % anthropic·week resets 2 d 14 h"
        assert tasks.split() == ["T0", "T1◐", "T2", "T3", "T4", "1▶", "1!"]
        assert "changelog" not in on_screen(app)
        await pilot.press("ctrl+t")
        assert "changelog" in on_screen(app)
        await pilot.press("escape")
        assert "changelog" not in on_screen(app)


async def test_a_tiny_terminal_says_what_it_needs_and_comes_back(shown: Shown) -> None:
    async with shown(scenes.busy_view(), size=(20, 6)) as (app, pilot):
        assert "40×10 needed" in on_screen(app)
        await pilot.resize_terminal(100, 30)
        await pilot.pause()
        assert "prefer-cheaper" in on_screen(app)
        assert app.chat.prompt.area.has_focus


async def test_parts_that_say_the_same_are_not_drawn_again(shown: Shown) -> None:
    async with shown(scenes.busy_view()) as (app, _):
        drawn: list[object] = []
        tasks = app.chat.query_one(TaskList)
        tasks.refresh = lambda *regions, **how: drawn.append(regions) or tasks  # type: ignore[method-assign]
        app.chat.paint()
        app.chat.tell_time(NOW)
        assert drawn == []
        app.chat.tell_time(NOW + 1000)
        assert len(drawn) == 1


async def test_first_run_says_in_one_sentence_that_it_is_local_only(shown: Shown) -> None:
    async with shown(scenes.calm_view()) as (app, _):
        assert "Local only: SmolLM2 135M answers here" in on_screen(app)


async def test_the_second_ctrl_c_quits_and_the_first_says_so(shown: Shown) -> None:
    async with shown(scenes.calm_view()) as (app, pilot):
        await pilot.press("ctrl+c")
        assert "ctrl+c again quits" in on_screen(app)
        assert app.is_running
        await pilot.press("ctrl+c")
        async with asyncio.timeout(5):
            while app.is_running and not app._exit:
                await pilot.pause(0.02)
