"""Paths that a model wrote, kept inside the workspace.

A path is walked one name at a time, each folder opened from the one before it and never through a
link; a link is read and its target walked in the same way. So what was checked is what is used: a
folder that is swapped for a link in between is noticed, not followed.
"""

import os
import re
import stat
from collections import deque
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from router.coding.visible import visible

_LONGEST: Final = 4096
_LONGEST_NAME: Final = 255
_DEEPEST: Final = 64
_LINKS: Final = 40
"""What Linux itself follows at most."""

_BY_FOLDER: Final = {os.open, os.readlink, os.mkdir, os.unlink, os.rename} <= os.supports_dir_fd
"""Elsewhere (Windows) names are looked up from the start each time, and a race could be won."""
_NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0)
_FOLDER: Final = getattr(os, "O_DIRECTORY", 0) | _NO_LINK
_PLAIN: Final = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_READ: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _NO_LINK | _PLAIN

_DRIVE: Final = re.compile(r"[A-Za-z]:")
# What HFS+ leaves out when it compares names; git guards against the same ones.
_IGNORED_IN_NAMES: Final = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")


class PathProblem(Exception):  # noqa: N818  (told to a model, which can mend it)
    """A path that can't be used. The message says which, why, and what is allowed."""


class Held(msgspec.Struct, frozen=True):
    """A place in the workspace, held by its open folder, so that it can't be swapped."""

    folder: int | None
    """Descriptor of the folder; `None` where the platform can't look up names from one."""
    name: str
    """What to look up in `folder`; no link at the time it was walked."""
    path: str
    """From the workspace, with `/` and without links; empty for the workspace itself."""
    existing: bool
    linked: bool
    """It was reached through a link."""


def is_git(name: str) -> bool:
    """Whether a file system or git could take the name for `.git`."""
    plain = _IGNORED_IN_NAMES.sub("", name).partition(":")[0].rstrip(" .").casefold()
    return plain in {".git", "git~1"}


def names(path: str) -> list[str]:
    """The names of a relative path that stays inside, by its text alone; `..` may be among them."""
    shown = visible(path if len(path) <= 200 else f"{path[:200]}…", keep="")
    if not path:
        raise PathProblem("The path is empty: give one relative to the workspace, or `.`.")
    if "\\" in path:
        raise PathProblem(f"{shown}: separate folders with `/`.")
    if path.startswith(("/", "~")) or _DRIVE.match(path):
        raise PathProblem(f"{shown}: only paths relative to the workspace are allowed.")
    parts = [part for part in path.split("/") if part not in {"", "."}]
    depth = 0
    for part in parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            raise PathProblem(f"{shown}: it leads out of the workspace.")
        _allowed(part, shown)
    if len(os.fsencode(path)) > _LONGEST or len(parts) > _DEEPEST:
        raise PathProblem(f"{shown}: the path is too long or too deep.")
    return parts


def resolve(root: Path, path: str) -> Path:
    """Where a path leads, links followed; it need not exist. For programs that take a path and
    for showing: to read and write use `open_file` and `held`, which can't be raced."""
    with held(root, path) as place:
        return Path(os.path.realpath(root), place.path)


@contextmanager
def held(root: Path, path: str, *, make: bool = False) -> Generator[Held]:
    """Walk to a path and hold its folder.

    Args:
        make: create the folders on the way.

    Raises:
        PathProblem: it leads outside, into `.git`, or through something that is no folder.
    """
    with ExitStack() as opened:
        try:
            yield _Walk(root, path, opened, make=make).end()
        except OSError as error:
            raise PathProblem(
                f"{visible(path[:200], keep='')}: {error.strerror or error}."
            ) from error


def open_file(place: Held, path: str) -> BinaryIO:
    """Open a regular file for reading; anything else is refused without waiting on it."""
    if not place.existing:
        raise PathProblem(f"{path}: there is no such file; list_files shows what there is.")
    try:
        descriptor = os.open(place.name, _READ, dir_fd=place.folder)
    except OSError as error:
        raise PathProblem(f"{path}: can't be read: {error.strerror or error}.") from error
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    what = "a folder: use list_files" if stat.S_ISDIR(mode) else "a device, pipe or socket"
    raise PathProblem(f"{path}: it is no file but {what}.")


