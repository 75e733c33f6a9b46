"""The only door for the screen and for scripts: submit, spawn, decide, cancel, subscribe.

Effects happen here and below, on live commands. Opening a session starts nothing but the repair
of what a dead program left open in it.
"""

import asyncio
import logging
import os
import uuid
import weakref
from collections.abc import Collection, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from msgspec.structs import replace

from router import reading, recovery
from router.approvals import Approvals
from router.asking import EngineError, Prompt, SpawnTask, TierCheck, Waiting
from router.checks import check_tiers
from router.clock import now_ms
from router.coding.deciding import Decisions, SettleChoice
from router.config import Config, ModelRef
from router.delegating import title_of
from router.holding import Carried, Holdings
from router.intent.explicit import without_word
from router.lane import Lane
from router.opening import open_services, prepare
from router.places import Places
from router.spawning import Spawner
from router.telling import Told, told
from router.view import House, View
from store.errors import SessionNotFound, StoreError
from store.events import (
    ChangesReady,
    PromptSubmitted,
    SessionStarted,
    SessionTitled,
)
from store.opening import Store
from store.subscription import Subscription

if TYPE_CHECKING:
    from store.sessions import SessionRow

__all__ = ["Engine", "EngineError", "Prompt", "SpawnTask", "TierCheck"]

_WATCH = 60.0
"""Seconds after which the gauges are looked at again, whatever else happens."""

log = logging.getLogger(__name__)


