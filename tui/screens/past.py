"""ctrl+r: earlier prompts, searched."""

from collections.abc import Sequence
from typing import ClassVar, Final

from textual.content import Content
from textual.widgets.option_list import Option

from tui.screens.picker import Picker
from tui.text import sanitise_line

_SHOWN: Final = 200


class PastPrompts(Picker):
    TITLE_TEXT: ClassVar[str] = "Earlier prompts"

    def __init__(self, prompts: Sequence[str]) -> None:
        super().__init__()
        self._prompts = list(reversed(prompts))

    async def found(self, words: str) -> Sequence[Option]:
        wanted = words.lower().split()
        fitting = [p for p in self._prompts if all(word in p.lower() for word in wanted)]
        return [Option(_line(p), id=p) for p in dict.fromkeys(fitting[:_SHOWN])]


def _line(prompt: str) -> Content:
    return Content(sanitise_line(prompt[:400])).truncate(200, ellipsis=True)
