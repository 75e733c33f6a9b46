"""What waits to be written: appended events, in order, with neighbouring text merged."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar, cast

import msgspec

from store.errors import StoreClosed, StoreError
from store.events import (
    AnyEvent,
    ApprovalAsked,
    ApprovalGiven,
    Entry,
    PromptSubmitted,
    ReasoningDelta,
    SessionStarted,
    TextDelta,
    UsageReserved,
    encode,
)
from store.ticket import Ticket

if TYPE_CHECKING:
    from store.subscription import Hub, Subscription
    from store.transaction import Transaction

TEXT_WAITS: Final = 0.2
"""Seconds that streamed text may wait for more of it."""
_RETRY_AFTER: Final = 1.0
_BATCH: Final = 1000
"""Events in one transaction, so that other processes get their turn."""
_KEPT: Final = 20_000
"""Events held in memory while the disk takes none."""

_INTENTS: Final = (SessionStarted, PromptSubmitted, UsageReserved, ApprovalAsked, ApprovalGiven)
"""What must be on disk before anything follows from it. Whoever appends one waits, and goes no
further if the disk refuses it. Every other event tells what has happened anyway."""

Delta: TypeAlias = TextDelta | ReasoningDelta
_DELTA: Final = (TextDelta, ReasoningDelta)
T = TypeVar("T")


def is_delta(event: AnyEvent) -> bool:
    return isinstance(event, _DELTA)


class TextRun:
    """Neighbouring deltas of one reply, joined when somebody asks for them."""

    __slots__ = ("_first", "_length", "_parts")

    def __init__(self, first: Delta) -> None:
        self._first = first
        self._parts = [first.text]
        self._length = len(first.text)

    def extend(self, event: AnyEvent) -> bool:
        """Take in a delta that goes on exactly where this run ends; False for anything else."""
        first = self._first
        if (
            not isinstance(event, _DELTA)
            or type(event) is not type(first)
            or event.reply != first.reply
            or event.offset != first.offset + self._length
        ):
            return False
        self._parts.append(event.text)
        self._length += len(event.text)
        return True

    def joined(self) -> Delta:
        if len(self._parts) == 1:
            return self._first
        return msgspec.structs.replace(self._first, text="".join(self._parts))


class Item:
    """One event on its way to the disk."""

    __slots__ = ("_body", "_event", "_run", "at", "seq", "session", "shown")

    def __init__(self, session: str | None, at: int, event: AnyEvent, body: bytes) -> None:
        self.session = session
        self.at = at
        self.seq: int | None = None
        """Its number, 0 if the journal already held its like, `None` while it isn't written."""
        self.shown = False
        self._event = event
        self._body = body
        self._run = TextRun(event) if isinstance(event, _DELTA) else None

    @property
    def event(self) -> AnyEvent:
        return self._run.joined() if self._run else self._event

    @property
    def body(self) -> bytes:
        return encode(self._run.joined()) if self._run else self._body

    @property
    def durable(self) -> bool:
        return self._event.durable

    @property
    def is_intent(self) -> bool:
        return isinstance(self._event, _INTENTS)

    def extend(self, event: AnyEvent) -> bool:
        return self._run is not None and self._run.extend(event)


@dataclass(slots=True)
class Append:
    """One call of `Journal.append`. Its events go down together or not at all."""

    ticket: Ticket[tuple[int, ...]] | None
    items: list[Item] = field(default_factory=list[Item])
    """One for each event of the call; a merged delta shares its item with an earlier call."""
    fresh: list[Item] = field(default_factory=list[Item])
    """The items that this call brought."""
    joins: bool = False
    """Its first event was merged into an earlier call, which must go down with it."""


@dataclass(slots=True)
class Batch:
    appends: list[Append]

    @property
    def items(self) -> list[Item]:
        return [item for append in self.appends for item in append.fresh]

    @property
    def durable(self) -> bool:
        return any(item.durable for item in self.items)


