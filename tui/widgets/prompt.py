"""The prompt: several lines of text, what is attached to them, and a completion list above."""

from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static, TextArea
from textual.widgets.text_area import Selection

from store.events import Attachment
from tui.attachments import of_paste
from tui.drafts import Draft
from tui.text import sanitise
from tui.widgets.completion import Choice, Completion
from tui.wording import QUIET

LARGE: Final = 2_000
"""Characters of a paste from which on it becomes an attachment."""
LONG: Final = 30
"""Lines of one."""


class PromptArea(TextArea):
    """Enter sends; ctrl+j and shift+enter break the line; arrows at the edges walk the history.

    Every key is handled in this widget's own queue, so that those of one burst keep their order:
    Textual takes bindings with priority before letters typed earlier, and others after letters
    typed later.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("backspace", "erase", "Erase", show=False),
        Binding("pageup", "screen.scroll_transcript('page_up')", show=False),
        Binding("pagedown", "screen.scroll_transcript('page_down')", show=False),
        Binding("ctrl+home", "screen.scroll_transcript('to_top')", show=False),
        Binding("ctrl+end", "screen.scroll_transcript('to_bottom')", show=False),
    ]

    class Sent(Message):
        """Enter was pressed. The text is gone from the area, so that what is typed next is not
        taken for a part of it."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Walked(Message):
        """The user wants an earlier (-1) or later (+1) prompt."""

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    class Pasted(Message):
        """Something too large to be typed text."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class HelpWanted(Message):
        """`?` on an empty prompt."""

    class Left(Message):
        """Tab, with nothing to complete: the focus goes elsewhere."""

    class Emptied(Message):
        """Backspace where there is nothing left to erase."""

    def __init__(self, completion: Completion) -> None:
        super().__init__(
            id="prompt-area",
            compact=True,
            highlight_cursor_line=False,
            placeholder="Ask anything, / for commands, @ for a file",
        )
        self._completion = completion
        self._own_keys: dict[str, Callable[[], None]] = {
            "enter": self._send,
            "ctrl+j": self._break_line,
            "shift+enter": self._break_line,
            "tab": self._complete,
        }

    def watch_has_focus(self, has_focus: bool) -> None:
        super().watch_has_focus(has_focus)
        _ = self.refresh()  # else the cursor would only come to a placeholder when it blinks

    async def _on_key(self, event: events.Key) -> None:
        if event.key.startswith("alt+"):
            # A chord for whoever is bound to it: the text area would type its letter.
            event.prevent_default()
            return
        if event.key in self._own_keys:
            self._own_keys[event.key]()
        elif self._completion.open and event.key == "escape":
            self._completion.close()
        elif event.key in {"up", "down"} and self._went_up_or_down(event.key):
            pass
        elif event.character == "?" and not self.text:
            _ = self.post_message(self.HelpWanted())
        elif event.is_printable or not await self._run_bound(event.key):
            await super()._on_key(event)
            return
        _ = event.stop()
        event.prevent_default()

    async def _run_bound(self, key: str) -> bool:
        """Do what the key is bound to here, and here only; whether it is."""
        for binding in self._bindings.key_to_bindings.get(key, ()):
            if await self.app.run_action(binding.action, self):  # pyright: ignore[reportUnknownMemberType]
                return True
        return False

    def _went_up_or_down(self, key: str) -> bool:
        step = -1 if key == "up" else 1
        if self._completion.open:
            self._completion.move(step)
            return True
        at_edge = self.cursor_at_first_line if step < 0 else self.cursor_at_last_line
        if at_edge and self._on_outer_row(step):
            _ = self.post_message(self.Walked(step))
            return True
        return False

    def _on_outer_row(self, step: int) -> bool:
        """Whether the cursor stands on the first or last row as wrapped."""
        row = self.wrapped_document.location_to_offset(self.cursor_location).y
        return row == 0 if step < 0 else row >= self.wrapped_document.height - 1

    async def _on_paste(self, event: events.Paste) -> None:
        _ = event.stop()
        event.prevent_default()
        text = event.text.replace("\r\n", "\n").replace("\r", "\n")
        if len(text) > LARGE or text.count("\n") >= LONG:
            _ = self.post_message(self.Pasted(text))
            return
        # Tabs stay tabs: they are what was copied, and harmless here.
        harmless = "\t".join(sanitise(part) for part in text.split("\t"))
        if result := self.replace(harmless, *self.selection, maintain_selection_offset=False):
            self.move_cursor(result.end_location)

    def _send(self) -> None:
        choice = self._completion.meant(self.word)
        if choice is not None and choice.insert.rstrip() != self.word.rstrip():
            self.take(choice)
            if not choice.complete:
                return
        self._completion.close()
        text = self.text
        if text:
            self.load_text("")
        _ = self.post_message(self.Sent(text))

    def _break_line(self) -> None:
        _ = self.replace("\n", *self.selection, maintain_selection_offset=False)
        self.scroll_cursor_visible()

    def _complete(self) -> None:
        choice = self._completion.chosen(self.word)
        if choice is not None:
            self.take(choice)
        else:
            _ = self.post_message(self.Left())

    def action_undo(self) -> None:
        self._step_back(super().action_undo)

    def action_redo(self) -> None:
        self._step_back(super().action_redo)

    def _step_back(self, step: Callable[[], None]) -> None:
        """Undo or redo with the cursor at the start: Textual looks for it in the changed text
        before it has moved it, and the line it stood on may be gone."""
        before, text = self.selection, self.text
        self.selection = Selection()
        step()
        if self.text == text:
            self.selection = before

    def action_erase(self) -> None:
        if self.text:
            self.action_delete_left()
        else:
            _ = self.post_message(self.Emptied())

    @property
    def word(self) -> str:
        """What stands before the cursor, back to the last space."""
        row, column = self.cursor_location
        before = self.document.get_line(row)[:column]
        return before[max(before.rfind(" "), before.rfind("\t")) + 1 :]

    def take(self, choice: Choice) -> None:
        """Put a choice in the place of the word at the cursor."""
        row, column = self.cursor_location
        start = (row, column - len(self.word))
        _ = self.replace(choice.insert, start, (row, column), maintain_selection_offset=False)
        self._completion.close()


class Prompt(Vertical):
    """The area with its marker, its attachments and its completion list."""

    DEFAULT_CSS = """
    Prompt {
        height: auto;
        max-height: 40%;
        border-top: solid $border;
        & > #pieces { display: none; height: auto; padding: 0 2; color: $accent; }
        & > Horizontal { height: auto; max-height: 8; }
        & #marker { width: 3; height: 1; padding: 0 0 0 1; color: $primary; text-style: bold; }
        & #prompt-area {
            height: auto;
            min-height: 1;
            max-height: 8;
            padding: 0 1 0 0;
            background: transparent;
            &:focus { background: transparent; }
        }
    }
    """

    class Changed(Message):
        """The draft is another one."""

    def __init__(self) -> None:
        super().__init__(id="prompt")
        self.completion = Completion()
        self.area = PromptArea(self.completion)
        self._pieces: tuple[Attachment, ...] = ()
        self._chips = Static(id="pieces", markup=False)

    def compose(self) -> ComposeResult:
        yield self.completion
        yield self._chips
        with Horizontal():
            yield Static("❯", id="marker", markup=False)
            yield self.area

    @property
    def draft(self) -> Draft:
        return Draft(self.area.text, self._pieces)

    @draft.setter
    def draft(self, draft: Draft) -> None:
        self.area.load_text(draft.text)
        self.area.move_cursor(self.area.document.end)
        self._hold(draft.pieces)

    def take_pieces(self) -> tuple[Attachment, ...]:
        """What is attached; it is no longer."""
        pieces, self._pieces = self._pieces, ()
        if pieces:
            self._hold(())
        return pieces

    def put_back(self, draft: Draft) -> None:
        """Put a draft before what has been typed since."""
        now = self.draft
        text = "\n".join(part for part in (draft.text, now.text) if part)
        self.draft = Draft(text, (*draft.pieces, *now.pieces))

    def add_text(self, text: str) -> None:
        """Type `text` where the cursor is."""
        _ = self.area.insert(text)

    def on_prompt_area_pasted(self, message: PromptArea.Pasted) -> None:
        self._hold((*self._pieces, of_paste(message.text)))

    def on_prompt_area_emptied(self) -> None:
        if self._pieces:
            self._hold(self._pieces[:-1])

    def on_text_area_changed(self) -> None:
        if self._pieces:
            self._show_pieces()
        _ = self.post_message(self.Changed())

    def _hold(self, pieces: Sequence[Attachment]) -> None:
        self._pieces = tuple(pieces)
        self._show_pieces()
        _ = self.post_message(self.Changed())

    def _show_pieces(self) -> None:
        labels = [f"[{piece.name}]" for piece in self._pieces]
        hint = "  backspace takes it back" if labels and not self.area.text else ""
        self._chips.update(Content.assemble("  ".join(labels), (hint, QUIET)))
        self._chips.display = bool(labels)
