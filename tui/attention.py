"""Getting the user's attention while they look at something else: the bell, and a note that the
terminal shows on the desktop (OSC 9)."""

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final

from store.events import ApprovalAsked
from tui.deck import Deck
from tui.text import sanitise_line

_LONGEST: Final = 120
BELL: Final = "\x07"
_NEEDS: Final = {
    "plan": "a plan is ready",
    "command": "a command waits for approval",
    "write": "a file waits for approval",
    "question": "there is a question for you",
    "changes": "changes are ready",
    "secret": "a prompt holds a secret",
    "reserve": "the reserve may be spent",
}


class Attention:
    """Sees what is new in a deck and tells of it once, unless the user is looking anyway."""

    def __init__(self, write: Callable[[str], None], environ: Mapping[str, str] = os.environ):
        self._write = write
        self._in_tmux = bool(environ.get("TMUX"))
        self._deck: Deck | None = None
        self._known: Collection[str] = ()
        self.away = False
        """The terminal is somebody else's for now, an editor's: what comes is told afterwards."""

    def look(self, deck: Deck, *, in_focus: bool) -> None:
        """Tell of what has come since the last look. What was there when a deck was opened, or
        came before the user's eyes, is not told."""
        if self.away:
            return
        found = dict(_wanting(deck))
        known = found if in_focus or deck is not self._deck else self._known
        new = [says for key, says in found.items() if key not in known]
        self._deck, self._known = deck, found.keys()
        if new:
            more = f", and {len(new) - 1} more" if len(new) > 1 else ""
            self._write(BELL + note(f"Butler: {new[0]}{more}", in_tmux=self._in_tmux))


def note(text: str, *, in_tmux: bool = False) -> str:
    """The sequence that has a terminal show a short text, however hostile the text."""
    text = sanitise_line(text)
    text = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    sequence = f"\x1b]9;{text}\x07"
    if not in_tmux:
        return sequence
    doubled = sequence.replace("\x1b", "\x1b\x1b")
    return f"\x1bPtmux;{doubled}\x1b\\"


def _wanting(deck: Deck) -> Iterator[tuple[str, str]]:
    """What needs the user, by an id that stays: questions, and tasks that have failed."""
    for view in deck.views.values():
        for asked in view.approvals:
            yield f"asked {asked.approval}", _need(asked, view.title)
        for task in view.tasks:
            if task.state == "failed":
                yield f"failed {task.session} {task.ended_at}", f"failed: {task.title}"


def _need(asked: ApprovalAsked, title: str) -> str:
    need = _NEEDS.get(asked.kind, "something waits for you")
    return f"{need}: {title}" if title else need
