"""The dashboard on a rehearsal."""

from typing import TYPE_CHECKING

from textual import events

from tui.app import ButlerApp
from tui.drafts import Draft
from tui.options import Options
from tui.rehearsal.screen import ENDED, YOURS, RehearsalScreen
from tui.rehearsal.typist import PACE, Typist
from tui.watched import watched

if TYPE_CHECKING:
    import asyncio


class RehearsalApp(ButlerApp):
    """Types for the user until a key is pressed."""

    def __init__(self, options: Options, pace: float = PACE) -> None:
        super().__init__(options)
        self._typing_pace = pace
        self.chat: RehearsalScreen = RehearsalScreen(
            self.live, self.drafts, self.actions, self.chat.next_pins
        )
        self._typing: asyncio.Task[None] | None = None

    def on_mount(self) -> None:
        self._typing = watched(self._perform(), "typing", self.crash)

    async def _perform(self) -> None:
        await Typist(self.chat, self._typing_pace).perform()
        self._typing = None
        self.chat.hint.mark(*ENDED)

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key | events.Paste) and self._stop_typing():
            self.chat.prompt.draft = Draft()
            self.chat.hint.mark(YOURS)
            if isinstance(event, events.Key) and event.key == "escape":
                return  # it was meant for the typing, not for the answer under way
        await super().on_event(event)

    def _stop_typing(self) -> bool:
        """Leave the keyboard to the user. Whether it was ours."""
        typing, self._typing = self._typing, None
        return typing is not None and typing.cancel()

    async def close_house(self) -> None:
        _ = self._stop_typing()
        await super().close_house()
