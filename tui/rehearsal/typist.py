"""Types the script's prompts at the keyboard's place: into the prompt area, sent like any other."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from router.rehearsal import Step, perform
from router.view import House, View
from tui.drafts import Draft

if TYPE_CHECKING:
    from tui.rehearsal.screen import RehearsalScreen

_STROKE: Final = 0.03
"""Seconds between two strokes."""
_STROKES: Final = 40
"""Of a prompt, however long it is."""
PACE: Final = 8.0
"""Seconds from one prompt to the next, if the answer takes no longer."""
_AGAIN: Final = 2.0
"""Seconds until a key is pressed again that had no effect."""
_BUSY: Final = frozenset({"queued", "waiting", "streaming"})


class Typist:
    """A `Player` for the script, on the screen."""

    def __init__(self, screen: "RehearsalScreen", pace: float = PACE) -> None:
        self._screen = screen
        self._pace = pace

    @property
    def house(self) -> House:
        return self._screen.deck.main.house

    async def perform(self) -> None:
        await self._screen.live.ready()
        await perform(self, self._pace)

    async def play(self, step: Step) -> None:
        screen = self._screen
        before = _prompts(screen.deck.main)
        await self._type(step.text)
        pins = screen.next_pins
        screen.next_pins = replace(pins, tier=step.tier)
        screen.send_prompt()
        screen.next_pins = pins
        await self._seen(lambda view: _prompts(view) > before and self._rests(view))

    @property
    def asked(self) -> bool:
        return bool(self._approvals())

    async def agree(self) -> None:
        """As alt+a does."""
        first = self._approvals()[0]
        while first in self._approvals():
            self._screen.action_decide(agree=True)
            # A card that has only just appeared takes no key.
            with suppress(TimeoutError):
                async with asyncio.timeout(_AGAIN):
                    await self._seen(lambda _: first not in self._approvals())
        await self._seen(self._rests)

    def _approvals(self) -> list[str]:
        deck = self._screen.deck
        return [asking.asked.approval for asking in deck.asking(self._screen.active)]

    def _rests(self, view: View) -> bool:
        """Whether it is for the user to go on."""
        return self.asked or not _busy(view)

    async def until(self, seen: Callable[[House], bool]) -> None:
        await self._seen(lambda view: seen(view.house))

    async def _seen(self, seen: Callable[[View], bool]) -> None:
        screen = self._screen
        while not seen(screen.deck.main):
            screen.painted.clear()
            _ = await screen.painted.wait()

    async def _type(self, text: str) -> None:
        size = -(-len(text) // _STROKES)
        self._screen.prompt.draft = Draft()
        for start in range(0, len(text), size):
            self._screen.prompt.add_text(text[start : start + size])
            await asyncio.sleep(_STROKE)


def _prompts(view: View) -> int:
    return sum(message.role == "user" for message in view.messages)


def _busy(view: View) -> bool:
    """Whether anything is still being answered, here or in a session beside it."""
    messages = any(message.state in _BUSY for message in view.messages)
    answered = bool(view.messages) and view.messages[-1].role != "user"
    return messages or not answered or any(task.ended_at is None for task in view.tasks)
