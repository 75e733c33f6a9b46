"""Where a workspace lies, and the note beside it that finds it again whatever happens."""

import contextlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from store.events import WorkspaceOpened

_SESSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_ENDINGS: Final = ("json", "index", "git")


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """Written before anything of a workspace is made, so that no crash leaves what nobody knows."""

    opened: WorkspaceOpened
    complete: bool = False
    """All of it was made: an agent may have worked there."""
    links: tuple[str, ...] = ()
    """Folders of the source that are linked into the workspace."""
    kept: bool = False
    """The user keeps the folder."""


@dataclass(frozen=True)
class Spot:
    """The paths of one workspace. All but `work` lie where no agent works."""

    folder: Path
    session: str

    def __post_init__(self) -> None:
        if not is_session(self.session):
            raise ValueError(f"{self.session!r} is no session's id")

    @property
    def work(self) -> Path:
        return self.folder / self.session

    @property
    def shadow(self) -> Path:
        """The git directory of a workspace whose source is in none."""
        return self.folder / f"{self.session}.git"

    @property
    def index(self) -> Path:
        """What git last knew of the workspace's files: saves reading the unchanged ones."""
        return self.folder / f"{self.session}.index"

    @property
    def note(self) -> Path:
        return self.folder / f"{self.session}.json"

    def read(self) -> Note | None:
        """`None` where there is none that can be read."""
        try:
            return msgspec.json.decode(self.note.read_bytes(), type=Note)
        except (OSError, msgspec.MsgspecError):
            return None

    def write(self, note: Note) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self.folder / f"{self.session}.json.new"
        draft.write_bytes(msgspec.json.encode(note))
        draft.replace(self.note)

    def exists(self) -> bool:
        return any(os.path.lexists(path) for path in (self.work, self.shadow, self.note))

    @contextlib.contextmanager
    def scratch(self) -> Generator[Path]:
        """A folder for a moment."""
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=f"{self.session}.tmp-") as name:
            yield Path(name)

    def remove_work(self) -> None:
        remove_tree(self.work)

    def remove_rest(self) -> None:
        """The note last: until then it is known that there is something left."""
        remove_tree(self.shadow)
        for path in self.folder.glob(f"{self.session}.*"):
            if path != self.note:
                remove_tree(path)
        self.note.unlink(missing_ok=True)


def is_session(name: str) -> bool:
    return _SESSION.fullmatch(name) is not None


def sessions_in(folder: Path) -> Iterator[str]:
    """Names of all that have something there, known or not."""
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208  (names, not paths)
    except FileNotFoundError:
        return
    seen = set[str]()
    for name in names:
        stem, dot, ending = name.partition(".")
        if is_session(stem) and (not dot or ending in _ENDINGS) and stem not in seen:
            seen.add(stem)
            yield stem


def remove_tree(path: Path) -> None:
    """Remove a folder and all in it, also what an agent made unwritable. Links aren't followed."""
    if path.is_symlink() or path.is_file():
        path.unlink()
        return
    try:
        shutil.rmtree(path)
    except FileNotFoundError:
        return
    except PermissionError:
        _open_up(path)
        shutil.rmtree(path)


def _open_up(folder: Path) -> None:
    folder.chmod(stat.S_IRWXU)
    with os.scandir(folder) as entries:
        inner = [Path(entry) for entry in entries if entry.is_dir(follow_symlinks=False)]
    for each in inner:
        _open_up(each)
