"""The user's word on what a coding session shows: its plan, its changes.

Nobody waits for these answers: what follows from one is written together with it, so that a crash
leaves both or neither.
"""

import asyncio
import logging
import uuid
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Final, Literal, TypeAlias
from weakref import WeakValueDictionary

from router.approvals import Approvals, asked_of
from router.asking import EngineError
from router.coding import closing, proposing
from router.coding.record import Record, record
from router.coding.visible import visible
from router.services import Services
from store.errors import StoreError
from store.events import (
    AnyEvent,
    ApprovalAsked,
    ChangedFile,
    ChangeSettled,
    ChangesReady,
    Note,
    PlanDecided,
    PlanProposed,
    SessionStateChanged,
)

if TYPE_CHECKING:
    from router.coding.workspace import Workspace
    from router.lane import Lane
    from router.spawning import Spawner

log = logging.getLogger(__name__)

SettleChoice: TypeAlias = Literal["apply", "keep", "discard"]

_WORDS: Final = {
    "applied": "applied",
    "merged": "merged with your changes",
    "conflict": "not applied: your file changed in the same place",
    "kept": "kept",
    "discarded": "discarded",
}


class Decisions:
    """What becomes of sessions that stand and wait."""

    def __init__(
        self,
        services: Callable[[], Services],
        approvals: Approvals,
        spawner: "Spawner",
        lane: Callable[[str], "Lane"],
    ) -> None:
        self._services = services
        self._approvals = approvals
        self._spawner = spawner
        self._lane = lane
        self._settling: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def settles(self, session: str) -> bool:
        """Whether changes of a session are being applied or discarded just now."""
        lock = self._settling.get(session)
        return lock is not None and lock.locked()

    async def decide(self, session: str, asked: ApprovalAsked, choice: str, reason: str) -> None:
        """Take an answer, and go on with whatever it was asked for.

        Raises:
            EngineError: it is none of the choices, or makes no plan.
        """
        if choice not in asked.choices:
            listed = ", ".join(asked.choices)
            raise EngineError(f"{choice!r} is no answer here; there are: {listed}.")
        match asked.kind:
            case "plan":
                await self._plan(asked, session, choice, reason.strip())
            case "changes":
                await self._changes(asked, session, choice)
            case _:
                await self._answer(session, asked, choice, reason)

    async def _answer(self, session: str, asked: ApprovalAsked, choice: str, reason: str) -> None:
        """Pass it on to what waits for it; what waited before a restart is run again."""
        if self._approvals.is_waited_for(asked.approval):
            await self._approvals.decide(asked.approval, choice, reason)
            return
        row = await asyncio.to_thread(self._services().store.sessions.get, session)
        spawned = row.kind in ("code", "agent")
        state = SessionStateChanged(state="queued" if spawned else "open")
        await self._approvals.decide(asked.approval, choice, reason, state)
        if spawned:
            self._spawner.start(session)
        else:
            await self._lane(session).resume(asked, choice)

    # --- plans -----------------------------------------------------------------------------------

    async def _plan(self, asked: ApprovalAsked, session: str, choice: str, reason: str) -> None:
        found = await self._record(session)
        plan = found.plan
        if plan is None or plan.id != asked.call:
            raise EngineError("This plan is no longer the one proposed; look at the latest.")
        if choice == "approve":
            await self._decide(asked, choice, reason, PlanDecided(id=plan.id, decision="approved"))
            self._spawner.start(session)
        elif choice == "reject" and reason:
            said = PlanDecided(id=plan.id, decision="rejected", reason=reason)
            await self._decide(asked, choice, reason, said)
            self._spawner.start(session)
        elif choice == "reject":
            await self._decide(asked, choice, "", PlanDecided(id=plan.id, decision="dropped"))
            reason = "The plan was rejected; nothing was written."
            await self._spawner.finish(session, "cancelled", reason)
            await self._close(session, found)
        else:
            await self._propose_another(found, plan, asked, choice, reason)

    async def _propose_another(
        self, found: Record, plan: PlanProposed, asked: ApprovalAsked, choice: str, reason: str
    ) -> None:
        edited = choice == "edit"
        another = self._edited(plan, reason) if edited else _chosen(found, plan, int(choice))
        said = PlanDecided(id=plan.id, decision="edited" if edited else "chosen")
        again = asked_of(proposing.question(another, found.alternatives.values()))
        session, _, _ = await self._decide(asked, choice, "", said, another, again)
        waits = SessionStateChanged(state="waiting", reason=proposing.READY)
        self._approvals.know(session, [again])
        await self._services().say(session, waits)

    def _edited(self, plan: PlanProposed, text: str) -> PlanProposed:
        from router.coding.plan_text import plan_of

        text = visible(text)
        if not text:
            raise EngineError("The plan is empty; write one, or reject it.")
        return PlanProposed(
            id=uuid.uuid4().hex,
            plan=plan_of(text),
            text=text,
            origin="edited",
            number=plan.number,
            tier=plan.tier,
            model=plan.model,
            estimate=plan.estimate,
        )

    async def _decide(
        self, asked: ApprovalAsked, choice: str, reason: str, *more: AnyEvent
    ) -> tuple[str, ApprovalAsked, bool]:
        return await self._approvals.decide(asked.approval, choice, reason, *more)

    # --- changes ---------------------------------------------------------------------------------

    async def _changes(self, asked: ApprovalAsked, session: str, choice: str) -> None:
        if choice not in ("apply", "keep", "discard"):
            raise EngineError(f"{choice!r} is no answer here.")
        shown = (await self._record(session)).changes
        await self._approvals.decide(asked.approval, choice, "")
        try:
            await self.settle(session, choice, shown=shown)
        except (EngineError, StoreError):
            if not self._approvals.of(session):
                await self._ask_again(session)
            raise

    async def settle(
        self,
        session: str,
        choice: SettleChoice,
        paths: Collection[str] | None = None,
        *,
        shown: ChangesReady | None = None,
    ) -> None:
        """Apply or discard changed files (all that are left, if none is named), or keep the
        branch with all of them.

        Args:
            shown: what the user has seen, and nothing else is applied; `None` is what the
                journal says when this is called.

        Raises:
            EngineError: there is nothing to settle, a path is none of the changed ones, or the
                changes are others than those shown.
        """
        shown = shown or (await self._record(session)).changes
        await self._spawner.idle(session)  # it has asked, and may still be telling its parent
        lock = self._settling.setdefault(session, asyncio.Lock())
        async with lock:
            found = await self._record(session)
            left = found.unsettled()
            wanted = _wanted(left, paths)
            if found.changes != shown:
                raise EngineError("The changes are no longer those that were shown: look again.")
            await self._must_be_as_shown(session, found, left)
            settled = await self._settled(found, choice, wanted)
            await self._services().say(session, *settled)
            for event in settled:
                found.settled[event.path] = event
            await self._after(session, found, settled)

    async def _ask_again(self, session: str) -> None:
        """What was decided could not be done: the question is there again."""
        found = await self._record(session)
        left = set(found.unsettled())
        files = [file for file in found.changes.files if file.path in left] if found.changes else []
        if files:
            await self._put(session, files, f"changes ready: {closing.counted(files)}")

    async def _put(
        self,
        session: str,
        files: Sequence[ChangedFile],
        reason: str,
        conflicts: Sequence[str] = (),
    ) -> None:
        question = await asyncio.to_thread(closing.question, files, conflicts)
        waits = SessionStateChanged(state="waiting", reason=reason)
        await self._approvals.put(session, asked_of(question), waits)

    async def _must_be_as_shown(self, session: str, found: Record, left: list[str]) -> None:
        """What is applied is what the user has seen, whatever wrote to the workspace since."""
        shown = {file.path: file for file in found.changes.files} if found.changes else {}
        now = {file.path: file for file in await self._workspace(found).changes()}
        if all(now.get(path) == shown[path] for path in left) and now.keys() <= shown.keys():
            return
        done = shown.keys() - set(left)
        files = tuple(file for path, file in now.items() if path not in done)
        await self._approvals.withdraw(session, "the workspace has changed")
        ready = ChangesReady(files=files, text=found.changes.text if found.changes else "")
        self._services().say(session, ready)
        await self._put(session, files, f"changes ready: {closing.counted(files)}")
        raise EngineError(
            "The workspace has changed since it was shown. Nothing was applied: look again."
        )

    async def _settled(
        self, found: Record, choice: SettleChoice, wanted: list[str]
    ) -> Sequence[ChangeSettled]:
        workspace = self._workspace(found)
        title = found.started.title if found.started else ""
        if choice == "keep":
            return [await workspace.keep(title or "Butler's changes")]
        if choice == "apply":
            return await workspace.apply(wanted)
        return await workspace.discard(wanted)

    async def _after(self, session: str, found: Record, settled: Sequence[ChangeSettled]) -> None:
        """Tell what was done; ask again about what is left, or end the session."""
        await self._approvals.withdraw(session, "settled")
        self._services().say(session, Note(level="info", text=_told(settled)))
        left = set(found.unsettled())
        if not left:
            await self._spawner.finish(session, "done", "")
            if "" not in found.settled:
                await self._close(session, found)
            return
        files = [file for file in found.changes.files if file.path in left] if found.changes else []
        conflicts = [file.path for file in files if file.path in found.settled]
        reason = f"conflict in {visible(conflicts[0], keep='')}" if conflicts else "changes ready"
        await self._put(session, files, f"{reason}: {closing.counted(files)}", conflicts)

    # --- inside ----------------------------------------------------------------------------------

    async def _record(self, session: str) -> Record:
        store = self._services().store
        return await asyncio.to_thread(lambda: record(store.journal.read(session, deltas=False)))

    def _workspace(self, found: Record) -> "Workspace":
        from router.coding.workspace import Workspace

        if found.opened is None:
            raise EngineError("This session has no workspace.")
        workspace = Workspace(found.opened)
        if not workspace.exists:
            raise EngineError(
                f"Its workspace {found.opened.folder} can't be used: it, or the repository it "
                f"belongs to ({found.opened.source}), is gone or was moved. Put that back, or "
                "cancel the session with x."
            )
        return workspace

    async def _close(self, session: str, found: Record) -> None:
        """Take the workspace away; where that fails, the session has ended all the same."""
        from router.coding.workspace import Workspace

        if found.opened is None:
            return
        try:
            await Workspace(found.opened).close()
        except EngineError as error:
            log.exception("closing the workspace of %s", session)
            text = f"Its workspace is left over: {error} To clean up: butler workspaces"
            self._services().say(session, Note(level="warning", text=text))


