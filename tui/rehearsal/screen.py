"""The chat, marked as a rehearsal."""

import asyncio
from typing import TYPE_CHECKING, Final

from textual.app import ComposeResult
from textual.content import Content

from router.view import View
from tui.drafts import Drafts
from tui.rehearsal.narration import Narrator
from tui.screens.chat import ChatScreen
from tui.sending import Pins
from tui.widgets.lines import Header, Heading, HintLine
from tui.widgets.part import Part
from tui.wording import QUIET

if TYPE_CHECKING:
    from tui.actions import Actions
    from tui.live import Live

MARK: Final = " REHEARSAL "
PRETENDED: Final = "prices and limits are pretended"
TYPED: Final = ("rehearsal: prompts are typed for you", "any key takes over")
ENDED: Final = ("rehearsal: that was all of it", "go on yourself", "/quit leaves, nothing is kept")
YOURS: Final = "rehearsal: now you type"


class RehearsalHeader(Header):
    def show(self, place: str, heading: Heading) -> None:
        super().show(PRETENDED, heading)

    def draw(self, width: int, now: int) -> Content:
        rest = super().draw(max(1, width - len(MARK) - 1), now)
        return Content.assemble((MARK, "bold reverse $accent"), " ", rest)


class RehearsalHint(HintLine):
    def __init__(self) -> None:
        super().__init__()
        self._mark: tuple[str, ...] = TYPED
        self._usual: tuple[str, ...] = ()

    def show(self, hints: tuple[str, ...]) -> None:
        self._usual = hints
        super().show((*self._mark, *hints))

    def mark(self, *words: str) -> None:
        self._mark = words
        self.show(self._usual)


class Narration(Part):
    """What there is to see, at the top: below it would be hidden by what the house announces."""

    DEFAULT_CSS = "Narration { height: auto; padding: 0 1; border-bottom: solid $accent; }"

    def __init__(self) -> None:
        super().__init__(id="narration")
        self.border_subtitle = "A small local model plays every tier; code is written beforehand"
        self._narrator = Narrator()
        self._view: View | None = None
        self._asked = ""

    def show(self, view: View, asked: str) -> None:
        self._view, self._asked = view, asked
        self.changed()

    def draw(self, width: int, now: int) -> Content:
        if self._view is None:
            return Content("")
        band, answer = self._narrator.lines(self._view, now, self._asked)
        lines = [Content.styled(band, "bold"), Content.styled(answer, QUIET)]
        return Content("\n").join(line.truncate(width, ellipsis=True) for line in lines)


class RehearsalScreen(ChatScreen):
    def __init__(self, live: "Live", drafts: Drafts, actions: "Actions", pins: Pins) -> None:
        super().__init__(live, drafts, actions, pins)
        self.header = RehearsalHeader()
        self.hint = RehearsalHint()
        self.narration = Narration()
        self.painted = asyncio.Event()
        """Set whenever the views have changed; whoever waits for it clears it."""

    def compose(self) -> ComposeResult:
        for widget in super().compose():
            yield widget
            if widget is self.header:
                yield self.narration

    def paint(self) -> None:
        super().paint()
        asking = self.deck.asking(self.active)
        self.narration.show(self.deck.main, asking[0].asked.kind if asking else "")
        self.painted.set()

    def tell_time(self, now: int) -> None:
        super().tell_time(now)
        self.narration.tick(now)
