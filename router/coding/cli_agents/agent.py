"""A program on the PATH that works by itself in the workspace, as an `Agent`.

It has its own login and its own network. What it uses can only be watched, not reserved: it is
booked when it ends, with the cost that the program itself counts.
"""

import asyncio
import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Final, Protocol

import msgspec
from msgspec.structs import replace

from router.coding.cli_agents import claude, codex
from router.coding.cli_agents.fields import readable
from router.coding.cli_agents.process import NOT_STARTED, Run
from router.coding.cli_agents.told import Ended, Reported, Told, Unreadable
from router.coding.cli_agents.turn import Turn
from router.coding.contract import Assignment, Report, Say
from router.config import ModelRef, program_of
from router.connections import find_program
from router.context import estimate
from router.keys import redact
from router.providers.base import BadRequest, BrokenStream, Failure, Missing
from router.services import Services
from store.events import Candidate, Usage, UsageSettled

log = logging.getLogger(__name__)

_SILENCE: Final = 20
"""Times the silence that is allowed between two pieces of an answer: its tools run long."""
_FAREWELL: Final = 10.0
"""Seconds it has to exit once it has said its last word."""
_LARGE: Final = 200_000
"""Bytes of a line from which on it is read in a thread."""
_KIND: Final = "coding"

_PROMPT: Final = """{task}

Work only in this folder: {root}
Read and change nothing outside of it. Nobody can answer questions while you work: decide by \
yourself, and say in your last message what you did and what is left to do."""


class Reader(Protocol):
    """Makes sense of one run's lines. No I/O."""

    def feed(self, line: bytes) -> Sequence[Told]: ...

    def seen(self) -> Usage:
        """What was counted so far, for a run that never says what it used."""
        ...


class Program(msgspec.Struct, frozen=True):
    arguments: Callable[[str, float], list[str]]
    """For a model and a limit of cost, 0 for none."""
    reader: Callable[[], Reader]


_PROGRAMS: Final = {
    "claude": Program(claude.arguments, claude.Reader),
    "codex": Program(codex.arguments, codex.Reader),
}


def agent_of(
    ref: ModelRef, *, services: Services, say: Say, candidate: Candidate, why: str = ""
) -> "CliAgent":
    """The program behind a model of an account called `cli:…`.

    Args:
        say: writes into the session's journal.
        why: who did not do it and why, where it is not the first choice.
    """
    return CliAgent(ref, services=services, say=say, candidate=candidate, why=why)


