"""What a coding session has changed: its files, their hunks, and what is to become of them."""

import asyncio
from collections.abc import Awaitable
from typing import ClassVar, Final, Literal, Protocol, TypeAlias, cast

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.screen import Screen

from router.view import View
from store.events import ChangedFile, ChangeSettled
from tui import figures
from tui.diffs import CHANGE, PARALLEL, counts, has_merge, page_of
from tui.sending import REFUSALS
from tui.text import plain, sanitise_line
from tui.widgets.diff import DiffView
from tui.widgets.diff_files import SETTLED, FileList
from tui.widgets.lines import HintLine
from tui.widgets.part import Part, row
from tui.wording import LOUD, QUIET, SESSION

Choice: TypeAlias = Literal["apply", "keep", "discard"]
GUARD: Final = 0.4
"""Seconds in which nothing is decided: the key may have been meant for what was here before."""
_CONFIRM: Final = 3.0
_DOING: Final[dict[Choice, str]] = {
    "apply": "applying …",
    "keep": "keeping …",
    "discard": "discarding …",
}
_BREAKPOINTS: Final = (0, "-narrow"), (100, "-medium"), (120, "-wide")
_SIDEWAYS: Final = 8
_LOOK: Final = (
    "esc leave",
    "n/p hunk",
    "↑↓ file",
    "←→ sideways",
    "pgup/pgdn scroll",
    "c copy hunk",
)
_ACT: Final = ("a apply", "d discard", "k keep", "space mark")


class Settle(Protocol):
    """Has the user's choice carried out; refuses with an `EngineError`."""

    def __call__(
        self, session: str, choice: Choice, paths: tuple[str, ...] | None
    ) -> Awaitable[None]: ...


class Copier(Protocol):
    async def copy(self, text: str, what: str) -> None: ...


class Title(Part):
    """Whose changes these are, and how many."""

    def __init__(self) -> None:
        super().__init__(id="diff-title")
        self._view = View(session="")

    def show(self, view: View) -> None:
        self._view = view
        self.changed()

    def draw(self, width: int, now: int) -> Content:
        view = self._view
        files = view.changes.files if view.changes else ()
        added, removed = sum(f.added for f in files), sum(f.removed for f in files)
        look = SESSION[view.state]
        left = Content.assemble(("Changes", "bold $primary"), f"   {sanitise_line(view.title)}")
        right = Content.assemble(
            f"{figures.counted(len(files), 'file')} {counts(added, removed)}",
            (" · ", QUIET),
            (f"{look.glyph} {look.word}", look.style),
        )
        return row(left, right, width)


class FileHead(Part):
    """The file shown, and what the user should know of it."""

    def __init__(self) -> None:
        super().__init__(id="diff-head")
        self._text = Content("")
        self._right = ""

    def show(self, text: Content, right: str) -> None:
        self._text, self._right = text, right
        self.changed()

    def draw(self, width: int, now: int) -> Content:
        first, *rest = self._text.split("\n", allow_blank=True)
        head = row(first, Content.styled(self._right, QUIET), width)
        return Content("\n").join([head, *rest])


