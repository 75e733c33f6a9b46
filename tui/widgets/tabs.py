"""The tab row: the chat first, then each spawned session, with how it stands."""

import msgspec
from textual import events
from textual.content import Content
from textual.message import Message

from store.events import SessionKind, SessionState
from tui.text import sanitise_line
from tui.widgets.part import Part, fitted
from tui.wording import KIND, QUIET, SESSION

_TITLE = 20


class Tab(msgspec.Struct, frozen=True):
    session: str
    kind: SessionKind
    title: str
    state: SessionState = "open"
    unread: bool = False


class TabRow(Part):
    """Shows the tabs; a click chooses one."""

    class Chosen(Message):
        def __init__(self, session: str) -> None:
            super().__init__()
            self.session = session

    def __init__(self) -> None:
        super().__init__(id="tabs")
        self._tabs: tuple[Tab, ...] = ()
        self._active = ""
        self._spans: list[tuple[int, int, str]] = []

    def show(self, tabs: tuple[Tab, ...], active: str) -> None:
        if (tabs, active) != (self._tabs, self._active):
            self._tabs, self._active = tabs, active
            self.changed()

    def draw(self, width: int, now: int) -> Content:
        labels = self._labels(words=True)
        if sum(label.cell_length for label in labels) > width:
            labels = self._labels(words=False)
        first = self._first_shown(labels, width)
        self._spans = []
        parts: list[Content] = []
        at = 0
        if first:
            parts.append(Content.styled(f"‹{first} ", QUIET))
            at = parts[0].cell_length
        for tab, label in zip(self._tabs[first:], labels[first:], strict=True):
            self._spans.append((at, at + label.cell_length, tab.session))
            parts.append(label)
            at += label.cell_length
        return Content("").join(parts).truncate(max(1, width), ellipsis=True)

    def _labels(self, *, words: bool) -> list[Content]:
        return [
            draw_tab(number, tab, active=tab.session == self._active, words=words)
            for number, tab in enumerate(self._tabs, 1)
        ]

    def _first_shown(self, labels: list[Content], width: int) -> int:
        """Tabs left out at the left so that the active one is in sight."""
        active = next((i for i, tab in enumerate(self._tabs) if tab.session == self._active), 0)
        first = 0
        while first < active and sum(label.cell_length for label in labels[first : active + 1]) > (
            width - 4
        ):
            first += 1
        return first

    def on_click(self, event: events.Click) -> None:
        for start, end, session in self._spans:
            if start <= event.x < end:
                _ = self.post_message(self.Chosen(session))


def draw_tab(number: int, tab: Tab, *, active: bool, words: bool = True) -> Content:
    parts: list[tuple[str, str]] = [(f" {number} ", QUIET)]
    name = "Chat" if tab.kind == "chat" else f"{KIND[tab.kind]} {sanitise_line(tab.title)}"
    parts.append((fitted(name, min(_TITLE, len(name))), "bold underline" if active else QUIET))
    if tab.kind != "chat":
        look = SESSION[tab.state]
        in_words = words and tab.state != "done"
        word = f" {look.glyph} {look.word} " if in_words else f" {look.glyph} "
        parts.append((word, look.style))
    else:
        parts.append((" • " if tab.unread else " ", "$accent"))
    return Content.assemble(*parts)
