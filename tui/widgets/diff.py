"""A diff: line numbers, signs, colours; what is not in view is not drawn."""

import asyncio
from collections.abc import Sequence
from typing import ClassVar, Final

from textual import work
from textual.cache import LRUCache
from textual.geometry import Region, Size
from textual.selection import Selection
from textual.strip import Strip

from tui.diffs import MINUS, Line, Page
from tui.text import plain
from tui.transcript.code import ROOT, coloured, load
from tui.transcript.palette import TOKENS, TOKENS_CSS
from tui.transcript.rows import Row, Run, Runs, run
from tui.widgets.drawn import DrawnRows

_LONGEST: Final = 4_000
"""Characters of a line that are shown."""
_ACROSS: Final = {"#": "diff-title", "\\": "diff-remark", "@": ""}
_COLOURED: Final = 5_000
"""Lines whose colours are kept."""
_DRAWN: Final = 512
"""Rows that are kept as drawn."""
_SIDES: Final = {"+": "added", "-": "removed", "<": "yours", ">": "session"}


class DiffView(DrawnRows):
    """Shows a page, and knows which hunk the reader is at."""

    ALLOW_SELECT = True
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "transcript--code",
        "transcript--diff-number",
        "transcript--diff-added",
        "transcript--diff-removed",
        "transcript--diff-yours",
        "transcript--diff-session",
        "transcript--diff-marker",
        "transcript--diff-head",
        "transcript--diff-here",
        "transcript--diff-title",
        "transcript--diff-remark",
        "transcript--sign-added",
        "transcript--sign-removed",
        "transcript--sign-yours",
        "transcript--sign-session",
        *TOKENS,
    }
    DEFAULT_CSS: ClassVar[str] = (
        """
    DiffView {
        background: $background;
        color: $foreground;

        .transcript--diff-number { color: $text-disabled; }
        .transcript--diff-added { background: $success 14%; }
        .transcript--diff-removed { background: $error 14%; }
        .transcript--diff-yours { background: $secondary 18%; }
        .transcript--diff-session { background: $primary 18%; }
        .transcript--diff-marker { color: $text-warning; text-style: bold; }
        .transcript--diff-head { color: $text-muted; background: $surface; }
        .transcript--diff-here { color: $text-primary; text-style: bold; }
        .transcript--diff-title { color: $text-accent; text-style: bold; }
        .transcript--diff-remark { color: $text-muted; text-style: italic; }
        .transcript--sign-added { color: $text-success; text-style: bold; }
        .transcript--sign-removed { color: $text-error; text-style: bold; }
        .transcript--sign-yours { color: $text-secondary; text-style: bold; }
        .transcript--sign-session { color: $text-primary; text-style: bold; }
    """
        + TOKENS_CSS
        + "}"
    )

    def __init__(self) -> None:
        super().__init__(id="diff")
        self.page = Page("")
        self._colours: dict[int, Runs | None] = {}
        """Lines about the view; None is one that has no colours."""
        self._colouring = False
        self._drawn: LRUCache[tuple[object, ...], Strip] = LRUCache(_DRAWN)
        self._drawing = False
        self._at = 0
        """Which of the page's stops the reader is at."""
        self._digits = 3

    def show(self, page: Page) -> None:
        """Show another page from its beginning; the same file's newer page keeps its place."""
        another = page.path != self.page.path
        self.page = page
        self._digits = max(3, len(str(page.largest)))
        longest = min(page.longest, _LONGEST)
        self.virtual_size = Size(self._gutter + longest + 1, len(page.rows))
        self._colours.clear()
        self._drawn.clear()
        if another:
            self._at = 0
            self.scroll_to(0, 0, animate=False)
        self._at = min(self._at, max(0, len(page.stops) - 1))
        _ = self.refresh()
        self._want_colours()

    def on_resize(self) -> None:
        self._want_colours()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._want_colours()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._drawn.clear()

    # --- colours ---

    def _want_colours(self) -> None:
        if not self._colouring and self._uncoloured():
            self._colouring = True
            _ = self._colour()

    def _uncoloured(self) -> list[int]:
        """The lines in view, and a screenful above and below, whose colours nobody knows yet."""
        top, height = round(self.scroll_y), self.size.height
        rows = self.page.rows[: top + 2 * height]
        return [
            number
            for number in range(max(0, top - height), len(rows))
            if number not in self._colours and rows[number].sign not in _ACROSS
        ]

    @work
    async def _colour(self) -> None:
        """Find colours beside the loop: a screenful takes some milliseconds, a language more."""
        try:
            while numbers := self._uncoloured():
                page = self.page
                texts = [page.rows[number].text for number in numbers]
                found = await asyncio.to_thread(_colours_of, page.path, texts)
                if page is self.page:
                    self._take_colours(dict(zip(numbers, found, strict=True)))
        finally:
            self._colouring = False

    def _take_colours(self, found: dict[int, Runs | None]) -> None:
        if len(self._colours) > _COLOURED:
            self._colours.clear()
        self._colours |= found
        top = round(self.scroll_y)
        if any(runs and top <= number < top + self.size.height for number, runs in found.items()):
            _ = self.refresh()

    # --- hunks ---

    def step(self, step: int) -> bool:
        """Go to the next or previous hunk; False where there is none."""
        stops, top = self.page.stops, round(self.scroll_y)
        if not stops:
            return False
        seen = top <= stops[self._at] < top + max(1, self.size.height)
        if seen:
            wanted = self._at + step
        elif step > 0:
            wanted = next((n for n, y in enumerate(stops) if y >= top), len(stops))
        else:
            wanted = max((n for n, y in enumerate(stops) if y < top), default=-1)
        if not 0 <= wanted < len(stops):
            return False
        self.go(wanted)
        return True

    def go(self, stop: int) -> None:
        """Bring a hunk to the top; -1 is the last."""
        if self.page.stops:
            self._at = stop % len(self.page.stops)
            self.scroll_to(y=self.page.stops[self._at], animate=False)
            _ = self.refresh()

    @property
    def hunk(self) -> tuple[int, int]:
        """Which hunk the reader is at, from 1, and of how many."""
        return (self._at + 1 if self.page.stops else 0), len(self.page.stops)

    # --- copying ---

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected lines as a diff has them, without numbers."""
        first = selection.start.y if selection.start else 0
        last = selection.end.y if selection.end else len(self.page.rows) - 1
        lines = [row.text for row in self.page.rows[first : last + 1]]
        if lines and selection.end is not None:
            lines[-1] = lines[-1][: selection.end.x]
        if lines and selection.start is not None:
            lines[0] = lines[0][selection.start.x :]
        return plain("\n".join(lines)), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        del selection
        _ = self.refresh()

    @property
    def hunk_text(self) -> str:
        """The hunk the reader is at, as a diff has it."""
        if not self.page.stops:
            return ""
        first = self.page.stops[self._at]
        after = [*self.page.stops[self._at + 1 :], len(self.page.rows)][0]
        return plain("\n".join(_as_diff(row) for row in self.page.rows[first:after]))

    # --- drawing ---

    @property
    def _gutter(self) -> int:
        return 2 * self._digits + 5

    def render_lines(self, crop: Region) -> list[Strip]:
        self._drawing = True
        try:
            return super().render_lines(crop)
        finally:
            self._drawing = False

    def render_line(self, y: int) -> Strip:
        number, width = round(self.scroll_y) + y, self.size.width
        if number >= len(self.page.rows):
            return self.blank(width)
        row = self.page.rows[number]
        if row.sign in _ACROSS:
            return self._line_across(number, row, width)
        left = round(self.scroll_x)
        span = None if self.text_selection is None else self.text_selection.get_span(number)
        key = number, left, width, span, number in self._colours
        strip = self._drawn.get(key)
        if strip is None:
            strip = self._drawn[key] = self._line(number, left, width, span)
        if self._drawing:
            return strip
        # Who asks for a single line wants to know which letter the mouse is at.
        gutter, body = strip.divide([self._gutter, max(width, self._gutter)])[:2]
        return Strip.join([gutter, body.apply_offsets(left, number)])

    def _line(self, number: int, left: int, width: int, span: tuple[int, int] | None) -> Strip:
        row = self.page.rows[number]
        numbers = self._numbers(row)
        room = max(0, width - self._gutter)
        body = self._body(number, row, left + room)
        if span is None and not left:
            return self.strip(Row((*numbers, *body)), width)
        if span is not None and span[1] == -1:
            span = span[0], len(row.text)
        drawn = self.strip(Row(body), max(left + room, 1), span).crop(left, left + room)
        return Strip.join([self.strip(Row(numbers), self._gutter), drawn])

    def _line_across(self, number: int, row: Line, width: int) -> Strip:
        """A hunk's head, a title or a remark: it stays where it is when lines scroll sideways."""
        if style := _ACROSS[row.sign]:
            text = run(row.text, style)
            return self.strip(Row((Run(" " * (self._gutter - 2)), text)), width)
        here = bool(self.page.stops) and self.page.stops[self._at] == number
        mark = "▸" if here else " "
        head = f"{mark}@@ {MINUS}{row.old} +{row.new} @@  "
        style = "diff-head diff-here" if here else "diff-head"
        runs = [Run(head, style), run(row.text, style)]
        used = sum(len(part.text) for part in runs)
        return self.strip(Row((*runs, Run(" " * max(0, width - used), style))), width)

    def _numbers(self, row: Line) -> tuple[Run, ...]:
        old, new = (str(number or "").rjust(self._digits) for number in (row.old, row.new))
        look = _SIDES.get(row.sign, "")
        sign = MINUS if row.sign == "-" else " " if row.sign == "=" else row.sign
        style = f"diff-number diff-{look}" if look else "diff-number"
        return (
            Run(f" {old} {new} ", style),
            Run(f"{sign} ", f"diff-{look} sign-{look}" if look else ""),
        )

    def _body(self, number: int, row: Line, width: int) -> Runs:
        """A line's text; one that is marked as changed is so over the whole width."""
        line = self._colours.get(number) or (run(_shown(row.text), ""),)
        if row.sign == "=":
            return (run(_shown(row.text), "diff-marker"),)
        look = _SIDES.get(row.sign, "")
        if not look:
            return line
        tinted = [Run(part.text, f"diff-{look} {part.style}", part.href) for part in line]
        pad = width - sum(len(part.text) for part in line)
        return (*tinted, Run(" " * max(0, pad), f"diff-{look}"))


def _shown(text: str) -> str:
    return text[:_LONGEST].replace("\r", "")


def _as_diff(row: Line) -> str:
    if row.sign == "@":
        return f"@@ -{row.old} +{row.new} @@ {row.text}".rstrip()
    return row.text if row.sign in {"#", "\\", "="} else f"{row.sign}{row.text}"


def _colours_of(path: str, texts: Sequence[str]) -> list[Runs | None]:
    """Lines of a file in the colours of its language; None for each that has none."""
    language = _language_of(path)
    if not language:
        return [None] * len(texts)
    load(language)
    return [(coloured(_shown(text), language, ROOT).lines or (None,))[0] for text in texts]


def _language_of(path: str) -> str:
    """The language of a file by its name; empty where there is none."""
    from pygments.lexers import find_lexer_class_for_filename

    lexer = find_lexer_class_for_filename(path.rsplit("/", 1)[-1])
    aliases = [] if lexer is None else list(lexer.aliases)
    return aliases[0] if aliases else ""
