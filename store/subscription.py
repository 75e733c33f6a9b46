"""Listening to the journal from an event loop."""

import asyncio
import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from store.backlog import TextRun
from store.events import AnyEvent, Entry, ReasoningDelta, TextDelta
from store.ticket import Ticket


class _Pending:
    """An entry a reader has not taken yet; text goes on growing in it."""

    __slots__ = ("_entry", "_run", "seq")

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        self.seq = entry.seq
        event = entry.event
        self._run = TextRun(event) if isinstance(event, TextDelta | ReasoningDelta) else None

    @property
    def session(self) -> str | None:
        return self._entry.session

    def extend(self, seq: int, event: AnyEvent) -> bool:
        if self._run is None or (not seq) != (not self.seq) or not self._run.extend(event):
            return False
        self.seq = seq
        return True

    def taken(self) -> Entry:
        event = self._entry.event if self._run is None else self._run.joined()
        return Entry(self.seq, self._entry.at, self._entry.session, event)


class Subscription:
    """What happens from now on in some sessions and in the house, for one reader.

    `async for batch in subscription` yields everything that is pending, at least one entry; it
    ends when the subscription or the store is closed. While the reader is away, neighbouring
    pieces of one reply's text are merged, so what waits is bounded by the number of events that
    aren't text. Those are never dropped.
    """

    def __init__(
        self,
        enlist: Callable[["Subscription", Iterable[str | None]], Ticket[int]],
        leave: Callable[["Subscription"], None],
        sessions: Iterable[str | None],
    ) -> None:
        self._enlist = enlist
        self._leave = leave
        self._lock = threading.Lock()
        self._pending: list[_Pending] = []
        self._last: dict[str | None, _Pending] = {}
        self._starts: dict[str | None, int | None] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake: asyncio.Event | None = None
        self._waking = False
        self._closed = False
        self.start: Ticket[int] = enlist(self, sessions)
        """Where the subscription begins: it yields exactly what comes after this number, so
        `journal.read(..., before=start + 1)` and then the subscription miss nothing."""

    # --- for the reader ---

    def add(self, *sessions: str) -> Ticket[int]:
        """Also listen to these, from the number on that the ticket gives."""
        return self._enlist(self, sessions)

    def discard(self, *sessions: str) -> None:
        """No longer listen to these. What is pending stays."""
        with self._lock:
            for session in sessions:
                self._starts.pop(session, None)
        self._signal()

    def close(self) -> None:
        self._leave(self)
        self.end()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[Entry]:
        wake = self._listen()
        while True:
            self._waking = False
            wake.clear()
            batch = self._take()
            if batch:
                return batch
            if self._closed:
                raise StopAsyncIteration
            await wake.wait()

    # --- for the journal ---

    def expect(self, sessions: Iterable[str | None]) -> None:
        """Begin to collect entries of these; nothing is handed out until `started`."""
        with self._lock:
            for session in sessions:
                self._starts.setdefault(session, None)

    def started(self, sessions: Iterable[str | None], seq: int) -> None:
        """Entries of these up to `seq` are the past and none of the reader's business."""
        with self._lock:
            fresh = {s for s in sessions if s in self._starts and self._starts[s] is None}
            self._starts.update(dict.fromkeys(fresh, seq))
            self._pending = [
                entry
                for entry in self._pending
                if not (entry.session in fresh and 0 < entry.seq <= seq)
            ]
            self._last.clear()
        self._signal()

    def wants(self, session: str | None) -> bool:
        return session in self._starts

    def push(self, entry: Entry) -> None:
        with self._lock:
            if entry.session not in self._starts or self._closed:
                return
            start = self._starts[entry.session]
            if start is not None and 0 < entry.seq <= start:
                return
            last = self._last.get(entry.session) if start is not None else None
            if last is not None and last.extend(entry.seq, entry.event):
                return
            pending = self._last[entry.session] = _Pending(entry)
            self._pending.append(pending)
        self._signal()

    def end(self) -> None:
        """The reader takes what is pending; then its iteration ends."""
        with self._lock:
            self._closed = True
        self._signal()

    def _listen(self) -> asyncio.Event:
        loop = asyncio.get_running_loop()
        if self._wake is None or self._loop is not loop:
            self._loop, self._wake = loop, asyncio.Event()
        return self._wake

    def _take(self) -> list[Entry]:
        with self._lock:
            if None in self._starts.values() and not self._closed:
                return []
            pending, self._pending = self._pending, []
            self._last.clear()
        return [entry.taken() for entry in pending]

    def _signal(self) -> None:
        loop, wake = self._loop, self._wake
        if loop is None or wake is None or self._waking:
            return
        self._waking = True
        try:
            loop.call_soon_threadsafe(wake.set)
        except RuntimeError:
            # The loop is closed: there is no reader any more.
            self._loop = None


class Hub:
    """The subscriptions of one process. The backlog's lock guards it."""

    def __init__(self) -> None:
        self._subscriptions: list[Subscription] = []

    def __bool__(self) -> bool:
        return bool(self._subscriptions)

    def join(self, subscription: Subscription) -> None:
        if subscription not in self._subscriptions:
            self._subscriptions.append(subscription)

    def leave(self, subscription: Subscription) -> None:
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)

    def wants(self, session: str | None) -> bool:
        return any(subscription.wants(session) for subscription in self._subscriptions)

    def publish(self, entry: Entry) -> None:
        for subscription in self._subscriptions:
            subscription.push(entry)

    def end(self) -> None:
        subscriptions, self._subscriptions = self._subscriptions, []
        for subscription in subscriptions:
            subscription.end()