class Engine:
    """Owns every task that runs, on the loop it was entered on."""

    def __init__(
        self,
        config: Config,
        store: Store,
        places: Places,
        *,
        workspace: Path,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.store = store
        self.workspace = workspace
        self._places = places
        self._environ = environ
        self._services = open_services(config, store, places, workspace, environ)
        self._lanes: dict[str, Lane] = {}
        self._held = Holdings(store)
        self._begun: set[str] = set()
        self._children: dict[str, list[str]] = {}
        self._subscriptions: weakref.WeakSet[Subscription] = weakref.WeakSet()
        self._approvals = Approvals(self._services.say)
        self._carried = Carried()

    @property
    def config(self) -> Config:
        """The configuration in force; its local tier is what was found."""
        return self._services.config

    @property
    def house(self) -> House:
        """The house as this process knows it: what it lacks itself is in it too."""
        return self._services.keeper.house

    async def __aenter__(self) -> Self:
        started: asyncio.Future[asyncio.TaskGroup] = asyncio.get_running_loop().create_future()
        self._root = asyncio.create_task(self._hold(started), name="engine")
        self._tasks = await started
        self._spawner = Spawner(
            self._services, self._tasks, self._adopt, self._held.release, self._approvals
        )
        self._decisions = Decisions(
            lambda: self._services, self._approvals, self._spawner, self._lane
        )
        self._tasks.create_task(self._prepare(), name="prepare")
        self._tasks.create_task(self._listen(), name="listen")
        self._tasks.create_task(self._watch(), name="watch")
        return self

    async def _hold(self, started: "asyncio.Future[asyncio.TaskGroup]") -> None:
        """Keep the tasks together until this one is cancelled: then all of them are."""
        async with asyncio.TaskGroup() as tasks:
            started.set_result(tasks)
            await asyncio.get_running_loop().create_future()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._spawner.closing = self._approvals.closing = True
        await self._carried.all()
        self._root.cancel()
        await asyncio.wait({self._root})
        await self._services.connections.aclose()
        self._held.release_all()
        if not self._root.cancelled() and (broken := self._root.exception()) is not None:
            log.error("a task of the engine failed", exc_info=broken)

    # --- sessions --------------------------------------------------------------------------------

    def begin(self) -> str:
        """The id of a new chat. Nothing is written before its first prompt."""
        session = uuid.uuid4().hex
        self._begun.add(session)
        return session

    async def open(self, session: str) -> View:
        """A session ready to go on, what a dead program left in it ended.

        Raises:
            SessionNotFound: there is none of this id.
            SessionBusy: another process writes it; `fork` or a replay can be had.
        """
        row = await asyncio.to_thread(self.store.sessions.get, session)
        if row.id not in self._held:
            await self._held.take(row.id)
            await asyncio.to_thread(recovery.repair, self.store, row.id)
        view = await asyncio.to_thread(reading.open_view, self.store, row.id)
        view = replace(view, house=self.house)
        self._approvals.know(row.id, view.approvals)
        return view

    async def fork(self, session: str) -> str:
        """A copy of a session as it stands, to go on with; its id."""
        row = await asyncio.to_thread(self.store.sessions.get, session)
        last = self.store.journal.last_seq()
        return await asyncio.to_thread(self.store.sessions.fork, row.id, last)

    async def earlier(self, view: View, count: int = reading.OPENING) -> View:
        return await asyncio.to_thread(reading.with_earlier, self.store, view, count)

    async def title(self, session: str, title: str) -> None:
        await self._services.say(session, SessionTitled(title=title_of(title)))

    async def _adopt(self, child: str, parent: str | None) -> None:
        """Take a spawned session as ours, and let those who listen to its parent hear it."""
        await self._held.take(child)
        if parent is not None and child not in self._children.setdefault(parent, []):
            self._children[parent].append(child)
            for subscription in self._subscriptions:
                if subscription.wants(parent):
                    await subscription.add(child)

    # --- doing -----------------------------------------------------------------------------------

    async def submit(self, session: str, prompt: Prompt) -> str:
        """Put a prompt in a chat's line; its id, once it is on disk.

        Raises:
            EngineError: it is empty, or the session is none that takes prompts.
            SessionBusy: another process writes the session.
            StoreError: it could not be kept. Nothing was sent.
        """
        if not prompt.text.strip() and not prompt.attachments:
            raise EngineError("The prompt is empty; type something first.")
        await self._is_chat(session)
        await self._held.take(session)
        prompt_id = uuid.uuid4().hex
        said = PromptSubmitted(
            prompt=prompt_id,
            text=prompt.text,
            attachments=prompt.attachments,
            tier=prompt.tier,
            model=prompt.model,
            critical=prompt.critical,
            private=prompt.private,
            emergency=prompt.emergency,
            plan=prompt.plan,
        )
        if session in self._begun:
            title = title_of(without_word(prompt.text) or prompt.text)
            started = SessionStarted(
                kind="chat",
                title="private" if prompt.private else title,
                workspace=str(self.workspace),
            )
            await self._services.say(session, started, said)
            self._begun.discard(session)
        else:
            await self._services.say(session, said)
        self._lane(session).put(Waiting(prompt_id, prompt))
        return prompt_id

    async def _is_chat(self, session: str) -> None:
        if session in self._begun or session in self._lanes:
            return
        row = await asyncio.to_thread(self._row, session)
        if row is not None and row.parent is not None:
            chat = row.parent[:8]
            raise EngineError(f"This session takes no prompts; its chat does: --session {chat}")

    async def spawn(self, task: SpawnTask) -> str:
        """Start a session beside the chat; its id, at once. It runs when there is room."""
        parent = task.parent
        if parent is not None and parent in self._begun:
            await self._held.take(parent)
            title = task.title or title_of(task.task)
            workspace = str(self.workspace)
            await self._services.say(
                parent, SessionStarted(kind="chat", title=title, workspace=workspace)
            )
            self._begun.discard(parent)
        return await self._spawner.spawn(task)

    async def retry(self, session: str) -> None:
        """Run a spawned session that has ended once more.

        Raises:
            EngineError: it still runs.
        """
        await self._spawner.retry(session)

    async def cancel(self, session: str) -> bool:
        """Interrupt the answer under way in a chat, or a whole spawned session, also one that
        waits for the user; False if nothing ran. Prompts in line stay in line."""
        lane = self._lanes.get(session)
        if (lane is not None and lane.cancel()) or self._spawner.cancel(session):
            return True
        await self._spawner.idle(session)  # it has asked, and may still be telling its parent
        row = await asyncio.to_thread(self._row, session)
        if row is None or row.parent is None or row.state != "waiting":
            return False
        if self._decisions.settles(session):
            raise EngineError(
                "Its changes are being applied just now; that is not stopped half way."
            )
        await self._held.take(session)
        await self._approvals.withdraw(session, "cancelled")
        await self._spawner.finish(session, "cancelled", "")
        return True

    def _row(self, session: str) -> "SessionRow | None":
        try:
            return self.store.sessions.get(session)
        except SessionNotFound:
            return None

    async def decide(self, approval: str, choice: str, reason: str = "") -> None:
        """Answer what the user was asked. It can be answered once.

        Args:
            reason: why it is rejected, an edited plan, or the answer to a question in words.

        Raises:
            EngineError: it is not open, or `choice` is none of its choices.
        """
        await self._services.ready.wait()
        session, asked = self._approvals.asked(approval)
        await self._held.take(session)
        await self._carried.out(self._decisions.decide(session, asked, choice, reason))

    async def settle(
        self,
        session: str,
        choice: SettleChoice,
        paths: Collection[str] | None = None,
        *,
        shown: ChangesReady | None = None,
    ) -> None:
        """Apply, keep or discard what a coding session has changed.

        Args:
            paths: the files meant; `None` is all that are left. `keep` is always for all.
            shown: what the user has seen; `None` takes what the journal says now.

        Raises:
            EngineError: it still runs, there is nothing to settle, or it is not what was shown.
        """
        await self._services.ready.wait()
        asks = any(asked.kind == "changes" for asked in self._approvals.of(session))
        if self._spawner.runs(session) and not asks:
            raise EngineError("This session is still at work; wait for it, or cancel it.")
        await self._held.take(session)
        await self._carried.out(self._decisions.settle(session, choice, paths, shown=shown))

    async def tell(
        self, target: str, state: Told, until: int | None = None
    ) -> tuple[ModelRef, ...]:
        """Take the user's word on what the program can't know: that a tier or a model is to be
        left alone, or has used up its quota. It holds over restarts and in every copy of the
        program, whatever requests meet, until it is taken back or `until` has passed.

        Args:
            target: a tier (all of its models), `account/model`, or a model's name.
            state: `off`, `exhausted`, or `on` to take it back.
            until: milliseconds since the epoch; `None` until it is taken back.

        Returns:
            The models concerned. A model that stands in two tiers is one model.

        Raises:
            EngineError: no such tier or model, or `until` lies in the past.
        """
        await self._services.ready.wait()
        refs = told(self._services.config, target, state, until, now_ms())
        self._services.keeper.tell(refs, "unknown" if state == "on" else state, until)
        return refs

    async def idle(self, session: str) -> None:
        """Wait until nothing runs or stands in line for a session."""
        lane = self._lanes.get(session)
        if lane is not None:
            await lane.idle()
        await self._spawner.idle(session)

    # --- hearing ---------------------------------------------------------------------------------

    def subscribe(self, *sessions: str) -> Subscription:
        """The events of these sessions, of those they spawn, and of the house."""
        children = [child for parent in sessions for child in self._children.get(parent, ())]
        subscription = self.store.journal.subscribe(*sessions, *children)
        self._subscriptions.add(subscription)
        return subscription

    async def check(self, *, online: bool = False) -> list[TierCheck]:
        """What each tier lacks. `online` also asks the services for their models; no tokens."""
        await self._services.ready.wait()
        return await check_tiers(self._services, online=online)

    async def reconfigure(self, config: Config) -> None:
        """Go on with another configuration. What runs ends as it began."""
        await self._services.connections.aclose()
        self._services = open_services(
            config, self.store, self._places, self.workspace, self._environ
        )
        self._spawner.services = self._services
        for lane in self._lanes.values():
            lane.services = self._services
        await self._prepare()

    # --- inside ----------------------------------------------------------------------------------

    def _lane(self, session: str) -> Lane:
        if session not in self._lanes:
            self._lanes[session] = Lane(
                self._services, session, self._tasks, self._spawner.spawn, self._approvals
            )
        return self._lanes[session]

    async def _prepare(self) -> None:
        """Get ready, whatever happens: a prompt must meet a failure it can show, not silence."""
        try:
            await self._prepared()
        except Exception:
            log.exception("getting ready")
        finally:
            self._services.ready.set()

    async def _prepared(self) -> None:
        services = self._services
        await prepare(services, self._environ)
        dead = await asyncio.to_thread(
            recovery.settle_dead, self.store, services.catalogue, now_ms()
        )
        if dead:
            log.info("settled %d calls of programs that ended in mid-call", dead)
        await asyncio.to_thread(self._repair_orphans)
        await services.keeper.recount()
        await services.keeper.foresee()

    def _repair_orphans(self) -> None:
        for row in self.store.sessions.orphans():
            lease = self.store.sessions.lease(row.id)
            if lease is not None:
                recovery.repair(self.store, row.id)
                lease.release()

    async def _watch(self) -> None:
        """Leave a band when its window resets, though nobody makes a call."""
        while True:
            at = self._services.keeper.next_change()
            wait = _WATCH if at is None else min(_WATCH, max(0.0, (at - now_ms()) / 1000) + 0.1)
            await asyncio.sleep(wait)
            try:
                await self._services.keeper.recount()
                await self._services.keeper.foresee()
            except StoreError:
                log.exception("counting usage")

    async def _listen(self) -> None:
        """Hear what other copies of the program do to the house."""
        async with self.store.journal.subscribe() as heard:
            async for entries in heard:
                self._services.keeper.heard(entries)
