"""Views from the journal: a session as it is now, and its older messages on demand."""

from msgspec.structs import replace

from router.fold import fold, fold_all, fold_desk, fold_house
from router.fold_desk import DESK
from router.fold_tasks import ENDED
from router.view import TASKS, House, Task, View
from store.events import SessionStarted
from store.opening import Store
from store.sessions import SessionRow

OPENING = 30
"""Messages a session opens with: a screenful or three."""


def house(store: Store, seq: int | None = None) -> House:
    """The house as it stood at a place in the journal, or as it stands."""
    house = House()
    for entry in store.journal.house_at(seq):
        house = fold_house(house, entry.event)
    return house


def open_view(store: Store, session: str, messages: int = OPENING) -> View:
    """A session's latest messages, its tasks, and the house. The cost depends on how many
    messages are asked for, not on how many there are.

    Raises:
        SessionNotFound: there is none of this id.
    """
    row = store.sessions.get(session)
    page = store.sessions.window(row.id, messages)
    view = View(
        session=row.id,
        kind=row.kind,
        title=row.title,
        workspace=row.workspace,
        parent=row.parent,
        private=row.private,
        state=row.state,
        started_at=row.created_at,
        house=house(store),
        earlier=page.earlier,
        tasks=tuple(
            _task(store, child) for child in reversed(store.sessions.children(row.id, TASKS))
        ),
        now=row.updated_at,
    )
    if row.kind in ("code", "agent") and page.earlier:
        # A long session has thousands of other events.
        view = fold_desk(view, store.journal.read(row.id, before=page.start_seq, types=DESK))
    events = store.journal.read(row.id, after=page.start_seq - 1, deltas=False)
    view = fold_all(view, events)
    for asked in store.sessions.open_approvals(row.id):
        if all(known.approval != getattr(asked.event, "approval", "") for known in view.approvals):
            view = fold(view, asked)
    return view


def with_earlier(store: Store, view: View, count: int = OPENING) -> View:
    """The same view with up to `count` older messages before those it holds."""
    if not view.messages or not view.earlier:
        return view
    held = store.sessions.get(view.session).messages - view.earlier
    first = store.sessions.window(view.session, held).start_seq
    page = store.sessions.window(view.session, count, before_seq=first)
    older = View(session=view.session)
    for entry in store.journal.read(
        view.session, after=page.start_seq - 1, before=page.end_seq + 1, deltas=False
    ):
        if not isinstance(entry.event, SessionStarted) or page.earlier == 0:
            older = fold(older, entry)
    known = {message.id for message in view.messages}
    before = tuple(message for message in older.messages if message.id not in known)
    return replace(
        view,
        messages=(*before, *view.messages),
        earlier=page.earlier,
        routes={**older.routes, **view.routes},
    )


def _task(store: Store, row: SessionRow) -> Task:
    """With the reason, where somebody has to read it."""
    task = task_of(row)
    if row.state not in ("waiting", "failed", "interrupted"):
        return task
    return replace(task, reason=store.sessions.reason(row.id))


def task_of(row: SessionRow) -> Task:
    """A spawned session's line in the task list, from its row in the store."""
    return Task(
        session=row.id,
        kind=row.kind,
        title=row.title,
        state=row.state,
        started_at=row.created_at,
        running_since=row.started_at,
        ended_at=row.ended_at if row.state in ENDED else None,
        tier=row.tier,
        model=row.model or "",
        tokens=row.tokens,
        cost=row.cost,
        last_heard=row.updated_at,
    )
