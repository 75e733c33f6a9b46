"""The prompts that lead through the bands, and when each is sent.

They are sent as anybody's would be. What comes of them is the program's own doing: the script only
looks at the band, to know where in the story it is.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from router.rehearsal import coding
from router.view import House
from store.events import Tier


class Step(msgspec.Struct, frozen=True):
    text: str
    tier: Tier | None = None
    """Pins who answers, for this prompt."""


FIRST: Final = Step("What is the capital of France?")
CODING: Final = Step(coding.TASK)
"""Planned, compared, approved, written, tested and applied while there is room for it all."""
CLIMB: Final = (
    Step("What does a compiler do?", tier="T1"),
    Step(
        "Summarize in one sentence: The release moves from Monday to Thursday. Anna checks the "
        "backup on Tuesday. Ben writes the notes by Wednesday noon."
    ),
    Step("Give me three tips for a good night's sleep."),
    Step("What makes the sea salty?"),
    Step("Why do we have seasons?"),
    Step("What is the boiling point of water?"),
    # A slow machine needs these too: its first requests no longer count before the last are made.
    Step("How do bees make honey?"),
    Step("Why is bread baked?"),
    Step("What is the speed of light?"),
)
"""Until the budget is spent, however many that takes."""
LOCAL: Final = (
    Step("Which planet is known as the red planet?"),
    Step("How many days are in a week?"),
)
BACK: Final = (Step("What is the capital of Japan?"),)

_READING: Final = 0.6
"""How much of the pace a card is left for reading."""
_ROOM: Final = 65.0
"""Per cent of usage that leave room for a request more below 80."""


class Player(Protocol):
    """Sends the prompts, and sees what comes of them."""

    @property
    def house(self) -> House: ...

    async def play(self, step: Step) -> None:
        """Send a prompt, and wait until it is answered, has failed, or something is asked."""
        ...

    @property
    def asked(self) -> bool:
        """Whether the house asks the user something."""
        ...

    async def agree(self) -> None:
        """Say yes to what it asks, and wait until that is done or it asks something else."""
        ...

    async def until(self, seen: Callable[[House], bool]) -> None:
        """Wait for a state of the house."""
        ...


async def perform(player: Player, pace: float) -> None:
    """Go through the script.

    Args:
        player: who sends the prompts.
        pace: seconds from one prompt to the next, of which at least a fifth is left for reading
            the answer. What takes longer than that takes longer.
    """
    await _play(player, FIRST, pace)
    await _code(player, pace)
    for step in CLIMB:
        if player.house.band == "local-only":
            break
        await _play(player, step, pace)
    for step in LOCAL:
        await _play(player, step, pace)
    await player.until(_recovered)
    for step in BACK:
        await _play(player, step, pace)


async def _code(player: Player, pace: float) -> None:
    await player.play(CODING)
    while player.asked:
        await asyncio.sleep(pace * _READING)
        await player.agree()
    await asyncio.sleep(pace / 5)


def _recovered(house: House) -> bool:
    """Whether there is room for one more prompt without another change of band."""
    return house.band == "normal" and (house.percent or 0.0) <= _ROOM


async def _play(player: Player, step: Step, pace: float) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    await player.play(step)
    await asyncio.sleep(max(pace / 5, began + pace - loop.time()))
