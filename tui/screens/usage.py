"""F2: what was used, by tier, model and day, and every gauge with its source and age."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, ClassVar, Final
from zoneinfo import ZoneInfo

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from router.view import House
from store.usage import Totals
from tui import figures
from tui.text import sanitise_line
from tui.widgets.band import name_of, source_of
from tui.widgets.figure import DayFigure
from tui.widgets.part import fitted
from tui.wording import QUIET

if TYPE_CHECKING:
    from store.ledger import Ledger
    from store.opening import Store

_DAYS: Final = {"d": (1, "today"), "w": (7, "last 7 days"), "m": (30, "last 30 days")}


@dataclass(frozen=True, slots=True)
class Figures:
    """What the ledger says of one stretch of time."""

    all: Totals
    tiers: Sequence[tuple[str, Totals]]
    models: Sequence[tuple[str, Totals]]
    kinds: Sequence[tuple[str, Totals]]
    days: Sequence[tuple[str, Totals]]


class UsageScreen(ModalScreen[None]):
    CSS_PATH = "usage.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,f2", "dismiss", "Leave", show=False),
        *(Binding(key, f"span('{key}')", show=False) for key in _DAYS),
    ]

    def __init__(self, store: "Store", house: House, zone: str) -> None:
        super().__init__()
        self._store = store
        self._house = house
        self._zone: tzinfo | None = None if zone == "local" else ZoneInfo(zone)
        self._span = "w"
        self._figure = DayFigure()
        self._tables = Static(id="usage-tables", markup=False)

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="usage") as box:
            box.border_title = "Usage"
            box.border_subtitle = "d day · w week · m month · esc leaves"
            yield self._figure
            yield self._tables

    async def on_mount(self) -> None:
        await self._fill()

    async def action_span(self, key: str) -> None:
        self._span = key
        await self._fill()

    async def _fill(self) -> None:
        days, title = _DAYS[self._span]
        now = datetime.now(self._zone).astimezone(self._zone)
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        first = midnight - timedelta(days=days - 1)
        since = int(first.timestamp() * 1000)
        read = await asyncio.to_thread(read_figures, self._store.ledger, since, _zone_name(now))
        shown = await asyncio.to_thread(day_counts, read.days, first, days)
        self.query_one("#usage").border_title = f"Usage, {title}"
        self._figure.display = days > 1 and any(count for _, count in shown)
        self._figure.show(shown)
        when = int(now.timestamp() * 1000)
        self._tables.update(draw_usage(read, self._house, when))


def _zone_name(now: datetime) -> str:
    key = getattr(now.tzinfo, "key", None)
    return key if isinstance(key, str) else "UTC"


def read_figures(ledger: "Ledger", since: int, zone: str) -> Figures:
    """Blocks: call it in a thread. Days begin in `zone`."""
    return Figures(
        all=ledger.used(since=since),
        tiers=ledger.by("tier", since=since),
        models=ledger.by("model", since=since),
        kinds=ledger.by("kind", since=since),
        days=ledger.by("day", since=since, tz=zone),
    )


def day_counts(
    days: Sequence[tuple[str, Totals]], first: datetime, count: int
) -> list[tuple[str, int]]:
    """Tokens of every day, also of those on which nothing was used."""
    known = {day: totals.tokens for day, totals in days}
    names = [f"{first + timedelta(days=number):%Y-%m-%d}" for number in range(count)]
    return [(name, known.get(name, 0)) for name in names]


def draw_usage(read: Figures, house: House, now: int) -> Content:
    lines: list[Content] = []
    if not read.all.requests:
        lines.append(Content.styled("Nothing was used in this time.", QUIET))
    else:
        sections = (("Tier", read.tiers), ("Model", read.models), ("Work", read.kinds))
        for title, rows in (*sections, ("Day", read.days), ("", [("all", read.all)])):
            lines += _section(title, rows)
    lines += _gauges(house, now)
    return Content("\n").join(lines)


def _section(title: str, rows: Sequence[tuple[str, Totals]]) -> list[Content]:
    head = f"{title:<30}{'calls':>7}{'in':>8}{'cached':>8}{'out':>8}{'cost':>11}"
    lines = [Content.styled(head, "bold $primary")] if title else []
    for name, totals in rows:
        cached = totals.cache_read + totals.cache_write
        cells = (totals.input, cached, totals.output)
        numbers = "".join(f"{figures.tokens(cell):>8}" for cell in cells)
        label = fitted(sanitise_line(name), 30)
        lines.append(Content(f"{label}{totals.requests:>7}{numbers}{_cost(totals):>11}"))
    return [*lines, Content("")]


def _cost(totals: Totals) -> str:
    """With a `+` where some calls have no price."""
    if totals.requests and totals.unpriced_requests == totals.requests:
        return "unpriced"
    return figures.money(totals.cost) + "+" * bool(totals.unpriced_requests)


def _gauges(house: House, now: int) -> list[Content]:
    if not house.gauges:
        return [Content.styled("No limit is known: set a budget in the configuration.", QUIET)]
    lines = [Content.styled("Limits", "bold $primary")]
    for gauge in sorted(house.gauges.values(), key=lambda gauge: -(gauge.percent or 0)):
        reset = f", resets {figures.moment(gauge.resets_at, now)}" if gauge.resets_at else ""
        text = f"{fitted(name_of(gauge), 30)}{figures.percent(gauge.percent):>7}"
        lines.append(Content.assemble(text, (f"  {source_of(gauge, now)}{reset}", QUIET)))
    return lines
