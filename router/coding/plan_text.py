"""A plan as Markdown and back: what the user approves or edits, and what the specialist is given.

Pure. Only headings that name one of a plan's parts cut a text into parts; everything else in it is
the text of the part it stands in.
"""

import re
from collections.abc import Iterable
from typing import Final, Literal, TypeAlias

import msgspec

from router.coding.visible import visible
from store.events import Change, Plan, PlannedFile

Part: TypeAlias = Literal["approach", "architecture", "tradeoffs", "files", "steps", "risks"]

TITLE: Final = 80
PROSE: Final = 4_000
FILES: Final = 40
STEPS: Final = 30
RISKS: Final = 15
_ITEM: Final = 500
_PATH: Final = 300

_PARTS: Final[dict[str, Part]] = {
    "approach": "approach",
    "architecture": "architecture",
    "tradeoffs": "tradeoffs",
    "tradeoff": "tradeoffs",
    "files": "files",
    "files to change": "files",
    "steps": "steps",
    "risks": "risks",
}
_CHANGES: Final[dict[str, Change]] = {
    "new": "new",
    "add": "new",
    "create": "new",
    "edit": "edit",
    "change": "edit",
    "modify": "edit",
    "update": "edit",
    "delete": "delete",
    "remove": "delete",
}
_HEADING: Final = re.compile(r"#{1,6}[ \t]+(?P<name>\S.*)")
_BOLD: Final = re.compile(r"\*\*(?P<name>[^*]{1,40})\*\*:?\s*")
_MARK: Final = re.compile(r"(?:[-*+]|\d{1,4}[.)])(?:[ \t]+|$)")
_QUOTED: Final = re.compile(
    r"(?P<ticks>`+)(?P<path>.+?)(?P=ticks)(?!`)[ \t]*(?:\((?P<change>\w+)\))?[ \t]*(?P<why>.*)"
)
_BARE: Final = re.compile(
    r"(?P<path>[^\s`(:]*[./][^\s`(:]*)[ \t]*(?:\((?P<change>\w+)\))?(?P<why>[ \t]*[:–—-].*|)"
)


def change_of(word: str) -> Change | None:
    """The kind of change that a model or a person means by a word."""
    return _CHANGES.get(word.strip().lower())


# --- to Markdown -------------------------------------------------------------------------------


def plan_text(plan: Plan) -> str:
    """The plan in full. `plan_of` reads it back."""
    parts = [
        f"# {plan.title or 'Plan'}",
        *_prose("Approach", plan.approach),
        *_prose("Architecture", plan.architecture),
        *_prose("Tradeoffs", plan.tradeoffs),
        *_list("Files", [f"- {_file(file)}" for file in plan.files]),
        *_list("Steps", [_item(f"{n}. ", step) for n, step in enumerate(plan.steps, 1)]),
        *_list("Risks", [_item("- ", risk) for risk in plan.risks]),
    ]
    return "\n\n".join(parts) + "\n"


def _prose(name: str, text: str) -> list[str]:
    lines = [_escaped(line) for line in text.split("\n")]
    return [f"## {name}", "\n".join(lines)] if text else []


def _escaped(line: str) -> str:
    """A line that would be read as one of our headings, as plain text in Markdown's own way."""
    return f"\\{line}" if _part(line.lstrip("\\")) else line


def _list(name: str, items: list[str]) -> list[str]:
    return [f"## {name}", "\n".join(items)] if items else []


def _item(mark: str, text: str) -> str:
    first, *rest = text.split("\n")
    indent = " " * len(mark)
    return "\n".join([mark + first, *(indent + line if line else "" for line in rest)])


def _file(file: PlannedFile) -> str:
    longest = max((len(run) for run in re.findall("`+", file.path)), default=0)
    ticks = "`" * (longest + 1)
    pad = " " if longest else ""
    why = f": {file.why}" if file.why else ""
    return f"{ticks}{pad}{file.path}{pad}{ticks} ({file.change}){why}"


# --- and back ----------------------------------------------------------------------------------