class CliAgent:
    """One program. Each `run` starts it anew."""

    def __init__(
        self, ref: ModelRef, *, services: Services, say: Say, candidate: Candidate, why: str = ""
    ) -> None:
        self._ref = ref
        self._name = program_of(ref.account) or ""
        self._services = services
        self._say = say
        self._candidate = candidate
        self._why = why

    async def run(self, work: Assignment) -> Report:
        """Work until it is done, has stopped at a limit, or is cancelled.

        Raises:
            Failure: it can't go on; another may.
        """
        program = _PROGRAMS.get(self._name)
        if program is None or work.private:
            raise BadRequest(f"{self._name} is not for this: it works with a service of its own")
        prompt, root = _prompt(work), await asyncio.to_thread(work.root.resolve)
        command = await self._command(program)
        turn = Turn(self._candidate, work.prompt, root, self._say, self._why)
        watch = _Watch(program.reader(), turn, self._reported, self._name)
        process: Run | None = None
        try:
            process = await Run.start(command, prompt, root, self._services.environ)
            await self._follow(process, watch)
        except Failure as failure:
            cancelled = await _end(process)
            self._failed(failure, watch, prompt)
            if cancelled:
                raise asyncio.CancelledError from failure
            raise
        except asyncio.CancelledError:
            await _end(process)
            usage, cost = self._book(watch, prompt)
            turn.fail("cancelled", "Interrupted.", usage, cost)
            raise
        except OSError as error:
            raise Missing(f"{self._name} can't be started: {error.strerror}") from error
        finally:
            cancelled = await _end(process)
        report = self._done(watch, prompt)
        if cancelled:
            raise asyncio.CancelledError
        return report

    async def _command(self, program: Program) -> list[str]:
        environ = self._services.environ
        path = await asyncio.to_thread(find_program, self._ref.account, environ)
        if path is None:
            raise Missing(f"{self._name} is not on the PATH any more; install it")
        cost = self._services.config.coding.cost
        return [path, *program.arguments(self._ref.model, cost)]

    async def _follow(self, process: Run, watch: "_Watch") -> None:
        """Hear it out.

        Raises:
            Failure: it says that it failed, or ends without a proper end.
        """
        silence = self._services.config.limits.silence * _SILENCE
        async with aclosing(process.lines(silence)) as batches:
            async for lines in batches:
                for line in lines:
                    await watch.hear(line)
                if watch.ended is not None:
                    break
        ended = watch.ended
        if ended is not None and ended.failure is not None:
            raise ended.failure
        code = await process.exit_code(_FAREWELL)
        if ended is None or (code and not ended.stopped):
            raise _death(code, process.complaint() or watch.unreadable)

    def _reported(self, headers: Mapping[str, str]) -> None:
        self._services.keeper.reported(self._ref.account, headers)

    # --- how it ended ----------------------------------------------------------------------------

    def _done(self, watch: "_Watch", prompt: str) -> Report:
        turn, ended = watch.turn, watch.ended or Ended()
        usage, cost = self._book(watch, prompt)
        turn.finish(replace(ended, usage=usage), cost)
        return Report(
            state="failed" if ended.stopped else "done",
            text=ended.text or turn.text,
            reason=ended.stopped,
            tier=self._candidate.tier,
            model=turn.model,
        )

    def _failed(self, failure: Failure, watch: "_Watch", prompt: str) -> None:
        usage, cost = self._book(watch, prompt)
        sentence = redact(f"{self._name}: {failure}")
        watch.turn.fail(failure.name, sentence, usage, cost)
        log.info("%s: %s", failure.name, sentence)

    def _book(self, watch: "_Watch", prompt: str) -> tuple[Usage, float | None]:
        """Settle what it used. There is no reservation to settle it against: the identifier only
        keeps it from being booked twice."""
        ended, turn = watch.ended, watch.turn
        usage = ended.usage if ended is not None and ended.usage.total else watch.seen(prompt)
        cost = ended.cost if ended is not None else None
        if not usage.total and not cost:
            return usage, cost
        if cost is None:
            cost = self._services.catalogue.cost(self._ref, usage)
        self._say(
            UsageSettled(
                reservation=uuid.uuid4().hex,
                account=self._ref.account,
                tier=self._candidate.tier,
                model=turn.model or self._ref.model,
                kind=_KIND,
                usage=usage,
                cost=cost,
            )
        )
        return usage, cost


class _Watch:
    """What is known of a run that is under way."""

    def __init__(
        self,
        reader: Reader,
        turn: Turn,
        reported: Callable[[Mapping[str, str]], None],
        name: str,
    ) -> None:
        self.turn = turn
        self.ended: Ended | None = None
        self.unreadable = ""
        """The last line that made no sense: often the reason of what comes next."""
        self._reader = reader
        self._reported = reported
        self._name = name

    async def hear(self, line: bytes) -> None:
        if self.ended is not None:
            return
        feed = self._reader.feed
        told = await asyncio.to_thread(feed, line) if len(line) > _LARGE else feed(line)
        for one in told:
            self._take(one)

    def _take(self, told: Told) -> None:
        match told:
            case Ended():
                self.ended = told
            case Reported(headers=headers):
                self._reported(headers)
            case Unreadable(line=line):
                if not self.unreadable:
                    log.warning("%s wrote what is no event: %s", self._name, ascii(line))
                self.unreadable = redact(line)
            case _:
                self.turn.take(told)

    def seen(self, prompt: str) -> Usage:
        """What it has used as far as can be told, if anything came of it at all."""
        counted, written = self._reader.seen(), self.turn.written // 3
        if counted.total or self.turn.silent:
            return replace(counted, output=max(counted.output, written))
        return Usage(input=estimate(prompt), output=written, estimated=True)


async def _end(process: Run | None) -> bool:
    """End it; whether that was to be cancelled itself."""
    return process is not None and await process.end()


def _prompt(work: Assignment) -> str:
    parts = [work.instructions, work.task]
    if work.plan:
        parts.append(f"The user has approved this plan; keep to it:\n\n{work.plan}")
    task = "\n\n".join(part for part in parts if part)
    return _PROMPT.format(task=task, root=Path(work.root))


def _death(code: int | None, complaint: str) -> Failure:
    """It ended, or seemed to, without saying how its work ended."""
    why = f": {readable(complaint.encode())}" if complaint else ""
    if code == NOT_STARTED:
        return Missing(f"can't be started{why}")
    if code is None:
        return BrokenStream(f"closed its output and did not end{why}")
    how = f"was killed by signal {code - 128}" if code > 128 else f"ended with exit code {code}"
    said = "" if code else " without saying how its work ended"
    return BrokenStream(f"{how}{said}{why}")
