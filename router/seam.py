"""Joining two models' halves of one answer."""

import re
from typing import Final

_LONGEST: Final = 400
"""Characters of an overlap that are looked for."""
_SHORTEST: Final = 12
"""Below this an equal beginning is as likely a coincidence ("the ", "  ")."""
_FENCE: Final = re.compile(r"^ {0,3}(`{3,}|~{3,})([^`\n]*)$", re.MULTILINE)


class Joint:
    """Trims what the continuing model repeats of what is already there.

    Text is held back until it is clear whether it is a repetition: at most `_LONGEST` characters,
    and not at all once the beginning differs from the end of the partial answer.
    """

    def __init__(self, partial: str) -> None:
        self._tail = partial[-_LONGEST:]
        self._open = open_fence(partial)
        self._held = ""
        self._joined = not partial

    def feed(self, text: str) -> str:
        """The part of the text that is new, empty while that is not yet clear."""
        if self._joined:
            return text
        self._held += text
        if self._undecided():
            return ""
        return self.finish()

    def finish(self) -> str:
        """What is still held back: the model has nothing more to say."""
        held, self._held, self._joined = self._held, "", True
        held = self._without_fence(held)
        return held[overlap(self._tail, held) :]

    def _undecided(self) -> bool:
        """Whether more text could still turn what is held into (a longer) repetition."""
        held = self._held
        if len(held) >= _LONGEST:
            return False
        if self._open and held.lstrip()[:1] in ("", "`", "~") and "\n" not in held.lstrip():
            return True
        return held in self._tail

    def _without_fence(self, held: str) -> str:
        """A model that goes on inside a code block often opens it again: one opening is enough."""
        if not self._open:
            return held
        start = held.lstrip()
        match = _FENCE.match(start)
        if match is None or not match[2].strip():
            return held
        rest = start[match.end() :].removeprefix("\n")
        return rest if self._tail.endswith("\n") else "\n" + rest


def overlap(tail: str, head: str) -> int:
    """Characters at the beginning of `head` that repeat the end of `tail`; 0 if too few to be
    more than a coincidence."""
    for size in range(min(len(tail), len(head)), _SHORTEST - 1, -1):
        if tail.endswith(head[:size]):
            return size
    return 0


def open_fence(text: str) -> str:
    """The marker of the code block that is still open at the end of a text, or nothing."""
    marker = ""
    for match in _FENCE.finditer(text):
        if not marker:
            marker = match[1]
        elif match[1].startswith(marker) and not match[2].strip():
            marker = ""
    return marker
