"""Long lists drawn row by row: no widget for a row, and none drawn that is not in view."""

from typing import ClassVar

from rich.style import Style
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.transcript.palette import Palette
from tui.transcript.rows import Row


class DrawnRows(ScrollView, can_focus=False):
    """Draws rows with the styles they name, from its own component classes."""

    DEFAULT_CSS: ClassVar[str] = """
    DrawnRows { scrollbar-size-vertical: 1; scrollbar-size-horizontal: 1; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._palette: Palette | None = None
        self._blank: Strip | None = None

    @property
    def palette(self) -> Palette:
        if self._palette is None:
            self._palette = Palette(self)
        return self._palette

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._palette = self._blank = None

    def blank(self, width: int) -> Strip:
        """An empty row, the same one every time: Textual keeps on it what it makes of it."""
        if self._blank is None or self._blank.cell_length != width:
            self._blank = self.strip(Row(()), width)
        return self._blank

    def strip(self, row: Row, width: int, span: tuple[int, int] | None = None) -> Strip:
        """A row, `width` cells wide; `span` are the selected characters."""
        selected = (
            self.screen.get_component_rich_style("screen--selection") if span else Style.null()
        )
        return self.palette.strip(row, left=0, width=width, span=span, selected=selected)