@dataclass(slots=True)
class Command:
    """Something for the writer to do by itself, in a transaction of its own."""

    run: Callable[["Transaction"], object]
    ticket: Ticket[object]
    session: str | None = None
    holds: bool = False
    """It may write events of `session`: what is appended after it is shown after it."""


@dataclass(slots=True)
class Mark:
    """A place in the order: everything appended before it is on disk when it is reached."""

    ticket: Ticket[int]
    done: Callable[[int], None]
    first: bool
    """Nobody listened before, so there is nothing to catch up with."""


Work: TypeAlias = Append | Command | Mark


class Backlog:
    """The queue between everybody and the writer thread. Safe from any thread.

    Its lock also guards who has seen what: an event is shown to this process's subscribers in
    the order in which it was appended, at once where that is safe, else after its commit.
    """

    def __init__(self, hub: "Hub") -> None:
        self.hub = hub
        self._changed = threading.Condition()
        self._queue: deque[Work] = deque()
        self._last: dict[str | None, Item] = {}
        self._unshown: Counter[str | None] = Counter()
        self._urgent = 0
        self._oldest = 0.0
        self._closing = False
        self._broken: StoreError | None = None

    # --- for everybody ---

    def append(
        self, session: str | None, at: int, events: Sequence[tuple[AnyEvent, bytes]]
    ) -> Ticket[tuple[int, ...]]:
        ticket: Ticket[tuple[int, ...]] = Ticket()
        append = Append(ticket)
        with self._changed:
            self._check_open()
            for event, body in events:
                self._admit(append, session, at, event, body)
            self._enqueue(append, urgent=not all(is_delta(event) for event, _ in events))
        return ticket

    def command(
        self,
        run: Callable[["Transaction"], T],
        *,
        session: str | None = None,
        holds: bool = False,
    ) -> Ticket[T]:
        ticket: Ticket[T] = Ticket()
        with self._changed:
            self._check_open()
            if holds:
                self._unshown[session] += 1
            erased = cast(Ticket[object], ticket)
            self._enqueue(Command(run, erased, session, holds), urgent=True)
        return ticket

    def enlist(self, subscription: "Subscription", sessions: Iterable[str | None]) -> Ticket[int]:
        """Let a subscription collect what is appended from here on."""
        ticket: Ticket[int] = Ticket()
        sessions = tuple(sessions)
        with self._changed:
            self._check_open()
            first = not self.hub
            subscription.expect(sessions)
            self.hub.join(subscription)
            done = partial(subscription.started, sessions)
            self._enqueue(Mark(ticket, done, first), urgent=True)
        return ticket

    def dismiss(self, subscription: "Subscription") -> None:
        with self._changed:
            self.hub.leave(subscription)

    def show(self, entries: Sequence[Entry]) -> None:
        with self._changed:
            for entry in entries:
                self.hub.publish(entry)

    def close(self) -> None:
        """Let the writer finish what is queued and stop."""
        with self._changed:
            self._closing = True
            self._changed.notify()

    def end(self) -> None:
        """Nothing more will happen: subscriptions end."""
        with self._changed:
            self.hub.end()

    # --- for the writer ---

    def take(self, timeout: float | None) -> Batch | Command | Mark | None:
        """The next work that is due, or `None` when there was none in time.

        Args:
            timeout: seconds, or `None` to wait as long as it takes.

        Raises:
            StoreClosed: the backlog is closed and empty.
        """
        with self._changed:
            self._wait_until_due(timeout)
            if not self._queue:
                if self._closing:
                    raise StoreClosed("The store is closed.")
                return None
            if not self._due():
                return None
            self._last.clear()
            return self._pop()

    def committed(self, batch: Batch) -> None:
        with self._changed:
            for item in batch.items:
                self._show_written(item)
        for append in batch.appends:
            if append.ticket is not None:
                append.ticket.resolve(tuple(item.seq or 0 for item in append.items))

    def failed(self, batch: Batch, error: BaseException, *, keep: bool) -> None:
        """Tell the callers. What has happened anyway is shown, and if `keep` tried again later."""
        with self._changed:
            for item in batch.items:
                if not item.shown and not item.is_intent:
                    self.hub.publish(Entry(0, item.at, item.session, item.event))
                self._release(item)
            if keep:
                self._keep([item for item in batch.items if not item.is_intent])
        for append in batch.appends:
            if append.ticket is not None:
                append.ticket.fail(error)

    def finished(self, command: Command, entries: Sequence[Entry]) -> None:
        """Show what a command has written and let what was queued behind it be seen."""
        with self._changed:
            for entry in entries:
                self.hub.publish(entry)
            if command.holds:
                self._unhold(command.session)

    def break_off(self, error: StoreError) -> None:
        """The writer can't go on: nobody may wait for it."""
        with self._changed:
            self._broken = error
            queue, self._queue = self._queue, deque()
        for work in queue:
            if work.ticket is not None:
                work.ticket.fail(error)

    # --- inside the lock ---

    def _check_open(self) -> None:
        if self._broken is not None:
            raise self._broken
        if self._closing:
            raise StoreClosed("The store is closed; nothing more can be written to it.")

    def _admit(
        self, append: Append, session: str | None, at: int, event: AnyEvent, body: bytes
    ) -> None:
        shown = not event.durable and not self._unshown[session]
        last = self._last.get(session)
        if last is not None and last.shown == shown and last.extend(event):
            append.joins = append.joins or not append.items
            append.items.append(last)
        else:
            item = self._last[session] = Item(session, at, event, body)
            item.shown = shown
            append.items.append(item)
            append.fresh.append(item)
            if not shown:
                self._unshown[session] += 1
        if shown:
            self.hub.publish(Entry(0, at, session, event))

    def _enqueue(self, work: Work, *, urgent: bool) -> None:
        if not self._queue:
            self._oldest = time.monotonic()
            self._changed.notify()
        elif urgent and not self._urgent:
            self._changed.notify()
        self._urgent += urgent
        self._queue.append(work)

    def _due(self) -> bool:
        return bool(self._urgent or self._closing or time.monotonic() >= self._oldest + TEXT_WAITS)

    def _wait_until_due(self, timeout: float | None) -> None:
        deadline = None if timeout is None else time.monotonic() + timeout
        while not (self._queue and self._due()) and not (self._closing and not self._queue):
            limits = [] if deadline is None else [deadline]
            if self._queue:
                limits.append(self._oldest + TEXT_WAITS)
            pause = min(limits) - time.monotonic() if limits else None
            if deadline is not None and time.monotonic() >= deadline:
                return
            self._changed.wait(pause)

    def _pop(self) -> Batch | Command | Mark:
        first = self._queue.popleft()
        if not isinstance(first, Append):
            self._recount()
            return first
        appends, size = [first], len(first.fresh)
        while self._queue:
            following = self._queue[0]
            if not isinstance(following, Append) or (size >= _BATCH and not following.joins):
                break
            self._queue.popleft()
            appends.append(following)
            size += len(following.fresh)
        self._recount()
        return Batch(appends)

    def _recount(self) -> None:
        # What is left had something urgent before it or is urgent itself: don't make it wait.
        self._urgent = len(self._queue)

    def _show_written(self, item: Item) -> None:
        if not item.shown and item.seq:
            self.hub.publish(Entry(item.seq, item.at, item.session, item.event))
        self._release(item)

    def _release(self, item: Item) -> None:
        if not item.shown:
            item.shown = True
            self._unhold(item.session)

    def _unhold(self, session: str | None) -> None:
        self._unshown[session] -= 1
        if not self._unshown[session]:
            del self._unshown[session]

    def _keep(self, items: list[Item]) -> None:
        waiting = sum(len(work.fresh) for work in self._queue if isinstance(work, Append))
        items = items[: max(0, _KEPT - waiting)]
        if items and not self._closing:
            self._queue.appendleft(Append(None, [], items))
            self._oldest = time.monotonic() + _RETRY_AFTER
