"""A tool that was called: one quiet line, and below it, when it is open, what it was and gave."""

import re
from collections.abc import Iterator
from typing import Any, Final, Literal, NamedTuple, TypeAlias, cast

import msgspec
from rich.cells import cell_len, set_cell_size

from router.view import ToolUse
from tui import figures
from tui.diffs import CHANGE, MINUS, counts, lines_of
from tui.text import sanitise_line
from tui.transcript.rows import BLANK, Prefix, Row, Run, run, wrap
from tui.transcript.section import Section

_SOUGHT: Final = ("command", "cmd", "pattern", "query", "regex")
_PLACES: Final = ("path", "file_path", "filename", "file", "notebook_path", "folder", "directory")
_ELSE: Final = ("question", "label", "task", "description", "url", "name")
_QUOTED: Final = frozenset({"pattern", "query", "regex"})
_COMMANDS: Final = frozenset({"command", "cmd"})
_EXIT: Final = re.compile(
    r"^\W*(?:exit(?:ed)?(?: with)?(?: code| status)?|returned)[:= ]+(-?\d+)\b"
    r"(?: after ([\d.]+ s)\b)?.*\n?",
    re.IGNORECASE | re.MULTILINE,
)
_SHORT: Final = 48
"""Characters of a result that is shown whole beside the call."""
_TAIL: Final = 4
"""Lines of a failed command's output that are shown unasked."""
_RESULT: Final = 24
"""Lines of a result, and of an argument."""
_ARGUMENT: Final = 6
_DIFF: Final = 120
"""Lines of all diffs of a call: the diff view has the rest."""
_LINE: Final = 400
"""Characters of a line."""
_FIRST: Final = 2_000
"""Characters of a command or a path that are looked at for the one line."""
_BAR: Final = Prefix((Run("  │ ", "tool-bar"),), (Run("  │ ", "tool-bar"),), 4)


Pending: TypeAlias = Literal["runs", "asks", "stopped", ""]
"""How a call without a result stands."""
_PENDING: Final[dict[Pending, tuple[str, str, str]]] = {
    "runs": ("▶", "runs", "tool-runs"),
    "asks": ("!", "waits for you", "tool-asks"),
    "stopped": ("■", "stopped", "tool-stopped"),
}


class Told(NamedTuple):
    """The one line of a call."""

    glyph: str
    name: str
    argument: str
    outcome: str
    style: str
    """Of the outcome, and of the glyph."""


class ToolLine(Section):
    """A call, in its place in the reply. It follows what becomes of it."""

    def __init__(self, use: ToolUse, state: Pending) -> None:
        super().__init__()
        self.use = use
        self._state: Pending = state if use.result is None else ""
        self.gap = False
        self.opened = False

    @property
    def offset(self) -> int:
        return self.use.offset

    @property
    def place(self) -> tuple[str, int]:
        """What a newer version of the same call has in common with it."""
        return self.use.call, self.use.offset

    @property
    def label(self) -> str:
        """The call in words."""
        told = tell(self.use, self._state)
        return " ".join(part for part in (told.name, told.argument, told.outcome) if part)

    def take(self, use: ToolUse, state: Pending) -> None:
        """Follow a newer version of the call."""
        state = state if use.result is None else ""
        if use is not self.use or state != self._state:
            self.use, self._state = use, state
            self.forget()

    def fold(self) -> None:
        self.opened = not self.opened
        self.forget()

    def build(self, width: int) -> Iterator[Row]:
        if self.gap:
            yield BLANK
        told = tell(self.use, self._state)
        yield _one_line(told, width)
        if self.opened:
            yield from _details(self.use, width)
        elif told.style == "failure":
            yield from _last_lines(self.use, width)

    def estimate(self, width: int) -> int:
        del width
        return 1 + self.gap


def tell(use: ToolUse, state: Pending = "runs") -> Told:
    """What a call is and how it stands, in words."""
    arguments = arguments_of(use)
    argument = _argument(arguments)
    if use.result is None:
        glyph, word, style = _PENDING[state]
        return Told(glyph, use.name, argument, word, style)
    if use.failed:
        reason = next((line for line in use.result.split("\n", 8) if line.strip()), "")
        reason = reason.strip()[:_LINE]
        ended = _exit(use, arguments)
        outcome = ended or (f"failed: {reason}" if reason else "failed")
        return Told("✗", use.name, argument, outcome, "failure")
    if use.changed:
        return Told("✎", use.name, argument or _paths(use), _changes(use), "tool-changed")
    if ended := _exit(use, arguments):
        well = ended.startswith("exit 0")
        glyph, style = ("▸", "tool-done") if well else ("✗", "failure")
        return Told(glyph, use.name, argument, ended, style)
    return Told("▸", use.name, argument, _gist(use.result), "tool-done")


def arguments_of(use: ToolUse) -> dict[str, Any]:
    """The arguments by name; a model may have written anything."""
    try:
        found = msgspec.json.decode(use.arguments or "{}")
    except msgspec.DecodeError:
        return {"": use.arguments}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {"": found}


def _argument(arguments: dict[str, Any]) -> str:
    sought = next((name for name in _SOUGHT if arguments.get(name)), "")
    place = next((name for name in _PLACES if arguments.get(name)), "")
    if not (sought or place):
        other = next((name for name in _ELSE if isinstance(arguments.get(name), str)), "")
        return _short(arguments.get(other) or arguments.get("", ""))
    parts: list[str] = []
    if sought:
        text = _short(arguments[sought])
        parts.append(f'"{text}"' if sought in _QUOTED else text)
    if place and sought not in _COMMANDS:
        parts.append(_short(arguments[place]))
    return " ".join(parts)


