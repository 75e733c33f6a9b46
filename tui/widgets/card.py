"""The card: the first of what waits for the user's decision, above the prompt.

It never takes the focus by itself, accepts nothing for a moment after it appears and after every
stray key, and knows neither Space nor Enter nor a click: nobody approves by accident.
"""

from collections.abc import Callable, Sequence
from time import monotonic
from typing import ClassVar, Final

from textual import events
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message

from store.events import ApprovalAsked
from tui.deck import Asking
from tui.widgets.cards.keys import agreeing, keys_of, refusing
from tui.widgets.cards.lines import ScrollLines
from tui.widgets.part import Part

__all__ = ["GUARD", "CardDock", "keys_of"]

GUARD: Final = 0.4
"""Seconds in which nothing is accepted."""
_LEAST: Final = 4
"""Rows of a card, its frame included, that are always there."""
_OTHERS: Final = 8
"""Rows of all but transcript and card, before anybody has counted them."""


class _Edge(Part):
    """The upper or lower side of the frame, with words in it."""

    DEFAULT_CSS = "_Edge { height: 1; color: $warning; }"

    def __init__(self, round_: str, heavy: str) -> None:
        super().__init__()
        self._corners = {False: round_, True: heavy}
        self._heavy = False
        self._words: Callable[[int], tuple[Content, Content]] = lambda _: (Content(""), Content(""))

    def show(self, words: Callable[[int], tuple[Content, Content]], *, heavy: bool) -> None:
        self._words, self._heavy = words, heavy
        self.changed()

    def draw(self, width: int, now: int) -> Content:
        left, rule, right = self._corners[self._heavy]
        room = max(1, width - 6)
        start, end = self._words(room)
        if end and start.cell_length + end.cell_length + 3 > room:
            start = start.truncate(max(1, room - end.cell_length - 3), ellipsis=True)
        start = start.truncate(room, ellipsis=True)
        fill = room - start.cell_length - (end.cell_length + 2 if end else 0)
        tail = Content.assemble(" ", end, " ") if end else Content("")
        return Content.assemble(f"{left}{rule} ", start, " ", rule * fill, tail, f"{rule}{right}")


