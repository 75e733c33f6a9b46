"""The diff view: files and hunks to look at, and keys that decide about them."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot

from router.asking import EngineError
from router.view import View
from store.events import (
    AnyEvent,
    ChangedFile,
    ChangeSettled,
    ChangesReady,
    Entry,
    SessionStarted,
    Settlement,
)
from tests.tui import coding_tab_scenes as scenes
from tests.tui.conftest import Shown, on_screen, options_in, until
from tui.app import ButlerApp, ReplayApp
from tui.diffs import Line, counts, lines_of, page_of
from tui.player import Player
from tui.screens.diff import GUARD, Choice, DiffScreen
from tui.screens.replay import ReplayScreen

QUEUE, TEST, LEGACY, PICTURE = (file.path for file in scenes.FILES)
NARROW = (80, 24)


class Settled:
    """Takes down what is wanted; says no when told to."""

    def __init__(self) -> None:
        self.wishes: list[tuple[str, Choice, tuple[str, ...] | None]] = []
        self.refusal = ""
        self.asked = asyncio.Event()

    def __call__(
        self, session: str, choice: Choice, paths: tuple[str, ...] | None
    ) -> Awaitable[None]:
        self.wishes.append((session, choice, paths))
        self.asked.set()
        return self._answer()

    async def _answer(self) -> None:
        if self.refusal:
            raise EngineError(self.refusal)


@asynccontextmanager
async def opened(
    shown: Shown, *views: View, size: tuple[int, int] = (120, 40), guarded: bool = False
) -> AsyncGenerator[tuple[ButlerApp, Pilot[int], Settled, DiffScreen]]:
    settle = Settled()
    async with shown(*(views or scenes.finished()), size=size) as (app, pilot):
        assert app.chat.open_diff("code1", settle)
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, DiffScreen)
        if not guarded:
            screen.acts_at = 0
        await pilot.pause()
        yield app, pilot, settle, screen


# --- reading diffs ---


def test_lines_have_the_numbers_of_both_files() -> None:
    diff = (
        "--- a/x\n+++ b/x\n@@ -3,3 +3,3 @@ def f():\n a\n-b\n+c\n d\n\\ No newline at end of file\n"
    )
    assert list(lines_of(diff)) == [
        Line("@", "def f():", 3, 3),
        Line(" ", "a", 3, 3),
        Line("-", "b", 4, 0),
        Line("+", "c", 0, 4),
        Line(" ", "d", 5, 5),
        Line("\\", "No newline at end of file"),
    ]


def test_a_changed_line_that_looks_like_a_head_is_a_line() -> None:
    diff = "@@ -1 +1 @@\n---- a/x\n+@@ -9 +9 @@\n"
    assert [line.sign for line in lines_of(diff)] == ["@", "-", "+"]


def test_counts_say_nothing_of_what_is_none() -> None:
    assert counts(12, 3) == "+12 −3"
    assert counts(0, 1204) == "−1,204"


def test_a_conflict_is_shown_before_what_the_session_changed() -> None:
    settled = ChangeSettled(path=QUEUE, settlement="conflict", detail=scenes.MERGE)
    page = page_of(scenes.FILES[0], settled, "")
    signs = [row.sign for row in page.rows]
    assert signs.index("<") < signs.index(">") < signs.index("@")
    assert [page.rows[stop].sign for stop in page.stops] == ["=", "@", "@"]


def test_a_conflict_without_lines_is_a_sentence() -> None:
    detail = "You have deleted it meanwhile; Butler changed it."
    settled = ChangeSettled(path=QUEUE, settlement="conflict", detail=detail)
    assert page_of(scenes.FILES[0], settled, "") == page_of(scenes.FILES[0], None, "")


# --- looking ---


async def test_files_and_hunks_are_told_in_signs_and_words(shown: Shown) -> None:
    async with opened(shown) as (app, _, _, _):
        text = on_screen(app)
        for words in ("✎ edit  +7 −4", "+ new  +4", "− delete  −1", "✎ edit  binary"):
            assert words in text
        assert "hunk 1 of 2" in text
        assert "  29     −             try:" in text
        assert "  29 +             if await self.store.seen(message.id):" in text


async def test_n_and_p_walk_through_hunks_and_over_files(shown: Shown) -> None:
    async with opened(shown) as (app, pilot, _, screen):
        await pilot.press("n")
        assert "hunk 2 of 2" in on_screen(app)
        await pilot.press("n")
        await pilot.pause()
        assert screen.files.chosen == scenes.FILES[1]
        assert "def test_a_restart_loses_nothing" in on_screen(app)
        await pilot.press("p")
        await pilot.pause()
        assert screen.files.chosen == scenes.FILES[0]
        assert "hunk 2 of 2" in on_screen(app)


async def test_arrows_choose_the_file_and_a_binary_one_says_so(shown: Shown) -> None:
    async with opened(shown) as (app, pilot, _, _):
        await pilot.press("down", "down", "down")
        await pilot.pause()
        assert "A binary file" in on_screen(app)


async def test_a_narrow_screen_has_the_files_above(shown: Shown) -> None:
    async with opened(shown, size=NARROW) as (app, _, _, screen):
        assert screen.files.region.bottom <= screen.diff.region.y
        assert screen.diff.region.width == 80
        assert "+ new    tests/test_retry.py" in on_screen(app)


async def test_what_files_hold_can_not_steer_the_terminal(shown: Shown) -> None:
    evil = ChangedFile(
        path="a\x1b[2J.py",
        change="new",
        added=2,
        diff="@@ -0,0 +1,2 @@ \x1b[31m\n+\x1b]0;title\x07\ttab\n+\u202eright to left\r\n",
    )
    chat, child = scenes.finished()
    child = replace(child, changes=ChangesReady(files=(evil,)))
    async with opened(shown, chat, child) as (app, _, _, _):
        text = on_screen(app)
        assert not {"\x1b", "\x07", "\t", "\u202e", "\r"} & set(text)
        assert "␛]0;title␇" in text


def long_file(lines: int) -> ChangedFile:
    body = "\n".join(f"+    line {number} of many" for number in range(1, lines + 1))
    diff = f"--- /dev/null\n+++ b/big.py\n@@ -0,0 +1,{lines} @@\n{body}\n"
    return ChangedFile(path="big.py", change="new", added=lines, diff=diff)


async def test_twenty_thousand_lines_open_and_scroll_at_once(shown: Shown) -> None:
    chat, child = scenes.finished()
    child = replace(child, changes=ChangesReady(files=(long_file(20_000),)))
    async with opened(shown, chat, child) as (app, pilot, _, screen):
        while len(screen.diff.page.rows) < 20_000:
            await pilot.pause(0.01)
        began = perf_counter()
        await pilot.press("end")
        await pilot.pause()
        assert "line 20000 of many" in on_screen(app)
        assert perf_counter() - began < 1
        began = perf_counter()
        for y in range(40):
            _ = screen.diff.render_line(y)
        assert perf_counter() - began < 0.1


async def test_colours_come_beside_the_loop_wherever_the_reader_goes(shown: Shown) -> None:
    """Drawing never waits for them: each line is drawn as it is, then in its colours."""
    chat, child = scenes.finished()
    file = replace(long_file(2_000), diff=long_file(2_000).diff.replace("+    line", "+return"))
    child = replace(child, changes=ChangesReady(files=(file,)))
    async with opened(shown, chat, child) as (_, pilot, _, screen):

        def looks() -> set[object]:
            """Colours and attributes in the last row that is in view."""
            strip = screen.diff.render_line(screen.diff.size.height - 1)
            return {s.style.bold for s in strip if s.text.strip() == "return" and s.style}

        await until(pilot, lambda: looks() == {True})
        for key in ("pagedown", "end", "home"):
            await pilot.press(key)
            await until(pilot, lambda: looks() == {True})


async def test_lines_selected_with_the_mouse_are_copied_without_numbers(
    shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied: list[str] = []

    async def copy(_app: ButlerApp, text: str, _what: str) -> None:
        copied.append(text)

    monkeypatch.setattr(ButlerApp, "copy", copy)
    chat, child = scenes.finished()
    child = replace(child, changes=ChangesReady(files=(long_file(9),)))
    async with opened(shown, chat, child) as (_, pilot, _, screen):
        begin = screen.diff.render_line(2).text.index("    line 2")
        await pilot.mouse_down(screen.diff, offset=(begin + 4, 2))
        await pilot.hover(screen.diff, offset=(begin + 9, 4))
        await pilot.mouse_up(screen.diff, offset=(begin + 9, 4))
        await pilot.press("c")
        await until(pilot, lambda: copied)
        assert copied == ["line 2 of many\n    line 3 of many\n    line 4"]


async def test_a_long_line_can_be_read_sideways_while_its_number_stays(shown: Shown) -> None:
    line = "+" + "x" * 200 + " the end of it\n"
    wide = ChangedFile(path="w.txt", change="new", added=1, diff=f"@@ -0,0 +1 @@\n{line}")
    chat, child = scenes.finished()
    child = replace(child, changes=ChangesReady(files=(wide,)))
    async with opened(shown, chat, child) as (app, pilot, _, _):
        assert "the end of it" not in on_screen(app)
        await pilot.press(*["right"] * 20)
        await pilot.pause()
        assert "the end of it" in on_screen(app)
        assert "1 + " in on_screen(app)


# --- deciding ---


async def test_all_files_are_meant_when_none_is_marked(shown: Shown) -> None:
    async with opened(shown) as (_, pilot, settle, _):
        await pilot.press("a")
        await settle.asked.wait()
        assert settle.wishes == [("code1", "apply", None)]


async def test_marked_files_are_meant_alone_and_keeping_is_for_all(shown: Shown) -> None:
    async with opened(shown) as (_, pilot, settle, _):
        await pilot.press("space", "down", "down", "enter", "a")
        await pilot.pause()
        await pilot.press("k")
        await pilot.pause()
        assert settle.wishes == [("code1", "apply", (QUEUE, LEGACY)), ("code1", "keep", None)]


async def test_discarding_asks_once_more(shown: Shown) -> None:
    async with opened(shown) as (app, pilot, settle, _):
        await pilot.press("space", "d")
        await pilot.pause()
        assert not settle.wishes
        assert "d again throws away what the session did to 1 file" in on_screen(app)
        await pilot.press("d")
        await settle.asked.wait()
        assert settle.wishes == [("code1", "discard", (QUEUE,))]


async def test_a_second_d_for_other_files_asks_again(shown: Shown) -> None:
    async with opened(shown) as (_, pilot, settle, _):
        await pilot.press("space", "d", "down", "space", "d")
        await pilot.pause()
        assert not settle.wishes


async def test_a_key_that_was_meant_for_what_stood_here_before_decides_nothing(
    shown: Shown,
) -> None:
    loop = asyncio.get_running_loop()
    before = loop.time()
    async with opened(shown, guarded=True) as (_, pilot, settle, screen):
        assert before + GUARD < screen.acts_at < loop.time() + GUARD
        screen.acts_at = loop.time() + 60
        await pilot.press("a", "k", "d", "d")
        assert not settle.wishes
        screen.acts_at = loop.time()
        await pilot.press("a")
        await settle.asked.wait()


async def test_a_refusal_is_one_sentence(shown: Shown) -> None:
    async with opened(shown) as (app, pilot, settle, _):
        settle.refusal = "The repository is in the middle of a merge: finish it first."
        await pilot.press("a")
        await pilot.pause()
        assert settle.refusal in on_screen(app)


async def test_a_conflict_shows_both_sides_and_that_nothing_was_overwritten(shown: Shown) -> None:
    async with opened(shown) as (app, pilot, _, _):
        _, conflict = scenes.in_conflict()
        app.live.deck.put(conflict)
        app.chat.paint()
        await pilot.pause()
        text = on_screen(app)
        assert "! conflict" in text
        assert "Nothing of yours was" in text
        assert "<         await asyncio.sleep(min(30" in text
        assert ">         await asyncio.sleep(min(60" in text
        assert "✓ applied" in text


async def test_a_conflict_of_whole_files_says_what_happened(shown: Shown) -> None:
    deleted = "You have deleted it meanwhile; Butler changed it."
    views = scenes.finished((QUEUE, "conflict", deleted))
    async with opened(shown, *views, size=NARROW) as (app, _, _, _):
        text = " ".join(on_screen(app).split())
        assert deleted in text
        assert "the session's version, then mark this file and press d" in text
        assert "the merge" not in text


async def test_what_is_settled_can_not_be_marked_and_its_state_is_a_word(shown: Shown) -> None:
    async with opened(shown, *scenes.in_conflict()) as (app, pilot, settle, screen):
        await pilot.press("down", "space")
        assert screen.files.marked == ()
        assert "– discarded" in on_screen(app)
        await pilot.press("up", "space", "a")
        await settle.asked.wait()
        assert settle.wishes == [("code1", "apply", (QUEUE,))]


async def test_nothing_is_left_to_decide_once_all_is_settled(shown: Shown) -> None:
    applied: list[tuple[str, Settlement, str]]
    applied = [(file.path, "applied", "") for file in scenes.FILES]
    views = scenes.finished(*applied)
    async with opened(shown, *views) as (app, pilot, settle, _):
        await pilot.press("a", "k", "d", "d")
        await pilot.pause()
        assert not settle.wishes
        assert "All of it is settled already" in on_screen(app)


async def test_in_a_replay_it_is_to_look_at_only(shown: Shown) -> None:
    async with shown(*scenes.finished()) as (app, pilot):
        assert app.chat.open_diff("code1")
        await pilot.pause()
        assert "a apply" not in on_screen(app)
        await pilot.press("space", "a", "d", "d", "k")
        assert isinstance(app.screen, DiffScreen)
        assert app.screen.files.marked == ()
        await pilot.press("escape")
        await pilot.pause()
        assert app.screen is app.chat


async def test_v_in_a_replay_shows_the_changes_as_they_were(tmp_path: Path) -> None:
    events: list[tuple[str, AnyEvent]] = [
        ("chat", SessionStarted(kind="chat", title="shop")),
        ("code1", SessionStarted(kind="code", title="retry queue", parent="chat", task="mend it")),
        ("code1", ChangesReady(files=scenes.FILES)),
        ("code1", ChangeSettled(path=QUEUE, settlement="applied")),
    ]
    entries = [
        Entry(seq=number, at=number * 1000, session=session, event=event)
        for number, (session, event) in enumerate(events, 1)
    ]
    player = Player("chat", entries)
    app = ReplayApp(options_in(tmp_path), player)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        await pilot.press("end", "alt+2", "v")
        await until(pilot, lambda: isinstance(app.screen, DiffScreen))
        assert "✓ applied" in on_screen(app)
        assert "a apply" not in on_screen(app)
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, ReplayScreen))


# --- getting there ---


async def test_slash_diff_opens_the_changes_of_the_tab_and_esc_leaves(shown: Shown) -> None:
    async with shown(*scenes.finished()) as (app, pilot):
        app.chat.activate("code1")
        app.chat.prompt.area.text = "/diff"
        await pilot.press("enter")
        while not isinstance(app.screen, DiffScreen):
            await pilot.pause(0.01)
        await pilot.press("escape")
        await pilot.pause()
        assert app.screen is app.chat


async def test_a_session_without_changes_has_no_diff_but_a_sentence(shown: Shown) -> None:
    async with shown(*scenes.working()) as (app, pilot):
        app.chat.activate("code1")
        app.chat.prompt.area.text = "/diff"
        await pilot.press("enter")
        await pilot.pause(0.05)
        assert app.screen is app.chat
        assert "changes to look at" in on_screen(app)


async def test_the_hunk_is_copied_as_a_diff(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[str] = []

    async def copy(text: str, what: str) -> None:
        copied.append(text)

    async with opened(shown) as (app, pilot, _, _):
        monkeypatch.setattr(app, "copy", copy)
        await pilot.press("n", "c")
        await pilot.pause()
        assert copied[0].splitlines()[0] == "@@ -40 +43 @@"
        assert "-        await asyncio.sleep(2 ** message.attempts)" in copied[0]


def test_the_scenes_diffs_are_real(tmp_path: Path) -> None:
    """What is drawn in the pictures is what applying would do."""
    lines = list(lines_of(scenes.FILES[0].diff))
    new = scenes.NEW.splitlines()
    assert all(new[line.new - 1] == line.text for line in lines if line.sign in "+ ")
