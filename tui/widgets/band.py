"""The band gauge: how much of the house's limits is used, and what binds."""

from typing import Final

from textual.content import Content

from router.view import House
from store.events import Gauge
from tui import figures
from tui.text import sanitise_line
from tui.widgets.part import Part, row
from tui.wording import BAND, BAND_MARKS, QUIET

_LABEL: Final = 8


class BandGauge(Part):
    """Percent and band on a scale with the thresholds marked."""

    def __init__(self) -> None:
        super().__init__(id="band")
        self._house = House()

    def show(self, house: House) -> None:
        self._house = house
        self.changed()

    def draw(self, width: int, now: int) -> Content:
        return draw_band(self._house, width, now)


def draw_band(house: House, width: int, now: int) -> Content:
    style = BAND[house.band]
    name = Content.assemble("Band  ", (house.band, style))
    if house.percent is None:
        return row(name, Content.styled("no limit known", QUIET), width)
    lines = [
        row(name, Content.styled(figures.percent(house.percent), style), width),
        draw_bar(house.percent, width, style),
        draw_scale(width),
    ]
    gauge = house.gauges.get(house.binds)
    if gauge is not None:
        lines += _binding(gauge, now)
    lines += _next(house, now)
    return Content("\n").join(lines)


def mark_cell(mark: float, width: int) -> int:
    return min(width - 1, int(mark / 100 * (width - 1) + 0.5))


def draw_bar(percent: float, width: int, style: str) -> Content:
    """A heavy line on a light one, thresholds as crossings: readable without colour."""
    marks = {mark_cell(mark, width) for mark in BAND_MARKS}
    full = min(width, round(max(0.0, percent) / 100 * width))
    heavy = "".join("┿" if cell in marks else "━" for cell in range(full))
    light = "".join("┼" if cell in marks else "─" for cell in range(full, width))
    return Content.assemble((heavy, style), (light, QUIET))


def draw_scale(width: int) -> Content:
    """Figures under the marks, moved left where they would touch."""
    cells = ["0", *" " * (width - 1)]
    end = width
    for mark in reversed(BAND_MARKS):
        start = min(mark_cell(mark, width), end - 2)
        cells[start : start + 2] = str(mark)
        end = start - 1
    return Content.styled("".join(cells), QUIET)


def source_of(gauge: Gauge, now: int) -> str:
    """Where a figure comes from and how old it is."""
    if gauge.source == "budget":
        return _of_limit(gauge)
    return f"{gauge.source}, {figures.ago(gauge.measured_at, now)}"


def _of_limit(gauge: Gauge) -> str:
    if gauge.used is None or gauge.limit is None:
        return "your budget"
    if gauge.unit == "usd":
        return f"{figures.money(gauge.used)} of {figures.money(gauge.limit)}"
    used, limit = (figures.tokens(round(amount)) for amount in (gauge.used, gauge.limit))
    return f"{used} of {limit} {gauge.unit}"


def name_of(gauge: Gauge) -> str:
    whose = sanitise_line(gauge.account) if gauge.account else "all accounts"
    model = f" {sanitise_line(gauge.model)}" if gauge.model else ""
    return f"{whose}{model} · {gauge.window}"


def _binding(gauge: Gauge, now: int) -> list[Content]:
    lines = [_labelled("binds", name_of(gauge)), _labelled("", source_of(gauge, now))]
    if gauge.resets_at is not None:
        left = figures.span(gauge.resets_at - now)
        when = figures.moment(gauge.resets_at, now)
        lines.append(_labelled("resets", f"{when}, in {left}"))
    return lines


def _next(house: House, now: int) -> list[Content]:
    """When the next band begins, as a range; nothing where nothing is foreseen."""
    forecast = house.forecasts.get(house.binds)
    if forecast is None or forecast.next is None or forecast.next_band is None:
        return []
    seen = forecast.next
    if seen.earliest is None or (seen.latest is not None and seen.latest <= now):
        return []
    start = figures.span(seen.earliest - now)
    when = f"{start}–{figures.span(seen.latest - now)}" if seen.latest else f"{start} or later"
    return [_labelled("next", f"{forecast.next_band} in {when}")]


def _labelled(label: str, text: str) -> Content:
    return Content.assemble((f"{label:<{_LABEL}}", QUIET), text)
