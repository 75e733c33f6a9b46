"""Asking on the terminal: a plan, a command, a question, the changes."""

import asyncio
import contextlib
import os
import sys
import termios
from collections.abc import Iterator, Sequence
from typing import Final

import click
import msgspec

from store.events import ApprovalAsked, PlanCompared
from tui import figures
from tui.coding import File, Result, Settle
from tui.output import harmless, remark
from tui.text import sanitise_line
from tui.widgets.cards.keys import LETTERS

_NOBODY: Final = "Nobody is at the keyboard: decide by yourself, and say in your report how."
_LATER: Final = "later"
_DIFF: Final = "view"
_ROWS: Final = 2_000
"""Lines of a diff that are shown at once."""

_MEANINGS: Final[dict[tuple[str, str], str]] = {
    ("plan", "approve"): "have it written as planned",
    ("plan", "edit"): "change the plan in your editor; it is shown again",
    ("plan", "reject"): "say why, and it is planned again; without a reason the task is dropped",
    ("command", "approve"): "run it this once",
    ("command", "always"): "run it, and its like for the rest of this task",
    ("command", "reject"): "don't run it; the model is told, and goes on",
    ("command", "stop"): "don't run it, and end the task",
    ("changes", "apply"): "write them into your files",
    ("changes", "keep"): "leave your files alone, and keep the work for you to merge",
    ("changes", "discard"): "throw them away",
}
_WHY: Final = {
    "plan": "Why? (Enter alone drops the task) ",
    "command": "Why? The model is told. (Enter for no reason) ",
    "write": "Why? The model is told. (Enter for no reason) ",
}


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """What the user has decided beforehand."""

    yes_plan: bool = False
    yes_commands: bool = False
    settle: Settle | None = None


class Decision(msgspec.Struct, frozen=True):
    choice: str
    reason: str = ""


class Option(msgspec.Struct, frozen=True):
    key: str
    """The shortest that will do."""
    choice: str
    meaning: str


def beforehand(asked: ApprovalAsked, wishes: Wishes, result: Result) -> Decision | None:
    """What the command line says to it. Only finished work is applied unasked, and only once."""
    if asked.kind == "plan" and wishes.yes_plan:
        return Decision("approve")
    if asked.kind == "command" and wishes.yes_commands and result.task:
        return Decision("approve")  # in the chat, without a session, it would run in their folder
    if asked.kind == "changes" and wishes.settle and not result.conflicts:
        whole = wishes.settle == "keep" or result.state == "done"
        return Decision(wishes.settle) if whole else None
    return None


def without_anybody(asked: ApprovalAsked) -> Decision | None:
    """What is decided where nobody can be asked; `None` leaves it open."""
    match asked.kind:
        case "command" | "write":
            return Decision("reject", "Nobody is here to approve it; go on without.")
        case "question":
            return Decision("answer", _NOBODY)
        case "secret" | "reserve":
            return Decision("reject")
        case _:
            return None


def somebody() -> bool:
    """Whether there is a terminal to ask on."""
    # Each is None where it was closed: butler code … <&-
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))  # pyright: ignore[reportUnnecessaryComparison]


async def by_hand(asked: ApprovalAsked, result: Result) -> Decision | None:
    """Ask on the terminal until there is an answer; `None` leaves the question open."""
    offered = options(asked, result)
    _show(asked, offered)
    while True:
        said = await _line("> ")
        if said is None:
            remark("")
            return None
        option = chosen(said, offered, exactly=asked.kind == "question")
        if option is None and asked.kind == "question" and said.strip():
            return Decision("answer", said.strip())
        if option is None:
            wrong = f"{said.strip()!r} is no answer here. " if said.strip() else ""
            remark(f"{wrong}Type one of these: {', '.join(one.key for one in offered)}")
        elif option.choice == _LATER:
            return None
        elif option.choice == _DIFF and asked.kind == "changes":
            _show_diff(result.unsettled)
        elif (decision := await _completed(asked, option.choice)) is not None:
            return decision


# --- what there is to choose ---------------------------------------------------------------------


def options(asked: ApprovalAsked, result: Result) -> list[Option]:
    """The choices with their keys, in order: the first that begins with a letter has it."""
    wanted = list(_meant(asked, result))
    taken: set[str] = set()
    found: list[Option] = []
    for choice, meaning in wanted:
        key = next(key for key in _beginnings(asked, choice, len(found)) if key not in taken)
        taken.add(key)
        found.append(Option(key, choice, meaning))
    return found


def _beginnings(asked: ApprovalAsked, choice: str, place: int) -> Iterator[str]:
    if asked.kind == "question":
        yield choice if choice == _LATER else str(place + 1)
        return
    if choice in LETTERS:  # as on the screen's cards: hands learn a letter once
        yield LETTERS[choice]
    for length in range(1, len(choice) + 1):
        yield choice[:length]


def _meant(asked: ApprovalAsked, result: Result) -> Iterator[tuple[str, str]]:
    spelt = _spelt_out(asked)
    others = {str(other.number): other for other in result.alternatives}
    for choice in asked.choices:
        if asked.kind == "plan" and choice == str(result.number):
            continue  # the one that is shown
        if choice.isdigit() and asked.kind == "plan":
            other = others.get(choice)
            yield choice, _alternative(other) if other else "the orchestrator's own plan"
        elif asked.kind == "question":
            if choice != "answer":  # which is whatever else is typed
                yield choice, choice
        else:
            yield choice, spelt.get(choice) or _MEANINGS.get((asked.kind, choice), choice)
    if asked.kind == "changes":
        yield _DIFF, "look at the diff"
    yield _LATER, "decide later: butler --session " + result.session[:8]


