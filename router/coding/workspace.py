"""A coding session's own folder, and how what it wrote there gets into the user's files.

In a git repository it is a worktree on a branch of its own; elsewhere a copy, made by a git
directory of ours that the user's folder knows nothing of; and where the folder is too large for
that, an empty one. In each case the base is a commit that holds the user's files as they were.
"""

import asyncio
import os
from collections.abc import Collection
from pathlib import Path
from typing import Final

from router.coding import changes, workspace_removal
from router.coding.changes import Entry, TooMany
from router.coding.git import Git, GitFailed, GitTooLong, is_blob
from router.coding.merging import Conflict, Delete, Outcome, Same, Write, merge
from router.coding.snapshots import LARGE, Scope, Snapshot, copy_index
from router.coding.threads import to_its_end
from router.coding.turns import turn
from router.coding.user_files import Blocked, Changed, Found, UserFiles, Version
from router.coding.workspace_opening import Opening
from router.coding.workspace_record import Note, Spot, is_session
from router.coding.workspace_removal import WorkspaceProblem
from store.events import ChangedFile, ChangeSettled, WorkspaceOpened

__all__ = ["Workspace", "WorkspaceProblem", "open_workspace"]

_ATTEMPTS: Final = 3
"""At a file that somebody else is writing to meanwhile."""


async def open_workspace(
    source: Path, session: str, title: str, folder: Path, *, copy_limit: int
) -> WorkspaceOpened:
    """Make a session's workspace, or find again the one it has.

    Args:
        source: the user's folder, which stays as it is.
        session: its id; the workspace is called so.
        title: goes into the branch's name.
        folder: where all workspaces lie.
        copy_limit: bytes up to which a folder in no repository is copied.

    Raises:
        WorkspaceProblem: there is nowhere to work.
    """
    if not is_session(session):
        raise WorkspaceProblem(f"{session!r} can't be the name of a workspace.")
    try:
        source, folder = await asyncio.to_thread(_resolved, source, folder)
        return await Opening(source, Spot(folder, session), title, copy_limit).run()
    except GitFailed as failed:
        told = str(failed).removesuffix(".")
        raise WorkspaceProblem(f"No workspace can be made for {source}: {told}.") from failed
    except OSError as error:
        place = error.filename or folder
        raise WorkspaceProblem(
            f"No workspace can be made for {source}: {place} ({error.strerror})."
        ) from error


