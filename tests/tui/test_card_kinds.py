"""Each kind of card: what it shows, what its keys do."""

from pathlib import Path

import pytest

from store.events import ApprovalAsked
from tests.tui import coding_scenes as coding
from tests.tui import scenes
from tests.tui.coding_scenes import staffed
from tests.tui.conftest import Shown, on_screen, until
from tui.deck import Asking
from tui.screens.asking import AskChoice, AskLine
from tui.text import sanitise
from tui.widgets.card import GUARD
from tui.widgets.cards import drawing
from tui.widgets.cards.keys import agreeing, keys_of, refusing
from tui.widgets.cards.long import diff


def said(asked: ApprovalAsked, width: int = 100) -> str:
    view = coding.coding_view(asked)
    lines = drawing.body(Asking(view, asked), width, elsewhere=False)
    assert all(line.cells <= width for line in lines)
    return "\n".join(line.plain.rstrip() for line in lines)


# --- plan ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (40, 12)])
async def test_all_of_a_plan_can_be_read_by_scrolling(shown: Shown, size: tuple[int, int]) -> None:
    async with shown(scenes.busy_view(), coding.planning(), size=size) as (app, pilot):
        await pilot.press("tab")
        seen = ""
        await pilot.press("down")
        assert app.chat.card.body.scroll_offset.y == 1
        await pilot.press("up")
        while not app.chat.card.body.is_vertical_scroll_end:
            seen += on_screen(app) + "\n"
            await pilot.press("pagedown")
        seen += on_screen(app)
        for word in coding.TEXT.replace("#", "").split():
            assert word in seen
        await pilot.press("home")
        assert app.chat.card.body.scroll_offset.y == 0


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (60, 16)])
async def test_prompt_and_transcript_stay_in_sight(shown: Shown, size: tuple[int, int]) -> None:
    async with shown(scenes.busy_view(), coding.planning(), size=size) as (app, pilot):
        for key in ("f5", "tab"):
            await pilot.press(key)
            await pilot.pause()
            transcript = app.chat.query_one("#transcripts")
            assert transcript.size.height >= 2
            assert app.chat.prompt.region.bottom <= size[1] - 1
        app.chat.prompt.area.load_text("\n".join("several lines"))
        await pilot.pause()
        await pilot.pause()
        assert app.chat.prompt.region.bottom <= size[1] - 1
        assert app.chat.card.region.height >= 4


async def test_the_frame_names_plan_title_model_and_estimate(shown: Shown) -> None:
    async with shown(scenes.busy_view(), coding.planning()) as (app, _):
        screen = on_screen(app)
        assert "Plan 3f2a · retry queue · T0 claude-opus-5-5" in screen
        assert "est. $0.18–0.30, T1" in screen
        assert "a approve  e edit  r reject  1–3 choose" in screen
        assert "alt+a   alt+r" in screen


async def test_alternatives_stand_side_by_side_and_stack_where_it_is_narrow(shown: Shown) -> None:
    view = coding.planning()
    for size, beside in (((120, 40), True), ((80, 24), False)):
        async with shown(scenes.busy_view(), view, size=size) as (app, _):
            lines = app.chat.card.body.text.splitlines()
            row = next(line for line in lines if "1 T0 claude-opus-5-5" in line)
            assert ("2 T3 claude-sonnet-5-5" in row) is beside
            text = "\n".join(lines)
            assert "An outbox table" in text
            assert "est. $0.31–0.52, T1" in text
            assert "failed: overloaded" in text
            assert "proposed now" in text


def test_the_one_proposed_is_marked_with_a_glyph_and_a_word() -> None:
    asked = coding.plan_asked(call="x2")
    plan = coding.proposed(id="x2", number=2, origin="alternative")
    view = coding.coding_view(asked, plan=plan, alternatives=coding.alternatives())
    lines = [line.plain for line in drawing.body(Asking(view, asked), 70, elsewhere=False)]
    marked = [at for at, line in enumerate(lines) if line.startswith("▶")]
    assert [lines[at].rstrip() for at in marked] == ["▶ 2 T3 claude-sonnet-5-5"]
    assert "proposed now" in lines[marked[0] + 2]


