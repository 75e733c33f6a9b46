"""The specialist's tools, bound to one workspace: each call checked, confined, bounded, told."""

import asyncio
from collections.abc import Collection
from pathlib import Path
from typing import Final, Protocol

from router.calls import Acted
from router.coding.confinement import PathProblem
from router.coding.contract import Ask, Question, Say, Stop
from router.coding.differences import Difference, difference, lines_of
from router.coding.editing import NoMatch, edited
from router.coding.excerpts import excerpt
from router.coding.listing import tree
from router.coding.obeyed import obeyed
from router.coding.offered import (
    READING,
    TOOL_NAMES,
    TOOLS,
    ApplyPatch,
    Arguments,
    AskUser,
    BadArguments,
    EditFile,
    ListFiles,
    ReadFile,
    RunCommand,
    SearchFiles,
    WriteFile,
    arguments,
)
from router.coding.patching import PatchProblem, applied, parse
from router.coding.searching import Search, SearchProblem, search
from router.coding.textfiles import LARGEST, Proposed, Stamp, TextFile, load, make
from router.coding.threads import to_its_end
from router.coding.visible import visible
from router.coding.withholding import puts_placeholder
from router.providers.base import Tool, ToolCallPart
from store.events import Change, FileChanged

__all__ = ["READING", "TOOL_NAMES", "CommandRunner", "Toolbox"]

_WRITTEN: Final = 1_000_000
_RESULT: Final = 32_000
_DIFF: Final = 8_000
_QUESTION: Final = 2_000
_OPTIONS: Final = 9
_OPTION: Final = 80
_RESERVED: Final = frozenset({"answer", "withdrawn"})
"""Choices that mean something of their own."""


class CommandRunner(Protocol):
    async def run(self, command: str, call: str) -> Acted:
        """Ask for approval, run it, and return what it said. May raise `Stop`."""
        ...


class _Declined(Exception):  # noqa: N818
    """The arguments or the user say no. The message is for the model."""


