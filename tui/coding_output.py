"""Telling what happens in a coding task: to a person as it comes, or to a script."""

import sys
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from store.events import (
    ApprovalAsked,
    Entry,
    FileChanged,
    ModelSwitched,
    Note,
    PlanCompared,
    PlanProposed,
    ReplyFinished,
    ReplyStarted,
    TextDelta,
    ToolCalled,
    ToolReturned,
    WorkspaceOpened,
)
from tui import figures
from tui.answering import Form
from tui.coding import Result
from tui.output import Streaming, remark, say, say_json, say_json_line, table
from tui.text import sanitise_line

_TELLING: Final = ("command", "path", "pattern", "query", "question")
"""Arguments of tools that say what a call is about."""
_WIDE: Final = 100


class Teller:
    """Says nothing until the end."""

    shows_plans = False
    """A plan stands before the user when it is asked about."""

    def heard(self, entry: Entry) -> None:
        pass

    def unasked(self, asked: ApprovalAsked) -> None:
        """It was decided beforehand."""

    def ended(self, result: Result) -> None:
        say_json(result)


class EventTeller(Teller):
    """Every event on a line of its own; the last line is the result."""

    def heard(self, entry: Entry) -> None:
        place: dict[str, object] = {"seq": entry.seq, "at": entry.at, "session": entry.session}
        say_json_line(place | msgspec.to_builtins(entry.event))

    def ended(self, result: Result) -> None:
        say_json_line({"type": "result", **msgspec.to_builtins(result)})


class TextTeller(Teller):
    """The model's words and the plan on the standard output, the rest on the standard error."""

    shows_plans = True

    def __init__(self) -> None:
        self._out = Streaming(sys.stdout)
        self._ends = ""
        self._reply = ""
        self._length = 0
        self._by = self._why = ""
        self._told_by = ""
        self._sketches: list[PlanCompared] = []
        self._notes: set[str] = set()

    def heard(self, entry: Entry) -> None:
        told = _TOLD.get(type(entry.event))
        if told is not None:
            told(self, entry.event)

    # --- words -----------------------------------------------------------------------------------

    def answers(self, event: ReplyStarted) -> None:
        self._named(f"{event.tier} · {event.model}", event.why)

    def switched(self, event: ModelSwitched) -> None:
        self._named(f"{event.tier} · {event.model}", event.why)

    def _named(self, by: str, why: str) -> None:
        self._by, self._why = by, f" · {why}" if why else ""

    def _tell_by(self) -> None:
        """Not before the first word: until then another model may step in."""
        if self._by != self._told_by:
            self._told_by = self._by
            self._remark(f"— {self._by}{self._why}")

    def text(self, event: TextDelta) -> None:
        if event.reply != self._reply:
            self._break()
            self._reply, self._length = event.reply, 0
        self._tell_by()
        self._write(event.text[max(0, self._length - event.offset) :])

    def finished(self, event: ReplyFinished) -> None:
        if event.reply == self._reply:
            self._write(event.text[self._length :])
            self._break()

    def _write(self, text: str) -> None:
        if text:
            self._out.write(text)
            self._length += len(text)
            self._ends = text[-1]

    def _break(self) -> None:
        if self._out.wrote:
            if self._ends != "\n":
                self._out.end_line()
            self._out = Streaming(sys.stdout)

    def _remark(self, text: str) -> None:
        self._break()
        remark(text)

    # --- work ------------------------------------------------------------------------------------

    def opened(self, event: WorkspaceOpened) -> None:
        where = {
            "worktree": f"a worktree on branch {event.branch}",
            "copy": "a copy of the folder",
            "empty": "an empty folder",
        }[event.kind]
        self._remark(f"— {where}; your files stay as they are until you apply it")

    def proposed(self, event: PlanProposed) -> None:
        by = f"by {event.tier} · {event.model}" if event.tier else ""
        by = "as edited" if event.origin == "edited" else by
        self._remark(f"\n— the plan {by}".rstrip())
        say(event.text.rstrip())
        for sketch in sorted(self._sketches, key=lambda sketch: sketch.number):
            self._sketched(sketch)
        self._sketches.clear()

    def compared(self, event: PlanCompared) -> None:
        self._sketches.append(event)  # which come first, and are read beside the plan

    def _sketched(self, event: PlanCompared) -> None:
        by = f"{event.tier} · {event.model}"
        if event.failed:
            self._remark(f"\n— {event.number}: {by} has none: {event.failed}")
        else:
            self._remark(f"\n— {event.number}: {by} would: {sanitise_line(event.title)}")
            body = event.text.removeprefix(event.title).strip()
            self._remark("\n".join(f"    {line}".rstrip() for line in body.splitlines()))

    def called(self, event: ToolCalled) -> None:
        self._tell_by()
        if event.name != "propose_plan":  # which is shown at once
            self._remark(f"▸ {_short(event.name)} {_short(_about(event))}".rstrip())

    def returned(self, event: ToolReturned) -> None:
        if event.failed:
            for line in _in_short(event.text):
                self._remark(f"    {line}")

    def changed(self, event: FileChanged) -> None:
        self._remark(f"✎ {sanitise_line(event.path)} +{event.added} −{event.removed}")

    def noted(self, event: Note) -> None:
        if event.level != "info":  # what is, the end tells
            self._notes.add(event.text)
            self._remark(f"butler: {event.text}")

    def unasked(self, asked: ApprovalAsked) -> None:
        if asked.kind == "command" and _short(asked.shown) != asked.shown:
            self._remark("\n".join(f"    {line}" for line in asked.shown.splitlines()))

    # --- the end ---------------------------------------------------------------------------------

    def ended(self, result: Result) -> None:
        self._break()
        if result.files:
            remark(f"\n{table(_rows(result), right=(2, 3))}")
        if result.error and result.error not in self._notes:
            remark(f"butler: {result.error}")
        for line in _next_steps(result):
            remark(line)
        remark(_footer(result))


