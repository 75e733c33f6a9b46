"""The task list: what was spawned, how it stands, what waits for the user."""

from collections.abc import Sequence
from typing import ClassVar, Final

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message

from router.view import Task
from store.events import SessionState
from tui import figures
from tui.text import sanitise_line
from tui.widgets.part import Part, fitted, row
from tui.wording import KIND, LOUD, QUIET, SESSION

_ORDER: Final = {"waiting": 0, "running": 1, "queued": 2, "open": 2}
_UNDER_WAY: Final = frozenset(_ORDER)
_ENDED_SHOWN: Final = 6
_SILENT: Final = 10 * figures.SECOND
"""From when on silence is worth a word."""
_LONG_SILENT: Final = figures.MINUTE
_KIND: Final = 5
_AGENT: Final = 10
"""Cells of the name of an agent of the user's own."""


_MANY: Final[dict[SessionState, str]] = {
    "waiting": "wait for you",
    "running": "run",
    "queued": "in line",
}
"""States worth counting, the loudest first, as they are said of several."""


class TaskList(Part, can_focus=True):
    """Arrows choose, Enter opens, x cancels."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Previous", show=False),
        Binding("down,j", "move(1)", "Next", show=False),
        Binding("enter", "open", "Open", show=False),
        Binding("x,delete", "cancel", "Cancel", show=False),
        Binding("r", "retry", "Retry", show=False),
    ]

    class Wish(Message):
        """Something is wanted of a task."""

        def __init__(self, session: str) -> None:
            super().__init__()
            self.session = session

    class Opened(Wish):
        """To be seen."""

    class CancelWanted(Wish):
        """To be stopped; not yet confirmed."""

    class RetryWanted(Wish):
        """To run again, after it has ended badly."""

    def __init__(self) -> None:
        super().__init__(id="tasks")
        self._tasks: tuple[Task, ...] = ()
        self._cursor = 0

    def show(self, tasks: tuple[Task, ...]) -> None:
        chosen, before = self.chosen, _outline(self._tasks)
        self._tasks = arranged(tasks)
        sessions = [task.session for task in self._tasks]
        self._cursor = (
            sessions.index(chosen.session) if chosen and chosen.session in sessions else 0
        )
        # Tokens that stream in move with the clock, once a second, not twenty times.
        if _outline(self._tasks) != before:
            self.changed()

    @property
    def chosen(self) -> Task | None:
        return self._tasks[self._cursor] if self._cursor < len(self._tasks) else None

    @property
    def busy(self) -> bool:
        """Whether anything shown moves with the clock."""
        return any(task.state in _UNDER_WAY for task in self._tasks)

    def draw(self, width: int, now: int) -> Content:
        cursor = self._cursor if self.has_focus else None
        return draw_tasks(self._tasks, width, now, cursor)

    def watch_has_focus(self, has_focus: bool) -> None:
        super().watch_has_focus(has_focus)
        self.changed()

    def on_click(self, event: events.Click) -> None:
        index = self._task_at(event.y)
        if index is not None:
            self._cursor = index
            self.action_open()

    def _task_at(self, y: int) -> int | None:
        line = 1
        for index, task in enumerate(self._tasks):
            height = 1 + bool(remark(task) or particulars(task, self._clock))
            if line <= y < line + height:
                return index
            line += height
        return None

    def action_move(self, step: int) -> None:
        self._cursor = max(0, min(len(self._tasks) - 1, self._cursor + step))
        self.changed()

    def action_open(self) -> None:
        if self.chosen:
            _ = self.post_message(self.Opened(self.chosen.session))

    def action_cancel(self) -> None:
        if self.chosen and self.chosen.state in _UNDER_WAY:
            _ = self.post_message(self.CancelWanted(self.chosen.session))

    def action_retry(self) -> None:
        if self.chosen and self.chosen.state in {"failed", "interrupted", "cancelled"}:
            _ = self.post_message(self.RetryWanted(self.chosen.session))


def arranged(tasks: Sequence[Task]) -> tuple[Task, ...]:
    """What waits or runs first, then what ended last."""
    going = [task for task in tasks if task.state in _UNDER_WAY]
    ended = [task for task in tasks if task.state not in _UNDER_WAY]
    going.sort(key=lambda task: (_ORDER[task.state], task.started_at))
    ended.sort(key=lambda task: -(task.ended_at or 0))
    return (*going, *ended[:_ENDED_SHOWN])


def _outline(tasks: Sequence[Task]) -> list[tuple[str | None, ...]]:
    """What is shown of tasks, but for their figures."""
    return [
        (task.session, task.state, task.title, task.tier, task.model, task.reason, task.agent)
        for task in tasks
    ]


def elapsed(task: Task, now: int) -> int:
    """Milliseconds it has run, or ran; 0 while it stands in line."""
    if task.running_since is None:
        return 0
    return (task.ended_at or max(now, task.last_heard)) - task.running_since


def spent(task: Task) -> int:
    """Tokens settled, and roughly those streaming now."""
    return task.tokens + task.streamed // 4


def summary(tasks: Sequence[Task]) -> list[tuple[str, str]]:
    """Counts of what matters, each with its style: `1 waits for you`, `3 run`."""
    counts: list[tuple[str, str]] = []
    for state, many in _MANY.items():
        number = sum(1 for task in tasks if task.state == state)
        if number:
            word = SESSION[state].word if number == 1 else many
            counts.append((f"{number} {word}", SESSION[state].style))
    return counts


def silent(task: Task, now: int) -> int:
    """Milliseconds since anything was heard of a task that runs; 0 while that is normal."""
    quiet = now - task.last_heard if task.state == "running" and task.last_heard else 0
    return quiet if quiet >= _SILENT else 0


def particulars(task: Task, now: int) -> list[tuple[str, str]]:
    """Of a task under way: which model, what it cost, how long it has been silent."""
    if task.state not in {"running", "waiting"}:
        return []
    parts = [(sanitise_line(task.model), QUIET)] if task.model else []
    if task.cost is None or task.cost:
        parts.append((figures.money(task.cost), QUIET))
    if quiet := silent(task, now):
        style = "bold $warning" if quiet >= _LONG_SILENT else "$warning"
        parts.append((f"silent {figures.span(quiet)}", style))
    return parts


def remark(task: Task) -> str:
    """Why a task needs a look; empty for one that goes well."""
    if task.state == "waiting":
        return task.reason or "waits for you: Tab, or alt+a"
    return task.reason if task.state in {"failed", "interrupted"} else ""


def draw_tasks(tasks: Sequence[Task], width: int, now: int, cursor: int | None) -> Content:
    counts = summary(tasks)
    head = Content.assemble("Tasks   ", dotted(counts) if tasks else ("none", QUIET))
    lines = [head.truncate(width, ellipsis=True)]
    for index, task in enumerate(tasks):
        lines += _task(task, width, now, chosen=index == cursor)
    return Content("\n").join(lines)


def _task(task: Task, width: int, now: int, *, chosen: bool) -> list[Content]:
    look = SESSION[task.state]
    figures_text = f"{figures.stopwatch(elapsed(task, now)):>6} {figures.tokens(spent(task)):>5}"
    if task.running_since is None:
        figures_text = " " * len(figures_text)
    right = Content.assemble((f" {task.tier or '–':<2}", ""), (figures_text, QUIET))
    left = Content.assemble(
        (look.glyph, look.style),
        f" {_who(task)} ",
        (sanitise_line(task.title), "bold" if task.state == "waiting" else ""),
    )
    cost = f"  {figures.money(task.cost)}" if task.state == "done" and task.cost else ""
    if left.cell_length + len(cost) + right.cell_length < width:  # a cut figure is another one
        left = left.append(Content.styled(cost, QUIET))
    line = row(left, right, width)
    lines = [line.stylize("reverse" if chosen else "")]
    parts = particulars(task, now)
    if text := remark(task):
        style = LOUD if task.state == "waiting" else QUIET
        lines.append(_beside(Content.styled(f"  {sanitise_line(text)}", style), parts, width))
    elif parts:
        lines.append(Content.assemble("  ", dotted(parts)).truncate(width, ellipsis=True))
    return lines


def _beside(remark: Content, parts: Sequence[tuple[str, str]], width: int) -> Content:
    """A remark, and at its right as many particulars as there is room for."""
    while parts and remark.cell_length + 2 + dotted(parts).cell_length > width:
        parts = parts[1:]
    return row(remark, dotted(parts), width) if parts else remark.truncate(width, ellipsis=True)


def _who(task: Task) -> str:
    """The kind of work; of the user's own agents, the name."""
    if not task.agent:
        return fitted(KIND[task.kind], _KIND)
    name = sanitise_line(task.agent)
    return fitted(name, max(_KIND, min(_AGENT, len(name))))


def dotted(parts: Sequence[tuple[str, str]]) -> Content:
    """Parts with a quiet dot in between."""
    return Content.styled(" · ", QUIET).join(Content.styled(text, style) for text, style in parts)
