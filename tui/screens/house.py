"""The screen every session is shown on: tabs, transcript, the house at the right.

It renders the views of a deck and decides nothing. `ChatScreen` adds the prompt, `ReplayScreen` the
bar that moves through time.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, cast

from textual import events
from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from router.view import View
from tui.deck import Deck
from tui.widgets.band import BandGauge
from tui.widgets.lines import Header, Heading, HintLine, HouseLine
from tui.widgets.tabs import Tab, TabRow
from tui.widgets.tasks import TaskList
from tui.widgets.tiers import TierRows
from tui.widgets.welcome import Welcome

if TYPE_CHECKING:
    from tui.screens.diff import DiffScreen, Settle
    from tui.transcript_feed import Feed
    from tui.widgets.transcript import Transcript

SMALLEST: Final = (40, 10)
"""Columns and rows below which nothing useful fits."""


class Copier(Protocol):
    async def copy(self, text: str, what: str) -> None: ...


class HouseScreen(Screen[None]):
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 (Textual declares it so)
        (0, "-narrow"),
        (100, "-medium"),
        (120, "-wide"),
    ]

    def __init__(self, deck: Deck, clock: Callable[[], int]) -> None:
        super().__init__()
        self.deck = deck
        self.active = deck.chat
        self._clock = clock
        self._feeds: dict[str, Feed] = {}
        self._hidden: set[str] = set()
        self._main_shown: View | None = None
        self._diff: DiffScreen | None = None
        self._stands = False
        """Whether the widgets are there to be painted."""
        self.header = Header()
        self.house_line = HouseLine()
        self.tabs = TabRow()
        self.transcripts = Container(id="transcripts")
        self.welcome = Welcome()
        self.band = BandGauge()
        self.tiers = TierRows()
        self.tasks = TaskList()
        self.hint = HintLine()

    def compose(self) -> ComposeResult:
        # Textual does so too, but after the first picture: all would be laid out a second time.
        width = self.app.size.width  # pyright: ignore[reportUnknownMemberType]
        fitting = [name for least, name in self.HORIZONTAL_BREAKPOINTS or () if width >= least]
        _ = self.add_class(fitting[-1])
        yield self.header
        yield self.house_line
        with Horizontal(id="body"):
            with Vertical(id="middle"):
                yield self.tabs
                yield self.welcome
                yield self.transcripts
            with VerticalScroll(id="panel", can_focus=False):
                yield self.band
                yield self.tiers
                yield self.tasks
        yield from self.compose_foot()
        yield self.hint

    def compose_foot(self) -> ComposeResult:
        """What stands below the body."""
        yield from ()

    # --- data ---

    @property
    def view(self) -> View:
        """The view of the tab shown."""
        return self.deck.get(self.active) or self.deck.main

    @property
    def open_tabs(self) -> list[str]:
        return [session for session in self.deck.views if session not in self._hidden]

    def pins(self) -> list[str]:
        """What the user has pinned for the prompts to come, in words."""
        return []

    def take_deck(self, deck: Deck) -> None:
        """Show other sessions than before."""
        self.deck, self.active = deck, deck.chat
        self._hidden.clear()
        for feed in self._feeds.values():
            _ = feed.transcript.remove()
        self._feeds.clear()
        self._main_shown = None
        self.paint()

    def paint(self) -> None:
        """Bring the widgets up to what the deck says. What did not change is not touched."""
        if not self._stands:
            return
        if self._diff is not None and self._diff.is_mounted:
            self._diff.show(self.deck.get(self._diff.session))
        view, main, before = self.view, self.deck.main, self._main_shown
        self._main_shown = main
        if before is None:
            self.tell_time(self._clock())
        self._show_transcript(view)
        self.welcome.display = not view.messages
        new_house = before is None or main.house is not before.house
        new_tasks = before is None or main.tasks is not before.tasks
        if new_house:
            for part in (self.welcome, self.band, self.tiers):
                part.show(main.house)
        if new_tasks:
            self.tasks.show(main.tasks)
        if new_house or new_tasks:
            self.house_line.show(main.house, main.tasks)
        self.header.show(_place(main), Heading.of(view, self.pins()))
        self.tabs.show(tuple(self._tab(session) for session in self.open_tabs), self.active)

    def _tab(self, session: str) -> Tab:
        view = self.deck.views[session]
        return Tab(session, view.kind, view.title, view.state)

    def _show_transcript(self, view: View) -> None:
        # An empty conversation makes none: it would be a third of what there is to start.
        if view.messages or view.session in self._feeds:
            self._feed(view).show(view)
        for session, feed in self._feeds.items():
            feed.transcript.display = session == view.session

    def _feed(self, view: View) -> "Feed":
        feed = self._feeds.get(view.session)
        if feed is None:
            from tui.transcript_feed import Feed

            feed = self._feeds[view.session] = Feed.make()
            _ = self.transcripts.mount(feed.transcript)
        return feed

    def open_diff(self, session: str, settle: "Settle | None" = None) -> bool:
        """Show what a session has changed; False while that is nothing."""
        view = self.deck.get(session)
        if view is None or view.changes is None:
            return False
        from tui.screens.diff import DiffScreen

        self._diff = DiffScreen(view, settle)
        _ = self.app.push_screen(self._diff)  # pyright: ignore[reportUnknownMemberType]
        return True

    # --- tabs ---

    def activate(self, session: str) -> None:
        if session in self.deck.views:
            self._hidden.discard(session)
            self.active = session
            self.paint()

    def close_tab(self) -> None:
        """Take the tab away; what runs in it goes on."""
        session = self.active
        if session == self.deck.chat:
            return
        self._hidden.add(session)
        feed = self._feeds.pop(session, None)
        if feed is not None:
            _ = feed.transcript.remove()
        self.activate(self.deck.chat)

    def action_tab(self, number: int) -> None:
        tabs = self.open_tabs
        if number <= len(tabs):
            self.activate(tabs[number - 1])

    def on_tab_row_chosen(self, message: TabRow.Chosen) -> None:
        self.activate(message.session)

    async def on_transcript_copy_requested(self, message: "Transcript.CopyRequested") -> None:
        await cast(Copier, self.app).copy(message.text, message.what)

    # --- time and room ---

    def on_mount(self) -> None:
        self._stands = True
        _ = self.set_interval(1.0, lambda: self.tell_time(self._clock()))
        self.paint()

    def tell_time(self, now: int) -> None:
        """Move ages and stopwatches on; what reads the same is not drawn again."""
        for part in (self.band, self.tiers, self.tasks, self.house_line):
            part.tick(now)

    def on_resize(self, event: events.Resize) -> None:
        columns, rows = SMALLEST
        small = event.size.width < columns or event.size.height < rows
        was_small = self.has_class("-too-small")
        _ = self.set_class(small, "-too-small")
        if was_small and not small:
            _ = self.call_after_refresh(self.focus_home)
        if small and not self.query("#too-small"):
            text = f"too small\n{columns}×{rows} needed"
            _ = self.mount(Static(Content(text), id="too-small"))

    def action_show_tasks(self) -> None:
        """Put the keyboard into the task list; on a narrow screen, open the panel over the rest."""
        if self.tasks.has_focus:
            self.leave_tasks()
            return
        _ = self.query_one("#panel", Widget).add_class("-over")
        # What is not displayed yet takes no focus.
        _ = self.call_after_refresh(self.tasks.focus)

    def leave_tasks(self) -> None:
        _ = self.query_one("#panel", Widget).remove_class("-over")
        self.focus_home()

    def focus_home(self) -> None:
        """Put the keyboard back where the user types."""
        self.set_focus(None)


def _place(view: View) -> str:
    home = str(Path.home())
    place = view.workspace
    return f"~{place[len(home) :]}" if place.startswith(home) else place
