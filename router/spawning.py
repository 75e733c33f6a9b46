"""Sessions that run beside the chat: in line when full, announced when done, never lost."""

import asyncio
import logging
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, Self

from router import reading
from router.approvals import Approvals
from router.asking import EngineError, SpawnTask
from router.clock import now_ms
from router.coding.contract import Halt, Report
from router.coding.problems import DeskProblem
from router.delegating import title_of
from router.policy import Refusal
from router.providers.base import Failure
from router.services import Services
from router.summaries import summarize
from store.errors import StoreError
from store.events import (
    SessionAnnounced,
    SessionStarted,
    SessionState,
    SessionStateChanged,
)

if TYPE_CHECKING:
    from router.coding.desk import Desk

log = logging.getLogger(__name__)

Adopt = Callable[[str, str | None], Awaitable[None]]
"""Takes a session's lease for its parent."""

_TIMED_OUT: Final = "took longer than its {seconds:g} s"


class Spawner:
    """Runs spawned sessions, a few at once."""

    def __init__(
        self,
        services: Services,
        tasks: asyncio.TaskGroup,
        adopt: Adopt,
        release: Callable[[str], None],
        approvals: Approvals,
    ) -> None:
        self.services = services
        self._tasks = tasks
        self._adopt = adopt
        self._release = release
        self._approvals = approvals
        self._room = asyncio.Semaphore(services.config.sessions.parallel)
        self._running: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._working: set[str] = set()
        """Those that a cancellation may still reach; what ends is told to its end."""
        self._called_off: set[str] = set()
        self._retrying: set[str] = set()
        self.closing = False
        """The program ends: what is cancelled now was interrupted, not called off."""

    async def spawn(self, task: SpawnTask) -> str:
        """Put a session in line; its id, once that is on disk.

        Raises:
            EngineError: it names an agent that isn't there.
        """
        await self._check(task)
        session = uuid.uuid4().hex
        await self._adopt(session, task.parent)
        await self.services.say(
            session,
            SessionStarted(
                kind=task.kind,
                title=task.title or title_of(task.task),
                parent=task.parent,
                workspace=str(task.workspace or self.services.workspace),
                task=task.task,
                attachments=task.attachments,
                tier=task.tier,
                model=task.model,
                private=task.private,
                timeout=task.timeout,
                plan=task.plan,
                approved=task.approved,
                agent=task.agent,
            ),
            SessionStateChanged(state="queued"),
        )
        self.start(session)
        return session

    async def _check(self, task: SpawnTask) -> None:
        if task.agent:
            from router.coding.agents import find

            services = self.services
            workspace = task.workspace or services.workspace
            await asyncio.to_thread(find, task.agent, services.places, workspace)

    async def retry(self, session: str) -> None:
        """Run a session that has ended once more: from its beginning, or, where it writes code,
        from where it stopped.

        Raises:
            EngineError: it has not ended.
        """
        if session in self._running or session in self._retrying:
            raise EngineError("This session is still running; cancel it first.")
        self._retrying.add(session)
        try:
            await self._prepare(session)
            self.start(session)
        finally:
            self._retrying.discard(session)

    async def _prepare(self, session: str) -> None:
        row = await asyncio.to_thread(self.services.store.sessions.get, session)
        if row.state == "waiting":
            raise EngineError("This session waits for your decision; make it, or cancel it first.")
        await self._adopt(session, row.parent)
        # What it has shown so far is going to change: nothing of that is to be decided any more.
        await self._approvals.withdraw(session, "it goes on")
        await self.services.say(session, SessionStateChanged(state="queued"))

    def cancel(self, session: str) -> bool:
        """Whether it is stopped by this, or by an earlier order that is still being carried out.
        What ends by itself just now is left to it."""
        running = self._running.get(session)
        if running is not None and session in self._working:
            self._working.discard(session)
            self._called_off.add(session)
            running.cancel()
        return session in self._called_off

    def runs(self, session: str) -> bool:
        return session in self._running

    async def idle(self, session: str) -> None:
        running = self._running.get(session)
        if running is not None:
            await asyncio.wait({running})

    def start(self, session: str) -> None:
        """Run a session from wherever its journal ends. One that is about to stop and wait is run
        again when it has."""
        if session in self._running:
            self._again.add(session)
            return
        task = self._tasks.create_task(self._guarded(session), name=f"spawned {session}")
        self._running[session] = task
        self._working.add(session)
        task.add_done_callback(lambda _: self._stopped(session))

    def _stopped(self, session: str) -> None:
        del self._running[session]
        self._called_off.discard(session)
        if session in self._again:
            self._again.discard(session)
            if not self.closing:
                self.start(session)

    async def _guarded(self, session: str) -> None:
        """Run to an end that is told, whatever it is."""
        began = now_ms()
        try:
            async with _Slot(self._room) as slot:
                began = now_ms()
                await self.services.say(session, SessionStateChanged(state="running"))
                halt = await self._run(session, slot)
        except (TimeoutError, Refusal, Failure, StoreError, EngineError, DeskProblem) as error:
            halt = _failed(str(error))
        except asyncio.CancelledError:
            halt = self._stopped_early(session)
        except Exception:
            log.exception("session %s", session)
            halt = _failed("Something in Butler itself went wrong; the log has it.")
        self._working.discard(session)
        try:
            if halt.report is not None:
                await self._end(session, halt.report, now_ms() - began, told=halt.waits)
            if not self._approvals.of(session) and session not in self._again:
                self._release(session)
        except StoreError:
            log.exception("telling the end of %s", session)

    def _stopped_early(self, session: str) -> Halt:
        if not self.closing:
            return Halt(report=Report(state="cancelled"))
        if self._approvals.of(session):
            return Halt(waits=True)  # the card is there again when the program is
        return Halt(report=Report(state="interrupted"))

    async def _run(self, session: str, slot: "_Slot") -> Halt:
        await self.services.ready.wait()
        started = await asyncio.to_thread(_started, self.services, session)
        if started.kind in ("code", "agent"):
            return await self._code(session, started, slot)
        view = await asyncio.to_thread(reading.open_view, self.services.store, session)
        seconds = started.timeout or self.services.config.sessions.timeout
        try:
            async with asyncio.timeout(seconds):
                return Halt(report=await summarize(self.services, view, started))
        except TimeoutError:
            raise TimeoutError(_TIMED_OUT.format(seconds=seconds)) from None

    # --- coding ----------------------------------------------------------------------------------

    async def _code(self, session: str, started: SessionStarted, slot: "_Slot") -> Halt:
        """One run of a coding session. What it has changed is told however it ends."""
        from router.coding import closing
        from router.coding.desk import Desk

        seconds = started.timeout or self.services.config.coding.timeout
        clock = asyncio.timeout(seconds)
        desk = Desk(self.services, self._approvals, session, lambda: _away(slot, clock))
        try:
            async with clock:
                return await desk.run()
        except TimeoutError:
            return await self._broken(desk, _TIMED_OUT.format(seconds=seconds))
        except (Refusal, Failure, EngineError) as error:
            return await self._broken(desk, str(error))
        except asyncio.CancelledError:
            if not self.closing:
                await self._approvals.withdraw(session, "cancelled")
                await closing.leave(desk)
            raise

    async def _broken(self, desk: "Desk", reason: str) -> Halt:
        from router.coding import closing

        report = Report(state="failed", reason=reason)
        await self._approvals.withdraw(desk.session, reason)
        return await closing.close(desk, report) if desk.is_open else Halt(report=report)

    async def finish(self, session: str, state: SessionState, reason: str) -> None:
        """End a session that stood and waited for the user."""
        row = await asyncio.to_thread(self.services.store.sessions.get, session)
        if row.state in ("waiting", "open", "running"):
            await self.services.say(session, SessionStateChanged(state=state, reason=reason))
        if state == "cancelled":
            await self._announce(session, Report(state=state, reason=reason), 0)
        if session not in self._running:
            self._release(session)

    async def _end(self, session: str, report: Report, elapsed: int, *, told: bool) -> None:
        """Tell the session and its parent. The figures are the store's, once all is on disk."""
        if not told:
            await self.services.say(
                session, SessionStateChanged(state=report.state, reason=report.reason)
            )
        await self._announce(session, report, elapsed)

    async def _announce(self, session: str, report: Report, elapsed: int) -> None:
        services = self.services
        row = await asyncio.to_thread(services.store.sessions.get, session)
        if row.parent is None:
            return
        if row.kind in ("code", "agent"):
            elapsed = await asyncio.to_thread(_worked, services, session)
        await services.say(
            row.parent,
            SessionAnnounced(
                child=session,
                kind=row.kind,
                title=row.title,
                state=report.state,
                result=_result(report),
                elapsed_ms=elapsed,
                tokens=row.tokens,
                cost=row.cost,
                tier=report.tier,
                model=report.model,
                private=row.private,
            ),
        )


