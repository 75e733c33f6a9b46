"""The transcript on a screen: what is seen, where it stays, what is copied."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from time import perf_counter

import pytest
from textual import on
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.pilot import Pilot

from tests.tui.test_transcript_markdown import BLOCKS
from tui.transcript.item import Item, Seam
from tui.transcript.window import Window
from tui.widgets.transcript import Transcript

CODE = "async with tx() as t:\n\tawait t.ack()"
ANSWER = f"The worker *acks* too early.\n\n```python\n{CODE}\n```\n\nMove it behind the commit."


class Screen(App[None]):
    """Only a transcript, and what it asked for."""

    CSS = "Transcript { height: 1fr; }"

    def __init__(self) -> None:
        super().__init__()
        self.copied: list[tuple[str, str]] = []
        self.wanted = 0

    def compose(self) -> ComposeResult:
        yield Transcript()

    @on(Transcript.CopyRequested)
    def _copied(self, message: Transcript.CopyRequested) -> None:
        self.copied.append((message.text, message.what))

    @on(Transcript.EarlierWanted)
    def _wanted(self) -> None:
        self.wanted += 1


@dataclass
class Stage:
    app: Screen
    pilot: Pilot[None]
    view: Transcript = field(init=False)

    def __post_init__(self) -> None:
        self.view = self.app.query_one(Transcript)

    async def rest(self) -> None:
        """Wait until everything that came in is drawn."""
        await self.pilot.pause()
        while self.view._dirty or self.view._ticking or self.view._settling:
            await self.pilot.pause(0.01)
        await self.pilot.pause()

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.rest()

    @property
    def lines(self) -> list[str]:
        region = Region(0, 0, *self.view.outer_size)
        return [strip.text[1:-1].rstrip() for strip in self.view.render_lines(region)]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def find(self, text: str) -> tuple[int, int]:
        """Return column and line of a text on the screen."""
        for y, line in enumerate(self.lines):
            if text in line:
                return line.index(text) + 1, y
        raise AssertionError(f"{text!r} is not on the screen:\n{self.text}")

    async def drag(self, start: tuple[int, int], stop: tuple[int, int]) -> None:
        await self.pilot.mouse_down(Transcript, offset=start)
        await self.pilot.hover(Transcript, offset=stop)
        await self.pilot.mouse_up(Transcript, offset=stop)
        await self.rest()


@asynccontextmanager
async def stage(width: int = 60, height: int = 20) -> AsyncIterator[Stage]:
    app = Screen()
    async with app.run_test(size=(width, height)) as pilot:
        here = Stage(app, pilot)
        here.view.focus()
        await here.rest()
        yield here


def user(number: int, text: str = "") -> Item:
    body = text or "\n".join(f"question {number} line {line}" for line in range(6))
    return Item(id=f"u{number}", kind="user", title="you", right="14:02", body=body, markdown=False)


def live(key: str = "r") -> Item:
    return Item(id=key, kind="butler", title="butler", right="via T3 · sonnet", state="streaming")


async def test_a_message_says_who_when_and_why() -> None:
    async with stage() as here:
        answer = replace(live(), state="finished", why="T0 critical only", body="Because.")
        here.view.set_items([user(1, "Why [red]this[/red]?"), answer])
        await here.rest()
        lines = here.lines
        assert lines[0].split() == ["you", "14:02"]
        assert "Why [red]this[/red]?" in lines[1]
        assert lines[3].split("  ")[0] == "butler"
        assert lines[3].endswith("via T3 · sonnet")
        assert lines[4].strip() == "T0 critical only"
        assert "Because." in lines[5]


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ("queued", "◌ queued"),
        ("streaming", "▸ writing"),
        ("failed", "✗ failed: no answer"),
        ("interrupted", "■ interrupted: no answer"),
        ("cancelled", "⊘ cancelled: no answer"),
    ],
)
async def test_a_state_is_a_glyph_and_a_word(state: str, word: str) -> None:
    async with stage() as here:
        here.view.set_items([replace(live(), state=state, note="no answer")])
        await here.rest()
        assert word in here.text


async def test_the_first_fragment_shows_at_once_and_a_finished_reply_looks_as_it_streamed() -> None:
    text = "\n\n".join(block for block in BLOCKS if "[" not in block)[:1500]
    async with stage(70, 100) as here:
        here.view.append(live())
        await here.rest()
        before = perf_counter()
        here.view.extend_text("r", text[:3])
        while text[:3] not in here.text:
            await here.pilot.pause(0)
        assert perf_counter() - before < 1
        for at in range(3, len(text), 11):
            here.view.extend_text("r", text[at : at + 11])
            await here.pilot.pause(0)
        await here.rest()
        streamed = here.lines[1:]
        here.view.update(replace(live(), state="finished", body=text))
        await here.rest()
        assert here.lines[1:] == streamed
        here.view.set_items([replace(live(), state="finished", body=text)])
        await here.rest()
        assert here.lines[1:] == streamed


async def test_it_holds_the_bottom_until_the_reader_moves_away() -> None:
    async with stage() as here:
        here.view.set_items([user(number) for number in range(6)])
        here.view.append(live())
        await here.rest()
        for number in range(30):
            here.view.extend_text("r", f"answer line {number}\n\n")
            await here.rest() if number % 10 == 9 else None
            assert here.view.following
        assert "answer line 29" in here.text
        await here.press("pageup")
        seen = here.lines[:-1]
        here.view.extend_text("r", "more\n\n" * 20)
        here.view.append(user(90))
        here.view.append(user(91))
        await here.rest()
        assert here.lines[:-1] == seen
        assert here.lines[-1].endswith("↓ 2 new")
        await here.press("end")
        assert "question 91 line 5" in here.text
        assert "↓" not in here.text


async def test_a_click_on_the_mark_goes_to_the_bottom() -> None:
    async with stage() as here:
        here.view.set_items([user(number) for number in range(6)])
        await here.rest()
        await here.press("home")
        x, y = here.find("↓ bottom")
        await here.pilot.click(Transcript, offset=(x, y))
        await here.rest()
        assert here.view.following
        assert "question 5 line 5" in here.text


async def test_the_place_is_kept_while_everything_around_it_changes() -> None:
    async with stage() as here:
        here.view.set_items([user(number) for number in range(10, 30)])
        await here.rest()
        here.view.scroll_to(y=85, animate=False)
        await here.rest()
        top = here.lines[0]
        assert "question" in top
        here.view.prepend([user(number) for number in range(10)])
        await here.rest()
        assert here.lines[0] == top
        here.view.earlier = 40
        await here.rest()
        assert here.lines[0] == top
        assert here.view.prune(12) == 10 + 10 - 2
        await here.rest()
        assert here.lines[0] == top
        here.view.update(replace(user(29), body="short"))
        await here.pilot.resize_terminal(40, 12)
        await here.rest()
        assert here.lines[0] == top
        await here.pilot.resize_terminal(24, 12)
        await here.rest()
        assert here.lines[0] == top


async def test_pruning_never_takes_what_is_read() -> None:
    async with stage() as here:
        here.view.set_items([user(number) for number in range(20)])
        await here.rest()
        await here.press("home")
        assert here.view.prune(5) == 0
        await here.press("end")
        assert here.view.prune(5) == 15
        await here.rest()
        assert "question 19 line 5" in here.text


async def test_earlier_messages_are_asked_for_once_when_reached() -> None:
    async with stage() as here:
        here.view.set_items([user(number) for number in range(6)])
        here.view.earlier = 12
        await here.rest()
        assert here.app.wanted == 0
        await here.press("home", "up", "home")
        assert here.app.wanted == 1
        assert "↑ 12 earlier messages" in here.lines[0]
        here.view.prepend([user(number) for number in range(50, 54)])
        here.view.earlier = 8
        await here.rest()
        assert "question 0" in here.text
        await here.press("home")
        assert here.app.wanted == 2
        here.view.earlier = 7
        await here.rest()
        await here.pilot.click(Transcript, offset=here.find("↑ 7 earlier"))
        await here.rest()
        assert here.app.wanted == 3


@pytest.mark.parametrize("state", ["streaming", "finished"])
async def test_dragging_selects_what_was_written_and_not_the_frame(state: str) -> None:
    async with stage() as here:
        here.view.set_items([replace(live(), state=state, body=ANSWER)])
        await here.rest()
        plain = here.view.render_lines(Region(0, 0, *here.view.outer_size))
        await here.drag(here.find("worker"), here.find("commit"))
        selected = here.app.screen.get_selected_text()
        assert selected == f"worker acks too early.\n\n{CODE}\n\nMove it behind the c"
        highlighted = here.view.render_lines(Region(0, 0, *here.view.outer_size))
        x, y = here.find("async with")
        assert highlighted[y].crop(x, x + 5) != plain[y].crop(x, x + 5)
        assert highlighted[y].crop(0, x - 1) == plain[y].crop(0, x - 1)
        await here.press("y")
        assert here.app.copied == [(selected, "selection")]
        assert here.app.screen.get_selected_text() is None


async def test_a_selection_stays_on_its_words_while_text_arrives_above_and_below() -> None:
    async with stage() as here:
        here.view.set_items([user(number) for number in range(8)])
        here.view.append(live())
        await here.rest()
        here.view.extend_text("r", "These words are selected. Others are not.")
        await here.rest()
        await here.drag(here.find("words"), here.find("s are sel"))
        here.view.extend_text("r", "\n\nmore" * 5)
        here.view.prepend([user(number) for number in range(20, 25)])
        await here.rest()
        assert here.app.screen.get_selected_text() == "words"


async def test_a_double_click_takes_a_word() -> None:
    async with stage() as here:
        here.view.set_items([user(1, "see tui/widgets/prompt.py: it is there")])
        await here.rest()
        await here.pilot.click(Transcript, offset=here.find("widgets"), times=2)
        await here.rest()
        assert here.app.screen.get_selected_text() == "tui/widgets/prompt.py"


async def test_keys_select_and_copy() -> None:
    async with stage() as here:
        here.view.set_items([user(1, "first line\nsecond line\nthird line")])
        await here.rest()
        await here.press("shift+up", "shift+up", "enter")
        assert here.app.copied.pop()[0].splitlines() == ["second line", "third line"]
        await here.press("v", "down", "ctrl+c")
        assert here.app.copied.pop() == ("third line", "selection")
        await here.press("v", "escape", "y")
        assert here.app.copied == []


async def test_code_is_copied_as_written_by_key_and_by_click() -> None:
    async with stage() as here:
        here.view.set_items([replace(live(), state="finished", body=ANSWER)])
        await here.rest()
        await here.press("c")
        await here.pilot.click(Transcript, offset=here.find("copy c"))
        await here.rest()
        assert here.app.copied == [(CODE, "python code")] * 2


async def test_without_code_in_view_the_message_is_copied() -> None:
    async with stage() as here:
        here.view.set_items([replace(live(), state="finished", body="**All** of\x1b it")])
        await here.rest()
        await here.press("c")
        assert here.app.copied == [("**All** of it", "message")]


async def test_an_announcement_opens_and_closes() -> None:
    done = Item(
        id="a",
        kind="announcement",
        title="✓ sum spec.md · done",
        body="The summary.",
        collapsed=True,
    )
    async with stage() as here:
        here.view.set_items([user(1), done])
        await here.rest()
        assert "▸ ✓ sum spec.md · done" in here.text
        assert "The summary." not in here.text
        await here.pilot.click(Transcript, offset=here.find("sum spec"))
        await here.rest()
        assert "▾ ✓ sum spec.md · done" in here.text
        assert "The summary." in here.text
        await here.press("ctrl+o")
        assert "The summary." not in here.text


async def test_brackets_go_from_message_to_message() -> None:
    async with stage() as here:
        here.view.set_items([user(number) for number in range(9)])
        await here.rest()
        await here.press("home", "right_square_bracket", "n")
        assert "question 2 line 0" in here.lines[1]
        await here.press("p")
        assert "question 1 line 0" in here.lines[1]


async def test_a_seam_stands_where_another_model_went_on() -> None:
    async with stage() as here:
        here.view.append(live())
        here.view.extend_text("r", "First half.")
        await here.rest()
        seam = Seam(11, "T3 went silent after 31 s: continued by T2 · gemini")
        here.view.update(replace(live(), body="First half. Second", seams=(seam,)))
        here.view.extend_text("r", " half.")
        await here.rest()
        assert [line for line in here.lines[1:5] if line] == [
            "First half.",
            f"⟂ {seam.text}",
            "Second half.",
        ]


async def test_another_theme_changes_colours_and_nothing_else() -> None:
    async with stage() as here:
        here.view.set_items([replace(live(), state="finished", body=ANSWER)])
        await here.rest()
        region = Region(0, 0, *here.view.outer_size)
        dark = here.view.render_lines(region)
        here.app.theme = "textual-light"
        await here.rest()
        light = here.view.render_lines(region)
        assert [strip.text for strip in light] == [strip.text for strip in dark]
        assert light != dark


async def test_colours_come_when_the_language_is_loaded() -> None:
    async with stage() as here:
        here.view.set_items([replace(live(), state="finished", body="```lua\nlocal x = 1\n```")])
        await here.rest()
        for _ in range(200):
            (x, y) = here.find("local")
            styles = {segment.style for segment in here.view._line(y).crop(x, x + 11)}
            if len(styles) > 1:
                return
            await here.pilot.pause(0.01)
        raise AssertionError("the code has one colour")


@pytest.mark.parametrize("size", [(20, 6), (22, 1), (9, 3), (200, 50)])
async def test_every_size_works(size: tuple[int, int]) -> None:
    async with stage(*size) as here:
        text = "\n\n".join(BLOCKS)
        items = [replace(live(), state="finished", why="a long reason", body=text), user(1)]
        here.view.earlier = 3
        here.view.set_items(items)
        await here.rest()
        await here.press("home", "pagedown", "shift+down", "c", "end")
        assert len(here.lines) == size[1]


def test_long_work_is_done_in_slices() -> None:
    window = Window()
    window.width = 100
    window.set(
        [
            user(1, "word " * 100_000),
            replace(live(), body="- item `x` and more words to read\n" * 8_000),
        ]
    )
    slices = 0
    y = 0
    while True:
        before = perf_counter()
        y = window.view(None, 40)
        more = window.settle(perf_counter() + 0.004, y)
        slices += perf_counter() - before < 0.25
        if not more:
            break
    assert slices > 20
    assert window.height > 10_000
