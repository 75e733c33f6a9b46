"""The user's files, read and replaced so that no link leads elsewhere and nothing gets lost.

Every folder on the way is opened by itself and refused if it is a link, so what is checked is what
is written, whatever somebody else does meanwhile. A file is replaced whole, and only if it is still
the one that was read.
"""

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from router.coding.confinement import is_git
from router.coding.snapshots import LARGE

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_DRAFT: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Blocked(Exception):  # noqa: N818
    """Something stands in the way. `str()` is a sentence."""


class Changed(Exception):  # noqa: N818
    """It is no longer what was read."""


@dataclass(frozen=True)
class Version:
    """A file's content as one side has it; of a link, where it points."""

    content: bytes
    executable: bool = False
    link: bool = False


@dataclass(frozen=True)
class Found:
    version: Version
    mode: int
    stamp: tuple[int, ...]


class UserFiles:
    """The files under a folder. All of it blocks: call it in a thread."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def look(self, path: bytes) -> Found | None:
        """What is there.

        Raises:
            Blocked: a folder, a link on the way, something that is no file, or more than fits.
        """
        try:
            with self._parent(path) as (folder, name):
                return _look(folder, name)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def put(self, path: bytes, version: Version, expected: Found | None) -> None:
        """Write a file, whole or not at all, in place of what was found before.

        Raises:
            Changed: something else is there by now.
            Blocked: see `look`.
            OSError: the disk or its permissions.
        """
        if version.link and not self._stays_inside(path, version.content):
            raise Blocked("It is a link that points out of your folder.")
        with self._parent(path, make=True) as (folder, name):
            draft = _draft_of(name)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(draft, dir_fd=folder)  # left by a crash
            try:
                _write(folder, draft, version, expected)
                _check(folder, name, expected)
                if expected is None:
                    _appear(folder, draft, name)
                else:
                    os.rename(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(draft, dir_fd=folder)
            os.fsync(folder)

    def remove(self, path: bytes, expected: Found) -> None:
        """Remove a file, and the folders that are empty then.

        Raises:
            Changed, Blocked, OSError: see `put`.
        """
        with self._parent(path) as (folder, name):
            _check(folder, name, expected)
            os.unlink(name, dir_fd=folder)
        parts = path.split(b"/")[:-1]
        while parts:
            try:
                with self._parent(b"/".join(parts)) as (folder, name):
                    os.rmdir(name, dir_fd=folder)
            except OSError:
                return  # not empty
            parts.pop()

    @contextlib.contextmanager
    def _parent(self, path: bytes, *, make: bool = False) -> Generator[tuple[int, bytes]]:
        *folders, name = _checked(path)
        here = os.open(self.root, _FOLDER)
        try:
            for part in folders:
                inner = _enter(here, part, make=make)
                os.close(here)
                here = inner
            yield here, name
        finally:
            os.close(here)

    def _stays_inside(self, path: bytes, target: bytes) -> bool:
        start = self.root / os.fsdecode(path)
        goal = start.parent / os.fsdecode(target)
        # By its name, and by what it leads to now: a link on its way may lead out.
        return all(
            Path(place).is_relative_to(self.root)
            for place in (os.path.normpath(goal), os.path.realpath(goal))
        ) and not target.startswith(b"/")


def _checked(path: bytes) -> list[bytes]:
    parts = path.split(b"/")
    if any(part in {b"", b".", b".."} or is_git(os.fsdecode(part)) for part in parts):
        raise Blocked("No change may have this name.")
    return parts


def _enter(here: int, part: bytes, *, make: bool) -> int:
    try:
        return os.open(part, _FOLDER, dir_fd=here)
    except FileNotFoundError:
        if not make:
            raise
        with contextlib.suppress(FileExistsError):
            os.mkdir(part, dir_fd=here)
        return _enter(here, part, make=False)
    except OSError as error:
        if error.errno not in {errno.ELOOP, errno.ENOTDIR}:
            raise
        kind = "a link" if stat.S_ISLNK(_stat(here, part).st_mode) else "no folder"
        raise Blocked(f"“{os.fsdecode(part)}” on its way is {kind} in your folder.") from error


def _look(folder: int, name: bytes) -> Found | None:
    found = _stat(folder, name)
    if stat.S_ISLNK(found.st_mode):
        target = os.readlink(name, dir_fd=folder)
        return Found(Version(target, link=True), found.st_mode, _stamp(found))
    if stat.S_ISDIR(found.st_mode):
        raise Blocked("There is a folder of that name.")
    if not stat.S_ISREG(found.st_mode):
        raise Blocked("What has that name is no ordinary file.")
    with os.fdopen(os.open(name, _FILE, dir_fd=folder), "rb") as file:
        found = os.fstat(file.fileno())
        content = file.read(LARGE + 1)
    if len(content) > LARGE:
        raise Blocked(f"Your file is larger than {LARGE // 1_000_000} MB.")
    executable = bool(found.st_mode & stat.S_IXUSR)
    return Found(Version(content, executable), found.st_mode, _stamp(found))


def _write(folder: int, draft: bytes, version: Version, expected: Found | None) -> None:
    if version.link:
        os.symlink(version.content, draft, dir_fd=folder)
        return
    # A new file's permissions are the user's own habit.
    file = os.open(draft, _DRAFT, 0o777 if version.executable else 0o666, dir_fd=folder)
    with os.fdopen(file, "wb") as stream:
        stream.write(version.content)
        if expected is not None and not expected.version.link:
            os.fchmod(stream.fileno(), _mode(expected.mode, executable=version.executable))
        stream.flush()
        os.fsync(stream.fileno())


def _mode(mode: int, *, executable: bool) -> int:
    bits = mode & 0o777
    if executable == bool(bits & stat.S_IXUSR):
        return bits
    return bits | (bits & 0o444) >> 2 if executable else bits & ~0o111


def _check(folder: int, name: bytes, expected: Found | None) -> None:
    try:
        now = _stamp(_stat(folder, name))
    except FileNotFoundError:
        now = None
    if now != (expected.stamp if expected else None):
        raise Changed


def _appear(folder: int, draft: bytes, name: bytes) -> None:
    """Give a new file its name, if nothing has it: a rename would replace what just came."""
    try:
        os.link(draft, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    except FileExistsError as error:
        raise Changed from error
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK}:
            raise
        # A file system without hard links.
        os.rename(draft, name, src_dir_fd=folder, dst_dir_fd=folder)


def _draft_of(name: bytes) -> bytes:
    return b".butler-" + hashlib.blake2s(name, digest_size=8).hexdigest().encode()


def _stat(folder: int, name: bytes) -> os.stat_result:
    return os.stat(name, dir_fd=folder, follow_symlinks=False)


def _stamp(found: os.stat_result) -> tuple[int, ...]:
    return (found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
