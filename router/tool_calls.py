"""Tool calls as a service sent them, bounded before anything is kept of them or done with them."""

import re
from typing import Final

import msgspec

from router.providers.base import ToolCallPart

LARGEST: Final = 2_000_000
"""Characters of one call's arguments."""
TOGETHER: Final = 8_000_000
"""Of all calls of one answer."""
MOST: Final = 128
"""Calls of one answer."""
_KEPT: Final = 1_000
_NO_NAME: Final = re.compile(r"[^A-Za-z0-9_-]+")
_NAME: Final = 64
"""Characters of a name, as the strictest service takes it back with the history."""
_MARK: Final = '{"too_long":'


class _TooLong(msgspec.Struct, frozen=True):
    too_long: int
    begins: str


class ToolCalls:
    """Those of one answer."""

    def __init__(self) -> None:
        self.calls: list[ToolCallPart] = []
        self.cut_off = False
        """There were more than anybody would run."""
        self._characters = 0

    def take(self, call: ToolCallPart) -> None:
        if len(self.calls) == MOST:
            self.cut_off = True
            return
        arguments = call.arguments
        self._characters += len(arguments)
        if len(arguments) > LARGEST or self._characters > TOGETHER:
            self._characters -= len(arguments)
            arguments = _shortened(arguments)
        name = _NO_NAME.sub("_", call.name)[:_NAME] or "unnamed"
        self.calls.append(ToolCallPart(call.call, name, arguments, call.opaque))


def too_long(call: ToolCallPart) -> str:
    """What the model is told of a call whose arguments were not kept; empty for all others."""
    if not call.arguments.startswith(_MARK):
        return ""
    return (
        f"The arguments of {call.name} were too long, and nothing was done: at most {LARGEST:,} "
        f"characters for a call, {TOGETHER:,} for all calls of an answer. Take smaller steps."
    )


def _shortened(arguments: str) -> str:
    begins = arguments[:_KEPT].encode(errors="replace").decode()
    return msgspec.json.encode(_TooLong(len(arguments), begins)).decode()