class Workspace:
    """What `opened` describes. Making one of these touches nothing."""

    def __init__(self, opened: WorkspaceOpened) -> None:
        self._opened = opened
        top = Path(opened.folder)
        self._spot = Spot(top.parent, top.name)
        self._prefix = f"{opened.subfolder}/" if opened.subfolder else ""
        self._repository = Path(opened.repository)
        self.root = top / opened.subfolder
        self._source = Path(opened.source)

    @property
    def exists(self) -> bool:
        """Whether an agent can work there: not while it is made, nor once its end has begun."""
        note = self._spot.read()
        is_open = note is None or (note.complete and not self._is_kept(note))
        return is_open and self._spot.work.is_dir() and self._repository.is_dir()

    async def changes(self) -> tuple[ChangedFile, ...]:
        """What differs from the base, whatever became of it in the user's files.

        Raises:
            WorkspaceProblem: it can't be told.
        """
        with workspace_removal.explained(f"The changes in {self.root} can't be told"):
            snapshot = await self._snapshot()
            try:
                found = await changes.changed_files(
                    changes.by_itself(self._repository),
                    self._opened.base,
                    snapshot.tree,
                    self._prefix,
                )
            except TooMany as many:
                raise WorkspaceProblem(
                    f"{many} files differ in {self.root}, more than anybody would look at: add "
                    "what is generated to a .gitignore there, or remove it."
                ) from many
        large = (
            ChangedFile(path=changes.shown(path), change="new", binary=True, cut=True)
            for path in self._too_large(snapshot)
        )
        return tuple(sorted([*found, *large], key=lambda file: file.path))

    async def apply(self, paths: Collection[str] | None = None) -> tuple[ChangeSettled, ...]:
        """Bring changes into the user's files: all, or those named.

        Raises:
            WorkspaceProblem: nothing could be applied.
        """
        if not self._source.is_dir():
            raise WorkspaceProblem(
                f"{self._source} is gone: nothing was applied, the changes are in {self.root}."
            )
        with workspace_removal.explained(f"The changes in {self.root} can't be applied"):
            snapshot = await self._snapshot()
            entries = await self._entries(snapshot)
            named = None if paths is None else frozenset(paths)
            wanted = [entry for entry in entries if named is None or entry.name in named]
            # What goes makes room for what comes: a file where a folder was.
            wanted.sort(key=lambda entry: entry.status != "D")
            async with turn(self._source, self._spot.folder):
                settled = [await self._apply_one(entry) for entry in wanted]
        large = {changes.shown(path) for path in self._too_large(snapshot)}
        settled += [self._too_large_to_apply(p) for p in large if named is None or p in named]
        unchanged = set(paths or ()) - {one.path for one in settled}
        settled += [
            ChangeSettled(path=path, settlement="applied", detail="It is as it was.")
            for path in unchanged
        ]
        return tuple(sorted(settled, key=lambda one: one.path))

    async def discard(self, paths: Collection[str]) -> tuple[ChangeSettled, ...]:
        """Take changes back in the workspace. Nothing of them gets into the user's files.

        Raises:
            WorkspaceProblem: the workspace is not there any more.
        """
        with workspace_removal.explained(f"The changes in {self.root} can't be discarded"):
            snapshot = await self._snapshot()
            entries = {entry.name: entry for entry in await self._entries(snapshot)}
            wanted = [entries[path] for path in paths if path in entries]
            # What is new goes first: it may be where a folder was.
            for entry in sorted(wanted, key=lambda entry: entry.status != "A"):
                await self._take_back(entry)
        return tuple(ChangeSettled(path=path, settlement="discarded") for path in sorted(paths))

    async def keep(self, message: str) -> ChangeSettled:
        """Commit all of it on the branch and remove the worktree; a copy stays where it is.

        Raises:
            WorkspaceProblem: it can't be committed; then all is as it was.
        """
        note = await asyncio.to_thread(self._spot.read)
        with workspace_removal.explained(f"The work in {self.root} can't be kept"):
            # After a crash its files may be half gone: then what is committed is all of it.
            if note is None or not self._is_kept(note):
                await self._commit(message)
                await to_its_end(workspace_removal.note_kept, self._spot)
        if self._opened.kind == "worktree":
            await workspace_removal.remove(self._opened, with_branch=False)
            where = f"branch {self._opened.branch}"
        else:
            where = f"folder {self.root}"
        return ChangeSettled(path="", settlement="kept", detail=where)

    async def close(self) -> None:
        """Remove worktree and branch.

        Raises:
            WorkspaceProblem: some of it can't be removed.
        """
        await workspace_removal.remove(self._opened, with_branch=True)

    def _is_kept(self, note: Note) -> bool:
        return note.kept and self._opened.kind == "worktree"

    # --- what is there ---

    async def _snapshot(self, *, large: int = LARGE) -> Snapshot:
        work = self._spot.work
        if work.is_symlink() or not work.is_dir():
            raise WorkspaceProblem(f"The workspace {work} is gone, or is no folder any more.")
        git = Git(work, repository=self._repository, work_tree=work)
        note = await asyncio.to_thread(self._spot.read)
        links = {
            os.fsencode(self._prefix + name): os.fsencode(self._source / name)
            for name in (note.links if note else ())
        }
        scope = Scope(git, inner=True, links=links, large=large)
        with self._spot.scratch() as folder:
            index = folder / "index"
            await to_its_end(copy_index, self._spot.index, index)
            snapshot = await scope.take(index, self._opened.base)
            if index.exists():
                index.replace(self._spot.index)
        return snapshot

    async def _entries(self, snapshot: Snapshot) -> list[Entry]:
        git = changes.by_itself(self._repository)
        return await changes.entries(git, self._opened.base, snapshot.tree, self._prefix)

    def _too_large(self, snapshot: Snapshot) -> list[bytes]:
        start = os.fsencode(self._prefix)
        return [path[len(start) :] for path in snapshot.left_out if path.startswith(start)]

    async def _commit(self, message: str) -> None:
        git = Git(self._repository, repository=self._repository)
        ref = f"refs/heads/{self._opened.branch}"
        if not self._spot.exists() and await git.says("show-ref", "--verify", "--quiet", ref):
            return  # kept before
        tree = (await self._snapshot(large=1 << 62)).tree
        tip = await git.line("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
        if await git.line("rev-parse", f"{tip}^{{tree}}") == tree:
            return
        text = message.strip() or "Changes by Butler"
        commit = os.fsdecode(
            await git("commit-tree", tree, "-p", tip, "-F", "-", given=text.encode())
        )
        await git("update-ref", "-m", "butler: keep", ref, commit.strip(), tip)

    # --- one file ---

    async def _apply_one(self, entry: Entry) -> ChangeSettled:
        for _ in range(_ATTEMPTS):
            try:
                return await self._merge_one(entry)
            except Changed:
                continue
            except Blocked as blocked:
                return _conflict(entry, str(blocked))
            except GitFailed as failed:
                return _conflict(entry, f"It can't be merged: {failed}.")
            except OSError as error:
                return _conflict(entry, f"It can't be written: {error.strerror}.")
        return _conflict(entry, "Somebody else is writing to it; apply it again later.")

    async def _merge_one(self, entry: Entry) -> ChangeSettled:
        files = UserFiles(self._source)
        found = await asyncio.to_thread(files.look, entry.path)
        ours = found.version if found else None
        base, theirs = await self._sides(entry, ours)
        outcome = await merge(base, theirs, ours, self._spot.folder)
        if isinstance(outcome, Conflict):
            return _conflict(entry, outcome.detail)
        await to_its_end(_write, files, entry.path, outcome, found)
        merged = isinstance(outcome, Write) and outcome.merged
        where = str(self._source / entry.name)
        return ChangeSettled(
            path=entry.name, settlement="merged" if merged else "applied", detail=where
        )

    async def _take_back(self, entry: Entry) -> None:
        files, path = UserFiles(self._spot.work), os.fsencode(self._prefix) + entry.path
        try:
            before = await self._version(entry, entry.old, entry.old_mode, self._spot.work)
            found = await asyncio.to_thread(files.look, path)
            if before is not None:
                await to_its_end(files.put, path, before, found)
            elif found is not None:
                await to_its_end(files.remove, path, found)
        except (Blocked, Changed):
            # An agent's link or folder is in the way. The user's files are safe from it anyhow.
            return

    @property
    def _source_top(self) -> Path:
        """Of the user's repository, where attributes lie that say how files are written."""
        depth = len(Path(self._opened.subfolder).parts)
        return self._source.parents[depth - 1] if depth else self._source

    async def _sides(
        self, entry: Entry, ours: Version | None
    ) -> tuple[Version | None, Version | None]:
        """Before, and Butler's."""
        written = await asyncio.to_thread(self._written, entry)
        old, new = await asyncio.to_thread(_as_they_are, entry, ours, written)
        if (old or entry.status == "A") and (new or entry.status == "D"):
            return old, new
        return (
            await self._version(entry, entry.old, entry.old_mode, self._source_top),
            await self._version(entry, entry.new, entry.new_mode, self._spot.work),
        )

    def _written(self, entry: Entry) -> Version | None:
        """What is in the workspace, if it can be read without going through a link."""
        try:
            found = UserFiles(self._spot.work).look(os.fsencode(self._prefix) + entry.path)
        except (Blocked, OSError):
            return None
        return found.version if found else None

    async def _version(self, entry: Entry, blob: str, mode: str, work_tree: Path) -> Version | None:
        """One side, as git would write it into this working tree, whose attributes count."""
        if not blob.strip("0"):
            return None
        git = Git(
            work_tree, repository=self._repository, work_tree=work_tree, index=self._spot.index
        )
        link = mode == changes.LINK
        path = os.fsdecode(os.fsencode(self._prefix) + entry.path)
        how = ("blob",) if link else ("--filters", f"--path={path}")
        try:
            content = await git("cat-file", *how, blob, most=LARGE)
        except GitTooLong as failed:
            raise Blocked(_too_large(self.root)) from failed
        return Version(content, mode == changes.EXECUTABLE, link)

    def _too_large_to_apply(self, path: str) -> ChangeSettled:
        return ChangeSettled(path=path, settlement="conflict", detail=_too_large(self.root))


def _as_they_are(
    entry: Entry, ours: Version | None, written: Version | None
) -> tuple[Version | None, Version | None]:
    """Both sides, if the files at hand are the very contents: git need not be asked, which takes
    milliseconds. Where it writes files otherwise than it keeps them, they aren't."""
    old = ours is not None and is_blob(ours.content, entry.old)
    new = written is not None and is_blob(written.content, entry.new)
    return (
        _sided(ours, entry.old_mode) if old else None,
        _sided(written, entry.new_mode) if new else None,
    )


def _sided(version: Version | None, mode: str) -> Version | None:
    if version is None or version.link != (mode == changes.LINK):
        return None
    return Version(version.content, mode == changes.EXECUTABLE, version.link)


def _too_large(root: Path) -> str:
    return f"It is larger than {LARGE // 1_000_000} MB: copy it from {root}."


def _resolved(*paths: Path) -> list[Path]:
    return [path.resolve() for path in paths]


def _write(files: UserFiles, path: bytes, outcome: Outcome, found: Found | None) -> None:
    match outcome:
        case Write(version=version):
            files.put(path, version, found)
        case Delete() if found is not None:
            files.remove(path, found)
        case Same() | Delete() | Conflict():
            pass


def _conflict(entry: Entry, detail: str) -> ChangeSettled:
    return ChangeSettled(path=entry.name, settlement="conflict", detail=detail)
