"""Lines that scroll: drawn for a width once, shown a screenful at a time."""

from collections.abc import Callable
from typing import TypeAlias

from textual import events
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import Visual

from tui.widgets.cards.long import Rows

Draw: TypeAlias = Callable[[int], Rows]
_BAR = 1
"""Columns always left for the scrollbar, so that its coming and going wraps nothing anew."""


class ScrollLines(ScrollView, can_focus=False):
    """Only what is on the screen is drawn, however long the whole is."""

    DEFAULT_CSS = """
    ScrollLines {
        height: auto;
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
    }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._draw: Draw = lambda _width: ()
        self._lines: Rows = ()
        self._drawn_for = 0

    @property
    def text(self) -> str:
        """All of it, as drawn last."""
        return "\n".join(row.plain.rstrip() for row in self._lines)

    def show(self, draw: Draw, *, from_top: bool) -> None:
        """Show other lines; `draw` makes them for a width."""
        self._draw, self._drawn_for = draw, 0
        if self.size.width:
            self._fit(self._room)
        if from_top:
            self.scroll_home(animate=False)
        _ = self.refresh(layout=True)

    @property
    def _room(self) -> int:
        return max(1, self.outer_size.width - self.styles.gutter.width - _BAR)

    def _drawn(self, width: int) -> Rows:
        if width != self._drawn_for:
            self._lines, self._drawn_for = self._draw(width), width
        return self._lines

    def _fit(self, width: int) -> None:
        self.virtual_size = Size(width, len(self._drawn(width)))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Asked for while the screen is laid out: the width is the one to come."""
        return len(self._drawn(max(1, width - _BAR)))

    def on_resize(self, _event: events.Resize) -> None:
        self._fit(self._room)

    def render_line(self, y: int) -> Strip:
        at = self.scroll_offset.y + y
        width = self.size.width
        if at >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        content = self._lines[at].content().truncate(self._drawn_for)
        strips = Visual.to_strips(self, content, width, 1, self.visual_style, pad=True)
        return strips[0] if strips else Strip.blank(width, self.rich_style)
