"""Which sessions this process may write, and carrying through what was begun for them."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from store.errors import SessionBusy
from store.opening import Store

if TYPE_CHECKING:
    from store.sessions import Lease

log = logging.getLogger(__name__)


class Holdings:
    """The leases of this process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._leases: dict[str, Lease] = {}

    def __contains__(self, session: str) -> bool:
        return session in self._leases

    async def take(self, session: str) -> None:
        """Hold a session.

        Raises:
            SessionBusy: another process does.
        """
        held = self._leases.get(session)
        if held is None or not await asyncio.to_thread(lambda: held.held):
            self._leases.pop(session, None)
            lease = await asyncio.to_thread(self._store.sessions.lease, session)
            if lease is None:
                raise SessionBusy(
                    "Another Butler has this session open; fork it, or replay it read-only."
                )
            self._leases[session] = lease

    def release(self, session: str) -> None:
        """Give a session back, for other programs to go on with."""
        lease = self._leases.pop(session, None)
        if lease is not None:
            lease.release()

    def release_all(self) -> None:
        for session in list(self._leases):
            self.release(session)


class Carried:
    """Work that is carried through though whoever wanted it stops waiting: a decision half
    carried out is worse than either."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    async def out(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        await asyncio.shield(task)

    async def all(self) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.info("a decision could not be carried out: %s", error)
