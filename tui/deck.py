"""The views the screen holds: a chat and what was spawned from it, folded together."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from router.fold import fold
from router.view import View
from store.events import ApprovalAsked, Entry, SessionStarted


class Asking(NamedTuple):
    """A question to the user, and the session that has it."""

    view: View
    asked: ApprovalAsked


class Deck:
    """Views by session, the chat first. Knows no widget, no engine and no clock."""

    def __init__(self, chat: View) -> None:
        self.chat = chat.session
        self._views: dict[str, View] = {chat.session: chat}

    @property
    def views(self) -> Mapping[str, View]:
        return self._views

    @property
    def main(self) -> View:
        return self._views[self.chat]

    def get(self, session: str) -> View | None:
        return self._views.get(session)

    def asking(self, first: str) -> list[Asking]:
        """What waits for the user: of the session `first`, then of the chat, then of the others."""
        waiting = [view for view in self._views.values() if view.approvals]
        waiting.sort(key=lambda view: (view.session != first, view.session != self.chat))
        return [Asking(view, asked) for view in waiting for asked in view.approvals]

    def put(self, view: View) -> None:
        """Hold a view, or replace the one of its session."""
        self._views[view.session] = view

    def put_earlier(self, longer: View) -> None:
        """Take the older messages of `longer`, an earlier state of a view that is held."""
        view = self._views.get(longer.session)
        if view is None:
            return
        known = {message.id for message in view.messages}
        older = tuple(message for message in longer.messages if message.id not in known)
        self._views[view.session] = replace(
            view,
            messages=(*older, *view.messages),
            earlier=longer.earlier,
            routes={**longer.routes, **view.routes},
        )

    def drop(self, session: str) -> None:
        if session != self.chat:
            _ = self._views.pop(session, None)

    def fold(self, entries: Iterable[Entry]) -> bool:
        """Take entries in. Returns whether any view is another one now."""
        changed = False
        for entry in entries:
            changed |= self._fold(entry)
        return changed

    def _fold(self, entry: Entry) -> bool:
        event, session = entry.event, entry.session
        if session and isinstance(event, SessionStarted) and event.parent in self._views:
            _ = self._views.setdefault(session, View(session=session, house=self.main.house))
        changed = False
        for name, view in self._views.items():
            folded = fold(view, entry)
            if folded is not view:
                self._views[name] = folded
                changed = True
        return changed

    def copy(self) -> "Deck":
        """Another deck with the same views; they are immutable, so this is cheap."""
        other = Deck(self.main)
        other._views = dict(self._views)
        return other
