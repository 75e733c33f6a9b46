"""The engine at work behind the screen: opened after the first paint, closed after the last.

Lives in one asyncio task of its own, so that the engine's tasks end where they began and no widget
owns any of them.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

from router.clock import now_ms
from router.view import View
from store.errors import SessionBusy
from store.events import ApprovalAsked, Entry
from tui.deck import Deck
from tui.watched import watched

if TYPE_CHECKING:
    from router.engine import Engine
    from store.opening import Store
    from store.subscription import Subscription
    from tui.options import Options

_LATEST = 100
"""Sessions that are looked at for something that waits."""

log = logging.getLogger(__name__)


class Live:
    """Holds the engine, the deck it fills, and the subscription between the two."""

    def __init__(self, options: "Options") -> None:
        self.options = options
        self.on_change: Callable[[], None] = lambda: None
        """Called when any view is another one."""
        self.on_failure: Callable[[BaseException], None] = _raise
        """Called when the views can no longer be brought up to date."""
        self.deck = Deck(View(session="", workspace=str(options.workspace)))
        self.notices: tuple[str, ...] = ()
        self.elsewhere = ""
        """What waits for the user in chats that were not opened, in a sentence."""
        self._engine: Engine | None = None
        self._subscription: Subscription | None = None
        self._ready = asyncio.Event()
        self._stop = asyncio.Event()

    @property
    def engine(self) -> "Engine":
        """The engine; only once `ready`."""
        if self._engine is None:
            raise RuntimeError("the engine has not started")
        return self._engine

    def now(self) -> int:
        """The time on the wall, in milliseconds."""
        return now_ms()

    @property
    def is_ready(self) -> bool:
        return self._ready.is_set()

    async def ready(self) -> None:
        _ = await self._ready.wait()

    def stop(self) -> None:
        self._stop.set()

    async def run(self) -> None:
        """Open the store, run the engine until `stop`, close both.

        Raises:
            StoreError: the store can't be used; the message is a sentence for the user.
        """
        store = await asyncio.to_thread(_open_store, self.options)
        try:
            self.notices = store.notices
            await self._run_engine(store)
        finally:
            await asyncio.to_thread(store.close)

    async def _run_engine(self, store: "Store") -> None:
        engine_type = await asyncio.to_thread(_engine_type)
        options = self.options
        engine = engine_type(options.config, store, options.places, workspace=options.workspace)
        async with engine:
            self._engine = engine
            await self._first_session()
            self.elsewhere = await asyncio.to_thread(self._elsewhere)
            self._ready.set()
            self.on_change()
            _ = await self._stop.wait()
            if self._subscription is not None:
                self._subscription.close()

    def _elsewhere(self) -> str:
        """What waits for the user in chats that are not shown."""
        rows = self.engine.store.sessions.list(limit=_LATEST, parents_only=False)
        chats = [
            row.parent for row in rows if row.waiting and row.parent not in (None, self.deck.chat)
        ]
        if not chats:
            return ""
        waits = "1 task waits" if len(chats) == 1 else f"{len(chats)} tasks wait"
        return f"{waits} for you in another chat: ctrl+s, or butler --session {chats[0]}"

    # --- which chat is shown ---

    async def begin(self) -> None:
        """Show a new chat; nothing is written before its first prompt."""
        session = self.engine.begin()
        await self._listen_to(session, self._blank(session))

    async def open(self, session: str) -> None:
        """Show a chat of the store.

        Raises:
            SessionNotFound: there is none of this id.
            SessionBusy: another program writes it; it can be forked.
        """
        row = await asyncio.to_thread(self.engine.store.sessions.get, session)
        await self._listen_to(row.id, self.engine.open(row.id))

    async def open_task(self, session: str) -> None:
        """Hold the view of a session that was spawned earlier, so that it can have a tab."""
        if self.deck.get(session) is None:
            if self._subscription is not None:
                _ = await self._subscription.add(session)
            self.deck.put(await self.engine.open(session))
            self.on_change()

    async def earlier(self, session: str) -> None:
        """Put older messages before those a view holds."""
        view = self.deck.get(session)
        if view is not None and view.earlier:
            self.deck.put_earlier(await self.engine.earlier(view))
            self.on_change()

    async def _blank(self, session: str) -> View:

        house = self.engine.house
        return View(session=session, workspace=str(self.options.workspace), house=house)

    async def _listen_to(self, session: str, loading: Awaitable[View]) -> None:
        """Subscribe, then read: what happens in between comes twice, and the fold minds that."""
        subscription = self.engine.subscribe(session)
        try:
            _ = await subscription.start
            view = await loading
            children = [task.session for task in view.tasks if task.ended_at is None]
            if children:
                _ = await subscription.add(*children)
                # Once more: what a dead program left open may have been ended meanwhile, unheard.
                view = await self.engine.open(session)
            asking = await asyncio.to_thread(self._asking, session)
            waiting = [child for session in asking if (child := await self._load(session))]
        except BaseException:
            subscription.close()
            raise
        if self._subscription is not None:
            self._subscription.close()
        self._subscription, self.deck = subscription, Deck(view)
        for child in waiting:
            self.deck.put(child)
        taking_in = self._take_in(subscription, self.deck)
        self._pump = watched(taking_in, "pump", self.on_failure)
        self.on_change()

    def _asking(self, session: str) -> list[str]:
        """Spawned sessions with an open question, whatever else their state is."""
        return [row.id for row in self.engine.store.sessions.children(session) if row.waiting]

    async def _take_in(self, subscription: "Subscription", deck: Deck) -> None:
        async for entries in subscription:
            changed = deck.fold(entries)
            for session in _asking_unseen(entries, deck):
                if child := await self._load(session):
                    deck.put(child)
                    changed = True
            if changed:
                self.on_change()

    async def _load(self, session: str) -> View | None:
        """A spawned session that waits for the user, with its card; `None` if another program has
        it, whose user is asked there."""
        try:
            return await self.engine.open(session)
        except SessionBusy:
            log.info("session %s is another program's: its questions are asked there", session)
            return None

    async def _first_session(self) -> None:
        session = self.options.session
        if session is None and self.options.resume_last:
            rows = await asyncio.to_thread(self.engine.store.sessions.list, kind="chat")
            here = str(self.options.workspace)
            session = next((row.id for row in rows if row.workspace == here), None)
        await (self.open(session) if session else self.begin())


def _asking_unseen(entries: Iterable[Entry], deck: Deck) -> set[str]:
    """Sessions that ask the user something while no view of them is held."""
    return {
        entry.session
        for entry in entries
        if entry.session and isinstance(entry.event, ApprovalAsked)
        if deck.get(entry.session) is None
    }


def _raise(error: BaseException) -> None:
    raise error


def _open_store(options: "Options") -> "Store":
    from store.opening import Store

    return Store.open(options.places.data)


def _engine_type() -> "type[Engine]":
    """Imported in a thread: the screen is up already and must not wait for it."""
    from router.engine import Engine

    return Engine