class _Slot:
    """One of the places in which sessions run; it may be given up for a while."""

    def __init__(self, room: asyncio.Semaphore) -> None:
        self._room = room
        self._held = False

    async def take(self) -> None:
        await self._room.acquire()
        self._held = True

    def give(self) -> None:
        if self._held:
            self._held = False
            self._room.release()

    async def __aenter__(self) -> Self:
        await self.take()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.give()


@asynccontextmanager
async def _away(slot: _Slot, clock: asyncio.Timeout) -> AsyncGenerator[None]:
    """Give the place to others while the user is asked, and stop the clock. Whoever is cancelled
    meanwhile does not wait for a place to end in."""
    loop = asyncio.get_running_loop()
    ends = clock.when()
    left = None if ends is None else ends - loop.time()
    clock.reschedule(None)
    slot.give()
    yield
    await slot.take()
    if left is not None:
        clock.reschedule(loop.time() + max(0.0, left))


def _worked(services: Services, session: str) -> int:
    """Milliseconds of all its runs, without what it waited for the user."""
    from router.coding.record import record

    return record(services.store.journal.read(session, deltas=False)).worked_ms


def _failed(reason: str) -> Halt:
    return Halt(report=Report(state="failed", reason=reason))


def _result(report: Report) -> str:
    if not report.text or report.reason in report.text:
        return report.text or report.reason
    return "\n\n".join(part for part in (report.text, report.reason) if part)


def _started(services: Services, session: str) -> SessionStarted:
    for entry in services.store.journal.read(session, limit=1):
        if isinstance(entry.event, SessionStarted):
            return entry.event
    raise EngineError("This session has no beginning; it can't be run.")
