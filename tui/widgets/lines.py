"""The one-line pieces: the header above, the hint below, the house where there is no room."""

from collections.abc import Sequence

import msgspec
from textual.content import Content

from router.view import House, Task, View
from store.events import SessionKind, SessionState
from tui import figures
from tui.text import sanitise_line
from tui.widgets.part import Part, row
from tui.widgets.tiers import health_of, serving
from tui.wording import BAND, HEALTH, KIND, LOUD, QUIET, SESSION

_TITLE = 40
"""Cells of a title in the header."""


class Header(Part):
    """Whose house it is, where it works, and what the tab shown is about."""

    def __init__(self) -> None:
        super().__init__(id="header")
        self._place = ""
        self._heading = Heading()

    def show(self, place: str, heading: "Heading") -> None:
        if (place, heading) != (self._place, self._heading):
            self._place, self._heading = place, heading
            self.changed()

    def draw(self, width: int, now: int) -> Content:
        left = Content.assemble(("Butler", "bold $primary"), "   ", (self._place, QUIET))
        return row(left, draw_heading(self._heading), width)


class Heading(msgspec.Struct, frozen=True):
    """What the header says of a session."""

    title: str = ""
    kind: SessionKind = "chat"
    state: SessionState = "open"
    marks: tuple[str, ...] = ()
    """What is pinned, and whether it is private."""
    tokens: int = 0

    @classmethod
    def of(cls, view: View, pins: Sequence[str]) -> "Heading":
        marks = (*pins, "private") if view.private else tuple(pins)
        used = sum(message.usage.total for message in view.messages if message.usage)
        return cls(view.title, view.kind, view.state, marks, used)


def draw_heading(heading: Heading) -> Content:
    parts: list[tuple[str, str]] = []
    if heading.title:
        title = Content(sanitise_line(heading.title)).truncate(_TITLE, ellipsis=True)
        parts.append((title.plain, "bold"))
    if heading.kind != "chat":
        look = SESSION[heading.state]
        parts.append((f"{KIND[heading.kind]} {look.glyph} {look.word}", look.style))
    parts += [(mark, "bold $accent") for mark in heading.marks]
    if heading.tokens:
        parts.append((f"{figures.tokens(heading.tokens)} tokens", QUIET))
    assembled: list[tuple[str, str]] = []
    for index, part in enumerate(parts):
        assembled += [(" · ", QUIET)] * bool(index) + [part]
    return Content.assemble(*assembled)


class HouseLine(Part):
    """The side panel in one line, for a narrow terminal."""

    def __init__(self) -> None:
        super().__init__(id="house-line")
        self._house = House()
        self._tasks: tuple[Task, ...] = ()

    def show(self, house: House, tasks: tuple[Task, ...]) -> None:
        self._house, self._tasks = house, tasks
        self.changed()

    def draw(self, width: int, now: int) -> Content:
        right = Content.assemble(*_tiers(self._house), *_counts(self._tasks))
        return row(_band(self._house, now), right, width)


def _band(house: House, now: int) -> Content:
    style = BAND[house.band]
    if house.percent is None:
        return Content.assemble((house.band, style), ("  no limit known", QUIET))
    parts: list[tuple[str, str]] = [(f"{house.band} {figures.percent(house.percent)}", style)]
    gauge = house.gauges.get(house.binds)
    if gauge is not None:
        parts.append((f" {sanitise_line(gauge.account or 'all')}·{gauge.window}", QUIET))
        if gauge.resets_at is not None:
            parts.append((f" resets {figures.span(gauge.resets_at - now)}", QUIET))
    return Content.assemble(*parts)


def _tiers(house: House) -> list[tuple[str, str]]:
    """`T0! T1 T2`: a mark only where something is the matter."""
    parts: list[tuple[str, str]] = []
    for tier in house.tiers:
        model = serving(house, tier)
        if model is None:
            continue
        state = health_of(house, model).state
        quiet = state in {"ready", "unknown"}
        mark = "" if quiet else HEALTH[state].glyph
        parts.append((f"{tier.tier}{mark} ", QUIET if quiet else HEALTH[state].style))
    return parts


def _counts(tasks: Sequence[Task]) -> list[tuple[str, str]]:
    counts: list[tuple[str, str]] = []
    for state in ("running", "waiting"):
        number = sum(1 for task in tasks if task.state == state)
        if number:
            counts.append((f" {number}{SESSION[state].glyph}", SESSION[state].style))
    return counts


class HintLine(Part):
    """Keys worth knowing now; a sentence for the moment takes their place."""

    def __init__(self) -> None:
        super().__init__(id="hint")
        self._hints: tuple[str, ...] = ()
        self._notice = ""

    def show(self, hints: tuple[str, ...]) -> None:
        if hints != self._hints:
            self._hints = hints
            self.changed()

    def notice(self, text: str) -> None:
        self._notice = text
        self.changed()

    def draw(self, width: int, now: int) -> Content:
        if self._notice:
            return Content.styled(self._notice, LOUD).truncate(width, ellipsis=True)
        hints = list(self._hints)
        while len(hints) > 1 and len(" · ".join(hints)) > width:
            _ = hints.pop()
        return Content.styled(" · ".join(hints), QUIET)