def _about(event: ToolCalled) -> str:
    try:
        given = msgspec.json.decode(event.arguments or "{}", type=dict[str, object])
    except (msgspec.MsgspecError, RecursionError):
        return ""
    return next((str(given[name]) for name in _TELLING if given.get(name)), "")


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _WIDE else f"{line[: _WIDE - 1]}…"


def _in_short(text: str) -> list[str]:
    """How it ended, and the last that was put out."""
    lines = [line for line in text.splitlines() if line.strip()]
    shown = lines if len(lines) <= 5 else [lines[0], "…", *lines[-3:]]
    return [_short(line) for line in shown]


def _rows(result: Result) -> Iterator[tuple[str, ...]]:
    for file in result.files:
        lines = ("binary", "") if file.binary else (f"+{file.added}", f"−{file.removed}")
        yield (file.change, file.path, *lines, file.settled or "not yet applied")


def _next_steps(result: Result) -> Iterator[str]:
    there = f"butler --session {result.session[:8]}"
    if result.state in ("waiting", "interrupted"):
        yield f"Decide, or go on with it: {there}"
    elif result.conflicts:
        paths = sanitise_line(", ".join(result.conflicts[:8]))
        yield f"Not applied, for your file has changed in the same place: {paths}"
        yield f"Nothing was overwritten. See both: {there}"
    elif result.unsettled:
        yield f"Your files are as they were. Apply, keep or discard it: {there}"
    elif result.state == "done" and not result.files:
        yield "No file was changed."
    elif result.files and result.branch:
        yield f"Kept for you to merge: git merge {result.branch}"
    elif result.files and result.workspace:
        yield f"Kept in {result.workspace}"
    if result.refused:
        refused = figures.counted(len(result.refused), "command")
        yield f"Not run, for nobody could be asked: {refused}. --yes-commands runs them unasked."


def _footer(result: Result) -> str:
    parts = [f"{result.tier} · {result.model}"] if result.tier else []
    parts.append(figures.stopwatch(result.elapsed_ms))
    if result.tokens:
        parts += [f"{figures.tokens(result.tokens)} tokens", figures.money(result.cost)]
    return " · ".join([*parts, f"session {result.session[:8]}"])


_TOLD: Final[dict[type, Callable[[TextTeller, Any], None]]] = {
    ReplyStarted: TextTeller.answers,
    ModelSwitched: TextTeller.switched,
    TextDelta: TextTeller.text,
    ReplyFinished: TextTeller.finished,
    WorkspaceOpened: TextTeller.opened,
    PlanProposed: TextTeller.proposed,
    PlanCompared: TextTeller.compared,
    ToolCalled: TextTeller.called,
    ToolReturned: TextTeller.returned,
    FileChanged: TextTeller.changed,
    Note: TextTeller.noted,
}
TELLERS: Final[dict[Form, Callable[[], Teller]]] = {
    "text": TextTeller,
    "json": Teller,
    "stream-json": EventTeller,
}
