"""A list to choose from, with a line to search it: the shape of several small screens."""

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option


class Picker(ModalScreen[str | None]):
    """Typing searches, arrows move, Enter chooses, Esc leaves. The result is an option's id."""

    CSS_PATH = "picker.tcss"
    TITLE_TEXT: ClassVar[str] = ""
    HINT: ClassVar[str] = "↑↓ move · enter choose · esc leave"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Leave", show=False),
        Binding("up", "move('up')", "Up", show=False, priority=True),
        Binding("down", "move('down')", "Down", show=False, priority=True),
        Binding("pageup", "move('page_up')", "Page up", show=False, priority=True),
        Binding("pagedown", "move('page_down')", "Page down", show=False, priority=True),
    ]

    def __init__(self, words: str = "") -> None:
        super().__init__()
        self.line = Input(words, placeholder="type to search", id="picker-line")
        self.options = OptionList(id="picker-list", markup=False)
        self._hint = Static(self.HINT, id="picker-hint", markup=False)

    def compose(self) -> ComposeResult:
        with Vertical(id="picker") as box:
            box.border_title = self.TITLE_TEXT
            yield self.line
            yield self.options
            yield self._hint

    async def on_mount(self) -> None:
        self.options.can_focus = False
        _ = self.line.focus()
        await self.fill()

    async def found(self, words: str) -> Sequence[Option]:
        """The options that fit what was typed, best first."""
        raise NotImplementedError

    async def fill(self) -> None:
        """Show what fits now."""
        words = self.line.value
        options = await self.found(words)
        if words != self.line.value:
            return
        _ = self.options.set_options(options)
        self.options.highlighted = 0 if options else None

    def hint(self, text: str = "") -> None:
        self._hint.update(Content(text or self.HINT))

    @property
    def chosen(self) -> str | None:
        option = self.options.highlighted_option
        return option.id if option else None

    @on(Input.Changed, "#picker-line")
    async def _typed(self) -> None:
        await self.fill()

    @on(Input.Submitted, "#picker-line")
    def _submitted(self) -> None:
        if self.chosen is not None:
            _ = self.dismiss(self.chosen)

    @on(OptionList.OptionSelected, "#picker-list")
    def _clicked(self, message: OptionList.OptionSelected) -> None:
        _ = self.dismiss(message.option_id)

    def action_move(self, how: str) -> None:
        match how:
            case "up":
                self.options.action_cursor_up()
            case "down":
                self.options.action_cursor_down()
            case "page_up":
                self.options.action_page_up()
            case _:
                self.options.action_page_down()
