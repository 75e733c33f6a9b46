"""The fold's hold on messages: finding one among those that are shown, adding and changing one."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from router.view import WINDOW, Message, View
from store.events import Entry

Step = Callable[[View, Entry, Any], View]
"""The view after an event of one type, which comes last."""


def with_message(view: View, message: Message) -> View:
    if find(view, message.id) is not None:
        return view
    messages = (*view.messages, message)
    over = max(0, len(messages) - WINDOW)
    # Counted as the store counts: a note is no message of its own there.
    dropped = sum(1 for old in messages[:over] if old.role != "note")
    return replace(view, messages=messages[over:], earlier=view.earlier + dropped)


def find(view: View, message_id: str) -> int | None:
    """Index of a message; what changes is nearly always among the last few."""
    for index in range(len(view.messages) - 1, -1, -1):
        if view.messages[index].id == message_id:
            return index
    return None


def change(view: View, message_id: str, how: Callable[[Message], Message]) -> View:
    index = find(view, message_id)
    if index is None:
        return view
    messages = view.messages
    changed = how(messages[index])
    return replace(view, messages=(*messages[:index], changed, *messages[index + 1 :]))
