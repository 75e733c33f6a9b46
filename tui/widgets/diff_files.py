"""The files a session has changed: what became of each, and which of them are meant."""

from collections.abc import Mapping
from typing import ClassVar, Final

from rich.cells import cell_len, set_cell_size
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from store.events import ChangedFile, ChangeSettled, Settlement
from tui.diffs import CHANGE, MINUS
from tui.text import sanitise_line
from tui.transcript.rows import Row, Run, cells
from tui.widgets.drawn import DrawnRows

SETTLED: Final[dict[Settlement, tuple[str, str, str]]] = {
    "applied": ("✓", "applied", "good"),
    "merged": ("✓", "merged", "good"),
    "conflict": ("!", "conflict", "loud"),
    "kept": ("●", "kept", "quiet"),
    "discarded": ("–", "discarded", "quiet"),
}
"""What became of a file: a glyph, a word and a style."""
_ONE_LINE: Final = 60
"""Cells from which on a file takes one row instead of two."""


class FileList(DrawnRows):
    """Shows one file after the other; a click chooses one, or marks it."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "transcript--path",
        "transcript--quiet",
        "transcript--good",
        "transcript--bad",
        "transcript--loud",
        "transcript--mark",
        "transcript--cursor",
    }
    DEFAULT_CSS: ClassVar[str] = """
    FileList {
        overflow-x: hidden;
        background: $background;
        color: $foreground;

        .transcript--quiet { color: $text-muted; }
        .transcript--good { color: $text-success; }
        .transcript--bad { color: $text-error; }
        .transcript--loud { color: $text-warning; text-style: bold; }
        .transcript--mark { color: $text-accent; text-style: bold; }
        .transcript--cursor { background: $primary 16%; text-style: bold; }
    }
    """

    class Chosen(Message):
        """Another file is to be shown."""

    def __init__(self) -> None:
        super().__init__(id="files")
        self._files: tuple[ChangedFile, ...] = ()
        self._settled: Mapping[str, ChangeSettled] = {}
        self._marked: set[str] = set()
        self._cursor = 0

    def show(self, files: tuple[ChangedFile, ...], settled: Mapping[str, ChangeSettled]) -> None:
        chosen = self.chosen
        self._files, self._settled = files, settled
        paths = [file.path for file in files]
        self._marked.intersection_update(path for path in paths if self.is_open(path))
        self._cursor = paths.index(chosen.path) if chosen and chosen.path in paths else 0
        self._fit()

    @property
    def chosen(self) -> ChangedFile | None:
        return self._files[self._cursor] if self._files else None

    @property
    def marked(self) -> tuple[str, ...]:
        """Paths that are meant, in order; none when nothing is marked."""
        return tuple(file.path for file in self._files if file.path in self._marked)

    def became(self, path: str) -> ChangeSettled | None:
        """What became of a file, if it is known."""
        own, all_of_it = self._settled.get(path), self._settled.get("")
        return all_of_it or own if own is None or own.settlement == "conflict" else own

    def is_open(self, path: str) -> bool:
        """Whether something can still be done with a file."""
        became = self.became(path)
        return became is None or became.settlement == "conflict"

    def toggle(self) -> None:
        """Mark the chosen file, or no longer."""
        file = self.chosen
        if file is not None and self.is_open(file.path):
            self._marked ^= {file.path}
            _ = self.refresh()

    def move(self, step: int) -> bool:
        """Choose the file above or below; False at the end."""
        wanted = self._cursor + step
        if not 0 <= wanted < len(self._files):
            return False
        self._choose(wanted)
        return True

    def _choose(self, index: int) -> None:
        self._cursor = index
        top, height = index * self._each, self._each
        if top < self.scroll_y:
            self.scroll_to(y=top, animate=False)
        elif top + height > self.scroll_y + self.size.height:
            self.scroll_to(y=top + height - self.size.height, animate=False)
        _ = self.refresh()
        _ = self.post_message(self.Chosen())

    # --- drawing ---

    @property
    def _each(self) -> int:
        """Rows of one file."""
        return 1 if self.size.width >= _ONE_LINE else 2

    def _fit(self) -> None:
        self.virtual_size = Size(self.size.width, len(self._files) * self._each)
        _ = self.refresh()

    def on_resize(self) -> None:
        self._fit()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        index, part = divmod(round(self.scroll_y) + y, self._each)
        if index >= len(self._files):
            return self.blank(width)
        file = self._files[index]
        if self._each == 1:
            runs = self._in_one(file, index, width)
        elif part == 0:
            lead = self._lead(file, index)
            runs = [*lead, _path(file.path, width - cells(lead))]
        else:
            runs = self._below(file, width)
        if index == self._cursor:
            runs = [Run(text, f"{style} cursor") for text, style, _ in runs]
            runs.append(Run(" " * width, "cursor"))
        return self.strip(Row(tuple(runs)), width)

    def _lead(self, file: ChangedFile, index: int) -> list[Run]:
        pointer = "▸" if index == self._cursor else " "
        marked = file.path in self._marked
        box = "■" if marked else "□" if self.is_open(file.path) else " "
        return [Run(f"{pointer} ", "mark"), Run(f"{box} ", "mark" if marked else "quiet")]

    def _below(self, file: ChangedFile, width: int) -> list[Run]:
        left = [Run("    "), *_change(file)]
        right = self._state(file)
        space = max(1, width - cells(left) - cells(right) - 1)
        return [*left, Run(" " * space), *right]

    def _in_one(self, file: ChangedFile, index: int, width: int) -> list[Run]:
        glyph, word = CHANGE[file.change]
        lead = [*self._lead(file, index), Run(f"{glyph} {word:<7}", "quiet")]
        right = [*_counts(file), Run("  "), *self._state(file)]
        right += [Run(" " * max(0, 24 - cells(right)))]
        room = max(4, width - cells(lead) - cells(right) - 1)
        path = _path(file.path, room)
        return [*lead, path, Run(" " * (room - cell_len(path.text) + 1)), *right]

    def _state(self, file: ChangedFile) -> list[Run]:
        became = self.became(file.path)
        if became is None:
            return []
        glyph, word, style = SETTLED[became.settlement]
        return [Run(f"{glyph} {word}", style)]

    def on_click(self, event: events.Click) -> None:
        index = (round(self.scroll_y) + event.y) // self._each
        if 0 <= index < len(self._files):
            self._choose(index)
            if event.x < 4:
                self.toggle()


def _change(file: ChangedFile) -> list[Run]:
    glyph, word = CHANGE[file.change]
    return [Run(f"{glyph} {word}  ", "quiet"), *_counts(file)]


def _counts(file: ChangedFile) -> list[Run]:
    if file.binary:
        return [Run("binary", "quiet")]
    return counted_runs(file.added, file.removed)


def counted_runs(added: int, removed: int) -> list[Run]:
    """`+12 −3`, each in its colour."""
    parts: list[Run] = []
    if added or not removed:
        parts.append(Run(f"+{added:,}", "good"))
    if removed:
        parts += [Run(" ")] * bool(parts) + [Run(f"{MINUS}{removed:,}", "bad")]
    return parts


def _path(path: str, room: int) -> Run:
    """A path in `room` cells: its end says more than its beginning."""
    text = sanitise_line(path)
    while cell_len(text) > room > 1:
        text = "…" + text[1 + max(1, cell_len(text) - room) :]
    return Run(set_cell_size(text, max(1, room)) if cell_len(text) > room else text, "path")