def test_a_plan_that_is_not_loaded_is_shown_from_the_question_itself() -> None:
    asked = coding.plan_asked(shown="Just do it.\nThen test.", call="unknown")
    view = coding.coding_view(asked, plan=coding.proposed())
    assert drawing.title(Asking(view, asked)).startswith("Plan p7c1")
    text = "\n".join(line.plain for line in drawing.body(Asking(view, asked), 80, elsewhere=False))
    assert "Just do it.\nThen test." in text
    assert "Acknowledge" not in text


async def test_a_plan_is_approved_by_its_letter_and_by_the_chord(shown: Shown) -> None:
    plan = coding.plan_asked().approval
    for keys in (("tab", "a"), ("alt+a",)):
        async with shown(scenes.busy_view(), coding.planning()) as (app, pilot):
            clerk, _ = staffed(app)
            await pilot.press(*keys)
            assert clerk.decided == [(plan, "approve", "")]


async def test_digits_choose_an_alternative(shown: Shown) -> None:
    async with shown(scenes.busy_view(), coding.planning()) as (app, pilot):
        clerk, _ = staffed(app)
        await pilot.press("tab", "2")
        assert clerk.decided == [(coding.plan_asked().approval, "2", "")]


async def test_rejecting_a_plan_asks_why_and_escape_decides_nothing(shown: Shown) -> None:
    async with shown(scenes.busy_view(), coding.planning()) as (app, pilot):
        clerk, clock = staffed(app)
        await pilot.press("tab", "r")
        assert isinstance(app.screen, AskLine)
        await until(pilot, lambda: "leave it empty to drop" in on_screen(app))
        await pilot.press(*"no", "escape")
        assert clerk.decided == []
        assert app.chat.card.has_focus
        clock.now += GUARD
        await pilot.press("alt+r", *"use acks", "enter")
        await until(pilot, lambda: clerk.decided)
        assert clerk.decided == [(coding.plan_asked().approval, "reject", "use acks")]
        assert app.chat.prompt.area.has_focus


async def test_a_plan_rejected_without_a_reason_is_dropped(shown: Shown) -> None:
    async with shown(scenes.busy_view(), coding.planning()) as (app, pilot):
        clerk, _ = staffed(app)
        await pilot.press("alt+r", "enter")
        await until(pilot, lambda: clerk.decided)
        assert clerk.decided == [(coding.plan_asked().approval, "reject", "")]