def _short(value: object) -> str:
    text = value if isinstance(value, str) else _as_json(value)
    return sanitise_line(text[:_FIRST].strip())


def _as_json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _exit(use: ToolUse, arguments: dict[str, Any]) -> str:
    """The exit code a command's result names, near its beginning or end; and its time."""
    result = use.result or ""
    if _COMMANDS.isdisjoint(arguments):
        return ""
    found = _EXIT.search(result[:200]) or _EXIT.search(result[-200:])
    if found is None:
        return ""
    return f"exit {found[1]} · {found[2]}" if found[2] else f"exit {found[1]}"


def _gist(result: str) -> str:
    text = result.strip()
    if "\n" not in text:
        return sanitise_line(text) if len(text) <= _SHORT else ""
    return figures.counted(text.count("\n") + 1, "line")


def _paths(use: ToolUse) -> str:
    paths = list(dict.fromkeys(changed.path for changed in use.changed))
    return paths[0] if len(paths) == 1 else figures.counted(len(paths), "file")


def _changes(use: ToolUse) -> str:
    added = sum(changed.added for changed in use.changed)
    removed = sum(changed.removed for changed in use.changed)
    word = {"new": "new ", "delete": "deleted ", "edit": ""}[use.changed[0].change]
    return (word if len(use.changed) == 1 else "") + (counts(added, removed) or "no lines")


def _one_line(told: Told, width: int) -> Row:
    """Glyph, name and argument as far as there is room; the outcome is always in sight."""
    outcome = sanitise_line(told.outcome)
    if cell_len(outcome) > (most := max(8, width // 2)):
        outcome = set_cell_size(outcome, most - 1).rstrip() + "…"
    lead = f"{told.glyph} "
    name = sanitise_line(told.name)
    room = width - cell_len(lead) - cell_len(outcome) - (2 if outcome else 0)
    label = f"{name} {told.argument}" if told.argument else name
    if cell_len(label) > room:
        label = set_cell_size(label, max(1, room - 1)).rstrip() + "…"
    shown = label[: len(name)]
    runs = [Run(lead, told.style), Run(shown, "tool"), Run(label[len(shown) :], "tool-argument")]
    if outcome:
        runs += [Run("  "), Run(outcome, told.style)]
    return Row(tuple(runs), start=len(lead), action="fold")


def _last_lines(use: ToolUse, width: int) -> Iterator[Row]:
    """What a failed command said last; of other tools the line itself says why."""
    if _COMMANDS.isdisjoint(arguments_of(use)):
        return
    lines = [line for line in _output(use).rsplit("\n", _TAIL + 4)[-_TAIL - 4 :] if line.strip()]
    for line in lines[-_TAIL:]:
        yield _barred(line, "tool-output", width)


def _output(use: ToolUse) -> str:
    return _EXIT.sub("", use.result or "", count=1).strip("\n ")


def _barred(text: str, style: str, width: int, raw: str | None = None) -> Row:
    """One line of a detail, cut off at the right edge; `raw` is what a copy of it gives."""
    shown = run(text[:_LINE].rstrip("\r"), style)
    room = max(1, width - 4)
    if cell_len(shown.text) > room:
        shown = Run(set_cell_size(shown.text, room - 1) + "…", style)
    return Row((*_BAR.first, shown), start=4, raw=raw)


def _details(use: ToolUse, width: int) -> Iterator[Row]:
    arguments = arguments_of(use)
    shown = _argument(arguments)
    for name, value in arguments.items():
        if isinstance(value, str) and len(value) <= _SHORT and sanitise_line(value) in shown:
            continue
        text = value if isinstance(value, str) else _as_json(value)
        title = Run(f"{sanitise_line(name)}: " if name else "", "tool-argument")
        head, *rest = bounded(text, _ARGUMENT)
        yield from wrap([title, run(head, "tool-output")], width, _BAR)
        for line in rest:
            yield _barred(line, "tool-output", width)
    if use.changed:
        yield from _diffs(use, width)
    elif use.result is None:
        yield _barred("no result yet", "tool-argument", width)
    elif use.result:
        yield Row((Run("  ├ ", "tool-bar"), Run("result", "tool-argument")), start=4)
        for line in bounded(use.result.strip("\n"), _RESULT):
            yield _barred(line, "tool-output", width)


def bounded(text: str, most: int) -> list[str]:
    """The first lines of a text, and how many there are more."""
    lines = text.split("\n", most)
    if len(lines) <= most:
        return lines
    more = lines.pop().count("\n") + 1
    return [*lines, f"… {figures.counted(more, 'more line', 'more lines')}"]


def _diffs(use: ToolUse, width: int) -> Iterator[Row]:
    left = _DIFF
    for changed in use.changed:
        glyph, word = CHANGE[changed.change]
        head = f"{glyph} {word} {changed.path}  {counts(changed.added, changed.removed)}"
        yield Row((Run("  ├ ", "tool-bar"), run(sanitise_line(head), "tool")), start=4)
        for line in lines_of(changed.diff):
            if left <= 0:
                yield _barred("… the rest is in the diff view: /diff", "tool-argument", width)
                return
            left -= 1
            sign = MINUS if line.sign == "-" else line.sign
            text = f"@@ {line.old} {line.text}" if line.sign == "@" else f"{sign} {line.text}"
            style = _STYLES.get(line.sign, "tool-argument")
            yield _barred(text, style, width, raw=f"{line.sign}{line.text}")


_STYLES: Final = {"+": "diff-added", "-": "diff-removed", " ": "tool-output"}
