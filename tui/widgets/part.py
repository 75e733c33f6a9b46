"""A piece of the screen that draws immutable data, and only when it says something new."""

from textual.content import Content
from textual.widget import Widget


class Part(Widget):
    """Subclasses keep what they were last given and draw it; `changed` puts it on the screen."""

    DEFAULT_CSS = "Part { height: auto; width: 1fr; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._drawn = Content("")
        self._clock = 0

    def draw(self, width: int, now: int) -> Content:
        """What to show in `width` columns at the time `now` (ms)."""
        raise NotImplementedError

    def changed(self) -> None:
        """Draw again, and repaint if that looks different. What is not displayed waits until it
        is, and then has a size again."""
        if not self.display:
            return
        drawn = self.draw(self.size.width or self._width_to_come(), self._clock)
        if drawn.is_same(self._drawn):
            return
        taller = drawn.plain.count("\n") != self._drawn.plain.count("\n")
        self._drawn = drawn
        self.refresh(layout=taller or not drawn.plain)

    def tick(self, now: int) -> None:
        """Tell the time, for what shows ages and time left."""
        self._clock = now
        self.changed()

    def render(self) -> Content:
        return self._drawn

    def on_resize(self) -> None:
        self.changed()

    def _width_to_come(self) -> int:
        parent = self.parent
        return parent.content_size.width if isinstance(parent, Widget) else 0


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
