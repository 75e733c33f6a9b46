"""The conversation: one widget that draws every message itself, row by row.

It is given plain data (`tui.transcript.item.Item`) and knows no engine:

    set_items(items)            the whole window, newest last; goes to the bottom
    append(item)                one more at the end
    update(item)                a newer version of the item with the same id
    extend_text(id, fragment)   a live reply goes on; cheap, call it for every fragment
    prepend(items)              older ones, above
    prune(keep)                 forget all but the newest `keep`; returns how many went
    earlier = 12                how many messages there are above (a row says so)
    follow(), following         go to the bottom and hold it; whether it does

It posts `EarlierWanted` when the reader reaches or clicks the row of earlier messages,
`CopyRequested` with the text to put on the clipboard, and `FollowChanged` when it begins or ceases
to hold the bottom.

How it is fast: text is cut into chunks that no later text can change, each is made into rows once,
and a frame (at most `FRAMES` a second, the first fragment at once) reads and draws the open end
only. A frame compares the rows it would show with those on the screen and repaints the difference.
A row knows the names of its styles only, so another theme or a selection needs no new rows; what
is not in view is laid out in slices of a few milliseconds. The reader's place is kept by the row
at the top, whatever happens above it.
"""

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.actions import SkipAction
from textual.binding import Binding, BindingType
from textual.message import Message

from tui.text import plain
from tui.transcript.item import Item
from tui.transcript.palette import TOKENS, TOKENS_CSS
from tui.transcript.rows import Row
from tui.transcript.window import Mark
from tui.widgets.selecting import SelectableRows