class Toolbox:
    """Fulfils `contract.ToolsOfferedAndRun`."""

    def __init__(
        self,
        root: Path,
        *,
        ask: Ask,
        say: Say,
        commands: CommandRunner | None = None,
        names: Collection[str] | None = None,
        confirm_writes: bool = False,
    ) -> None:
        """
        Args:
            names: the tools that are offered; `None` is all there are.
            confirm_writes: ask before each change, where `root` is the user's own folder.
        """
        self._root = root
        self._ask = ask
        self._say = say
        self._commands = commands
        self._confirm = confirm_writes
        self._known: dict[str, Stamp] = {}
        """Files as this toolbox has last read or written them."""
        wanted = TOOL_NAMES if names is None else names
        self.tools: tuple[Tool, ...] = tuple(
            tool
            for tool in TOOLS
            if tool.name in wanted and (tool.name != "run_command" or commands is not None)
        )

    async def act(self, call: ToolCallPart, reply: str) -> Acted:
        if not any(tool.name == call.name for tool in self.tools):
            offered = ", ".join(tool.name for tool in self.tools)
            name = visible(call.name[:100], keep="")
            return Acted(f"There is no tool called {name}; there are: {offered}.", failed=True)
        try:
            done = await self._run(arguments(call.name, call.arguments), call.call, reply)
        except (
            PathProblem, SearchProblem, NoMatch, PatchProblem, BadArguments, _Declined
        ) as problem:  # fmt: skip
            done = Acted(str(problem), failed=True)
        except OSError as error:
            done = Acted(f"The system refused: {error.strerror or error}.", failed=True)
        return Acted(_bounded(visible(done.text), _RESULT), done.failed)

    async def _run(self, wanted: Arguments, call: str, reply: str) -> Acted:
        match wanted:
            case ListFiles(path, depth):
                return Acted(await tree(self._root, path, depth))
            case SearchFiles(pattern, path, glob, case):
                asked = Search(pattern=pattern, path=path, glob=glob, case_sensitive=case)
                return Acted(await search(self._root, asked))
            case ReadFile():
                return await self._read(wanted)
            case WriteFile():
                changes = [await asyncio.to_thread(self._written, wanted)]
            case EditFile():
                changes = [await asyncio.to_thread(self._edited, wanted)]
            case ApplyPatch():
                changes = await asyncio.to_thread(self._patched, wanted)
            case RunCommand(command):
                return await self._command(command, call)
            case AskUser():
                return await self._question(wanted, call)
        return await self._change(changes, call, reply)

    async def _read(self, wanted: ReadFile) -> Acted:
        found = await asyncio.to_thread(
            excerpt, self._root, wanted.path, wanted.start, wanted.lines
        )
        self._known[found.path] = found.stamp
        return Acted(found.text)

    async def _command(self, command: str, call: str) -> Acted:
        if self._commands is None or not command.strip():
            raise _Declined("`command` is empty: give a shell command.")
        return await self._commands.run(command, call)

    # --- changing files -----------------------------------------------------------------------

    def _written(self, wanted: WriteFile) -> Proposed:
        if len(wanted.content.encode(errors="surrogatepass")) > _WRITTEN:
            raise _Declined(f"`content` is longer than {_WRITTEN:,} bytes; write it in parts.")
        path, before = self._load(wanted.path)
        after = _sound(wanted.content)
        if before is not None and before.crlf:
            after = after.replace("\r\n", "\n")
        return Proposed(path=path, before=before, after=after)

    def _edited(self, wanted: EditFile) -> Proposed:
        path, before = self._load(wanted.path)
        if before is None:
            raise _Declined(f"{path}: there is no such file; write_file makes one.")
        after = edited(before, wanted.old, _sound(wanted.new), everywhere=wanted.all)
        return Proposed(path=path, before=before, after=after)

    def _patched(self, wanted: ApplyPatch) -> list[Proposed]:
        if len(wanted.patch) > _WRITTEN:
            raise _Declined(f"`patch` is longer than {_WRITTEN:,} characters; give it in parts.")
        changes: dict[str, Proposed] = {}
        for file in parse(_sound(wanted.patch)):
            path, before = self._load(file.path)
            earlier = changes.get(path)
            text = earlier.after if earlier else before.text if before else None
            after = applied(file, text)
            if after is not None and len(after) > LARGEST:
                raise _Declined(f"{path} would grow beyond {LARGEST:,} bytes.")
            changes[path] = Proposed(
                path=path, before=before, after=after, executable=file.executable
            )
        return [change for change in changes.values() if change.before or change.after is not None]

    def _load(self, path: str) -> tuple[str, TextFile | None]:
        """A file to change. One that somebody else has written since it was read here is not:
        what the model means to change may be gone."""
        real, before = load(self._root, path)
        known = self._known.get(real)
        if before is not None and known is not None and known != before.stamp:
            raise _Declined(f"{real}: it has changed since you read it; read it again.")
        return real, before

    async def _change(self, changes: list[Proposed], call: str, reply: str) -> Acted:
        found = await asyncio.to_thread(_differences, changes)
        if not found:
            raise _Declined("Nothing would change: the file has that content already.")
        if self._confirm:
            await self._approved(found, call)
        await self._make(found, call, reply)
        return Acted("\n".join(_summary(change, lines) for change, lines in found))

    async def _make(self, found: list[tuple[Proposed, Difference]], call: str, reply: str) -> None:
        """A cancellation waits for it: files that were changed are told of."""
        made = False

        def work() -> None:
            nonlocal made
            self._known.update(make(self._root, [change for change, _ in found]))
            made = True

        try:
            await to_its_end(work)
        finally:
            if made:
                self._tell(found, call, reply)

    def _tell(self, found: list[tuple[Proposed, Difference]], call: str, reply: str) -> None:
        for change, lines in found:
            if change.after is None:
                self._known.pop(change.path, None)
            self._say(
                FileChanged(
                    reply=reply,
                    call=call,
                    path=change.path,
                    change=_kind(change),
                    added=lines.added,
                    removed=lines.removed,
                    diff=_bounded(visible(lines.diff[: 2 * _DIFF]), _DIFF),
                )
            )

    async def _approved(self, found: list[tuple[Proposed, Difference]], call: str) -> None:
        files = ", ".join(f"{change.path} ({_kind(change)})" for change, _ in found[:5])
        files += f" and {len(found) - 5} more" if len(found) > 5 else ""
        shown = await asyncio.to_thread(_shown, found)
        special = obeyed(change.path for change, _ in found if change.after is not None)
        notice = f"\nRead it first, for programs obey what is in {', '.join(special[:5])}."
        given = await self._ask(
            Question(
                kind="write",
                question=f"Change {files}?",
                shown=shown,
                detail=f"in {visible(str(self._root), keep='')}{notice if special else ''}",
                choices=("approve", "reject", "stop"),
                call=call,
            )
        )
        if given.choice == "stop":
            raise Stop(given.reason or "You rejected a change and all that comes after it.")
        if given.choice != "approve":
            why = f": {given.reason}" if given.reason else "."
            raise _Declined(f"The user rejected this change{why}")

    # --- asking -------------------------------------------------------------------------------

    async def _question(self, wanted: AskUser, call: str) -> Acted:
        question = visible(wanted.question).strip()
        if not question or len(question) > _QUESTION:
            raise _Declined(f"`question` must have 1 to {_QUESTION:,} characters.")
        options = _options(wanted.options)
        listed = "".join(f"\n{number}. {option}" for number, option in enumerate(options, 1))
        given = await self._ask(
            Question(
                kind="question",
                question=question,
                shown=question + listed,
                choices=(*options, "answer"),
                call=call,
            )
        )
        if given.choice == "withdrawn":
            raise _Declined("The question was withdrawn; nobody answered.")
        answer = given.reason.strip() if given.choice == "answer" else given.choice
        return Acted(f"The user answers: {answer}" if answer else "The user left it to you.")


