"""Pasted text is text, whatever it holds.

Textual's parser takes an escape character within a bracketed paste for the beginning of a key, and
hands what follows to the program as keys pressed: a paste could send, quit, or open an editor.
Most terminals strip such characters from what is pasted; tmux and some others don't.

It also reads a paste character by character: two megabytes would take it seconds. So it gets the
marks around a paste only, and the text goes by a shorter way.
"""

import codecs
import sys
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from textual import events
from textual._xterm_parser import XTermParser
from textual.message import Message

_START: Final = "\x1b[200~"
_END: Final = "\x1b[201~"
_SHOWN: Final = "␛"


class PasteGuard:
    """Takes what is pasted out of the input, and makes escape characters in it visible."""

    def __init__(self) -> None:
        self.pasted: deque[str] = deque()
        """Pastes that are complete, oldest first: one for each pair of marks passed on."""
        self._pieces: list[str] = []
        self._inside = False
        self._held = ""
        self._recent = ""
        """The last characters that were passed on: a paste's beginning may be cut in two by the
        size of what is read at once, and an escape key must not wait for what comes next."""

    def filter(self, data: str) -> str:
        """The input less the text of pastes. A few characters are held back while they could
        still become the end of one."""
        data = self._held + data
        self._held = ""
        safe: list[str] = []
        while data:
            data = self._pasted(data, safe) if self._inside else self._typed(data, safe)
        return "".join(safe)

    def _typed(self, data: str, safe: list[str]) -> str:
        known = self._recent + data
        before, start, rest = known.partition(_START)
        passed = before + start
        safe.append(passed[len(self._recent) :])
        self._inside = bool(start)
        self._recent = "" if start else passed[-(len(_START) - 1) :]
        return rest

    def _pasted(self, data: str, safe: list[str]) -> str:
        before, end, rest = data.partition(_END)
        if end:
            self._inside = False
        else:
            # The end marker may be cut in two by the size of what is read at once.
            cut = _beginning(before)
            before, self._held = before[: len(before) - cut], before[len(before) - cut :]
        self._pieces.append(before.replace("\x1b", _SHOWN).replace("\0", ""))
        if end:
            self.pasted.append("".join(self._pieces))
            self._pieces.clear()
            safe.append(end)
        return rest


def _beginning(text: str) -> int:
    """Characters at the end of a text that could begin the end of a paste."""
    for size in range(min(len(_END) - 1, len(text)), 0, -1):
        if text.endswith(_END[:size]):
            return size
    return 0


class GuardedParser(XTermParser):
    """Textual's parser behind a guard."""

    def __init__(self, debug: bool = False) -> None:
        super().__init__(debug)
        self._guard = PasteGuard()

    def feed(self, data: str) -> Iterator[Message]:
        safe = self._guard.filter(data)
        # Nothing at all means the end of the input to the parser: not so if it is only held back.
        for event in () if data and not safe else super().feed(safe):
            if isinstance(event, events.Paste):
                yield events.Paste(self._guard.pasted.popleft())
            else:
                yield event


def _forgiving(encoding: str) -> Callable[[], codecs.IncrementalDecoder]:
    """`codecs.getincrementaldecoder`, but what is no text becomes the character that says so."""
    return partial(codecs.getincrementaldecoder(encoding), errors="replace")


def guard() -> None:
    """Have Textual's driver for this platform read through the guard."""
    if sys.platform == "win32":
        from textual.drivers import win32 as driver
    else:
        from textual.drivers import linux_driver as driver
    # The driver makes its parser by this name within a method that also reads the terminal: to
    # replace the name is the smallest way in.
    driver.XTermParser = GuardedParser  # pyright: ignore[reportPrivateImportUsage]
    # And without a fault over bytes that are no text: they would end the thread that reads.
    if hasattr(driver, "getincrementaldecoder"):
        driver.getincrementaldecoder = _forgiving  # pyright: ignore[reportPrivateImportUsage, reportAttributeAccessIssue]
