"""Small questions: a choice by its letter, a line of text."""

from collections.abc import Mapping
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from tui.wording import QUIET

_CSS = """
    align: center middle;
    background: $background 60%;
    & > Vertical {
        width: 70;
        max-width: 90%;
        height: auto;
        background: $surface;
        border: round $border;
        padding: 0 1;
    }
    & Static { height: auto; }
    & Input, & Input:focus { border: none; height: 1; padding: 0; background: $panel; }
"""


class AskChoice(ModalScreen[str | None]):
    """The letter of what the user chose, or `None`."""

    DEFAULT_CSS = f"AskChoice {{{_CSS}}}"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Leave", show=False)
    ]

    def __init__(self, question: str, choices: Mapping[str, str]) -> None:
        super().__init__()
        self._question = question
        self._choices = choices

    def compose(self) -> ComposeResult:
        parts: list[str | tuple[str, str]] = []
        for letter, says in self._choices.items():
            parts += [(letter, "bold $accent"), f" {says}   "]
        with Vertical():
            yield Static(self._question, markup=False)
            yield Static(Content.assemble("\n", *parts, ("esc leave", QUIET)))

    def on_key(self, event: events.Key) -> None:
        if event.character in self._choices:
            _ = self.dismiss(event.character)


class AskLine(ModalScreen[str | None]):
    """A line of text, or `None` for Esc."""

    DEFAULT_CSS = f"AskLine {{{_CSS}}}"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Leave", show=False)
    ]

    def __init__(self, question: str, text: str, *, may_be_empty: bool = False) -> None:
        super().__init__()
        self._question = question
        self._text = text
        self._may_be_empty = may_be_empty

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(self._question, markup=False)
            yield Input(self._text)
            yield Static(Content.styled("enter takes it   esc leaves", QUIET))

    @on(Input.Submitted)
    def _submitted(self, message: Input.Submitted) -> None:
        text = message.value.strip()
        _ = self.dismiss(text if text or self._may_be_empty else None)