def _wanted(left: Sequence[str], paths: Collection[str] | None) -> list[str]:
    if not left:
        raise EngineError("There are no changes left to settle here.")
    if paths is None:
        return list(left)
    paths = set(paths)
    unknown = sorted(paths - set(left))
    if unknown:
        raise EngineError(f"{unknown[0]!r} is none of the changes; there are: {', '.join(left)}.")
    return [path for path in left if path in paths]


def _told(settled: Sequence[ChangeSettled]) -> str:
    lines = [_line(event) for event in settled[:20]]
    more = len(settled) - len(lines)
    return "\n".join([*lines, *([f"and {more} more"] if more else [])])


def _line(event: ChangeSettled) -> str:
    where = f" ({event.detail})" if event.detail and event.settlement == "kept" else ""
    return visible(f"{event.path or 'all'}: {_WORDS[event.settlement]}{where}", keep="")


def _chosen(found: Record, plan: PlanProposed, number: int) -> PlanProposed:
    """The alternative of a number as a plan of its own."""
    if number == plan.number:
        raise EngineError(f"{number} is the one shown; approve it with a.")
    before = found.latest.get(number)
    if before is not None:
        text, content = before.text, before.plan
        tier, model, estimate = before.tier, before.model, before.estimate
    else:
        from router.coding.comparing import sketched
        from router.coding.plan_text import plan_text

        other = found.alternatives.get(number)
        if other is None or other.failed:
            raise EngineError(f"There is no alternative {number}.")
        content = sketched(other)
        text = plan_text(content)
        tier, model, estimate = other.tier, other.model, other.estimate
    return PlanProposed(
        id=uuid.uuid4().hex,
        plan=content,
        text=text,
        origin="alternative",
        number=number,
        tier=tier,
        model=model,
        estimate=estimate,
    )