def _options(options: tuple[str, ...]) -> tuple[str, ...]:
    plain = tuple(visible(option, keep="").strip() for option in options)
    if len(plain) > _OPTIONS or len({option.casefold() for option in plain}) < len(plain):
        raise _Declined(f"`options` must be at most {_OPTIONS}, each different.")
    if any(not option or len(option) > _OPTION for option in plain):
        raise _Declined(f"Each of `options` must be one line of 1 to {_OPTION} characters.")
    if not _RESERVED.isdisjoint(option.casefold() for option in plain):
        raise _Declined("`options` must not hold `answer`: the user can always answer freely.")
    return plain


# --- wording -----------------------------------------------------------------------------------


def _differences(changes: list[Proposed]) -> list[tuple[Proposed, Difference]]:
    """Each change with its diff, those that change nothing left out."""
    found = [(change, _difference(change)) for change in changes]
    return [
        (change, lines)
        for change, lines in found
        if change.before is None or change.after is None or lines.added or lines.removed
    ]


def _difference(change: Proposed) -> Difference:
    if puts_placeholder(change.before.text if change.before else "", change.after or ""):
        raise _Declined(
            f"{change.path}: the line that says it is withheld stands for one you can't see. "
            "Change what is around it with edit_file."
        )
    return difference(change.path, change.before and change.before.text, change.after)


def _kind(change: Proposed) -> Change:
    return "new" if change.before is None else "delete" if change.after is None else "edit"


def _shown(found: list[tuple[Proposed, Difference]]) -> str:
    return "\n".join(_card(change, lines) for change, lines in found)


def _card(change: Proposed, lines: Difference) -> str:
    manner = ", executable" if change.executable and change.before is None else ""
    return f"{change.path} ({_kind(change)}{manner})\n{visible(lines.diff)}"


def _summary(change: Proposed, lines: Difference) -> str:
    if change.after is None:
        return f"Deleted {change.path}."
    if change.before is None:
        return f"Created {change.path} ({len(lines_of(change.after))} lines)."
    return f"Changed {change.path} (+{lines.added} -{lines.removed})."


def _bounded(text: str, most: int) -> str:
    """At most so many bytes, cut at the end of a line where one is near."""
    if len(text.encode()) <= most:
        return text
    kept = text.encode()[: most - 40].decode(errors="ignore")
    head, newline, _ = kept.rpartition("\n")
    return f"{head if newline and len(head) > most // 4 else kept}\n… (cut off here)"


def _sound(text: str) -> str:
    """Text that can be written: half of a surrogate pair can't."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise _Declined(f"Character {error.start + 1} is half of a surrogate pair.") from error
    return text
