"""Selecting rows by mouse and keyboard: the text as it was written, without frames and gutters."""

import re
from typing import Final

from rich.cells import set_cell_size
from textual.actions import SkipAction
from textual.geometry import Offset
from textual.message import Message
from textual.selection import Selection

from tui.transcript.rows import Row
from tui.widgets.rowview import RowView

_WORD: Final = re.compile(r"[\w./:@~-]*\w|\S")
"""What a double click takes: a word, a path, an address."""


class SelectableRows(RowView):
    """Rows that can be selected with Textual's selection, and with keys."""

    class CopyRequested(Message):
        """Text is to be put on the clipboard."""

        def __init__(self, view: "SelectableRows", text: str, what: str) -> None:
            super().__init__()
            self.view = view
            self.text = text
            self.what = what
            """What it is, to say so: `selection`, `message`, or `python code`."""

        @property
        def control(self) -> "SelectableRows":
            return self.view

    def __init__(
        self,
        *,
        name: str | None = None,
        id: str | None = None,  # noqa: A002
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._pivot: Offset | None = None
        self._caret: Offset | None = None
        self._line_wise = False

    @property
    def selecting(self) -> bool:
        """Whether a selection is being made with keys."""
        return self._caret is not None

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """Return the original text of the selected rows."""
        rows = self._rows_of(selection)
        pieces: list[str] = []
        for number, row in enumerate(rows):
            start = selection.start.x if selection.start and number == 0 else 0
            stop = selection.end.x if selection.end and number == len(rows) - 1 else None
            pieces += row.copied(start, stop), row.joint
        return "".join(pieces[:-1]), "\n"

    def _rows_of(self, selection: Selection) -> list[Row]:
        """Return the selected rows. Making those that don't exist yet may move the others."""
        height = -1
        rows: list[Row] = []
        while height != self.window.height:
            height = self.window.height
            first = 0 if selection.start is None else max(0, self.row_of(selection.start.y))
            last = height - 1 if selection.end is None else self.row_of(selection.end.y)
            rows = self.window.rows(first, max(0, min(height - 1, last) - first + 1))
        return rows

    def selected_text(self) -> str:
        """Return what is selected, an empty string if nothing is."""
        selection = self.text_selection
        found = None if selection is None else self.get_selection(selection)
        return found[0].rstrip("\n") if found else ""

    def select_word(self, y: int, cell: int) -> None:
        """Select the word at a cell of a row."""
        row = self.window.rows(y, 1)[0]
        at = len(set_cell_size(row.text, cell))
        for word in _WORD.finditer(row.text, row.start, row.stop):
            if word.start() <= at < word.end():
                line = self.line_of(y)
                start, stop = Offset(word.start(), line), Offset(word.end(), line)
                self.screen.selections = {self: Selection(start, stop)}

    def action_select_lines(self) -> None:
        """Begin to select whole rows at the lowest text in the upper half, or stop."""
        if self.selecting and self._line_wise:
            self.action_unselect()
            return
        rows = self.window.rows(self.top, self.room.height // 2 + 1)
        filled = [number for number, row in enumerate(rows) if row.stop > row.start]
        self._begin(self.top + (filled[-1] if filled else 0), line_wise=True)
        self._show_selection()

    def _begin(self, y: int, *, line_wise: bool) -> None:
        self._line_wise = line_wise
        y = max(0, y)
        self._pivot = self._caret = Offset(self.window.rows(y, 1)[0].start, self.line_of(y))

    def action_extend(self, columns: int, rows: int) -> None:
        """Move the end of the selection; begin one at the bottom of the view if there is none."""
        if self._caret is None:
            self._begin(min(self.top + self.room.height, self.window.height) - 1, line_wise=False)
        caret = self._caret
        if caret is None:
            return
        y = min(max(0, self.row_of(caret.y) + rows), max(0, self.window.height - 1))
        row = self.window.rows(y, 1)[0]
        self._caret = Offset(min(max(row.start, caret.x + columns), row.stop), self.line_of(y))
        self.reveal(y)
        self._show_selection()

    def _show_selection(self) -> None:
        pivot, caret = self._pivot, self._caret
        if pivot is None or caret is None:
            return
        selection = Selection.from_offsets(pivot, caret)
        if self._line_wise and selection.start is not None and selection.end is not None:
            last = self.window.rows(self.row_of(selection.end.y), 1)[0]
            selection = Selection(Offset(0, selection.start.y), Offset(last.stop, selection.end.y))
        self.screen.selections = {self: selection}

    def action_unselect(self) -> None:
        if not self.selecting and self.text_selection is None:
            raise SkipAction
        self._caret = self._pivot = None
        self.screen.clear_selection()

    def action_copy_selection(self) -> None:
        text = self.selected_text()
        if not text:
            raise SkipAction
        self.post_message(self.CopyRequested(self, text, "selection"))
        self.action_unselect()
