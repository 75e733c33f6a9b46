"""The life of the child process, seen from its parent."""

import asyncio
import json
import os
import secrets
import signal
import sys
import threading
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from router.providers.base import BrokenStream, Failure, Missing

SLOTS: Final = 2
"""Answers it writes at the same time: one in the chat, one in the background."""
_CACHE_MIB: Final = 256
"""Memory for the prompts of past answers; the engine's own limit is 8 GiB."""
_LOG_LIMIT: Final = 1_000_000
"""Bytes from which on the log is begun anew."""
_PATIENCE: Final = 3.0
"""Seconds the child has to end by itself."""


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    gguf: Path
    name: str
    threads: int
    context: int
    """Tokens of each slot."""


class _Answer(msgspec.Struct, frozen=True):
    url: str = ""
    error: str = ""
    kind: str = ""


class Child:
    """One run of the model."""

    def __init__(self, process: Process, log: Path) -> None:
        self._process = process
        self._log = log
        self.key = secrets.token_urlsafe(32)
        self.url = ""

    @classmethod
    async def start(cls, orders: Orders, log: Path) -> "Child":
        """Start it and wait until the model is loaded.

        Raises:
            Missing: the engine or the model can't be loaded.
            BrokenStream: it died without a word.
        """
        child = cls(await _spawn(log), log)
        try:
            child.url = await child._answer(orders)
        except BaseException:
            await child.close()
            raise
        return child

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def close(self) -> None:
        """End it. It ends with its stdin; one that doesn't is killed."""
        if self._process.stdin:
            self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), _PATIENCE)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def death(self) -> str:
        """How it ended, as part of a sentence; empty if it is alive after all."""
        try:
            code = await asyncio.wait_for(self._process.wait(), 1.0)
        except TimeoutError:
            return ""
        return f"its process ended with {_named(code)}, its log is {self._log}"

    async def _answer(self, orders: Orders) -> str:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise TypeError("the child needs a pipe at both ends")
        stdin.write(self._line(orders))
        line = await stdout.readline()
        if not line:
            raise BrokenStream(f"The local model did not start: {await self.death()}.")
        answer = msgspec.json.decode(line, type=_Answer)
        if answer.error:
            raise _failure(answer, orders, self._log)
        return answer.url

    def _line(self, orders: Orders) -> bytes:
        words = {
            **msgspec.to_builtins(orders, enc_hook=str),
            "key": self.key,
            "slots": SLOTS,
            "cache_mib": _CACHE_MIB,
            "parent": os.getpid(),
            "spawner_stays": threading.current_thread() is threading.main_thread(),
        }
        return json.dumps(words).encode() + b"\n"


async def _spawn(log: Path) -> Process:
    # By path and with -P, so that neither the user's working directory nor the folder of the
    # providers (with its openai.py) is searched for modules. In a session of its own, so that
    # ctrl+c in the terminal is for Butler alone.
    program = str(Path(__file__).with_name("child.py"))
    with _opened(log) as output:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", program),
            stdin=PIPE,
            stdout=PIPE,
            stderr=output,
            start_new_session=True,
        )


def _opened(log: Path) -> BinaryIO:
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    if os.fstat(fd).st_size > _LOG_LIMIT:
        os.ftruncate(fd, 0)
    return os.fdopen(fd, "ab")


def _failure(answer: _Answer, orders: Orders, log: Path) -> Failure:
    if answer.kind == "model":
        return Missing(
            f"The model file {orders.gguf} can't be loaded: it is damaged or of a kind that the "
            f"engine doesn't know (its log: {log}). Name another with `gguf` in the "
            "configuration, or see: butler doctor"
        )
    return _engine_failure(answer.error)


async def check_engine() -> None:
    """Load the engine in a process that ends at once: its library may be missing others of the
    system's, or use instructions that this processor hasn't got.

    Raises:
        Missing: it can't be loaded; the sentence says what to install.
    """
    trial = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-c", "import xllamacpp"),
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=PIPE,
    )
    try:
        _, said = await trial.communicate()
    finally:
        if trial.returncode is None:
            trial.kill()
            await trial.wait()
    if trial.returncode:
        lines = said.decode(errors="replace").split("\n")
        raise _engine_failure(next(filter(None, reversed(lines)), _named(trial.returncode)))


def _named(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _engine_failure(error: str) -> Missing:
    if "libgomp" in error:
        return Missing(
            "The local model's engine needs the system's OpenMP library libgomp. "
            "Install it with: apt-get install libgomp1 (Fedora: dnf install libgomp)"
        )
    return Missing(
        f"The local model's engine can't be loaded ({error}). "
        f"Install it with: {sys.executable} -m pip install xllamacpp"
    )
