"""Draws the rows of a `Window`: frames, scrolling that keeps its place, and nothing twice."""

from time import perf_counter
from typing import TYPE_CHECKING, Final, NamedTuple

from rich.style import Style
from textual import work
from textual.cache import LRUCache
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from tui.transcript.code import load
from tui.transcript.flow import warm_up
from tui.transcript.palette import Palette
from tui.transcript.rows import BLANK, Row, Run
from tui.transcript.window import Mark, Window

if TYPE_CHECKING:
    from textual.timer import Timer

FRAMES: Final = 15
"""Frames a second at most."""
_SLICE: Final = 0.004
"""Seconds of work in one go."""
_START_UP: Final = 0.3
"""Seconds after mounting in which others need the processor more."""
_COMMON: Final = ("python", "bash")
_BAR_EVERY: Final = 0.5
"""Seconds between two looks of the scrollbar while text streams."""
_PAUSE: Final = 0.001
"""Seconds between two slices."""


class _Shown(NamedTuple):
    """What stands on a line of the screen."""

    row: Row
    span: tuple[int, int] | None
    """The selected characters."""
    over: str = ""
    """Drawn over the right end."""


class RowView(ScrollView, can_focus=True):
    """Shows the rows of a window of entries and holds the bottom unless the reader moves away."""

    ALLOW_SELECT = True

    class FollowChanged(Message):
        """The view began or ceased to hold the bottom."""

        def __init__(self, view: "RowView", *, following: bool) -> None:
            super().__init__()
            self.view = view
            self.following = following

        @property
        def control(self) -> "RowView":
            return self.view

    def __init__(
        self,
        *,
        name: str | None = None,
        id: str | None = None,  # noqa: A002
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self.window = Window()
        self._following = True
        self._place: Mark | None = None
        """The row at the top, as of the last frame."""
        self._top = 0
        """Its y, as of the last frame."""
        self._news = 0
        self._shown: list[_Shown] = []
        self._painted: list[Strip | None] = []
        self._strips: LRUCache[Row, Strip] = LRUCache(1024)
        self._palette: Palette | None = None
        self._clock: Timer | None = None
        self._bar_drawn = 0.0
        self._dirty = False
        self._ticking = False
        self._settling = False
        self._base: tuple[Mark, int] | None = None
        """What the y of a selection counts from: a row, and the y it had."""

    # --- frames ---

    def on_mount(self) -> None:
        self._clock = self.set_interval(1 / FRAMES, self._tick, pause=True)
        self.set_timer(_START_UP, self._prepare)
        self._wake()

    def on_resize(self) -> None:
        self._wake()

    def on_show(self) -> None:
        self._wake()

    def _wake(self) -> None:
        """Have a frame drawn: at once after a rest, else with the next tick."""
        self._dirty = True
        if self._clock is not None and not self._ticking:
            self._ticking = True
            self.call_later(self._tick)
            self._clock.reset()
            self._clock.resume()

    def _tick(self) -> None:
        if self._dirty and self.region:
            self._dirty = False
            self._frame()
        elif self._clock is not None:
            self._ticking = False
            self._clock.pause()
            self._draw_bar()

    def _frame(self) -> None:
        """Bring the screen up to what the window holds now, keeping the reader's place."""
        self.window.width = self.room.width
        y = self.window.view(None if self._following else self._place, self.room.height)
        self._go(y)
        self._repaint()
        self._settle_soon()

    def _settle_soon(self) -> None:
        """Have a slice of work done after the loop had its turn: call_later gives it none."""
        if not self._settling:
            self._settling = True
            self.set_timer(_PAUSE, self._settle)

    def _settle(self) -> None:
        """Lay out what is out of sight, a slice at a time."""
        self._settling = False
        if not self.region:
            return
        before = self.window.height
        more = self.window.settle(perf_counter() + _SLICE, self._top)
        if self.window.wanted:
            self._load(self.window.wanted.pop())
        if self.window.height != before or self._outdated():
            self._dirty = True
            self._wake()
        if more:
            self._settle_soon()

    def _outdated(self) -> bool:
        rows = self.window.rows(self._top, len(self._shown))
        return any(shown.row is not row for shown, row in zip(self._shown, rows, strict=True))

    @work(thread=True)
    def _prepare(self) -> None:
        """Do in good time, beside the loop, what would make the first answer stutter."""
        warm_up()
        for language in _COMMON:
            load(language)

    @work(thread=True)
    def _load(self, language: str) -> None:
        load(language)
        self.app.call_from_thread(self._wake)  # pyright: ignore[reportUnknownMemberType]

    # --- places ---

    @property
    def room(self) -> Size:
        """The area for text."""
        return self.scrollable_content_region.size

    @property
    def following(self) -> bool:
        """Whether the view holds the bottom."""
        return self._following

    @property
    def top(self) -> int:
        """The y of the first row in view."""
        return self._top

    def reveal(self, y: int) -> None:
        """Scroll as little as needed to have row `y` in view."""
        if y < self._top:
            self.scroll_to(y=y, animate=False)
        elif y >= self._top + self.room.height:
            self.scroll_to(y=y - self.room.height + 1, animate=False)

    def follow(self) -> None:
        """Go to the bottom and hold it."""
        self._set_following(following=True)
        self._wake()

    def _set_following(self, *, following: bool) -> None:
        if following:
            self._news = 0
        if following != self._following:
            self._following = following
            self.post_message(self.FollowChanged(self, following=following))

    def _go(self, y: int) -> None:
        """Take over a new height and place without laying out the screen again."""
        size = Size(self.room.width, self.window.height)
        if size != self.virtual_size:
            self.set_reactive(Widget.virtual_size, size)  # pyright: ignore[reportArgumentType]
        if y != self.scroll_offset.y:
            self.set_reactive(Widget.scroll_y, y)  # pyright: ignore[reportArgumentType]
            self.set_reactive(Widget.scroll_target_y, y)  # pyright: ignore[reportArgumentType]
        self._top, self._place = y, self.window.mark(y)
        if not self._following or perf_counter() - self._bar_drawn > _BAR_EVERY:
            self._draw_bar()

    def _draw_bar(self) -> None:
        """Bring the scrollbar up to date; while text streams that would be a third of the work."""
        self._bar_drawn = perf_counter()
        bar = self.vertical_scrollbar
        bar.window_virtual_size = self.virtual_size.height
        bar.window_size = self.room.height
        bar.position = self.scroll_offset.y

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        y = round(new_value)
        if y == self._top or not self.region:
            return
        before, top = self._place, self._top
        self.window.view(self.window.mark(y), self.room.height)
        if before is not None and abs(y - top) <= self.room.height * 2:
            y += self.window.find(before) - top
        bottom = max(0, self.window.height - self.room.height)
        y = min(max(0, y), bottom)
        self._set_following(following=y >= bottom)
        self._go(y)
        self._repaint()
        self.scrolled(y)

    def scrolled(self, y: int) -> None:
        """Called when the reader has moved to row `y`."""

    # --- selection ---

    def line_of(self, y: int) -> int:
        """Return the number by which a selection knows row `y`: steady while rows above change."""
        if self._base is None or self.text_selection is None:
            mark = self.window.mark(y)
            if mark is None:
                return y
            self._base = mark, y
        mark, number = self._base
        return y - self.window.find(mark) + number

    def row_of(self, line: int) -> int:
        """Return the row a selection knows by `line`."""
        if self._base is None:
            return line
        mark, number = self._base
        return line + self.window.find(mark) - number

    def selection_updated(self, selection: Selection | None) -> None:
        del selection
        self._repaint()

    def _span(self, selection: Selection | None, row: Row, y: int) -> tuple[int, int] | None:
        span = None if selection is None else selection.get_span(self.line_of(y))
        if span is None:
            return None
        start, stop = span
        start = max(start, row.start)
        stop = row.stop if stop == -1 else min(stop, row.stop)
        return (start, stop) if start < stop else None

    # --- painting ---

    def _repaint(self) -> None:
        """Refresh the lines that differ from what is on the screen."""
        height = self.room.height
        selection = self.text_selection
        rows = self.window.rows(self._top, height)
        shown = [
            _Shown(row, self._span(selection, row, self._top + n)) for n, row in enumerate(rows)
        ]
        if shown and not self._following:
            shown[-1] = shown[-1]._replace(over=self.overlay())
        if len(shown) != len(self._shown):
            self._shown, self._painted = shown, [None] * height
            self.refresh()
            return
        changed = [
            line
            for line, (new, old) in enumerate(zip(shown, self._shown, strict=True))
            if new[1:] != old[1:] or not new.row.same(old.row)
        ]
        self._shown = shown
        for line in changed:
            self._painted[line] = None
        width = self.size.width
        if changed:
            self.refresh(*(Region(0, line, width, 1) for line in changed))

    def overlay(self) -> str:
        """Return what stands in the bottom right corner while the view is not at the bottom."""
        return f" ↓ {self._news} new " if self._news else " ↓ bottom "

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._palette = None
        self._strips.clear()
        self._painted = [None] * len(self._painted)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return strips that are drawn already; draw only those that changed."""
        if self.styles.gutter != self.styles.padding:  # a border: Textual draws it
            return super().render_lines(crop)
        strips = [self._line(y) for y in crop.line_range]
        start, stop = crop.column_span
        width = self.outer_size.width
        return strips if (start, stop) == (0, width) else [s.crop(start, stop) for s in strips]

    def render_line(self, y: int) -> Strip:
        """Return a line of the content with what a text selection needs to know."""
        shown = self._shown[y] if y < len(self._shown) else _Shown(BLANK, None)
        strip = self._draw(shown, left=0, width=self.size.width)
        return strip.apply_offsets(0, self.line_of(self._top + y))

    def _line(self, y: int) -> Strip:
        padding = self.styles.padding
        line, width = y - padding.top, self.outer_size.width
        if not 0 <= line < len(self._shown):
            return self._cached(BLANK, padding.left, width)
        strip = self._painted[line]
        if strip is None or strip.cell_length != width:
            shown = self._shown[line]
            if shown.span is None and not shown.over:
                strip = self._cached(shown.row, padding.left, width)
            else:
                strip = self._filtered(self._draw(shown, left=padding.left, width=width))
            self._painted[line] = strip
        return strip

    def _cached(self, row: Row, left: int, width: int) -> Strip:
        strip = self._strips.get(row)
        if strip is None or strip.cell_length != width:
            strip = self._filtered(self._draw(_Shown(row, None), left=left, width=width))
            self._strips[row] = strip
        return strip

    def _filtered(self, strip: Strip) -> Strip:
        background = self.background_colors[1]
        for line_filter in self.get_line_filters():
            strip = strip.apply_filter(line_filter, background)
        return strip

    @property
    def palette(self) -> Palette:
        if self._palette is None:
            self._palette = Palette(self)
        return self._palette

    def _draw(self, shown: _Shown, *, left: int, width: int) -> Strip:
        selected = (
            Style.null()
            if shown.span is None
            else self.screen.get_component_rich_style("screen--selection")
        )
        palette = self.palette
        strip = palette.strip(shown.row, left=left, width=width, span=shown.span, selected=selected)
        if not shown.over:
            return strip
        over = palette.strip(
            Row((Run(shown.over, "new-mark"),)),
            left=0,
            width=len(shown.over),
            span=None,
            selected=selected,
        )
        end = left + self.room.width
        return Strip.join([strip.crop(0, end - over.cell_length), over, strip.crop(end)])
