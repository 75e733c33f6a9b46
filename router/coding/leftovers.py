"""Workspaces that are still there: of sessions that ended, were interrupted, or nobody knows."""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from router.coding import workspace_removal
from router.coding.workspace import Workspace, WorkspaceProblem
from router.coding.workspace_record import Note, Spot, sessions_in
from store.errors import SessionAmbiguous, SessionNotFound
from store.events import (
    ChangeSettled,
    ChangesReady,
    FileChanged,
    SessionState,
    WorkspaceKind,
    WorkspaceOpened,
)
from store.opening import Store
from store.sessions import SessionRow

_ENDED: Final[set[SessionState]] = {"done", "failed", "cancelled"}
_LATEST: Final = 1_000
"""Coding sessions that are asked for a workspace whose folder is gone."""
_EARLY: Final = 50
"""Entries of a session in which its workspace is opened."""
_COUNTED: Final = 200_000
"""Files of one workspace whose size is added up."""

State: TypeAlias = SessionState | Literal["unknown"]


@dataclass(frozen=True, kw_only=True)
class Leftover:
    session: str
    title: str = ""
    state: State = "unknown"
    """Of its session; `unknown` if no session has this workspace."""
    opened: WorkspaceOpened | None = None
    folder: Path
    size: int = 0
    at: int = 0
    """When it was made, in milliseconds since the epoch."""
    unsettled: tuple[str, ...] = ()
    """Changed files that are neither applied nor discarded."""
    problem: str = ""
    """Why its changes can't be told."""
    kept: bool = False
    """The user has kept it on purpose."""
    gone: bool = False
    """Its folder is gone; the repository still speaks of it."""

    @property
    def kind(self) -> WorkspaceKind | Literal["unknown"]:
        return self.opened.kind if self.opened else "unknown"

    @property
    def branch(self) -> str:
        return self.opened.branch if self.opened and self.opened.kind == "worktree" else ""

    @property
    def branch_is_kept(self) -> bool:
        """Only its folder is left, by a crash: what the user keeps is the branch."""
        return self.kept and self.kind == "worktree"

    @property
    def reason_to_stay(self) -> str:
        """Why it isn't removed unless it is forced; empty if nothing speaks for it."""
        if self.gone or self.branch_is_kept:
            return ""
        if self.kept:
            return "you kept it"
        if self.unsettled:
            count = len(self.unsettled)
            files = f"{count} changed files are" if count > 1 else "a changed file is"
            return f"{files} neither applied nor discarded"
        if self.problem:
            return self.problem
        if self.state not in _ENDED | {"unknown"}:
            return f"its session is {self.state}, not ended"
        return ""


class StillRuns(Exception):  # noqa: N818
    """A living process works on the session."""


async def leftovers(store: Store, folder: Path) -> list[Leftover]:
    """All workspaces under `folder`, the latest first, and those a repository only remembers."""
    folder = await asyncio.to_thread(folder.resolve)
    names = await asyncio.to_thread(lambda: [*sessions_in(folder)])
    found = [await _leftover(store, Spot(folder, name)) for name in names]
    found += await asyncio.to_thread(lambda: [*_remembered(store, folder, set(names))])
    return sorted(found, key=lambda one: one.at, reverse=True)


async def clean(store: Store, leftover: Leftover) -> None:
    """Remove one, its changes with it.

    Raises:
        StillRuns: nothing was removed.
        WorkspaceProblem: some of it can't be removed.
    """
    if leftover.state == "unknown":
        await _remove(leftover)
        return
    lease = await asyncio.to_thread(store.sessions.lease, leftover.session)
    if lease is None:
        raise StillRuns
    try:
        await _remove(leftover)
    finally:
        await asyncio.to_thread(lease.release)


async def _remove(leftover: Leftover) -> None:
    if leftover.opened is not None:
        # Where only the branch is left, commits on it are all there is of the work.
        only_at = leftover.opened.base if leftover.gone else ""
        await workspace_removal.remove(
            leftover.opened, with_branch=not leftover.branch_is_kept, only_at=only_at
        )
        return
    spot = Spot(leftover.folder.parent, leftover.session)
    with workspace_removal.explained(f"The workspace {leftover.folder} can't be removed"):
        await asyncio.to_thread(spot.remove_work)
        await asyncio.to_thread(spot.remove_rest)


