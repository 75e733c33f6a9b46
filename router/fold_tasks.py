"""The task list's part of the fold: what spawned sessions are doing."""

from msgspec.structs import replace

from router.view import TASKS, Task
from store.events import (
    Entry,
    FileChanged,
    ModelSwitched,
    PlanCompared,
    PlanProposed,
    ReasoningDelta,
    ReplyStarted,
    SessionStarted,
    SessionStateChanged,
    SessionTitled,
    TextDelta,
    ToolCalled,
    ToolReturned,
    UsageSettled,
)

ENDED = frozenset({"done", "failed", "cancelled", "interrupted"})


def fold(tasks: tuple[Task, ...], parent: str, entry: Entry) -> tuple[Task, ...]:
    """The tasks of `parent` after an entry of another session, perhaps one of its children."""
    event, session = entry.event, entry.session
    if isinstance(event, SessionStarted):
        return _started(tasks, parent, entry, event)
    for index in range(len(tasks) - 1, -1, -1):
        if tasks[index].session == session:
            changed = _step(tasks[index], entry)
            if changed is tasks[index]:
                return tasks
            return (*tasks[:index], changed, *tasks[index + 1 :])
    return tasks


def _started(
    tasks: tuple[Task, ...], parent: str, entry: Entry, event: SessionStarted
) -> tuple[Task, ...]:
    session = entry.session
    if session is None or event.parent != parent or any(t.session == session for t in tasks):
        return tasks
    task = Task(
        session=session,
        kind=event.kind,
        title=event.title,
        state="queued",
        started_at=entry.at,
        last_heard=entry.at,
        agent=event.agent,
    )
    return _pruned((*tasks, task))


def _pruned(tasks: tuple[Task, ...]) -> tuple[Task, ...]:
    """Drop the oldest task that has ended, once there are too many. One under way never goes."""
    if len(tasks) <= TASKS:
        return tasks
    for index, task in enumerate(tasks):
        if task.state in ENDED:
            return (*tasks[:index], *tasks[index + 1 :])
    return tasks


def _step(task: Task, entry: Entry) -> Task:
    match entry.event:
        case SessionStateChanged() as event:
            return _state(task, entry.at, event)
        case SessionTitled(title=title):
            return replace(task, title=title)
        case ReplyStarted() | ModelSwitched() as event:
            return replace(task, tier=event.tier, model=event.model, last_heard=entry.at)
        case TextDelta() | ReasoningDelta() as event:
            streamed = event.offset + len(event.text)
            return replace(task, streamed=streamed, last_heard=entry.at)
        case UsageSettled() as event:
            cost = None if task.cost is None or event.cost is None else task.cost + event.cost
            tokens = task.tokens + event.usage.total
            return replace(task, tokens=tokens, cost=cost, streamed=0, last_heard=entry.at)
        case ToolCalled() | ToolReturned() | FileChanged() | PlanCompared() | PlanProposed():
            return replace(task, last_heard=entry.at)
        case _:
            return task


def _state(task: Task, at: int, event: SessionStateChanged) -> Task:
    if event.state in ENDED:
        return replace(
            task,
            state=event.state,
            reason=event.reason,
            ended_at=at,
            streamed=0,
            last_heard=at,
        )
    running = at if event.state == "running" and task.running_since is None else task.running_since
    return replace(
        task,
        state=event.state,
        reason=event.reason,
        running_since=running,
        ended_at=None,
        last_heard=at,
    )
