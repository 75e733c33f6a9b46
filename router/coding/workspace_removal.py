"""Taking a workspace away, in an order that leaves a trace of what is left until nothing is."""

import contextlib
from collections.abc import Generator
from pathlib import Path
from typing import Final

import msgspec

from router.coding.git import Git, GitFailed
from router.coding.problems import DeskProblem
from router.coding.snapshots import copy_index
from router.coding.threads import to_its_end
from router.coding.workspace_record import Spot
from store.events import WorkspaceOpened

_NOTHING_THERE: Final = ("is not a working tree", "not a git repository", "No such file")


class WorkspaceProblem(DeskProblem):
    """`str()` is one sentence for the user."""


@contextlib.contextmanager
def explained(what: str) -> Generator[None]:
    """Turn what git and the disk say into a problem's sentence."""
    try:
        yield
    except GitFailed as failed:
        raise WorkspaceProblem(f"{what}: {str(failed).removesuffix('.')}.") from failed
    except OSError as error:
        raise WorkspaceProblem(f"{what}: {error.filename} ({error.strerror}).") from error


async def remove(opened: WorkspaceOpened, *, with_branch: bool, only_at: str = "") -> None:
    """Remove a workspace's folder, its entry in the repository, and maybe its branch.

    Args:
        opened: which.
        with_branch: the branch as well, unless the user has checked it out.
        only_at: the branch only if it is at this commit.

    Raises:
        WorkspaceProblem: some of it can't be removed; the rest is still known.
    """
    folder = Path(opened.folder)
    spot = Spot(folder.parent, folder.name)
    with explained(f"The workspace {folder} can't be removed"):
        await to_its_end(_begin, spot)
        await to_its_end(spot.remove_work)
        if opened.kind == "worktree":
            await _forget(opened, with_branch=with_branch, only_at=only_at)
        await to_its_end(spot.remove_rest)


def note_kept(spot: Spot) -> None:
    """Note that all of it is committed, and have git in a copy see that."""
    note = spot.read()
    if note is not None:
        spot.write(msgspec.structs.replace(note, kept=True))
    for own in spot.shadow.glob("worktrees/*"):
        copy_index(spot.index, own / "index")


def _begin(spot: Spot) -> None:
    """Note that from here on files are missing: it is no workspace any more."""
    note = spot.read()
    if note is not None and note.complete:
        spot.write(msgspec.structs.replace(note, complete=False))


async def _forget(opened: WorkspaceOpened, *, with_branch: bool, only_at: str) -> None:
    git = Git(Path(opened.repository), repository=Path(opened.repository))
    if not git.folder.is_dir():
        return
    # Only this entry: others may be of a disk that is not plugged in now.
    await _tolerant(git, "worktree", "remove", "-f", "-f", opened.folder)
    ref = f"refs/heads/{opened.branch}"
    if not with_branch or not await git.says("show-ref", "--verify", "--quiet", ref):
        return
    if only_at and await git.line("rev-parse", ref) != only_at:
        return
    if not await _checked_out(git, ref):
        await git("branch", "-D", "-q", "--", opened.branch)


async def _tolerant(git: Git, *arguments: str) -> None:
    try:
        await git(*arguments)
    except GitFailed as failed:
        if not any(words in failed.said for words in _NOTHING_THERE):
            raise


async def _checked_out(git: Git, ref: str) -> bool:
    listed = await git("worktree", "list", "--porcelain")
    return f"branch {ref}\n".encode() in listed
