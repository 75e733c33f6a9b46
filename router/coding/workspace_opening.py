"""Making a workspace: which kind it can be, its base, its folder."""

import os
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from router.coding.git import Git, GitFailed, GitTooLong, GitTooSlow
from router.coding.snapshots import MOST_FILES, Listing, Scope, copy_index
from router.coding.threads import to_its_end
from router.coding.workspace_record import Note, Spot
from router.coding.workspace_removal import WorkspaceProblem, remove
from router.places import Places
from store.events import WorkspaceOpened
from store.opening import NAME

DEPENDENCIES: Final = (".venv", "venv", "node_modules")
"""Folders that tests need, and that git ignores: linked into the workspace."""
_NEVER_COPIED: Final = "".join(f"{name}/\n" for name in (*DEPENDENCIES, "__pycache__"))
_NO_REPOSITORY: Final = ("not a git repository", "must be run in a work tree")
_MESSAGE: Final = "Your files as they were when Butler began"
_SLUG: Final = 32
_SHORT: Final = 8


@dataclass(frozen=True)
class _Repository:
    top: Path
    git_dir: Path
    """Of this working tree: index and HEAD are there."""
    common: Path
    """Of all working trees: objects and branches are there."""
    subfolder: str

    @property
    def git(self) -> Git:
        return Git(self.top, repository=self.git_dir, work_tree=self.top)


