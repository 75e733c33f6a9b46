"""A piece of the screen that draws immutable data, and only when it says something new."""

from typing import cast

from textual.content import Content
from textual.css.styles import RulesMap
from textual.geometry import Size
from textual.widget import Widget


class Part(Widget):
    """Subclasses keep what they were last given and draw it; `changed` puts it on the screen."""

    DEFAULT_CSS = "Part { height: auto; width: 1fr; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._drawn = Content("")
        self._width = 0
        """Columns it is drawn for; 0 when what is drawn says no longer what it should."""
        self._clock = 0

    def draw(self, width: int, now: int) -> Content:
        """What to show in `width` columns at the time `now` (ms)."""
        raise NotImplementedError

    def changed(self) -> None:
        """Draw again, and repaint if that looks different. What has no room on the screen waits
        until it has."""
        if not self.display or not self._width:
            self._width = 0
            return
        drawn = self.draw(self._width, self._clock)
        if drawn.is_same(self._drawn):
            return
        taller = drawn.plain.count("\n") != self._drawn.plain.count("\n")
        self._drawn = drawn
        self.refresh(layout=taller or not drawn.plain)

    def tick(self, now: int) -> None:
        """Tell the time, for what shows ages and time left."""
        self._clock = now
        self.changed()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Asked for while the screen is laid out: the width is the one to come."""
        if not width:
            return 0
        drawn = self._drawn if width == self._width else self.draw(width, self._clock)
        return drawn.get_height(cast(RulesMap, self.styles), width)

    def render(self) -> Content:
        if self.size.width != self._width:
            self._width = self.size.width
            self._drawn = self.draw(self._width, self._clock)
        return self._drawn


def row(left: Content, right: Content, width: int) -> Content:
    """One line: `left` shortened to what `right` leaves, `right` at the edge."""
    room = width - right.cell_length
    if room < 2:
        return left.truncate(max(width, 1), ellipsis=True)
    left = left.truncate(room - 1, ellipsis=True)
    return Content.assemble(left, " " * (room - left.cell_length), right)


def fitted(text: str, width: int) -> str:
    """`text` in exactly `width` cells, shortened with an ellipsis or padded."""
    content = Content(text).truncate(width, ellipsis=True)
    return content.plain + " " * (width - content.cell_length)