class _Walk:
    """One walk from the workspace to a path."""

    def __init__(self, root: Path, path: str, opened: ExitStack, *, make: bool) -> None:
        self._shown = visible(path[:200], keep="")
        self._todo = deque(names(path))
        self._opened = opened
        self._make = make
        self._given = str(root)
        self._root = os.path.realpath(root)
        self._names: list[str] = []
        self._folders: list[int | None] = [self._hold(self._root, None)]
        self._links = 0

    def end(self) -> Held:
        while self._todo:
            name = self._todo.popleft()
            if name == "..":
                self._up()
                continue
            _allowed(name, self._shown)
            target = self._link(name)
            if target is not None:
                self._follow(target)
            elif not self._todo:
                return self._found(name, existing=self._exists(name))
            elif not self._enter(name):
                return self._missing(name)
        return self._here()

    def _here(self) -> Held:
        """The path ends at a folder that the walk is in: the workspace, or after `..`."""
        at = "." if _BY_FOLDER else self._place(".")
        return Held(self._folders[-1], at, "/".join(self._names), True, bool(self._links))

    def _found(self, name: str, *, existing: bool) -> Held:
        path = "/".join((*self._names, name))
        return Held(self._folders[-1], self._place(name), path, existing, bool(self._links))

    def _missing(self, name: str) -> Held:
        """Below a folder that isn't there nothing can lead anywhere else."""
        if ".." in self._todo:
            raise PathProblem(f"{self._shown}: there is no folder {name} to go on from.")
        for part in self._todo:
            _allowed(part, self._shown)
        path = "/".join((*self._names, name, *self._todo))
        return Held(self._folders[-1], self._place(name), path, False, bool(self._links))

    def _place(self, name: str) -> str:
        return name if _BY_FOLDER else str(Path(self._root, *self._names, name))

    def _hold(self, name: str, folder: int | None) -> int | None:
        if not _BY_FOLDER:
            if not Path(name).is_dir():
                raise PathProblem(f"{self._shown}: a part of it is no folder.")
            return None
        descriptor = os.open(name, os.O_RDONLY | _FOLDER | _PLAIN, dir_fd=folder)
        self._opened.callback(os.close, descriptor)
        return descriptor

    def _up(self) -> None:
        if not self._names:
            raise self._outside()
        self._names.pop()
        self._folders.pop()

    def _link(self, name: str) -> str | None:
        try:
            return os.readlink(self._place(name), dir_fd=self._folders[-1])
        except OSError:  # no link, or not there: what comes next tells which
            return None

    def _follow(self, target: str) -> None:
        self._links += 1
        if self._links > _LINKS or len(self._todo) > _DEEPEST:
            raise PathProblem(f"{self._shown}: its links go in circles.")
        if target.startswith("/") or _DRIVE.match(target):
            target = self._within(target)
            self._names.clear()
            del self._folders[1:]
        parts = [part for part in target.split("/") if part not in {"", "."}]
        self._todo.extendleft(reversed(parts))

    def _within(self, target: str) -> str:
        for root in (self._root, self._given):
            if target == root or target.startswith(f"{root}/"):
                return target[len(root) :]
        raise self._outside()

    def _enter(self, name: str) -> bool:
        """Go into a folder; `False` where there is none and none is to be made."""
        try:
            folder = self._hold(self._place(name), self._folders[-1])
        except FileNotFoundError:
            if not self._make:
                return False
            os.mkdir(self._place(name), dir_fd=self._folders[-1])
            folder = self._hold(self._place(name), self._folders[-1])
        except NotADirectoryError as error:
            raise PathProblem(f"{self._shown}: {name} is no folder.") from error
        self._names.append(name)
        self._folders.append(folder)
        if len(self._folders) > 2 * _DEEPEST:
            raise PathProblem(f"{self._shown}: the path is too deep.")
        return True

    def _exists(self, name: str) -> bool:
        try:
            os.stat(self._place(name), dir_fd=self._folders[-1], follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def _outside(self) -> PathProblem:
        return PathProblem(f"{self._shown}: it leads out of the workspace through a link.")


def _allowed(name: str, shown: str) -> None:
    if visible(name, keep="") != name:
        raise PathProblem(f"{shown}: a name in it has control or hidden characters.")
    if is_git(name):
        raise PathProblem(f"{shown}: git's own files are not for tools; use run_command for git.")
    if len(os.fsencode(name)) > _LONGEST_NAME:
        raise PathProblem(f"{shown}: a name in it is longer than {_LONGEST_NAME} bytes.")
