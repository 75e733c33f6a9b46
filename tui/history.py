"""Earlier prompts: walked with the arrows, searched with ctrl+r."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from store.events import PromptSubmitted

if TYPE_CHECKING:
    from store.opening import Store

SESSIONS: Final = 20
PROMPTS: Final = 500


class History:
    """Prompts, oldest first, and a place among them. The draft is the place after the last."""

    def __init__(self) -> None:
        self._prompts: list[str] = []
        self._at: int | None = None
        self._draft = ""

    @property
    def prompts(self) -> tuple[str, ...]:
        return tuple(self._prompts)

    def add_older(self, prompts: Iterable[str]) -> None:
        known = set(self._prompts)
        self._prompts = [p for p in dict.fromkeys(prompts) if p not in known] + self._prompts

    def add(self, prompt: str) -> None:
        self._at = None
        if prompt.strip() and (not self._prompts or self._prompts[-1] != prompt):
            self._prompts.append(prompt)

    def walk(self, step: int, draft: str) -> str | None:
        """The prompt `step` places on, or `None` where there is none. `draft` is what is typed:
        it is there again at the end of the way."""
        if self._at is None or draft != self._prompts[self._at]:
            self._at, self._draft = None, draft
        at = len(self._prompts) if self._at is None else self._at
        at += step
        if not 0 <= at <= len(self._prompts) or (step > 0 and self._at is None):
            return None
        self._at = at if at < len(self._prompts) else None
        return self._draft if self._at is None else self._prompts[at]


def earlier_prompts(store: "Store") -> list[str]:
    """What was typed in the latest chats, oldest first. Blocks: call it in a thread."""
    prompts: list[str] = []
    for row in store.sessions.list(limit=SESSIONS, kind="chat"):
        page = store.sessions.window(row.id, 60)
        entries = store.journal.read(row.id, after=page.start_seq - 1, deltas=False)
        typed = [e.event.text for e in entries if isinstance(e.event, PromptSubmitted)]
        prompts = typed + prompts
        if len(prompts) >= PROMPTS:
            break
    return [prompt for prompt in prompts if prompt.strip()][-PROMPTS:]
