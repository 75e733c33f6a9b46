"""Commands that a model wants to run: shown in full, approved by the user, run and cut short."""

import asyncio
import hashlib
import signal
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from router.calls import Acted
from router.coding.command_line import Reading, read, warnings
from router.coding.contract import Ask, Question, Stop
from router.coding.running import Ran, run
from router.coding.sandbox import Sandbox
from router.coding.visible import visible, visible_command
from router.coding.withholding import withheld
from store.events import ApprovalGiven

LONGEST: Final = 8192
"""Bytes of a command: more than that nobody reads before approving it."""

_CHOICES: Final = ("approve", "reject", "stop")
_CHOICES_WITH_ALWAYS: Final = ("approve", "always", "reject", "stop")


class Allowed:
    """Programs and subcommands that the user has allowed for the rest of a session."""

    def __init__(self) -> None:
        self._pairs: set[tuple[str, str]] = set()

    @classmethod
    def from_answers(cls, answers: Iterable[tuple[str, str]]) -> "Allowed":
        """From what was shown and chosen before. What may be allowed is shown as it is, so it is
        read again by the rules of today."""
        allowed = cls()
        for shown, choice in answers:
            if choice == "always":
                allowed.add(read(shown))
        return allowed

    def add(self, reading: Reading) -> None:
        if reading.may_always:
            self._pairs.add(reading.pair)

    def holds(self, reading: Reading) -> bool:
        return reading.may_always and reading.pair in self._pairs


class Commands:
    """Runs a session's commands in its workspace."""

    def __init__(
        self,
        root: Path,
        *,
        ask: Ask,
        sandbox: Sandbox,
        timeout: float,
        allowed: Allowed,
        folders: Sequence[Path] = (),
    ) -> None:
        """
        Args:
            folders: Butler's own places, which no command may see.
        """
        self._root = root
        self._ask = ask
        self._sandbox = sandbox
        self._timeout = timeout
        self._allowed = allowed
        self._folders = tuple(folders)

    async def run(self, command: str, call: str) -> Acted:
        """Ask where it has to be asked, and run exactly what was shown.

        Raises:
            Stop: the user wants no more of it.
        """
        problem = _problem(command)
        if problem:
            return Acted(problem, failed=True)
        reading = read(command)
        if not self._allowed.holds(reading):
            # Pointing out what could be missed takes a while where a command is long.
            question = await asyncio.to_thread(self._question, command, call, reading)
            refusal = _refusal(await self._ask(question), question, reading, self._allowed)
            if refusal:
                return Acted(refusal, failed=True)
        return await self._run(command)

    def _question(self, command: str, call: str, reading: Reading) -> Question:
        return Question(
            kind="command",
            question="Run this command?",
            shown=visible_command(command),
            detail="\n".join(self._details(command, reading)),
            choices=_CHOICES_WITH_ALWAYS if reading.may_always else _CHOICES,
            call=call,
        )

    def _details(self, command: str, reading: Reading) -> Iterable[str]:
        yield f"It runs {self._sandbox.describe()}."
        yield f"Folder: {visible(self._place(), keep='')} · at most {self._timeout:g} s"
        noticed = warnings(command)
        if noticed:
            yield f"Notice: {visible('; '.join(noticed), keep='')}."
        if reading.may_always:
            yield f"Always allows “{reading.name}” until this session ends."
        else:
            yield f"It can't be allowed for the session: {reading.reason}."

    def _place(self) -> str:
        """Where it runs, as people write it."""
        home = self._sandbox.environ.get("HOME") or "/"
        inside = home != "/" and self._root.is_relative_to(home)
        return f"~/{self._root.relative_to(home)}" if inside else str(self._root)

    async def _run(self, command: str) -> Acted:
        argv = await asyncio.to_thread(self._sandbox.argv, command, self._root, self._folders)
        environ = self._sandbox.environment()
        try:
            ran = await run(
                argv,
                folder=self._root,
                environ=environ,
                limit=self._timeout,
                contained=bool(self._sandbox.program),
            )
        except OSError as error:
            return Acted(f"The command could not be started ({error.strerror}).", failed=True)
        output = await asyncio.to_thread(_shown, ran.output)
        return Acted(f"{_ending(ran)}\n{output}".rstrip(), failed=ran.code != 0)


def _shown(output: str) -> str:
    """What the model gets to read of it, and its service: no more secrets than from a file."""
    return visible("\n".join(withheld(output.split("\n"))))


def _problem(command: str) -> str:
    """Why it is refused without asking: it can't be shown for what it is."""
    if not command.strip():
        return "There is no command. Give one to run."
    if "\0" in command:
        return "The command holds a NUL character, which no shell takes. Leave it out."
    try:
        size = len(command.encode())
    except UnicodeEncodeError:
        return "The command holds half of a character (a lone surrogate). Leave it out."
    if size > LONGEST:
        return (
            f"The command is {size:,} bytes long; at most {LONGEST:,} can be shown for approval. "
            "Write a script with the file tools, and run that."
        )
    return ""


def _refusal(given: ApprovalGiven, asked: Question, reading: Reading, allowed: Allowed) -> str:
    """What the model is told where the user did not agree; empty where they did.

    Raises:
        Stop: the user wants no more of it.
    """
    if given.choice == "stop":
        raise Stop(given.reason or "You rejected this command and all that would follow.")
    if given.choice not in asked.choices or given.choice == "reject":
        reason = f": {given.reason}" if given.reason else "."
        return f"The user rejected this command{reason}"
    if given.digest != hashlib.sha256(asked.shown.encode()).hexdigest():
        return "The approval was for another command. Ask again."
    if given.choice == "always":
        allowed.add(reading)
    return ""


def _ending(ran: Ran) -> str:
    if ran.timed_out:
        return f"Stopped after {ran.seconds:.0f} s, its time limit. Its output until then, if any:"
    if ran.code < 0:
        return f"Ended by {_signal(-ran.code)} after {ran.seconds:.1f} s."
    return f"Exit code {ran.code} after {ran.seconds:.1f} s."


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
