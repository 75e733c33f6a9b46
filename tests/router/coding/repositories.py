"""Folders of a user's, with git and without, as the tests of workspaces need them."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from router.coding.workspace import Workspace, open_workspace
from store.events import ChangedFile, ChangeSettled, WorkspaceOpened


class Crash(Exception):  # noqa: N818
    """The program ends here."""


@dataclass(frozen=True)
class User:
    """A folder of theirs, and where Butler's workspaces are."""

    folder: Path
    workspaces: Path

    def git(self, *arguments: str) -> str:
        command = ["git", "-c", "user.name=U", "-c", "user.email=u@example.org", *arguments]
        return subprocess.run(
            command, cwd=self.folder, check=True, capture_output=True, text=True
        ).stdout.strip()

    def has(self, path: str, text: str | bytes) -> Path:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return file

    def commit(self, message: str = "work") -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)

    def read(self, path: str) -> str:
        return (self.folder / path).read_bytes().decode()

    async def open(
        self,
        session: str = "aaaa1111bbbb",
        *,
        title: str = "Add a retry",
        source: Path | None = None,
        copy_limit: int = 50_000_000,
    ) -> "Opened":
        opened = await open_workspace(
            source or self.folder, session, title, self.workspaces, copy_limit=copy_limit
        )
        return Opened(opened)


class Opened:
    """A workspace with an agent in it."""

    def __init__(self, event: WorkspaceOpened) -> None:
        self.event = event
        self.it = Workspace(event)

    @property
    def root(self) -> Path:
        return self.it.root

    def write(self, path: str, text: str | bytes) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return file

    async def changes(self) -> dict[str, ChangedFile]:
        return {file.path: file for file in await self.it.changes()}

    async def apply(self, *paths: str) -> dict[str, ChangeSettled]:
        return {one.path: one for one in await self.it.apply(paths or None)}


def user_with_git(folder: Path) -> User:
    user = User(folder / "project", folder / "data" / "workspaces")
    user.folder.mkdir()
    user.git("init", "-q", "-b", "main")
    return user


def everything_in(folder: Path) -> dict[str, str]:
    """All files of a user's but git's, as they are: to see that none has changed."""
    seen: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if name.startswith(".git/"):
            continue
        if path.is_symlink():
            seen[name] = f"-> {path.readlink()}"
        elif path.is_file():
            seen[name] = f"{path.stat().st_mode:o} {path.read_bytes()!r}"
    return seen
