"""Sessions that run beside the chat: in line when full, announced when done, never lost."""

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable
from typing import Final

from router import reading
from router.asking import EngineError, SpawnTask
from router.clock import now_ms
from router.lane import title_of
from router.policy import Refusal
from router.providers.base import Failure
from router.services import Services
from router.summaries import Result, summarize
from store.errors import StoreError
from store.events import (
    SessionAnnounced,
    SessionStarted,
    SessionState,
    SessionStateChanged,
)

log = logging.getLogger(__name__)

Adopt = Callable[[str, str | None], Awaitable[None]]
"""Takes a session's lease for its parent."""

_TIMED_OUT: Final = "took longer than its {seconds:g} s"


class Spawner:
    """Runs spawned sessions, a few at once."""

    def __init__(self, services: Services, tasks: asyncio.TaskGroup, adopt: Adopt) -> None:
        self.services = services
        self._tasks = tasks
        self._adopt = adopt
        self._room = asyncio.Semaphore(services.config.sessions.parallel)
        self._running: dict[str, asyncio.Task[None]] = {}
        self.closing = False
        """The program ends: what is cancelled now was interrupted, not called off."""

    async def spawn(self, task: SpawnTask) -> str:
        """Put a session in line; its id, once that is on disk."""
        session = uuid.uuid4().hex
        await self._adopt(session, task.parent)
        await self.services.say(
            session,
            SessionStarted(
                kind=task.kind,
                title=task.title or title_of(task.task),
                parent=task.parent,
                workspace=str(self.services.workspace),
                task=task.task,
                attachments=task.attachments,
                tier=task.tier,
                model=task.model,
                private=task.private,
                timeout=task.timeout,
            ),
            SessionStateChanged(state="queued"),
        )
        self._start(session)
        return session

    async def retry(self, session: str) -> None:
        """Run a session that has ended once more, from its beginning.

        Raises:
            EngineError: it has not ended.
        """
        if session in self._running:
            raise EngineError("This session is still running; cancel it first.")
        row = await asyncio.to_thread(self.services.store.sessions.get, session)
        await self._adopt(session, row.parent)
        await self.services.say(session, SessionStateChanged(state="queued"))
        self._start(session)

    def cancel(self, session: str) -> bool:
        running = self._running.get(session)
        return running is not None and running.cancel()

    async def idle(self, session: str) -> None:
        running = self._running.get(session)
        if running is not None:
            await asyncio.wait({running})

    def _start(self, session: str) -> None:
        task = self._tasks.create_task(self._guarded(session), name=f"spawned {session}")
        self._running[session] = task
        task.add_done_callback(lambda _: self._running.pop(session, None))

    async def _guarded(self, session: str) -> None:
        """Run to an end that is told, whatever it is."""
        began = now_ms()
        state: SessionState
        try:
            async with self._room:
                began = now_ms()
                await self.services.say(session, SessionStateChanged(state="running"))
                result = await self._run(session)
            state, reason = result.state, result.reason
        except TimeoutError as error:
            result, state, reason = Result(), "failed", str(error)
        except (Refusal, Failure, StoreError) as error:
            result, state, reason = Result(), "failed", str(error)
        except asyncio.CancelledError:
            result, reason = Result(), ""
            state = "interrupted" if self.closing else "cancelled"
        except Exception:
            log.exception("session %s", session)
            result, state = Result(), "failed"
            reason = "Something in Butler itself went wrong; the log has it."
        await self._end(session, state, reason, result, now_ms() - began)

    async def _run(self, session: str) -> Result:
        await self.services.ready.wait()
        view = await asyncio.to_thread(reading.open_view, self.services.store, session)
        started = await asyncio.to_thread(_started, self.services, session)
        seconds = started.timeout or self.services.config.sessions.timeout
        try:
            async with asyncio.timeout(seconds):
                return await summarize(self.services, view, started)
        except TimeoutError:
            raise TimeoutError(_TIMED_OUT.format(seconds=seconds)) from None

    async def _end(
        self, session: str, state: SessionState, reason: str, result: Result, elapsed: int
    ) -> None:
        """Tell the session and its parent. The figures are the store's, once all is on disk."""
        services = self.services
        await services.say(session, SessionStateChanged(state=state, reason=reason))
        row = await asyncio.to_thread(services.store.sessions.get, session)
        if row.parent is None:
            return
        await services.say(
            row.parent,
            SessionAnnounced(
                child=session,
                kind=row.kind,
                title=row.title,
                state=state,
                result=result.text or reason,
                elapsed_ms=elapsed,
                tokens=row.tokens,
                cost=row.cost,
                tier=result.tier,
                model=result.model,
                private=row.private,
            ),
        )


def _started(services: Services, session: str) -> SessionStarted:
    for entry in services.store.journal.read(session, limit=1):
        if isinstance(entry.event, SessionStarted):
            return entry.event
    raise EngineError("This session has no beginning; it can't be run.")
