"""The list that opens above the prompt while a command or a file name is typed."""

import msgspec
from textual.content import Content
from textual.widget import Widget

from tui.text import sanitise_line
from tui.widgets.part import fitted, row
from tui.wording import QUIET

_SHOWN = 8


class Choice(msgspec.Struct, frozen=True):
    insert: str
    """What takes the place of the word at the cursor."""
    label: str
    says: str = ""
    complete: bool = False
    """Whether the prompt can be sent as it is, once this is inserted."""


class Completion(Widget):
    """Never has the focus: the prompt hands it the keys it wants."""

    DEFAULT_CSS = """
    Completion {
        display: none;
        height: auto;
        max-height: 10;
        background: $panel;
        padding: 0 1;
    }
    """

    def __init__(self) -> None:
        super().__init__(id="completion")
        self._choices: list[Choice] = []
        self._word = ""
        self._cursor = 0
        self._moved = False

    @property
    def open(self) -> bool:
        return bool(self._choices)

    def chosen(self, word: str) -> Choice | None:
        """The choice for a word; `None` if the list was made for another one."""
        return self._choices[self._cursor] if self._choices and word == self._word else None

    def meant(self, word: str) -> Choice | None:
        """The choice that enter may take for a word: one that was moved to, or that holds what
        was typed. A likely one that wasn't asked for would put another file in its place."""
        choice = self.chosen(word)
        typed = word.lstrip("@/").lower()
        holds = choice is not None and typed in choice.label.lower()
        return choice if self._moved or holds else None

    def show(self, choices: list[Choice], word: str = "") -> None:
        """Offer these in the place of a word."""
        self._word = word
        if choices == self._choices:
            return
        self._choices = choices
        self._cursor = 0
        self._moved = False
        self.display = bool(choices)
        self.refresh(layout=True)

    def close(self) -> None:
        self.show([])

    def move(self, step: int) -> None:
        self._moved = True
        self._cursor = (self._cursor + step) % len(self._choices)
        self.refresh()

    def render(self) -> Content:
        first = max(0, min(self._cursor - _SHOWN // 2, len(self._choices) - _SHOWN))
        shown = self._choices[first : first + _SHOWN]
        wide = min(32, max((len(choice.label) for choice in shown), default=0) + 2)
        return Content("\n").join(
            self._line(choice, wide, chosen=first + index == self._cursor)
            for index, choice in enumerate(shown)
        )

    def _line(self, choice: Choice, wide: int, *, chosen: bool) -> Content:
        width = max(1, self.content_size.width)
        label = sanitise_line(choice.label)
        if not choice.says:
            return Content(fitted(label, width)).stylize("reverse" if chosen else "")
        left = Content.assemble(fitted(label, wide), (choice.says, QUIET))
        return row(left, Content(""), width).stylize("reverse" if chosen else "")