class Transcript(SelectableRows):
    """Shows a conversation, live or past."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "step(-1)", "Up", show=False),
        Binding("down,j", "step(1)", "Down", show=False),
        Binding("pageup", "page_up", "Page up", show=False),
        Binding("pagedown,space", "page_down", "Page down", show=False),
        Binding("home,g", "to_top", "Top", show=False),
        Binding("end,G", "to_bottom", "Bottom", show=False),
        Binding("left_square_bracket,p", "message(-1)", "Previous message", show=False),
        Binding("right_square_bracket,n", "message(1)", "Next message", show=False),
        Binding("v", "select_lines", "Select lines", show=False),
        Binding("shift+up", "extend(0, -1)", "Select", show=False),
        Binding("shift+down", "extend(0, 1)", "Select", show=False),
        Binding("shift+left", "extend(-1, 0)", "Select", show=False),
        Binding("shift+right", "extend(1, 0)", "Select", show=False),
        Binding("escape", "unselect", "Clear the selection", show=False),
        Binding("y,enter,ctrl+c", "copy_selection", "Copy the selection", show=False),
        Binding("c", "copy_near", "Copy the code block or message", show=False),
        Binding("ctrl+o", "fold", "Open or close", show=False),
    ]

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "transcript--role-user",
        "transcript--role-butler",
        "transcript--role-announcement",
        "transcript--role-plan",
        "transcript--via",
        "transcript--why",
        "transcript--state",
        "transcript--note",
        "transcript--failure",
        "transcript--seam",
        "transcript--tool",
        "transcript--tool-argument",
        "transcript--tool-output",
        "transcript--tool-bar",
        "transcript--tool-done",
        "transcript--tool-runs",
        "transcript--tool-asks",
        "transcript--tool-stopped",
        "transcript--tool-changed",
        "transcript--diff-added",
        "transcript--diff-removed",
        "transcript--earlier",
        "transcript--new-mark",
        "transcript--heading",
        "transcript--h1",
        "transcript--h2",
        "transcript--bullet",
        "transcript--quote",
        "transcript--quote-bar",
        "transcript--rule",
        "transcript--html",
        "transcript--link",
        "transcript--url",
        "transcript--inline-code",
        "transcript--table-header",
        "transcript--table-frame",
        "transcript--code",
        "transcript--code-frame",
        "transcript--code-title",
        "transcript--code-copy",
        "transcript--code-mark",
        *TOKENS,
    }

    DEFAULT_CSS = (
        """
    Transcript {
        overflow-x: hidden;
        overflow-y: scroll;
        scrollbar-size-vertical: 1;
        padding: 0 1;
        color: $foreground;
        background: $background;

        .transcript--role-user { color: $text-secondary; text-style: bold; }
        .transcript--role-butler { color: $text-primary; text-style: bold; }
        .transcript--role-announcement { color: $text-accent; text-style: bold; }
        .transcript--role-plan { color: $text-accent; text-style: bold; }
        .transcript--tool { color: $foreground; }
        .transcript--tool-argument, .transcript--tool-done { color: $text-muted; }
        .transcript--tool-output, .transcript--tool-stopped { color: $text-muted; }
        .transcript--tool-bar { color: $text-disabled; }
        .transcript--tool-runs { color: $text-primary; }
        .transcript--tool-asks { color: $text-warning; text-style: bold; }
        .transcript--tool-changed, .transcript--diff-added { color: $text-success; }
        .transcript--diff-removed { color: $text-error; }
        .transcript--via, .transcript--why, .transcript--earlier { color: $text-muted; }
        .transcript--state, .transcript--note { color: $text-muted; }
        .transcript--failure { color: $text-error; }
        .transcript--seam { color: $text-warning; }
        .transcript--new-mark { color: $text; background: $primary-muted; text-style: bold; }
        .transcript--heading { text-style: bold; color: $text-primary; }
        .transcript--h1 { text-style: bold underline; }
        .transcript--h2 { text-style: bold; }
        .transcript--bullet { color: $text-primary; }
        .transcript--quote { color: $text-muted; }
        .transcript--quote-bar, .transcript--rule { color: $primary-muted; }
        .transcript--html, .transcript--url { color: $text-muted; }
        .transcript--link { color: $text-primary; text-style: underline; }
        .transcript--inline-code { color: $text-warning; }
        .transcript--table-header { text-style: bold; }
        .transcript--table-frame { color: $text-disabled; }
        .transcript--code-frame { color: $text-disabled; }
        .transcript--code-title, .transcript--code-copy { color: $text-muted; }
        .transcript--code-mark { color: $text-warning; }
    """
        + TOKENS_CSS
        + "}"
    )

    class EarlierWanted(Message):
        """The reader has come to the row of earlier messages."""

        def __init__(self, transcript: "Transcript") -> None:
            super().__init__()
            self.transcript = transcript

        @property
        def control(self) -> "Transcript":
            return self.transcript

    def __init__(
        self,
        *,
        name: str | None = None,
        id: str | None = None,  # noqa: A002
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._asked = False
        """Whether earlier messages were asked for and have not come."""
        self._opened: Mark | None = None
        """What was opened last."""

    # --- what is shown ---

    def set_items(self, items: Sequence[Item]) -> None:
        self.window.set(items)
        self._asked = False
        self.follow()

    def append(self, item: Item) -> None:
        self.window.append(item)
        self._tell()

    def update(self, item: Item) -> None:
        self.window.update(item)
        self._wake()

    def extend_text(self, key: str, fragment: str) -> None:
        """Append to the body of a live item. Unknown ids are ignored: it may be pruned."""
        entry = self.window.get(key)
        if entry is not None:
            entry.extend(fragment)
            self._wake()

    def prepend(self, items: Sequence[Item]) -> None:
        self.window.prepend(items)
        self._asked = False
        self._wake()

    def prune(self, keep: int) -> int:
        """Forget messages above the view so that `keep` are left; return how many went.

        What the reader sees stays, so that more than `keep` may be left.
        """
        seen = 0 if self._following or self._place is None else self.window.below(self._place)
        dropped = self.window.prune(max(keep, seen))
        self._wake()
        return dropped

    @property
    def earlier(self) -> int:
        """How many messages there are above the first."""
        return self.window.earlier

    @earlier.setter
    def earlier(self, count: int) -> None:
        if count != self.window.earlier:
            self.window.earlier = count
            self._asked = False
            self._wake()

    def _tell(self) -> None:
        if not self.following:
            self._news += 1
        self._wake()

    # --- moving ---

    def scrolled(self, y: int) -> None:
        if y == 0:
            self._ask()

    def _ask(self) -> None:
        if self.earlier and not self._asked:
            self._asked = True
            self.post_message(self.EarlierWanted(self))

    def action_step(self, rows: int) -> None:
        if self.selecting:
            self.action_extend(0, rows)
        elif self.top + rows < 0:
            self._ask()
        else:
            self.scroll_to(y=self.top + rows, animate=False)

    def action_page_up(self) -> None:
        self.action_step(-max(1, self.room.height - 2)) if self.top else self._ask()

    def action_page_down(self) -> None:
        self.action_step(max(1, self.room.height - 2))

    def action_to_top(self) -> None:
        self.scroll_to(y=0, animate=False)
        self._ask()

    def action_to_bottom(self) -> None:
        self.follow()

    def action_message(self, step: int) -> None:
        """Bring the next or previous message to the top."""
        heads = zip(self.window.tops, self.window.entries, strict=False)
        tops = [top for top, entry in heads if not entry.item.continued]
        further = [top for top in tops if (top > self.top if step > 0 else top < self.top)]
        if further:
            self.scroll_to(y=further[0] if step > 0 else further[-1], animate=False)

    # --- copying and folding ---

    def action_copy_near(self) -> None:
        """Copy the first code block in view, else the message the view begins with."""
        if self.selected_text():
            self.action_copy_selection()
            return
        row = next((shown.row for shown in self._shown if shown.row.code), None)
        if row is not None:
            self._copy_code(row)
            return
        mark = self.window.mark(self.top + self.room.height // 2)
        if mark is not None:
            self.post_message(self.CopyRequested(self, plain(mark.entry.text), "message"))

    def _copy_code(self, row: Row) -> None:
        if row.code is not None:
            what = f"{row.code.language} code".strip()
            self.post_message(self.CopyRequested(self, plain(row.code.source), what))

    def action_fold(self) -> None:
        """Close what was opened last while it is in sight; else open or close the latest fold in
        view, or the one nearest to its middle when the reader has scrolled."""
        if (opened := self._opened) is not None and self._in_view(opened):
            self._fold(opened)
            return
        rows = [y for y, shown in enumerate(self._shown) if shown.row.action == "fold"]
        if rows:
            middle = self.room.height // 2
            y = rows[-1] if self.following else min(rows, key=lambda y: abs(y - middle))
            mark = self.window.mark(self.top + y)
        else:
            mark = self._nearest_fold()
        if mark is None:
            raise SkipAction
        self._fold(mark)

    def _nearest_fold(self) -> Mark | None:
        """Where the nearest message is that has a fold."""
        middle = self.top + self.room.height // 2
        folds = [
            (abs(top - middle), number)
            for number, (top, entry) in enumerate(
                zip(self.window.tops, self.window.entries, strict=False)
            )
            if entry.collapsed is not None
        ]
        return Mark(self.window.entries[min(folds)[1]], 0, 0) if folds else None

    def _in_view(self, mark: Mark) -> bool:
        """Whether any row of what is marked is in view."""
        if mark.entry not in self.window.entries or mark.section >= len(mark.entry.sections):
            return False
        top = self.window.find(Mark(mark.entry, mark.section, 0))
        height = mark.entry.fold_height(mark.section, self.window.width)
        return top < self.top + self.room.height and top + height > self.top

    def _fold(self, mark: Mark) -> None:
        opened = mark.entry.fold(mark.section)
        self._opened = mark if opened else None
        self.window.touch()
        self._wake()

    def on_click(self, event: events.Click) -> None:
        """Act on what was clicked; take the place of Textual's selecting of everything."""
        event.prevent_default()
        offset = event.get_content_offset(self)
        if offset is None or not 0 <= offset.y < len(self._shown):
            return
        if event.chain > 1:
            self.select_word(self.top + offset.y, offset.x)
            return
        shown = self._shown[offset.y]
        if shown.over and offset.x >= self.room.width - len(shown.over):
            self.follow()
        elif shown.row.action == "copy" and offset.x >= self.room.width // 2:
            self._copy_code(shown.row)
        elif shown.row.action == "earlier":
            self._ask()
        elif shown.row.action == "fold":
            mark = self.window.mark(self.top + offset.y)
            if mark is not None:
                self._fold(mark)