class DiffScreen(Screen[None]):
    """Reads a view; `settle` of `None` is for looking only, as in a replay."""

    CSS_PATH = "diff.tcss"
    HORIZONTAL_BREAKPOINTS = [*_BREAKPOINTS]  # noqa: RUF012 (Textual declares it so)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "settle('apply')", "Apply", show=False),
        Binding("k", "settle('keep')", "Keep", show=False),
        Binding("d", "settle('discard')", "Discard", show=False),
        Binding("enter,space", "mark", "Mark", show=False),
        Binding("n,right_square_bracket", "hunk(1)", "Next hunk", show=False),
        Binding("p,left_square_bracket", "hunk(-1)", "Previous hunk", show=False),
        Binding("up", "file(-1)", "Previous file", show=False),
        Binding("down", "file(1)", "Next file", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "end(False)", "Top", show=False),
        Binding("end", "end(True)", "Bottom", show=False),
        Binding("left", "sideways(-1)", "Left", show=False),
        Binding("right", "sideways(1)", "Right", show=False),
        Binding("c,y", "copy_hunk", "Copy", show=False),
        Binding("escape,q,v", "leave", "Leave", show=False),
    ]

    def __init__(self, view: View, settle: Settle | None = None) -> None:
        super().__init__()
        self.view = view
        self.title_line = Title()
        self.files = FileList()
        self.head = FileHead()
        self.diff = DiffView()
        self.hint = HintLine()
        self._settle = settle
        self.acts_at = 0.0
        """From when on keys decide (by the clock of the event loop)."""
        self._confirming: tuple[tuple[str, ...], float] = ((), 0.0)
        self._busy = False
        self._land = 0
        """The hunk to begin with when the next file is shown; -1 is its last."""
        self._page: tuple[ChangedFile, ChangeSettled | None] | None = None

    @property
    def session(self) -> str:
        return self.view.session

    def compose(self) -> ComposeResult:
        # Textual sets it when all is laid out, and would lay it out once more.
        width = self.app.size.width  # pyright: ignore[reportUnknownMemberType]
        fitting = [name for least, name in _BREAKPOINTS if width >= least]
        _ = self.add_class(fitting[-1], update=False)
        yield self.title_line
        with Container(id="diff-body"):
            yield self.files
            with Vertical(id="diff-side"):
                yield self.head
                yield self.diff
        yield self.hint

    def on_mount(self) -> None:
        self.acts_at = asyncio.get_running_loop().time() + GUARD
        self.hint.show((*_ACT, *_LOOK) if self._settle else _LOOK)
        self._show()

    # --- what is shown ---

    def show(self, view: View | None) -> None:
        """Follow the session: files are settled, or it has gone on and changed more."""
        if view is None or view is self.view:
            return
        if view.changes is not self.view.changes and self.is_mounted:
            # Other changes than the eye has seen: no key meant for the old ones is for these.
            self.acts_at = asyncio.get_running_loop().time() + GUARD
        self.view = view
        if self.is_mounted:
            self._show()

    def _show(self) -> None:
        files = self.view.changes.files if self.view.changes else ()
        self.title_line.show(self.view)
        self.files.show(files, self.view.settled)
        self._show_file()

    def on_file_list_chosen(self) -> None:
        self._show_file()

    def _show_file(self) -> None:
        file = self.files.chosen
        if file is None:
            return
        became = self.files.became(file.path)
        if self._page != (file, became):
            self._page = file, became
            opened = self.view.workspace_opened
            self._read(file, became, opened.folder if opened else "")
        self._show_head(file, became)

    @work(exclusive=True, group="read")
    async def _read(self, file: ChangedFile, became: ChangeSettled | None, folder: str) -> None:
        if len(file.diff) > PARALLEL:
            page = await asyncio.to_thread(page_of, file, became, folder)
        else:
            page = page_of(file, became, folder)
        self.diff.show(page)
        self.diff.go(self._land) if self._land else None
        self._land = 0
        self._show_head(file, became)

    def _show_head(self, file: ChangedFile, became: ChangeSettled | None) -> None:
        glyph, word = CHANGE[file.change]
        parts: list[str | tuple[str, str]] = [
            (f"{glyph} {word}  ", QUIET),
            (sanitise_line(file.path), "bold"),
        ]
        if became is not None:
            sign, state, _ = SETTLED[became.settlement]
            style = LOUD if became.settlement == "conflict" else QUIET
            parts.append((f"   {sign} {state}", style))
            parts.append((_note(became), "" if became.settlement == "conflict" else QUIET))
        at, count = self.diff.hunk
        self.head.show(Content.assemble(*parts), f"hunk {at} of {count}" if count else "")

    # --- moving ---

    def action_file(self, step: int) -> None:
        _ = self.files.move(step)

    def action_hunk(self, step: int) -> None:
        """The next or previous hunk, of the next or previous file where this one has no more."""
        if not self.diff.step(step):
            self._land = 0 if step > 0 else -1
            if not self.files.move(step):
                self._land = 0
        if self.files.chosen is not None:
            self._show_head(self.files.chosen, self.files.became(self.files.chosen.path))

    def action_page(self, step: int) -> None:
        rows = max(1, self.diff.size.height - 2)
        self.diff.scroll_relative(y=step * rows, animate=False)

    def action_end(self, bottom: bool) -> None:
        self.diff.scroll_to(y=self.diff.max_scroll_y if bottom else 0, animate=False)

    def action_sideways(self, step: int) -> None:
        self.diff.scroll_relative(x=step * _SIDEWAYS, animate=False)

    async def action_copy_hunk(self) -> None:
        selected = self.get_selected_text()
        text = plain(selected) if selected else self.diff.hunk_text
        if text:
            await cast(Copier, self.app).copy(text, "selection" if selected else "hunk")

    def action_leave(self) -> None:
        _ = self.dismiss()

    # --- deciding ---

    def action_mark(self) -> None:
        if self._settle is not None:
            self.files.toggle()

    def action_settle(self, choice: Choice) -> None:
        loop = asyncio.get_running_loop()
        if self._settle is None or self._busy or loop.time() < self.acts_at:
            return
        files = self.view.changes.files if self.view.changes else ()
        left = [file.path for file in files if self.files.is_open(file.path)]
        if not left:
            self.hint.notice("All of it is settled already: esc leaves.")
            return
        paths = None if choice == "keep" else self.files.marked or None
        if choice == "discard" and not self._confirmed(paths or tuple(left)):
            return
        self._carry_out(self._settle, choice, paths)

    def _confirmed(self, paths: tuple[str, ...]) -> bool:
        """True on the second press within a moment; the first one asks."""
        now = asyncio.get_running_loop().time()
        asked, until = self._confirming
        self._confirming = (), 0.0
        if asked == paths and now < until:
            return True
        self._confirming = paths, now + _CONFIRM
        what = figures.counted(len(paths), "file")
        self._say(f"d again throws away what the session did to {what}; yours stay as they are.")
        return False

    def _say(self, sentence: str) -> None:
        self.hint.notice(sentence)
        _ = self.set_timer(_CONFIRM, lambda: self.hint.notice(""))

    @work(group="settle")
    async def _carry_out(
        self, settle: Settle, choice: Choice, paths: tuple[str, ...] | None
    ) -> None:
        self._busy = True
        self.hint.notice(_DOING[choice])
        problem = ""
        try:
            await settle(self.session, choice, paths)
        except (*REFUSALS, OSError) as error:
            problem = sanitise_line(str(error))
        finally:
            self._busy = False
            self.hint.notice(problem)


def _note(became: ChangeSettled) -> str:
    if became.settlement != "conflict":
        return f"\n{sanitise_line(became.detail)}" if became.detail else ""
    merge = has_merge(became)
    why = "You and the session have changed the same lines." if merge else became.detail
    what = "the merge below" if merge else "the session's version"
    return (
        f"\n{sanitise_line(why)} Nothing of yours was overwritten: your file is as you left it.\n"
        f"Take over by hand what you want of {what}, then mark this file and press d; or undo "
        "your change, and press a again."
    )
