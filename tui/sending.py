"""From the prompt to the engine: one at a time, in order, nothing typed ever lost."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from router.asking import EngineError, Prompt
from store.errors import StoreError
from store.events import Tier
from tui.attachments import UnreadableFile, read_mentioned
from tui.drafts import Draft
from tui.watched import watched

REFUSALS: Final = (EngineError, StoreError, UnreadableFile)
"""What is the user's to mend: told in a sentence, and the text comes back."""


class Pins(msgspec.Struct, frozen=True, kw_only=True):
    """What the user wants for the prompts to come."""

    tier: Tier | None = None
    model: str | None = None
    critical: bool = False
    """For the next prompt only."""
    private: bool = False
    """For the next prompt only."""
    always_private: bool = False

    def used(self) -> "Pins":
        """What is left of them after a prompt."""
        return replace(self, critical=False, private=False)

    def _flags(self) -> tuple[tuple[str, bool], ...]:
        private = self.private or self.always_private
        return (("critical", self.critical), ("private", private))

    def words(self) -> list[str]:
        words = [self.model or "", self.tier or ""]
        return [word for word in words if word] + [word for word, on in self._flags() if on]


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt on its way, for the session whose tab was shown."""

    session: Callable[[], str]
    draft: Draft
    """As it was typed: this comes back if it can't be sent."""
    text: str
    """What is sent of it, less the command it began with."""
    pins: Pins
    background: bool = False
    """Whether it is work for a session of its own."""


class Outbox:
    """Sends prompts once the engine is there; hands back what it could not send."""

    def __init__(
        self,
        submit: Callable[[Letter, Prompt], Awaitable[object]],
        returned: Callable[[Draft, str], None],
        remark: Callable[[str], None],
        failed: Callable[[BaseException], None],
        workspace: Path,
    ) -> None:
        self._submit = submit
        self._returned = returned
        self._remark = remark
        self._failed = failed
        self._workspace = workspace
        self._waiting: list[Letter] = []
        self._task: asyncio.Task[None] | None = None

    @property
    def unsent(self) -> tuple[Draft, ...]:
        return tuple(letter.draft for letter in self._waiting)

    def put(self, letter: Letter) -> None:
        self._waiting.append(letter)

    def send(self) -> None:
        """Send what waits. Call it when the engine is ready."""
        if self._waiting and (self._task is None or self._task.done()):
            self._task = watched(self._send_all(), "outbox", self._failed)

    async def empty(self) -> None:
        if self._task is not None:
            await self._task

    async def _send_all(self) -> None:
        while self._waiting:
            letter = self._waiting[0]
            try:
                await self._send(letter)
            except REFUSALS as error:
                _ = self._waiting.pop(0)
                self._returned(letter.draft, str(error))
            else:
                _ = self._waiting.pop(0)

    async def _send(self, letter: Letter) -> None:
        draft, pins = letter.draft, letter.pins
        mentioned = await asyncio.to_thread(read_mentioned, letter.text, self._workspace)
        prompt = Prompt(
            text=letter.text,
            attachments=(*draft.pieces, *mentioned.pieces),
            tier=pins.tier,
            model=pins.model,
            critical=pins.critical,
            private=pins.private or pins.always_private,
        )
        _ = await self._submit(letter, prompt)
        if mentioned.remark:
            self._remark(mentioned.remark)