async def _leftover(store: Store, spot: Spot) -> Leftover:
    row = await asyncio.to_thread(_session, store, spot.session)
    note = await asyncio.to_thread(spot.read)
    told = await asyncio.to_thread(_told, store, row)
    opened = told.opened or (note.opened if note else None)
    unsettled, problem = await _unsettled(spot, opened, note, told.settled)
    return Leftover(
        session=spot.session,
        title=row.title if row else "",
        state=await asyncio.to_thread(_state, store, row),
        opened=opened,
        folder=spot.work,
        size=await asyncio.to_thread(_size, spot),
        at=told.at or await asyncio.to_thread(_made, spot),
        unsettled=unsettled,
        problem=problem,
        kept=told.kept or bool(note and note.kept),
    )


async def _unsettled(
    spot: Spot, opened: WorkspaceOpened | None, note: Note | None, settled: set[str]
) -> tuple[tuple[str, ...], str]:
    """The files, or why they can't be told."""
    if not await asyncio.to_thread(os.path.lexists, spot.work):
        return (), ""
    if note is not None and (note.kept or not note.complete):
        return (), ""  # safe elsewhere; or a crash while it was made or removed
    if opened is None:
        return (), "nothing tells what it was made from"
    try:
        changes = await Workspace(opened).changes()
    except WorkspaceProblem as problem:
        return (), str(problem).removesuffix(".")
    return tuple(file.path for file in changes if file.path not in settled), ""


@dataclass
class _Told:
    """What a journal says of its session's workspace."""

    opened: WorkspaceOpened | None = None
    at: int = 0
    kept: bool = False

    def __post_init__(self) -> None:
        self.settled = set[str]()


def _told(store: Store, row: SessionRow | None) -> _Told:
    told = _Told()
    for entry in store.journal.read(row.id, deltas=False) if row else ():
        match entry.event:
            case WorkspaceOpened() as opened:
                told = _Told(opened, entry.at)
            case ChangeSettled(path="", settlement="kept"):
                told.kept = True
            case ChangeSettled(path=path, settlement="applied" | "merged" | "discarded"):
                told.settled.add(path)
            # Changed once more: what was settled was an earlier state of it.
            case ChangeSettled(path=path) | FileChanged(path=path):
                told.settled.discard(path)
            case ChangesReady(files=files):
                told.settled.difference_update(file.path for file in files)
            case _:
                pass
    return told


def _remembered(store: Store, folder: Path, present: set[str]) -> Iterator[Leftover]:
    """Worktrees whose folder somebody has removed by hand."""
    for row in store.sessions.list(limit=_LATEST, kind="code", parents_only=False):
        if row.id in present:
            continue
        for entry in store.journal.read(row.id, limit=_EARLY, deltas=False):
            if isinstance(entry.event, WorkspaceOpened) and _has_entry(entry.event, folder):
                yield Leftover(
                    session=row.id,
                    title=row.title,
                    state=_state(store, row),
                    opened=entry.event,
                    folder=Path(entry.event.folder),
                    at=entry.at,
                    gone=True,
                )
                break


def _has_entry(opened: WorkspaceOpened, folder: Path) -> bool:
    if opened.kind != "worktree" or Path(opened.folder).parent != folder:
        return False
    marks = Path(opened.repository).glob("worktrees/*/gitdir")
    return any(_place_in(mark) == f"{opened.folder}/.git" for mark in marks)


def _place_in(mark: Path) -> str:
    try:
        text = mark.read_text("utf-8", "replace").strip()
    except OSError:
        return ""  # pruned meanwhile
    # Relative to where it stands, if the user has git write it so.
    return os.path.normpath(mark.parent / text)


def _session(store: Store, name: str) -> SessionRow | None:
    try:
        row = store.sessions.get(name)
    except (SessionNotFound, SessionAmbiguous):
        return None
    return row if row.id == name else None


def _state(store: Store, row: SessionRow | None) -> State:
    if row is None:
        return "unknown"
    if row.state == "waiting" and row.waiting and store.sessions.open_approvals(row.id):
        return "waiting"  # for the user, whether or not a program holds it
    return "interrupted" if row.id in {one.id for one in store.sessions.orphans()} else row.state


def _size(spot: Spot) -> int:
    size = count = 0
    for top in (spot.work, spot.shadow):
        for folder, _, names in os.walk(top):
            for name in names:
                count += 1
                if count > _COUNTED:
                    return size
                try:
                    size += (Path(folder) / name).lstat().st_size
                except OSError:
                    continue  # removed meanwhile
    return size


def _made(spot: Spot) -> int:
    for path in (spot.note, spot.work, spot.shadow):
        if os.path.lexists(path):
            return int(path.lstat().st_mtime * 1000)
    return 0