def _alternative(other: PlanCompared) -> str:
    cost = other.estimate
    money = f" · est. {figures.money(cost.low)}–{figures.money(cost.high)}" if cost else ""
    return f"instead: {other.title} ({other.tier} {other.model}{money})"


def _spelt_out(asked: ApprovalAsked) -> dict[str, str]:
    """The meanings that a question of the house itself brings along."""
    if asked.kind not in ("secret", "reserve"):
        return {}
    pairs = [line.partition(": ") for line in asked.shown.splitlines()]
    return {name: meaning for name, _, meaning in pairs if name in asked.choices}


def chosen(said: str, offered: Sequence[Option], *, exactly: bool = False) -> Option | None:
    """A key, a choice, or, where words of one's own are no answer, any beginning of a choice that
    no other choice has."""
    said = said.strip().casefold()
    if not said:
        return None
    if said == "diff" and not exactly:
        said = _DIFF
    for one in offered:
        if said in (one.key, one.choice.casefold()):
            return one
    if exactly:
        return None
    found = [one for one in offered if one.choice.casefold().startswith(said)]
    return found[0] if len(found) == 1 else None


# --- what stands on the terminal -----------------------------------------------------------------


def _show(asked: ApprovalAsked, offered: Sequence[Option]) -> None:
    remark("")
    remark("The model asks:" if asked.kind == "question" else asked.question)
    for line in _shown(asked).splitlines():  # indented: what a model wrote looks like no question
        remark(f"    {line}")
    if asked.detail:
        remark(asked.detail)
    width = max(len(one.choice) for one in offered)
    for one in offered:
        if asked.kind != "question":
            name = "" if one.choice == one.key else one.choice
            remark(f"  {one.key:<2}  {name:<{width}}  {sanitise_line(one.meaning)}")
        elif one.choice == _LATER:
            number = "A number, your" if len(offered) > 1 else "Your"
            remark(f"{number} answer in words, or {_LATER}.")


def _shown(asked: ApprovalAsked) -> str:
    if asked.kind == "plan":  # which stands above already
        return ""
    told = _spelt_out(asked)
    lines = asked.shown.splitlines()
    return "\n".join(line for line in lines if line.partition(": ")[0] not in told)


def _show_diff(files: Sequence[File]) -> None:
    lines = [line for file in files for line in _diff_lines(file)]
    for line in lines[:_ROWS]:
        colour = _colour(line)
        shown = harmless(line)
        click.echo(click.style(shown, fg=colour) if colour else shown, err=True)
    if len(lines) > _ROWS:
        remark(f"… {len(lines) - _ROWS:,} more lines: butler shows them all")


def _diff_lines(file: File) -> Iterator[str]:
    yield f"── {file.change} {sanitise_line(file.path)}  +{file.added} −{file.removed}"
    if file.conflict:
        yield from file.conflict.splitlines()
        yield "── what was written"
    if file.binary:
        yield "   a binary file: there are no lines to show"
    yield from file.diff.splitlines()
    if file.cut:
        yield "   the rest is too long to be kept here"


def _colour(line: str) -> str | None:
    if "NO_COLOR" in os.environ:
        return None
    return {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])


# --- what an answer still needs ------------------------------------------------------------------


async def _completed(asked: ApprovalAsked, choice: str) -> Decision | None:
    """The decision; `None` where the user has thought better of it, and is asked again."""
    match asked.kind, choice:
        case "plan", "edit":
            return await _edited(asked)
        case (("plan" | "command" | "write"), "reject"):
            why = await _line(_WHY[asked.kind])
            return None if why is None else Decision(choice, why.strip())
        case "changes", "discard":
            sure = await _line("Throw the changes away for good? (yes/no) ")
            return Decision(choice) if sure and "yes".startswith(sure.strip().lower()) else None
        case _:
            return Decision(choice)


async def _edited(asked: ApprovalAsked) -> Decision | None:
    from tui.editor import edit, its_interrupts

    with its_interrupts():
        edited = await asyncio.to_thread(edit, asked.shown, "plan")
    if edited.problem or edited.text.strip() == asked.shown.strip():
        remark(f"butler: {edited.problem or 'The plan is as it was.'}")
        return None
    return Decision("edit", edited.text)


async def _line(prompt: str) -> str | None:
    """A line typed on the terminal; `None` at its end (Ctrl+D). What was typed before the
    question stood there answers nothing, and Ctrl+C ends the wait at once."""
    terminal = sys.stdin.fileno()
    with contextlib.suppress(termios.error):
        termios.tcflush(terminal, termios.TCIFLUSH)
    click.echo(prompt, nl=False, err=True)
    typed = b""
    while not typed.endswith(b"\n"):
        piece = await _typed(terminal)
        if not piece:
            return None
        typed += piece
    return typed.decode("utf-8", "replace").rstrip("\n")


async def _typed(terminal: int) -> bytes:
    """What the terminal has next; it gives whole lines."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(terminal, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(terminal)
    return os.read(terminal, 4096)
