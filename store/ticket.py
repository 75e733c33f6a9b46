"""A promise of the writer thread's, for callers on an event loop and off it."""

import asyncio
import threading
from collections.abc import Generator
from concurrent.futures import Future
from typing import Final, Generic, TypeVar

T = TypeVar("T")

_lock: Final = threading.Lock()
"""One for all tickets: it is held for a few instructions, and most tickets are never waited for."""


class Ticket(Generic[T]):
    """What the writer will answer. Await it, or `wait()` for it on a plain thread.

    Giving up waiting takes nothing back: what was asked is still done.
    """

    __slots__ = ("_error", "_future", "_value", "done")

    def __init__(self) -> None:
        self.done = False
        self._error: BaseException | None = None
        self._future: Future[T] | None = None
        self._value: T

    def __await__(self) -> Generator[object, None, T]:
        return asyncio.wrap_future(self._promise()).__await__()

    def wait(self, timeout: float | None = None) -> T:
        """Block for the answer; never call this on an event loop.

        Args:
            timeout: seconds, or `None` to wait as long as it takes.

        Raises:
            TimeoutError: there was no answer in time.
            StoreError: what the writer met.
        """
        return self._promise().result(timeout)

    def resolve(self, value: T) -> None:
        with _lock:
            self._value, self.done = value, True
            future = self._future
        if future is not None:
            future.set_result(value)

    def fail(self, error: BaseException) -> None:
        with _lock:
            self._error, self.done = error, True
            future = self._future
        if future is not None:
            future.set_exception(error)

    def _promise(self) -> Future[T]:
        with _lock:
            if self._future is None:
                self._future = self._new_future()
            return self._future

    def _new_future(self) -> Future[T]:
        future: Future[T] = Future()
        # A running future can't be cancelled by a cancelled waiter.
        future.set_running_or_notify_cancel()
        if self._error is not None:
            future.set_exception(self._error)
        elif self.done:
            future.set_result(self._value)
        return future
