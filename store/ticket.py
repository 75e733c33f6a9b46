"""A promise of the writer thread's, for callers on an event loop and off it."""

import asyncio
from collections.abc import Generator
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class Ticket(Generic[T]):
    """What the writer will answer. Await it, or `wait()` for it on a plain thread.

    Giving up waiting takes nothing back: what was asked is still done.
    """

    __slots__ = ("_future",)

    def __init__(self) -> None:
        self._future: Future[T] = Future()
        # A running future can't be cancelled by a cancelled waiter.
        self._future.set_running_or_notify_cancel()

    @property
    def done(self) -> bool:
        return self._future.done()

    def __await__(self) -> Generator[object, None, T]:
        return asyncio.wrap_future(self._future).__await__()

    def wait(self, timeout: float | None = None) -> T:
        """Block for the answer; never call this on an event loop.

        Args:
            timeout: seconds, or `None` to wait as long as it takes.

        Raises:
            TimeoutError: there was no answer in time.
            StoreError: what the writer met.
        """
        return self._future.result(timeout)

    def resolve(self, value: T) -> None:
        self._future.set_result(value)

    def fail(self, error: BaseException) -> None:
        self._future.set_exception(error)
