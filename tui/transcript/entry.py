"""One item as sections: its header, its body, and how it ended."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice, zip_longest
from typing import Final

from rich.cells import cell_len

from router.view import ToolUse
from tui.text import sanitise_line
from tui.transcript.body import Body
from tui.transcript.item import Item, Seam, State
from tui.transcript.rows import BLANK, Prefix, Row, Run, run, wrap
from tui.transcript.section import Section
from tui.transcript.tools import Pending, ToolLine

STATES: Final[dict[State, str]] = {
    "queued": "◌ queued",
    "streaming": "▸ writing",
    "finished": "",
    "failed": "✗ failed",
    "interrupted": "■ interrupted",
    "cancelled": "⊘ cancelled",
}
"""How a state is told: a glyph and a word."""
_MARKS: Final = {"note": "· ", "seam": "⟂ ", "failure": "✗ "}
_ROLES: Final = {
    "user": "role-user",
    "butler": "role-butler",
    "plan": "role-plan",
    "announcement": "role-announcement",
}


class Head(Section):
    """Who speaks, at the left; when or by whom, at the right; why, below that."""

    def __init__(self, item: Item, *, collapsed: bool | None) -> None:
        super().__init__()
        self._item = item
        self._collapsed = collapsed

    def build(self, width: int) -> Iterator[Row]:
        item = self._item
        if item.continued:
            return
        action = "" if self._collapsed is None else "fold"
        fold = {None: "", True: "▸ ", False: "▾ "}[self._collapsed]
        left = [Run(fold + sanitise_line(item.title), _ROLES.get(item.kind, "role-butler"))]
        if item.state in {"queued", "streaming"}:
            left.append(Run(f" {STATES[item.state]}", "state"))
        right, why = sanitise_line(item.right), sanitise_line(item.why)
        used = sum(cell_len(part.text) for part in left)
        room = width - used - 2
        if cell_len(right) <= room and cell_len(why) <= room:
            column = max(cell_len(right), cell_len(why))
            yield _beside(left, used, right, width - column, "via", action)
            if why:
                yield _beside([], 0, why, width - column, "why", "")
            return
        rows = list(wrap(left, width))
        for row in rows:
            row.action = action
        yield from rows
        for text, style in ((right, "via"), (why, "why")):
            if text:
                yield from wrap([Run(text, style)], width)

    def estimate(self, width: int) -> int:
        del width
        return 0 if self._item.continued else 1 + bool(self._item.why)


def _beside(left: list[Run], used: int, right: str, column: int, style: str, action: str) -> Row:
    runs = [*left]
    if right:
        runs += [Run(" " * (column - used)), Run(right, style)]
    row = Row(tuple(runs))
    row.action = "fold" if action == "fold" else ""
    return row


class Line(Section):
    """A note, a seam or a failure that stands by itself."""

    def __init__(self, item: Item) -> None:
        super().__init__()
        mark = _MARKS[item.kind]
        self._prefix = Prefix((Run(mark, item.kind),), (Run(" " * len(mark)),))
        self._runs = [run(f"{item.title}: {item.body}" if item.title else item.body, item.kind)]

    def build(self, width: int) -> Iterator[Row]:
        return wrap(self._runs, width, self._prefix)

    def estimate(self, width: int) -> int:
        return 1 + len(self._runs[0].text) // width


class Foot(Section):
    """How it ended, unless well, and the space below, unless what follows joins it."""

    def __init__(self, item: Item, *, joined: bool) -> None:
        super().__init__()
        self._joined = joined
        waits = item.continued and item.live and item.empty
        ended = item.state in {"failed", "interrupted", "cancelled"}
        said = STATES[item.state] if ended or waits else ""
        note = sanitise_line(item.note)
        self._text = f"{said}: {note}" if said and note else said or note
        self._style = "failure" if item.state == "failed" else "state"

    def build(self, width: int) -> Iterator[Row]:
        if self._text:
            yield from wrap([Run(self._text, self._style)], width)
        if not self._joined:
            yield BLANK

    def estimate(self, width: int) -> int:
        return (not self._joined) + (len(self._text) + width - 1) // width


class Earlier(Section):
    """Says how many messages there are above."""

    def __init__(self, count: int) -> None:
        super().__init__()
        plural = "" if count == 1 else "s"
        self._text = f"↑ {count} earlier message{plural}"

    def build(self, width: int) -> Iterator[Row]:
        for row in wrap([Run(self._text, "earlier")], width):
            row.action = "earlier"
            row.stop = 0
            yield row
        yield BLANK

    def estimate(self, width: int) -> int:
        return 2 if width > len(self._text) else 3


class Unread(Section):
    """Stands for text that was not read yet."""

    def __init__(self, body: Body) -> None:
        super().__init__()
        self._body = body

    def build(self, width: int) -> Iterator[Row]:
        del width
        yield Row((Run("…", "state"),), stop=0, joint="")

    def estimate(self, width: int) -> int:
        return 1 + self._body.unread * 5 // (width * 4)


class Entry:
    """What is drawn for one item. The body grows; the rest follows the item."""

    def __init__(self, item: Item) -> None:
        self.item = item
        self.collapsed = item.collapsed
        self.body = Body(markdown=item.markdown)
        self.sections: list[Section] = []
        self._joined = False
        self._seams = 0
        self._tools: list[ToolLine] = []
        self._ended = False
        self._tops = [0]
        self._width = 0
        self._feed()
        self._assemble()

    # --- what comes in ---

    def update(self, item: Item) -> None:
        """Follow a newer version of the item; text that only grew is not read again."""
        grew = (
            item.markdown == self.item.markdown
            and item.seams[: self._seams] == self.item.seams[: self._seams]
            and item.body.startswith(self.body.text)
            and not (self._ended and (item.live or len(item.body) > self.body.length))
            and self._follow(item)
        )
        if item.collapsed != self.item.collapsed:
            self.collapsed = item.collapsed
        self.item = item
        if not grew:
            self.body = Body(markdown=item.markdown)
            self._seams, self._tools, self._ended = 0, [], False
        self._feed()
        self._assemble()

    def _follow(self, item: Item) -> bool:
        """Bring the calls that are shown up to the item's; False if they are others."""
        if self._ended and len(item.tools) > len(self._tools):
            return False
        for line, use in zip_longest(self._tools, item.tools[: len(self._tools)]):
            if line is None or use is None or (use.call, use.offset) != line.place:
                return False
            line.take(use, _pending(use, item))
        return True

    def joins(self, before: "Entry") -> bool:
        """Whether it stands right below `before`, as both are one list of calls."""
        item = self.item
        if item.empty:
            return item.continued and (before.item.ends_with_tool or not item.live)
        return item.continued and item.begins_with_tool and before.item.ends_with_tool

    def join(self, *, joined: bool) -> None:
        """Close or open the gap below."""
        if joined != self._joined:
            self._joined = joined
            self._assemble()

    def extend(self, text: str) -> None:
        """Append to the body; to one that had ended as well, though that is read again."""
        if self._ended:
            self.update(replace(self.item, body=self.body.text + text))
        else:
            self.body.extend(text)

    def fold(self, section: int) -> bool:
        """Open what is collapsed, close what is open: a call, or all of it if it has a fold.

        Returns whether it is open now.
        """
        line = self.sections[section]
        if isinstance(line, ToolLine):
            line.fold()
            self.touch(section)
            return line.opened
        if self.collapsed is not None:
            self.collapsed = not self.collapsed
            self._assemble()
        return self.collapsed is False

    def fold_height(self, section: int, width: int) -> int:
        """Rows of what `fold` opens and closes."""
        line = self.sections[section]
        return line.height(width) if isinstance(line, ToolLine) else self.height(width)

    @property
    def text(self) -> str:
        """What it says, for a copy: where it says nothing, what it did."""
        said = self.body.text or self.item.body
        return said if said.strip() else "\n".join(line.label for line in self._tools)

    def _feed(self) -> None:
        """Give the body what it lacks of the item's text, with the seams in it."""
        item = self.item
        if item.kind in _MARKS:
            return
        marks: list[Seam | ToolLine] = list(item.seams[self._seams :])
        lines = [ToolLine(use, _pending(use, item)) for use in item.tools[len(self._tools) :]]
        for mark in sorted([*lines, *marks], key=lambda mark: mark.offset):
            self.body.extend(item.body[self.body.length : mark.offset])
            if isinstance(mark, ToolLine):
                self.body.call(mark)
            else:
                self.body.seam(mark)
        self._seams = len(item.seams)
        self._tools += lines
        self.body.extend(item.body[self.body.length :])
        if not item.live and not self._ended:
            self.body.finish()
            self._ended = True

    # --- what is drawn ---

    def read(self, deadline: float) -> bool:
        """Read pending text until `deadline`; return whether anything may look different."""
        if self.collapsed or self.body.settled:
            return False
        changed = self.body.read(deadline)
        self._gather(1 + changed)
        return True

    def _assemble(self) -> None:
        if self.item.kind in _MARKS:
            self._head: Section = Line(self.item)
        else:
            self._head = Head(self.item, collapsed=self.collapsed)
        self._foot = Foot(self.item, joined=self._joined)
        self._gather(0)

    def _gather(self, changed: int) -> None:
        """List the sections again; those before the index `changed` are as they were."""
        body: list[Section] = [] if self.collapsed else self.body.sections
        self.sections = [self._head, *body]
        if not self.collapsed and not self.body.settled:
            self.sections.append(Unread(self.body))
        self.sections.append(self._foot)
        self.touch(changed)

    def touch(self, changed: int = 0) -> None:
        """Say that heights have changed, from the section with this index on."""
        del self._tops[changed + 1 :]

    def tops(self, width: int) -> list[int]:
        """Return where each section begins, and at the end the height of all."""
        if self._width != width:
            self._tops, self._width = [0], width
        top = self._tops[-1]
        for section in islice(self.sections, len(self._tops) - 1, None):
            top += section.height(width)
            self._tops.append(top)
        return self._tops

    def height(self, width: int) -> int:
        return self.tops(width)[-1]


def _pending(use: ToolUse, item: Item) -> Pending:
    if use.call in item.asked:
        return "asks"
    return "runs" if item.live else "stopped"


class EarlierEntry(Entry):
    """The row above the first message."""

    def __init__(self, count: int) -> None:
        super().__init__(Item(id="", kind="note"))
        self.sections = [Earlier(count)]
        self.touch()
