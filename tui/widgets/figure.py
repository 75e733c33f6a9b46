"""Bars over days, drawn by plotext in the theme's colours."""

from collections.abc import Sequence

from textual.content import Content

from tui.widgets.part import Part


class DayFigure(Part):
    """Tokens for each day. Its height is the style sheet's."""

    DEFAULT_CSS = "DayFigure { height: 9; }"

    def __init__(self) -> None:
        super().__init__(id="day-figure")
        self._days: tuple[tuple[str, int], ...] = ()

    def show(self, days: Sequence[tuple[str, int]]) -> None:
        self._days = tuple(days)
        self.changed()

    def draw(self, width: int, now: int) -> Content:
        height = self.size.height or 9
        if not self._days or width < 20:
            return Content("")
        return Content.styled(draw_days(self._days, width, height), "$primary")


def draw_days(days: Sequence[tuple[str, int]], width: int, height: int) -> str:
    """The figure as text, without colours of its own. plotext is loaded by the first call."""
    import plotext

    figure = plotext.figure
    figure.clear()
    figure.theme("clear")
    figure.plot_size(width, height)
    bars = figure.bar([day[5:] for day, _ in days], [count for _, count in days])
    figure.draw(bars)
    return str(plotext.uncolorize(str(figure.build()))).rstrip("\n")