def plan_of(text: str) -> Plan:
    """The plan that a text tells of, however it was written or edited. What fits nowhere else is
    part of the approach; nothing is left out or shortened."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").strip("\n").split("\n")
    return _Reading(lines).plan()


class _Reading:
    """A text on its way into the parts of a plan."""

    def __init__(self, lines: list[str]) -> None:
        self._title = ""
        self._parts: dict[Part, list[str]] = {}
        self._strays: list[str] = []
        """Items among the files that name none."""
        self._sections: list[str] = []
        """Parts of the user's own that stand behind a list."""
        self._sort(self._without_title(lines))

    def plan(self) -> Plan:
        steps = self._items("steps")
        risks = self._items("risks")
        files = self._files()
        strays, sections = "\n".join(self._strays), "\n".join(self._sections).strip()
        approach = "\n\n".join(t for t in (self._text("approach"), strays, sections) if t)
        return Plan(
            title=self._title or short(approach, TITLE) or "Plan",
            approach=approach,
            architecture=self._text("architecture"),
            tradeoffs=self._text("tradeoffs"),
            files=files,
            steps=steps,
            risks=risks,
        )

    def _without_title(self, lines: list[str]) -> list[str]:
        """Take the title from the first line that says anything."""
        start = next((i for i, line in enumerate(lines) if line.strip()), len(lines))
        rest = lines[start + 1 :]
        first = lines[start].strip() if start < len(lines) else ""
        if _part(first) and not first.startswith("# "):
            return lines[start:]
        heading = _HEADING.fullmatch(first) or _BOLD.fullmatch(first)
        whole = heading["name"].strip() if heading else first
        self._title = short(whole, TITLE)
        # A first line that is a text of its own, or part of a list, is more than a title.
        if self._title != " ".join(whole.split()) or (not heading and _MARK.match(first)):
            return [whole, *rest]
        return rest

    def _sort(self, lines: Iterable[str]) -> None:
        into = self._parts.setdefault("approach", [])
        listing = False
        for line in lines:
            named = _part(line)
            if named:
                into = self._parts.setdefault(named, [])
                into.append("")  # apart from an earlier one of that name
                listing = named in ("files", "steps", "risks")
            else:
                if listing and line.startswith(("# ", "## ")):
                    into, listing = self._sections, False
                into.append(line)

    def _text(self, part: Part) -> str:
        return "\n".join(_unescaped(line) for line in self._parts.get(part, ())).strip()

    def _items(self, part: Part) -> tuple[str, ...]:
        return tuple(item for item in _items(self._parts.get(part, ())) if item)

    def _files(self) -> tuple[PlannedFile, ...]:
        found: list[PlannedFile] = []
        for item in self._items("files"):
            file = planned(item)
            if file is None:
                self._strays.append(item)
            else:
                found.append(file)
        return tuple(found)


def _part(line: str) -> Part | None:
    """Which part of a plan a line heads, if it does."""
    if line[:1] not in ("#", "*") or len(line) > TITLE:
        return None
    match = _HEADING.fullmatch(line) or _BOLD.fullmatch(line)
    if match is None:
        return None
    name = match["name"].strip().strip("#*:").strip().lower()
    return _PARTS.get(re.sub(r"^\d{1,2}[.)]\s*", "", name).replace("trade-off", "tradeoff"))


def _unescaped(line: str) -> str:
    return line[1:] if line.startswith("\\") and _part(line.lstrip("\\")) else line


def _items(lines: Iterable[str]) -> Iterable[str]:
    """The items of a list, each with the lines that belong to it. A paragraph is one, too."""
    item: list[str] = []
    width = 0
    apart = False
    for line in lines:
        mark = _MARK.match(line)
        if mark or (apart and line[:1].strip()) or not item:
            if item:
                yield "\n".join(item).strip()
            item = [line[mark.end() :] if mark else line.strip()]
            width = mark.end() if mark else 0
        else:
            own = len(line) - len(line.lstrip(" "))
            item.append(line[min(own, width) :])
        apart = not line.strip()
    if item:
        yield "\n".join(item).strip()


def planned(item: str) -> PlannedFile | None:
    """The file that an item of the list names, or `None`."""
    line = " ".join(item.split())
    match = _QUOTED.fullmatch(line) or _BARE.fullmatch(line)
    if match is None or not match["path"].strip():
        return None
    said = match["change"] or ""
    change = change_of(said)
    why = match["why"].strip()
    why = why[1:].strip() if why[:1] in (":", "–", "—", "-") else why
    if said and change is None:
        why = f"({said}) {why}".strip()
    return PlannedFile(match["path"].strip(), change or "edit", why)


# --- within bounds -----------------------------------------------------------------------------


def bounded(plan: Plan) -> Plan:
    """A model's plan as it may be shown and kept: of a size that a person reads, and with nothing
    in it that a terminal obeys. What had to stay out is said in it."""
    files = tuple(_bounded_file(file) for file in plan.files[:FILES] if file.path.strip())
    steps = tuple(_texts(plan.steps, STEPS))
    risks = tuple(_texts(plan.risks, RISKS))
    counted = (
        ("files", len(plan.files), FILES),
        ("steps", len(plan.steps), STEPS),
        ("risks", len(plan.risks), RISKS),
    )
    cut = [
        f"({count - most} more {name} were named and are left out.)"
        for name, count, most in counted
        if count > most
    ]
    approach = "\n\n".join(part for part in (_safe(plan.approach, PROSE), *cut) if part)
    return Plan(
        title=line(plan.title, TITLE) or line(plan.approach, TITLE) or "Plan",
        approach=approach,
        architecture=_safe(plan.architecture, PROSE),
        tradeoffs=_safe(plan.tradeoffs, PROSE),
        files=files,
        steps=steps,
        risks=risks,
    )


def _bounded_file(file: PlannedFile) -> PlannedFile:
    return msgspec.structs.replace(file, path=line(file.path, _PATH), why=line(file.why, _ITEM))


def _texts(items: tuple[str, ...], most: int) -> Iterable[str]:
    return (text for item in items[:most] if (text := _safe(item, _ITEM)))


def _safe(text: str, most: int) -> str:
    whole = text.strip()
    shown = visible(whole[:most]).strip()
    left = max(len(whole), len(shown)) - most
    return shown if left <= 0 else f"{shown[:most].rstrip()} … ({left} characters left out)"


def line(text: str, most: int) -> str:
    """One line of at most so many characters, fit to be shown."""
    return short(visible(short(text, most)), most)


def short(text: str, most: int) -> str:
    """One line of at most so many characters."""
    words = " ".join(text[: 4 * most].split())
    whole = len(words) <= most and len(text) <= 4 * most
    return words if whole else words[: most - 1].rstrip() + "…"