class CardDock(Vertical, can_focus=True):
    """Shows one approval; posts `Decided` when the user has chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll_body(-1)", "Up", show=False),
        Binding("down", "scroll_body(1)", "Down", show=False),
        Binding("pageup", "page_body(-1)", "Page up", show=False),
        Binding("pagedown", "page_body(1)", "Page down", show=False),
        Binding("home", "end_of_body(-1)", "Top", show=False),
        Binding("end", "end_of_body(1)", "Bottom", show=False),
    ]
    DEFAULT_CSS = """
    CardDock {
        display: none;
        height: auto;
        margin: 0 1;
        & > #card-body {
            padding: 0 1;
            border-left: round $warning;
            border-right: round $warning;
        }
        &:focus > #card-body {
            border-left: heavy $warning;
            border-right: heavy $warning;
        }
    }
    """

    class Decided(Message):
        """The user has chosen, which may need a word more: a reason, an answer, an edit."""

        def __init__(self, asking: Asking, choice: str, *, focused: bool) -> None:
            super().__init__()
            self.asking = asking
            self.approval = asking.asked.approval
            self.choice = choice
            self.focused = focused
            """Whether the card had the keyboard."""

    class DiffWanted(Message):
        """The user wants to see what a session has changed."""

        def __init__(self, session: str) -> None:
            super().__init__()
            self.session = session

    class Returned(Message):
        """A key meant for the prompt (empty: the user only wants to go back there)."""

        def __init__(self, character: str) -> None:
            super().__init__()
            self.character = character

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        super().__init__(id="card")
        self.clock = clock
        self._asking: Asking | None = None
        self._active = ""
        self._more = 0
        self._rows = 0
        self._closed_until = 0.0
        self._top = _Edge("╭─╮", "┏━┓")
        self._foot = _Edge("╰─╯", "┗━┛")
        self.body = ScrollLines(id="card-body")

    @property
    def asked(self) -> ApprovalAsked | None:
        return self._asking.asked if self._asking else None

    # --- what is shown ---

    def show(self, waiting: Sequence[Asking], active: str) -> None:
        """Show the first of what waits, or nothing; `active` is the session whose tab is shown."""
        asking = self._chosen(waiting, active)
        before, more = self._asking, max(0, len(waiting) - 1)
        if asking is None:
            self._hide()
            return
        same = before is not None and before.asked.approval == asking.asked.approval
        unchanged = same and before is not None and _looks(before) == _looks(asking)
        if unchanged and (active, more) == (self._active, self._more):
            return
        self._asking, self._active, self._more = asking, active, more
        if not unchanged:
            self._guard()
        self._fill(from_top=not same)

    def _chosen(self, waiting: Sequence[Asking], active: str) -> Asking | None:
        """The first; but what the user is reading stays where it is."""
        if self.has_focus and active == self._active and self.asked is not None:
            for asking in waiting:
                if asking.asked.approval == self.asked.approval:
                    return asking
        return waiting[0] if waiting else None

    def _hide(self) -> None:
        if self._asking is not None:
            if self.has_focus:
                _ = self.post_message(self.Returned(""))
            self._asking = None
            self.display = False

    def _fill(self, *, from_top: bool) -> None:
        from tui.widgets.cards import drawing

        if self._asking is None:
            return
        if not self.children:  # most runs never show a card
            _ = self.mount(self._top, self.body, self._foot)
            self._bound()
        self.display = True
        asking, elsewhere = self._asking, self._asking.view.session != self._active
        self.body.show(
            lambda width: drawing.body(asking, width, elsewhere=elsewhere), from_top=from_top
        )
        self._label()

    def _label(self) -> None:
        from tui.widgets.cards import drawing

        if self._asking is None:
            return
        asking, more, focused = self._asking, self._more, self.has_focus
        self._top.show(lambda width: drawing.head(asking, more, width), heavy=focused)
        self._foot.show(
            lambda width: drawing.foot(asking.asked, width, focused=focused), heavy=focused
        )

    def watch_has_focus(self, has_focus: bool) -> None:
        super().watch_has_focus(has_focus)
        self._label()
        self._bound()

    def fit(self, rows: int) -> None:
        """Take no more than a part of `rows`, which is what the transcript and the card share."""
        self._rows = rows
        self._bound()

    def _bound(self) -> None:
        share = 0.75 if self.has_focus else 0.55
        shared = self._rows or self.app.size.height - _OTHERS  # pyright: ignore[reportUnknownMemberType]
        rows = max(_LEAST, min(int(shared * share), shared - 3))
        self.body.styles.max_height = rows - 2

    # --- scrolling ---

    def action_scroll_body(self, step: int) -> None:
        self.body.scroll_relative(y=step, animate=False)

    def action_page_body(self, step: int) -> None:
        self.body.scroll_relative(y=step * max(1, self.body.size.height - 1), animate=False)

    def action_end_of_body(self, step: int) -> None:
        if step < 0:
            self.body.scroll_home(animate=False)
        else:
            self.body.scroll_end(animate=False)

    # --- deciding ---

    def agree(self) -> None:
        """Choose what the card would have the user say yes to."""
        if self.asked is not None:
            self.decide(agreeing(self.asked.choices, self.asked.kind))

    def refuse(self) -> None:
        if self.asked is not None:
            self.decide(refusing(self.asked.choices, self.asked.kind))

    def decide(self, choice: str) -> None:
        """Decide, unless the card appeared, or a stray key was hit, only just now."""
        asking = self._asking
        if asking is None or choice not in asking.asked.choices:
            return
        if self.clock() < self._closed_until:
            return
        self._guard()
        _ = self.post_message(self.Decided(asking, choice, focused=self.has_focus))

    def _guard(self) -> None:
        self._closed_until = self.clock() + GUARD

    def on_key(self, event: events.Key) -> None:
        if self._asking is None or not self._took(event):
            return
        _ = event.stop()
        event.prevent_default()

    def _took(self, event: events.Key) -> bool:
        """Whether the key was the card's."""
        if self._asking is None:
            return False
        view, asked = self._asking
        # A chord brings its letter along in some terminals.
        letter = "" if event.key.startswith("alt+") else event.character or ""
        choice = keys_of(asked.choices, asked.kind).get(letter)
        if choice is not None:
            self.decide(choice)
        elif asked.kind == "changes" and letter == "v":
            _ = self.post_message(self.DiffWanted(view.session))
        elif event.key == "escape":
            _ = self.post_message(self.Returned(""))
        elif event.key in {"space", "enter"}:
            self._guard()
        elif event.is_printable and letter:
            self._guard()
            _ = self.post_message(self.Returned(letter))
        else:
            if event.key not in self.screen.active_bindings:
                self._guard()
            return False
        return True


def _looks(asking: Asking) -> tuple[object, ...]:
    """What of a session its card is drawn from."""
    view = asking.view
    return asking.asked.approval, view.title, view.plan, view.alternatives
