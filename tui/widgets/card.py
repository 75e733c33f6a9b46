"""The card: the oldest thing that waits for the user's decision, above the prompt.

It never takes the focus by itself, accepts nothing for a moment after it appears and after every
stray key, and knows neither Space nor Enter nor a click: nobody approves by accident.
"""

from collections.abc import Sequence
from time import monotonic
from typing import Final

from textual import events
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from store.events import ApprovalAsked
from tui.text import sanitise, sanitise_line
from tui.wording import QUIET

GUARD: Final = 0.4
"""Seconds in which nothing is accepted."""
_LETTERS: Final = {"approve": "a", "edit": "e", "reject": "r"}


def keys_of(choices: Sequence[str]) -> dict[str, str]:
    """The key of each choice: letters for the usual three, digits for the rest in order."""
    keys: dict[str, str] = {}
    for choice in choices:
        keys[_LETTERS.get(choice) or str(sum(key.isdigit() for key in keys) + 1)] = choice
    return keys


class CardDock(Vertical, can_focus=True):
    """Shows one approval; posts `Decided` when the user has chosen."""

    DEFAULT_CSS = """
    CardDock {
        display: none;
        height: auto;
        max-height: 14;
        margin: 0 1;
        padding: 0 1;
        border: round $warning;
        border-title-color: $warning;
        border-title-style: bold;
        border-subtitle-color: $text-muted;
        &:focus { border: heavy $warning; }
        & > VerticalScroll { height: auto; max-height: 9; scrollbar-size-vertical: 1; }
        & Static { height: auto; width: 1fr; }
        & > #card-keys { margin-top: 1; }
    }
    """

    class Decided(Message):
        def __init__(self, approval: str, choice: str) -> None:
            super().__init__()
            self.approval = approval
            self.choice = choice

    class Returned(Message):
        """A key meant for the prompt (empty: the user only wants to go back there)."""

        def __init__(self, character: str) -> None:
            super().__init__()
            self.character = character

    def __init__(self) -> None:
        super().__init__(id="card")
        self._asked: ApprovalAsked | None = None
        self._closed_until = 0.0
        self._question = Static(id="card-question", markup=False)
        self._shown = Static(id="card-shown", markup=False)
        self._keys = Static(id="card-keys", markup=False)

    @property
    def asked(self) -> ApprovalAsked | None:
        return self._asked

    def show(self, approvals: Sequence[ApprovalAsked]) -> None:
        """Show the oldest approval, or nothing."""
        asked = approvals[0] if approvals else None
        if asked is not None:
            more = len(approvals) - 1
            self.border_subtitle = f"{more} more after this" if more else ""
        if asked is self._asked or (
            asked and self._asked and asked.approval == self._asked.approval
        ):
            return
        self._asked = asked
        self.display = asked is not None
        if asked is not None:
            self._guard()
            self._fill(asked)

    def _fill(self, asked: ApprovalAsked) -> None:
        if not self.children:  # most runs never show a card
            shown = VerticalScroll(self._shown, can_focus=False)
            _ = self.mount(self._question, shown, self._keys)
        self.border_title = f" {sanitise_line(asked.kind)} · {asked.approval[:6]} "
        self._question.update(Content.styled(sanitise(asked.question), "bold"))
        self._shown.update(Content(sanitise(asked.shown)))
        parts: list[str | tuple[str, str]] = [("Tab here, then  ", QUIET)]
        for key, choice in keys_of(asked.choices).items():
            parts += [(key, "bold $warning"), f" {sanitise_line(choice)}   "]
        parts.append(("or anywhere  alt+a   alt+r", QUIET))
        self._keys.update(Content.assemble(*parts))

    def decide(self, choice: str) -> None:
        """Decide, unless the card appeared, or a stray key was hit, only just now."""
        asked = self._asked
        if asked is None or choice not in asked.choices or monotonic() < self._closed_until:
            return
        self._guard()
        _ = self.post_message(self.Decided(asked.approval, choice))

    def _guard(self) -> None:
        self._closed_until = monotonic() + GUARD

    def on_key(self, event: events.Key) -> None:
        if self._asked is None:
            return
        choice = keys_of(self._asked.choices).get(event.character or "")
        if choice is not None:
            self.decide(choice)
        elif event.key == "escape":
            _ = self.post_message(self.Returned(""))
        elif event.key in {"space", "enter"}:
            self._guard()
        elif event.is_printable and event.character:
            self._guard()
            _ = self.post_message(self.Returned(event.character))
        else:
            return
        _ = event.stop()
        event.prevent_default()
