"""One run of a program in a workspace, with all that it starts."""

import asyncio
import json
import logging
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from router.coding.cli_agents.fields import readable
from router.coding.cli_agents.lines import Lines
from router.keys import redact
from router.providers.base import TimedOut

if TYPE_CHECKING:
    import psutil

log = logging.getLogger(__name__)

NOT_STARTED: Final = 127
"""Exit code of a program that was not there or could not be run."""
_PIECE: Final = 1 << 16
_PATIENCE: Final = 2.0
"""Seconds between the order to end and the end."""
_LOOK: Final = 0.02
_TAIL: Final = 8_192
"""Bytes of what it said on stderr that are kept: the last ones."""


class Run:
    """A program under way. Whoever starts it ends it, whatever happens: `end`."""

    def __init__(self, process: Process, name: str) -> None:
        self._process = process
        self._name = name
        self._lines = Lines()
        self._tail = bytearray()
        self._exit = asyncio.create_task(_exit_of(process))
        self._listening = asyncio.create_task(self._listen())
        self._ended = False

    @classmethod
    async def start(
        cls, command: Sequence[str], stdin: str, folder: Path, environ: Mapping[str, str]
    ) -> "Run":
        """Start it in a session of its own, so that it can be ended with all its children, and
        ctrl+c in the terminal is for Butler alone."""
        warden = str(Path(__file__).with_name("warden.py"))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", warden),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            cwd=folder,
            env=dict(environ),
            start_new_session=True,
        )
        run = cls(process, Path(command[0]).name)
        orders = {"command": list(command), "stdin": stdin, "parent": os.getpid()}
        try:
            await run._order(json.dumps(orders).encode() + b"\n")
        except BaseException:
            await run.end()
            raise
        return run

    async def _order(self, line: bytes) -> None:
        if self._process.stdin is not None:
            self._process.stdin.write(line)
            try:
                await self._process.stdin.drain()
            except ConnectionError:
                log.debug("the warden of %s is gone already", self._name)

    # --- hearing ---------------------------------------------------------------------------------

    async def lines(self, silence: float) -> AsyncGenerator[list[bytes]]:
        """What it writes, in batches, until it ends.

        Raises:
            TimedOut: it wrote nothing for so many seconds.
        """
        while data := await self._read(silence):
            if lines := self._lines.feed(data):
                yield lines
            await asyncio.sleep(0)  # a flood must not hold up the others
        if rest := self._lines.rest():
            yield [rest]
        if self._lines.left_out:
            log.warning("%s wrote %d lines too long to read", self._name, self._lines.left_out)

    async def _read(self, silence: float) -> bytes:
        """The next piece; empty at the end. Something it started may hold its stdout open for
        longer than it lives: then its own end is the end."""
        if self._process.stdout is None:
            return b""
        reading = asyncio.create_task(self._process.stdout.read(_PIECE))
        try:
            waits: set[asyncio.Task[int] | asyncio.Task[bytes]] = {reading}
            if not self._exit.done():
                waits.add(self._exit)
            await asyncio.wait(waits, timeout=silence, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done() and self._exit.done():
                await asyncio.wait({reading}, timeout=_PATIENCE)
            if reading.done():
                return reading.result()
        finally:
            if not reading.done():
                reading.cancel()
                await asyncio.wait({reading})
        if self._exit.done():
            return b""
        raise TimedOut(f"said nothing for {silence:g} s")

    async def _listen(self) -> None:
        """Take in its stderr, so that it can't block on it, and keep the end."""
        if self._process.stderr is None:
            return
        while data := await self._process.stderr.read(_PIECE):
            self._tail += data
            del self._tail[:-_TAIL]

    async def _drain(self) -> None:
        """Read its stdout to the end, unheard: before that a pipe is not closed."""
        while self._process.stdout and await self._process.stdout.read(_PIECE):
            pass

    def complaint(self) -> str:
        """The last line of its stderr."""
        lines = [line for line in bytes(self._tail).splitlines() if line.strip()]
        return redact(readable(lines[-1])) if lines else ""

    async def exit_code(self, patience: float) -> int | None:
        """128 and the number of the signal where one ended it; `None` if it lives on."""
        await asyncio.wait({self._exit}, timeout=patience)
        if not self._exit.done():
            return None
        self._signal(signal.SIGKILL)  # what it left behind may hold its stderr open
        await asyncio.wait({self._listening}, timeout=_PATIENCE)
        return self._exit.result()

    # --- ending ----------------------------------------------------------------------------------

    async def end(self) -> bool:
        """End it and all it started, if it hasn't ended; what doesn't obey is killed.

        Returns:
            Whether the caller was cancelled meanwhile. That does not stop it: it is for the caller
            to go on with the cancellation.
        """
        if self._ended:
            return False
        self._ended = True
        ending = asyncio.create_task(self._end())
        cancelled = False
        while not ending.done():
            try:
                await asyncio.shield(ending)
            except asyncio.CancelledError:
                cancelled = True
        ending.result()
        return cancelled

    async def _end(self) -> None:
        tree: list[psutil.Process] = []
        if not self._exit.done():
            tree = await asyncio.to_thread(_tree, self._process.pid)
            self._signal(signal.SIGTERM)
            await asyncio.wait({self._exit}, timeout=_PATIENCE)
        self._signal(signal.SIGKILL)
        await asyncio.to_thread(_kill, tree)
        if self._process.stdin is not None:
            self._process.stdin.close()
        await self._exit
        draining = asyncio.create_task(self._drain())
        await asyncio.wait({self._listening, draining}, timeout=_PATIENCE)
        self._listening.cancel()
        draining.cancel()
        if self._tail:
            said = redact(bytes(self._tail).decode("utf-8", "replace"))
            log.info("%s said on stderr: %s", self._name, ascii(said[-2_000:]))

    def _signal(self, order: signal.Signals) -> None:
        """To the whole group, which has the number of its first process."""
        try:
            os.killpg(self._process.pid, order)
        except (ProcessLookupError, PermissionError):
            log.debug("nothing of %s is left", self._name)


async def _exit_of(process: Process) -> int:
    """Its exit code. `process.wait()` also waits for its pipes, and one that is not read, or that
    somebody else holds open, would keep it waiting for good."""
    while process.returncode is None:  # noqa: ASYNC110 (there is no event to await)
        await asyncio.sleep(_LOOK)
    return process.returncode


def _tree(pid: int) -> "list[psutil.Process]":
    """All descendants, also those that have left the group."""
    import psutil

    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def _kill(tree: "list[psutil.Process]") -> None:
    import psutil

    for process in tree:
        try:
            process.kill()  # asks first whether the number is still that process's
        except psutil.Error:
            log.debug("%d has ended", process.pid)