def editor(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "editor.sh"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", str(program))


async def test_an_edited_plan_goes_back_and_an_unchanged_one_decides_nothing(
    shown: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with shown(scenes.busy_view(), coding.planning()) as (app, pilot):
        clerk, clock = staffed(app)
        monkeypatch.setattr(app, "suspend", app.batch_update)
        editor(tmp_path, "true", monkeypatch)
        await pilot.press("tab", "e")
        await until(pilot, lambda: "nothing is decided" in on_screen(app))
        assert clerk.decided == []
        clock.now += GUARD
        editor(tmp_path, "echo '- And the docs.' >> \"$1\"", monkeypatch)
        await pilot.press("e")
        await until(pilot, lambda: clerk.decided)
        (approval, choice, text) = clerk.decided[0]
        assert (approval, choice) == (coding.plan_asked().approval, "edit")
        assert text == coding.TEXT.rstrip("\n") + "\n- And the docs."


async def test_an_edit_that_can_not_be_taken_is_in_the_prompt_and_not_lost(
    shown: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with shown(scenes.busy_view(), coding.planning()) as (app, pilot):
        _ = staffed(app, refusal="This question is no longer open.")
        monkeypatch.setattr(app, "suspend", app.batch_update)
        editor(tmp_path, "echo 'my words' > \"$1\"", monkeypatch)
        await pilot.press("tab", "e")
        await until(pilot, lambda: app.chat.prompt.area.text == "my words")


# --- command -------------------------------------------------------------------------------------


def test_a_command_is_shown_in_full_however_long_or_hidden() -> None:
    command = "echo " + "x" * 400 + "⏎\nrm -rf ~ \x1b[2K\u202etxt"
    text = said(coding.command_asked(command), 60)
    inside = [line[2:-2] for line in text.splitlines() if line.startswith("│")]
    assert "x" * 400 in "".join(part.strip() for part in inside)
    assert "␛[2K" in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "[/bold]$warning" in said(coding.command_asked("echo [/bold]$warning"))


def test_what_a_command_can_reach_is_told_and_loud_where_nothing_holds_it() -> None:
    asked = coding.command_asked(detail="Not sandboxed: bubblewrap is missing.\nin the workspace")
    view = coding.coding_view(asked)
    lines = drawing.body(Asking(view, asked), 80, elsewhere=False)
    places = {line.plain.strip(): at for at, line in enumerate(lines)}
    warning = lines[places["! Not sandboxed: bubblewrap is missing."]]
    assert any("$warning" in style for _, style in warning.parts)
    command = next(at for text, at in places.items() if "pytest" in text)
    assert places["! Not sandboxed: bubblewrap is missing."] < command < places["in the workspace"]


@pytest.mark.parametrize(("key", "choice"), [("a", "approve"), ("s", "always"), ("x", "stop")])
async def test_the_keys_of_a_command(shown: Shown, key: str, choice: str) -> None:
    asked = coding.command_asked("npm test -- --watch")
    async with shown(scenes.busy_view(), coding.coding_view(asked)) as (app, pilot):
        clerk, _ = staffed(app)
        assert "a once  s always npm test  r reject  x reject all" in on_screen(app)
        await pilot.press("tab", key)
        assert clerk.decided == [(asked.approval, choice, "")]


async def test_rejecting_a_command_takes_a_reason_that_may_be_empty(shown: Shown) -> None:
    asked = coding.command_asked()
    for typed in ("", "use make test"):
        async with shown(scenes.busy_view(), coding.coding_view(asked)) as (app, pilot):
            clerk, _ = staffed(app)
            await pilot.press("tab", "r", *typed, "enter")
            await until(pilot, lambda clerk=clerk: clerk.decided)
            assert clerk.decided == [(asked.approval, "reject", typed)]


def test_rows_made_one_by_one_are_all_of_a_long_write_in_any_order() -> None:
    odd = ["", "\tfunc()", "日本語" * 30, "x" * 250, "\x1b[2K", "é" * 90, "y" * 78]
    text = "\n".join(f"+{line}" for line in odd * 40)
    rows = diff(text, 80)
    shown = [row.plain for row in rows]
    assert [rows[at].plain for at in reversed(range(len(rows)))] == shown[::-1]
    assert all(row.cells <= 80 for row in rows)
    whole = "".join(f"\n{row}" for row in shown).replace("\n↳ ", "")
    assert whole == "".join(f"\n{sanitise(line)}" for line in text.split("\n"))


def test_a_write_is_readable_without_colour() -> None:
    text = said(coding.write_asked())
    assert "-    finally:" in text
    assert "+    except Conflict:" in text
    wide = "+" + "word " * 60
    shown = said(coding.asked("write", wide), 50)
    assert "".join(line.removeprefix("↳ ") for line in shown.splitlines()[1:]).count("word") == 60


async def test_a_very_long_write_is_shown_to_its_last_line(shown: Shown) -> None:
    lines = "\n".join(f"+    line {number} of it" for number in range(5_000))
    asked = coding.asked("write", lines, choices=("approve", "reject", "stop"))
    async with shown(scenes.busy_view(), coding.coding_view(asked)) as (app, pilot):
        await pilot.press("tab", "end")
        await until(pilot, lambda: "+    line 4999 of it" in on_screen(app))
        await pilot.press("pageup")
        await until(pilot, lambda: "line 4999" not in on_screen(app))
        assert "+    line 496" in on_screen(app)


# --- question ------------------------------------------------------------------------------------


def test_the_chords_never_pick_an_option_that_a_model_has_named_like_a_decision() -> None:
    options = ("approve", "apply", "reject", "discard", "answer")
    assert agreeing(options, "question") == "answer"
    assert refusing(options, "question") == ""
    assert keys_of(options, "question")["1"] == "approve"


async def test_options_by_digits_and_an_answer_in_ones_own_words(shown: Shown) -> None:
    asked = coding.question_asked()
    view = coding.coding_view(asked)
    async with shown(scenes.busy_view(), view) as (app, pilot):
        clerk, _ = staffed(app)
        screen = on_screen(app)
        assert "2  SQLite, one file" in screen
        assert "e answer  1–3 choose" in screen
        await pilot.press("tab", "2")
        assert clerk.decided == [(asked.approval, "SQLite, one file", "")]
    async with shown(scenes.busy_view(), view) as (app, pilot):
        clerk, clock = staffed(app)
        await pilot.press("alt+a", "enter")
        assert clerk.decided == []
        clock.now += GUARD
        await pilot.press("tab", "e", *"both", "enter")
        await until(pilot, lambda: clerk.decided)
        assert clerk.decided == [(asked.approval, "answer", "both")]


# --- changes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "choice"), [(("tab", "a"), "apply"), (("alt+a",), "apply"), (("tab", "k"), "keep")]
)
async def test_changes_are_applied_or_kept(
    shown: Shown, keys: tuple[str, ...], choice: str
) -> None:
    asked = coding.changes_asked()
    async with shown(scenes.busy_view(), coding.coding_view(asked)) as (app, pilot):
        clerk, _ = staffed(app)
        await pilot.press(*keys)
        assert clerk.decided == [(asked.approval, choice, "")]


async def test_discarding_asks_once_more(shown: Shown) -> None:
    asked = coding.changes_asked()
    async with shown(scenes.busy_view(), coding.coding_view(asked)) as (app, pilot):
        clerk, clock = staffed(app)
        await pilot.press("alt+r", "d", "d", "enter")
        assert isinstance(app.screen, AskChoice)
        await pilot.press("escape")
        assert clerk.decided == []
        clock.now += GUARD
        await pilot.press("tab", "d", "y")
        await until(pilot, lambda: clerk.decided)
        assert clerk.decided == [(asked.approval, "discard", "")]


async def test_v_wants_the_diff_of_the_session(
    shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = coding.changes_asked()
    async with shown(scenes.busy_view(), coding.coding_view(asked)) as (app, pilot):
        wanted: list[str] = []

        async def show(session: str) -> None:
            wanted.append(session)

        monkeypatch.setattr(app.chat, "show_diff", show)
        clerk, _ = staffed(app)
        await pilot.press("tab", "v")
        assert wanted == ["code1"]
        assert clerk.decided == []


# --- narrow --------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", [coding.changes_asked(), coding.command_asked("git status")])
def test_in_80_columns_every_key_says_what_it_does(asked: ApprovalAsked) -> None:
    keys, _ = drawing.foot(asked, 72, focused=False)
    for key, choice in keys_of(asked.choices, asked.kind).items():
        word = {"approve": "once", "stop": "reject all"}.get(choice, choice)
        assert f"{key} {word}" in keys.plain


def test_in_80_columns_a_plan_still_tells_its_cost() -> None:
    view = coding.planning()
    _, cost = drawing.head(Asking(view, view.approvals[0]), 0, 52)
    assert cost.plain == "est. $0.18–0.30, T1"
