"""Bars over days, drawn by plotext in the theme's colours."""

from collections.abc import Sequence
from typing import Final, Protocol, cast

from textual.content import Content

from tui.figures import tokens
from tui.widgets.part import Part

_UPRIGHT: Final = 1
"""plotext's number of the y axis."""


class _Ruler(Protocol):
    def ticks(self, positions: Sequence[float], labels: Sequence[str]) -> object: ...


class _Figure(Protocol):
    """What is used of plotext's one figure, which has no types of its own."""

    def clear(self) -> object: ...
    def theme(self, name: str) -> object: ...
    def plot_size(self, width: int, height: int) -> object: ...
    def bar(self, labels: Sequence[str], heights: Sequence[float]) -> object: ...
    def draw(self, signal: object) -> object: ...
    def ruler(self, axis: int) -> _Ruler: ...
    def build(self) -> object: ...


class DayFigure(Part):
    """Tokens for each day. Its height is the style sheet's."""

    DEFAULT_CSS = "DayFigure { height: 9; }"

    def __init__(self) -> None:
        super().__init__(id="day-figure")
        self._days: tuple[tuple[str, int], ...] = ()

    def show(self, days: Sequence[tuple[str, int]]) -> None:
        self._days = tuple(days)
        self.changed()

    def on_resize(self) -> None:
        self.changed()  # the height counts, too

    def draw(self, width: int, now: int) -> Content:
        height = self.size.height or 9
        if not self._days or width < 20:
            return Content("")
        return Content.styled(draw_days(self._days, width, height), "$primary")


def draw_days(days: Sequence[tuple[str, int]], width: int, height: int) -> str:
    """The figure as text, without colours of its own. plotext is loaded by the first call."""
    import plotext

    figure = cast(_Figure, plotext.figure)
    _ = figure.clear()
    _ = figure.theme("clear")
    _ = figure.plot_size(width, height)
    _ = figure.draw(figure.bar([day[5:] for day, _ in days], [count for _, count in days]))
    most = max(count for _, count in days)
    ticks = [0, most / 2, most]
    _ = figure.ruler(_UPRIGHT).ticks(ticks, [tokens(round(tick)) for tick in ticks])
    plain = cast(object, plotext.uncolorize(str(figure.build())))  # pyright: ignore[reportUnknownMemberType]
    return str(plain).rstrip("\n")
