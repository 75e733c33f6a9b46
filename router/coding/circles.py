"""Noticing that a model goes round in circles: endless loops cost money."""

from typing import Final

import msgspec

from router.coding.sentences import FAILING, REPEATED
from router.providers.base import ToolCallPart, ToolResultPart

_SAME: Final = 3
"""Equal calls with equal results in a row, after which the model is told."""

_FAILED: Final = 5
"""Failed calls in a row, likewise."""

_PATIENCE: Final = 3
"""More failed calls that it may make once it has been told."""


class Circles:
    """What the last calls have in common. Judged after each step, so that calls made at once get
    one warning."""

    def __init__(self) -> None:
        self._last: tuple[object, ...] = ()
        self._name = ""
        self._same = 0
        self._failed = 0
        self._told_same = 0
        self._told_failed = 0

    def saw(self, call: ToolCallPart, result: ToolResultPart) -> None:
        this = (call.name, _normal(call.arguments), result.text, result.failed)
        if this == self._last:
            self._same += 1
        else:
            self._last, self._name = this, call.name
            self._same, self._told_same = 1, 0
        self._failed = self._failed + 1 if result.failed else 0
        self._told_failed = self._told_failed if result.failed else 0

    @property
    def closed(self) -> bool:
        """Whether it was told and went on all the same."""
        return bool(
            (self._told_same and self._same > self._told_same)
            or (self._told_failed and self._failed >= self._told_failed + _PATIENCE)
        )

    def warning(self) -> str:
        """What the model should be told now, once; empty while there is nothing."""
        if self._same >= _SAME and not self._told_same:
            self._told_same = self._same
            return REPEATED.format(name=self._name[:80], times=self._same)
        if self._failed >= _FAILED and not self._told_failed:
            self._told_failed = self._failed
            return FAILING.format(times=self._failed)
        return ""


def _normal(arguments: str) -> bytes:
    """The same for arguments that differ in blanks and order only."""
    try:
        decoded = msgspec.json.decode(arguments)
        return msgspec.json.encode(decoded, order="sorted")
    except (msgspec.MsgspecError, RecursionError):
        return arguments.encode("utf-8", "replace")