class Opening:
    """One attempt to open a workspace. Each step leaves what `butler workspaces` finds."""

    def __init__(self, source: Path, spot: Spot, title: str, copy_limit: int) -> None:
        self._source = source
        self._spot = spot
        self._title = title
        self._copy_limit = copy_limit

    async def run(self) -> WorkspaceOpened:
        """Raises `WorkspaceProblem`, `GitFailed`, `OSError`."""
        if not self._source.is_dir():
            raise WorkspaceProblem(f"{self._source} is no folder: name one that exists.")
        if self._spot.exists():
            if opened := await self._found_again():
                return opened
            await self._clear_away()
        self._spot.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        repository = await self._repository()
        opened = repository and await self._worktree(repository)
        return opened or await self._copy()

    # --- what is there from before ---

    async def _found_again(self) -> WorkspaceOpened | None:
        note = self._spot.read()
        if note is None or not note.complete or note.opened.source != str(self._source):
            return None
        opened = note.opened
        git = Git(Path(opened.repository), repository=Path(opened.repository))
        intact = (
            self._spot.work.is_dir()
            and git.folder.is_dir()
            and await git.says("show-ref", "--verify", "--quiet", f"refs/heads/{opened.branch}")
        )
        return opened if intact else None

    async def _clear_away(self) -> None:
        note = self._spot.read()
        if note is None:
            await to_its_end(self._spot.remove_work)
            await to_its_end(self._spot.remove_rest)
        elif note.complete and note.opened.source != str(self._source):
            raise WorkspaceProblem(
                f"{self._spot.work} is a workspace of {note.opened.source}, not of "
                f"{self._source}: remove it with `butler workspaces clean {self._spot.session}`."
            )
        else:
            await remove(note.opened, with_branch=True, only_at=note.opened.base)

    # --- in a repository ---

    async def _repository(self) -> _Repository | None:
        git = Git(self._source)
        try:
            told = await git.line(
                "rev-parse",
                "--path-format=absolute",
                "--show-toplevel",
                "--absolute-git-dir",
                "--git-common-dir",
                "--show-prefix",
            )
        except GitFailed as failed:
            if any(words in failed.said for words in _NO_REPOSITORY):
                return None
            raise
        top, git_dir, common, *prefix = told.split("\n")
        if not top.startswith("/"):
            # An older one repeats the option it doesn't know.
            raise WorkspaceProblem("A workspace needs git 2.31 or newer: update it.")
        subfolder = (prefix[0] if prefix else "").rstrip("/")
        found = _Repository(Path(top), Path(git_dir), Path(common), subfolder)
        if subfolder and await _is_ignored_there(found):
            return None
        return found

    async def _worktree(self, found: _Repository) -> WorkspaceOpened | None:
        """`None` if the repository has more files that it doesn't track than anybody could copy."""
        scope = Scope(found.git, spared=_own(self._spot.folder))
        with self._spot.scratch() as folder:
            index = folder / "index"
            await to_its_end(copy_index, found.git_dir / "index", index)
            untracked = await self._listed(scope, index)
            if untracked is None:
                return None
            tree = (await scope.take(index, known=untracked)).tree
        base = await _base(found.git, tree)
        opened = WorkspaceOpened(
            kind="worktree",
            folder=str(self._spot.work),
            source=str(self._source),
            branch=await self._branch(found.git),
            base=base,
            repository=str(found.common),
            subfolder=found.subfolder,
        )
        return await self._make(opened, Git(found.top, repository=found.common), found.git)

    # --- elsewhere ---

    async def _copy(self) -> WorkspaceOpened:
        shadow = self._spot.shadow
        await Git(self._spot.folder)("init", "-q", "--bare", "--template=", str(shadow))
        (shadow / "info").mkdir()
        (shadow / "info" / "exclude").write_text(_NEVER_COPIED, "utf-8")
        source = Git(self._source, repository=shadow, work_tree=self._source)
        scope = Scope(source, spared=_own(self._spot.folder), inner=True)
        with self._spot.scratch() as folder:
            index = folder / "index"
            listing = await self._listed(scope, index)
            # With no working tree but an empty one where it is too large.
            if listing is None:
                scope = Scope(Git(folder, repository=shadow, work_tree=folder))
            tree = (await scope.take(index, known=listing or Listing())).tree
        opened = WorkspaceOpened(
            kind="copy" if listing else "empty",
            folder=str(self._spot.work),
            source=str(self._source),
            branch=await self._branch(source),
            base=await _base(source, tree),
            repository=str(shadow),
        )
        return await self._make(opened, Git(shadow, repository=shadow), source)

    async def _listed(self, scope: Scope, index: Path) -> Listing | None:
        """What would be copied, or `None` if that is too much."""
        try:
            listing = await scope.untracked(index)
        except (GitTooSlow, GitTooLong):
            return None
        too_much = listing.size > self._copy_limit or len(listing.paths) > MOST_FILES
        return None if too_much else listing

    # --- both ---

    async def _branch(self, git: Git) -> str:
        ending = f"{_slug(self._title)}-{self._spot.session[:_SHORT]}".lstrip("-")
        # A branch called `butler` leaves no room for others below it.
        taken = await git.says("show-ref", "--verify", "--quiet", "refs/heads/butler")
        name = f"butler-{ending}" if taken else f"butler/{ending}"
        number, branch = 1, name
        while await git.says("show-ref", "--verify", "--quiet", f"refs/heads/{branch}"):
            number += 1
            branch = f"{name}-{number}"
        return branch

    async def _make(self, opened: WorkspaceOpened, git: Git, source: Git) -> WorkspaceOpened:
        """Make the folder, between two notes of it.

        Args:
            opened: what it is going to be.
            git: runs in the repository, with no working tree named.
            source: runs in the user's working tree.
        """
        note = Note(opened=opened)
        self._spot.write(note)
        await git(
            "worktree", "add", "-q", "--no-track", "-b", opened.branch, opened.folder, opened.base
        )
        work = Git(self._spot.work)
        index = Path(await work.line("rev-parse", "--path-format=absolute", "--git-path", "index"))
        await to_its_end(copy_index, index, self._spot.index)
        root = self._spot.work / opened.subfolder
        root.mkdir(parents=True, exist_ok=True)
        links = () if opened.kind == "empty" else await self._link_dependencies(root, source)
        self._spot.write(msgspec.structs.replace(note, complete=True, links=links))
        return opened

    async def _link_dependencies(self, root: Path, source: Git) -> tuple[str, ...]:
        linked = list[str]()
        for name in self._missing_dependencies(root):
            place = self._source / name
            if await source.says("check-ignore", "-q", "--", f"{place}/"):
                (root / name).symlink_to(place, target_is_directory=True)
                linked.append(name)
        return tuple(linked)

    def _missing_dependencies(self, root: Path) -> list[str]:
        return [
            name
            for name in DEPENDENCIES
            if (self._source / name).is_dir() and not os.path.lexists(root / name)
        ]


def _own(workspaces: Path) -> tuple[Path, ...]:
    """What is Butler's and nobody else's: a user may well work in the home that holds it."""
    data = workspaces.parent
    own = [workspaces, Places.find(os.environ).keys_file.resolve()]
    return (*own, data) if (data / NAME).exists() else tuple(own)


async def _is_ignored_there(found: _Repository) -> bool:
    """Whether a folder lies in a repository by chance: a home kept in git, say."""
    folder = f"{found.subfolder}/"
    if await found.git("ls-files", "-z", "--", f":(top,literal){folder}", most=10**9):
        return False
    return await found.git.says("check-ignore", "-q", "--", folder)


async def _base(git: Git, tree: str) -> str:
    """HEAD, if nothing differs from it, else a commit of its own that holds the tree."""
    parent = list[str]()
    if await git.says("rev-parse", "--verify", "--quiet", "HEAD^{commit}"):
        head = await git.line("rev-parse", "HEAD^{commit}")
        if await git.line("rev-parse", f"{head}^{{tree}}") == tree:
            return head
        parent = ["-p", head]
    return await git.line("commit-tree", tree, *parent, "-m", _MESSAGE)


def _slug(title: str) -> str:
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    return words[:_SLUG].rstrip("-")
