"""Git as a program: with none of the user's hooks, no questions, and bounds on all it takes.

A workspace belongs to an agent, so nothing in it says which repository git works with: the git
directory is always named from outside, and what lies in the workspace is only data.
"""

import asyncio
import contextlib
import hashlib
import os
import shutil
import signal
import sys
from collections.abc import AsyncGenerator, Awaitable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar, cast

SECONDS: Final = 120.0
"""For one run of git: a big working tree on a slow disk takes a minute to check out."""
OUTPUT: Final = 64_000_000
"""Bytes that one run may say."""
_SHA1: Final = 40
_PIECE: Final = 65_536
_TOLD: Final = 400
"""Characters of git's own words in a sentence."""

T = TypeVar("T")

_SETTINGS: Final = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.quotePath": "false",
    "core.safecrlf": "false",
    "core.splitIndex": "false",
    "commit.gpgsign": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "merge.conflictStyle": "merge",
    "advice.detachedHead": "false",
}
_KEPT: Final = {"GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_EXEC_PATH"}
"""Of the inherited `GIT_*`; the others speak of the repository Butler was started from."""


class GitFailed(Exception):  # noqa: N818
    """Git said no. `str()` is a sentence with its own words."""

    def __init__(self, what: str, code: int, said: str) -> None:
        words = " ".join(said.split())[-_TOLD:]
        super().__init__(f"git {what} failed ({words or f'exit code {code}'})")
        self.code = code
        self.said = said


class GitMissing(GitFailed):
    def __init__(self) -> None:
        super().__init__("", 127, "")
        self.args = (f"Git is not installed; a workspace needs it: {_installing()}.",)


class GitTooSlow(GitFailed):
    def __init__(self, what: str, seconds: float) -> None:
        super().__init__(what, -1, f"it took longer than {seconds:.0f} s")


class GitTooLong(GitFailed):
    """It says, or holds, more than the caller has room for."""

    def __init__(self, what: str) -> None:
        super().__init__(what, -1, "it says more than fits")


@dataclass(frozen=True)
class Git:
    """How to run git; a method's caller names only what is asked for."""

    folder: Path
    """Where it runs."""
    repository: Path | None = None
    """The git directory, or `None` to have git look for it from `folder` upwards."""
    work_tree: Path | None = None
    index: Path | None = None
    seconds: float = SECONDS

    def with_index(self, index: Path) -> "Git":
        return replace(self, index=index)

    def within(self, seconds: float) -> "Git":
        return replace(self, seconds=seconds)

    async def __call__(self, *arguments: str, given: bytes = b"", most: int = OUTPUT) -> bytes:
        """Run it and return what it says.

        Raises:
            GitFailed: it is missing, failed, took too long, or says more than `most` bytes.
        """
        pieces, size = list[bytes](), 0
        async with contextlib.aclosing(self.stream(*arguments, given=given)) as stream:
            async for piece in stream:
                size += len(piece)
                if size > most:
                    raise GitTooLong(arguments[0])
                pieces.append(piece)
        return b"".join(pieces)

    async def line(self, *arguments: str) -> str:
        return os.fsdecode(await self(*arguments)).strip("\n")

    async def says(self, *arguments: str) -> bool:
        """Whether it ends well, for questions that it answers by its exit code.

        Raises:
            GitFailed: it did not answer.
        """
        try:
            await self(*arguments)
        except GitFailed as failed:
            if failed.code == 1:
                return False
            raise
        return True

    async def stream(self, *arguments: str, given: bytes = b"") -> AsyncGenerator[bytes]:
        """What it says, as it says it. To be closed by a caller that has enough.

        Raises:
            GitFailed: see `__call__`.
        """
        what = arguments[0]
        process = await self._start(arguments)
        feeding = asyncio.create_task(_feed(process, given))
        complaints = asyncio.create_task(_complaints(process, 8_000))
        end = asyncio.get_running_loop().time() + self.seconds
        try:
            while piece := await _by(end, _piece(process)):
                yield piece
            code = await _by(end, process.wait())
            said = await _by(end, complaints)
        except TimeoutError as error:
            raise GitTooSlow(what, self.seconds) from error
        finally:
            await _end(process, feeding, complaints)
        if code:
            raise GitFailed(what, code, said.decode("utf-8", "replace"))

    async def _start(self, arguments: Sequence[str]) -> asyncio.subprocess.Process:
        program = shutil.which("git")
        if program is None:
            raise GitMissing
        settings = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
        try:
            return await asyncio.create_subprocess_exec(
                program,
                *settings,
                *arguments,
                cwd=self.folder,
                env=self._environment(os.environ),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise GitFailed(arguments[0], -1, f"{self.folder}: {error.strerror}") from error

    def _environment(self, inherited: Mapping[str, str]) -> dict[str, str]:
        mine = {
            name: value
            for name, value in inherited.items()
            if not name.startswith("GIT_") or name in _KEPT
        }
        mine |= {
            "LC_ALL": "C",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "true",
            "SSH_ASKPASS": "true",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_LITERAL_PATHSPECS": "0",
            "GIT_AUTHOR_NAME": "Butler",
            "GIT_AUTHOR_EMAIL": "butler@localhost",
            "GIT_COMMITTER_NAME": "Butler",
            "GIT_COMMITTER_EMAIL": "butler@localhost",
        }
        places = {
            "GIT_DIR": self.repository,
            "GIT_WORK_TREE": self.work_tree,
            "GIT_INDEX_FILE": self.index,
        }
        return mine | {name: str(place) for name, place in places.items() if place is not None}


def is_blob(content: bytes, name: str) -> bool:
    """Whether this is the content that git knows by a name."""
    algorithm = "sha1" if len(name) == _SHA1 else "sha256"
    told = hashlib.new(algorithm, b"blob %d\0" % len(content), usedforsecurity=False)
    told.update(content)
    return told.hexdigest() == name


async def _by(end: float, what: Awaitable[T]) -> T:
    # Not around a `yield`: the time limit would hit whoever reads.
    async with asyncio.timeout_at(end):
        return await what


async def _piece(process: asyncio.subprocess.Process) -> bytes:
    return await cast(asyncio.StreamReader, process.stdout).read(_PIECE)


async def _feed(process: asyncio.subprocess.Process, given: bytes) -> None:
    pipe = cast(asyncio.StreamWriter, process.stdin)
    # Git may end without having read it all; its exit code tells.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        pipe.write(given)
        await pipe.drain()
        pipe.close()
        await pipe.wait_closed()


async def _complaints(process: asyncio.subprocess.Process, most: int) -> bytes:
    """The end of what it complains of; the rest is read as well, or git would wait for ever."""
    stream = cast(asyncio.StreamReader, process.stderr)
    kept = b""
    while piece := await stream.read(_PIECE):
        kept = (kept + piece)[-most:]
    return kept


async def _end(process: asyncio.subprocess.Process, *tasks: asyncio.Task[object]) -> None:
    if process.returncode is None:
        # With what it started, such as a filter.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await process.wait()


def _installing() -> str:
    if sys.platform == "darwin":
        return "xcode-select --install"
    managers = {
        "apt-get": "sudo apt-get install git",
        "dnf": "sudo dnf install git",
        "pacman": "sudo pacman -S git",
        "zypper": "sudo zypper install git",
        "apk": "sudo apk add git",
        "brew": "brew install git",
    }
    found = next((command for name, command in managers.items() if shutil.which(name)), "")
    return found or "https://git-scm.com/downloads"
