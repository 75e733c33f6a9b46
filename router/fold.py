"""`fold(view, entry) -> view`: the only way from events to what is shown.

Pure: no clock, no I/O, no widget. The same events give the same view, whether they arrive live,
from another process or from the journal; how streamed text was cut makes no difference.
"""

import zlib
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar, cast, get_args

from msgspec.structs import replace

from router import fold_tasks
from router.settled import Settled
from router.view import (
    WINDOW,
    House,
    LongText,
    Message,
    ModelHealth,
    ReplyState,
    Seam,
    ToolUse,
    View,
)
from store.events import (
    AnyEvent,
    ApprovalAsked,
    ApprovalGiven,
    Band,
    BandChanged,
    ChangeSettled,
    ChangesReady,
    ConfigurationApplied,
    Entry,
    Event,
    FileChanged,
    ForecastChanged,
    Gauge,
    GaugeChanged,
    HealthChanged,
    HistorySummarized,
    ModelSwitched,
    Note,
    PlanCompared,
    PlanProposed,
    PromptSubmitted,
    ReasoningDelta,
    ReplyFailed,
    ReplyFinished,
    ReplyStarted,
    RouteDecided,
    SessionAnnounced,
    SessionStarted,
    SessionStateChanged,
    SessionTitled,
    TextDelta,
    ThresholdCrossed,
    ToolCalled,
    ToolReturned,
    WorkspaceOpened,
)

E = TypeVar("E", bound=Event)
DESK: Final[frozenset[type[Event]]] = frozenset(
    {WorkspaceOpened, PlanProposed, PlanCompared, ChangesReady, ChangeSettled}
)
"""Events of a coding session that say what stands apart from its messages."""
BAND_ORDER: Final[tuple[Band, ...]] = get_args(Band)


def fold(view: View, entry: Entry) -> View:
    """The view after the entry; the same object when the entry is of no concern to it."""
    if entry.session is None:
        house = fold_house(view.house, entry.event)
        changed = view if house is view.house else replace(view, house=house)
    elif entry.session == view.session:
        step = _SESSION.get(type(entry.event))
        changed = step(view, entry, entry.event) if step else view
    else:
        tasks = fold_tasks.fold(view.tasks, view.session, entry)
        changed = view if tasks is view.tasks else replace(view, tasks=tasks)
    return changed if changed is view else replace(changed, now=max(view.now, entry.at))


def fold_all(view: View, entries: Iterable[Entry]) -> View:
    for entry in entries:
        view = fold(view, entry)
    return view


def fold_desk(view: View, entries: Iterable[Entry]) -> View:
    """What a coding session has that stands apart from its messages: workspace, plan, changes."""
    for entry in entries:
        if type(entry.event) in DESK:
            folded = fold(view, entry)
            view = replace(folded, messages=view.messages, earlier=view.earlier)
    return view


# --- the house -----------------------------------------------------------------------------------


def fold_house(house: House, event: AnyEvent) -> House:
    match event:
        case ConfigurationApplied():
            # Budgets may be gone; those that are left are counted anew right after.
            left = {key: g for key, g in house.gauges.items() if g.source != "budget"}
            return replace(house, tiers=event.tiers, hint=event.hint, gauges=left)
        case GaugeChanged():
            if _is_older(event.gauge, house.gauges.get(event.gauge.key)):
                return house
            return replace(house, gauges={**house.gauges, event.gauge.key: event.gauge})
        case ForecastChanged():
            return replace(house, forecasts={**house.forecasts, event.gauge: event})
        case ThresholdCrossed():
            return replace(house, told={**house.told, event.subject: event})
        case BandChanged():
            if _was_hasty(event, house):
                return house
            return replace(house, band=event.after, percent=event.percent, binds=event.binds)
        case HealthChanged():
            key = f"{event.account}/{event.model}"
            health = ModelHealth(
                event.state, event.reason, event.until, event.failures, event.by_user
            )
            return replace(house, health={**house.health, key: health})
        case _:
            return house


_RACE_MS: Final = 60_000
"""Milliseconds within which two programs' figures may come in the wrong order. What is older than
that comes from a clock that was set."""


def _is_older(gauge: Gauge, known: Gauge | None) -> bool:
    """Whether another program measured the same later, and said so earlier."""
    return known is not None and 0 < known.measured_at - gauge.measured_at < _RACE_MS


def _was_hasty(event: BandChanged, house: House) -> bool:
    """Whether a program lowered the band because it had not heard yet what others have used."""
    known = house.gauges.get(event.binds)
    lower = BAND_ORDER.index(event.after) < BAND_ORDER.index(house.band)
    if not lower or known is None or known.percent is None or event.percent is None:
        return False
    return event.percent < known.percent


# --- a session -----------------------------------------------------------------------------------


def _started(view: View, entry: Entry, event: SessionStarted) -> View:
    view = replace(
        view,
        kind=event.kind,
        title=event.title,
        workspace=event.workspace,
        parent=event.parent,
        private=event.private,
        started_at=entry.at,
    )
    if not event.task:
        return view
    task = Message(
        id=f"task-{view.session}",
        role="user",
        at=entry.at,
        text=LongText().plus(event.task),
        attachments=event.attachments,
        private=event.private,
    )
    return _with_message(view, task)


def _state(view: View, _entry: Entry, event: SessionStateChanged) -> View:
    return replace(view, state=event.state)


def _titled(view: View, _entry: Entry, event: SessionTitled) -> View:
    return replace(view, title=event.title)


def _submitted(view: View, entry: Entry, event: PromptSubmitted) -> View:
    message = Message(
        id=event.prompt,
        role="user",
        at=entry.at,
        text=LongText().plus(event.text),
        state="queued",
        attachments=event.attachments,
        private=event.private,
        critical=event.critical,
    )
    return _with_message(view, message)


def _routed(view: View, _entry: Entry, event: RouteDecided) -> View:
    held = {message.id for message in view.messages}
    routes = {prompt: route for prompt, route in view.routes.items() if prompt in held}
    view = replace(view, routes={**routes, event.prompt: event})
    return _change(view, event.prompt, lambda message: replace(message, state="finished"))


def _reply_started(view: View, entry: Entry, event: ReplyStarted) -> View:
    view = _change(view, event.prompt, lambda message: replace(message, state="finished"))
    reply = Message(
        id=event.reply,
        role="butler",
        at=entry.at,
        state="waiting",
        prompt=event.prompt,
        tier=event.tier,
        model=event.model,
        account=event.account,
        why=event.why,
        private=event.private,
    )
    if _find(view, event.reply) is None:
        return _with_message(view, reply)
    return _change(view, event.reply, lambda old: replace(reply, at=old.at))


def _grown(text: LongText, offset: int, more: str) -> LongText:
    """Text after a piece at an offset. What is there already is not added twice."""
    return text.plus(more[max(0, text.length - offset) :])


def _text(view: View, _entry: Entry, event: TextDelta) -> View:
    def grow(message: Message) -> Message:
        text = _grown(message.text, event.offset, event.text)
        return replace(message, text=text, state="streaming")

    return _change(view, event.reply, grow)


def _reasoning(view: View, _entry: Entry, event: ReasoningDelta) -> View:
    def grow(message: Message) -> Message:
        return replace(message, reasoning=_grown(message.reasoning, event.offset, event.text))

    return _change(view, event.reply, grow)


def _switched(view: View, _entry: Entry, event: ModelSwitched) -> View:
    def switch(message: Message) -> Message:
        seam = Seam(event.offset, f"{event.why}: continued by {event.tier} · {event.model}")
        return replace(
            message,
            seams=(*message.seams, seam),
            tier=event.tier,
            model=event.model,
            account=event.account,
        )

    return _change(view, event.reply, switch)


def _tool_called(view: View, _entry: Entry, event: ToolCalled) -> View:
    def call(message: Message) -> Message:
        used = ToolUse(
            call=event.call,
            name=event.name,
            arguments=event.arguments,
            offset=message.text.length,
        )
        return replace(message, tools=(*message.tools, used), state="streaming")

    return _change(view, event.reply, call)


def _tool_returned(view: View, _entry: Entry, event: ToolReturned) -> View:
    def end(message: Message) -> Message:
        tools = tuple(
            replace(used, result=event.text, failed=event.failed)
            if used.call == event.call and used.result is None
            else used
            for used in message.tools
        )
        return replace(message, tools=tools)

    return _change(view, event.reply, end)


def _whole(message: Message, text: str) -> LongText:
    return message.text if message.text.length == len(text) else LongText().plus(text)


def _reply_finished(view: View, entry: Entry, event: ReplyFinished) -> View:
    def finish(message: Message) -> Message:
        return replace(
            message,
            text=_whole(message, event.text),
            state="finished",
            stop_reason=event.stop_reason,
            usage=event.usage,
            cost=event.cost,
            ended_at=entry.at,
        )

    return _change(view, event.reply, finish)


def _reply_failed(view: View, entry: Entry, event: ReplyFailed) -> View:
    ended = {"cancelled", "interrupted"}
    state = cast(ReplyState, event.failure if event.failure in ended else "failed")

    def fail(message: Message) -> Message:
        return replace(
            message,
            text=_whole(message, event.text),
            state=state,
            failure=event.failure,
            problem=event.message,
            usage=event.usage,
            cost=event.cost,
            ended_at=entry.at,
        )

    view = _change(view, event.prompt, lambda message: replace(message, state="finished"))
    if _find(view, event.reply) is None:
        reply = Message(id=event.reply, role="butler", at=entry.at, prompt=event.prompt)
        view = _with_message(view, reply)
    return _change(view, event.reply, fail)


def _announced(view: View, entry: Entry, event: SessionAnnounced) -> View:
    message = Message(
        id=f"announced-{event.child}-{entry.at}",
        role="announcement",
        at=entry.at,
        text=LongText().plus(event.result),
        child=event.child,
        kind=event.kind,
        title=event.title,
        outcome=event.state,
        elapsed_ms=event.elapsed_ms,
        tokens=event.tokens,
        cost=event.cost,
        tier=event.tier,
        model=event.model,
        private=event.private,
    )
    return _with_message(view, message)


def _noted(view: View, entry: Entry, event: Note) -> View:
    note = Message(
        id=f"note-{entry.at}-{zlib.crc32(event.text.encode()):x}",
        role="note",
        at=entry.at,
        text=LongText().plus(event.text),
        level=event.level,
    )
    return _with_message(view, note)


def _summarized(view: View, _entry: Entry, event: HistorySummarized) -> View:
    return replace(view, summary=event.text, summarized=event.through)


def _asked(view: View, _entry: Entry, event: ApprovalAsked) -> View:
    return replace(view, approvals=(*view.approvals, event))


def _given(view: View, _entry: Entry, event: ApprovalGiven) -> View:
    left = tuple(asked for asked in view.approvals if asked.approval != event.approval)
    asked = next((a for a in view.approvals if a.approval == event.approval), None)
    if asked is not None and asked.kind == "secret" and event.choice == "approve":
        view = _change(view, asked.prompt, lambda message: replace(message, private=True))
    return replace(view, approvals=left)


# --- the coding desk -----------------------------------------------------------------------------


def _workspace_opened(view: View, _entry: Entry, event: WorkspaceOpened) -> View:
    return replace(view, workspace_opened=event)


def _plan_proposed(view: View, entry: Entry, event: PlanProposed) -> View:
    message = Message(
        id=f"plan-{event.id}",
        role="plan",
        at=entry.at,
        text=LongText().plus(event.text),
        tier=event.tier,
        model=event.model,
        title=event.plan.title,
    )
    return _with_message(replace(view, plan=event), message)


def _plan_compared(view: View, _entry: Entry, event: PlanCompared) -> View:
    others = [one for one in view.alternatives if one.number != event.number]
    alternatives = tuple(sorted((*others, event), key=lambda one: one.number))
    return replace(view, alternatives=alternatives)


def _file_changed(view: View, _entry: Entry, event: FileChanged) -> View:
    def note(message: Message) -> Message:
        if not message.tools:
            return message
        made = next((use for use in message.tools if use.call == event.call), message.tools[-1])
        changed = replace(made, changed=(*made.changed, event))
        tools = tuple(changed if use is made else use for use in message.tools)
        return replace(message, tools=tools)

    return _change(view, event.reply, note)


def _changes_ready(view: View, _entry: Entry, event: ChangesReady) -> View:
    return replace(view, changes=event, settled=Settled())


def _change_settled(view: View, _entry: Entry, event: ChangeSettled) -> View:
    return replace(view, settled=view.settled.grown(event))


# --- messages ------------------------------------------------------------------------------------


def _with_message(view: View, message: Message) -> View:
    if _find(view, message.id) is not None:
        return view
    messages = (*view.messages, message)
    over = max(0, len(messages) - WINDOW)
    # Counted as the store counts: a note is no message of its own there.
    dropped = sum(1 for old in messages[:over] if old.role != "note")
    return replace(view, messages=messages[over:], earlier=view.earlier + dropped)


def _find(view: View, message_id: str) -> int | None:
    """Index of a message; what changes is nearly always among the last few."""
    for index in range(len(view.messages) - 1, -1, -1):
        if view.messages[index].id == message_id:
            return index
    return None


def _change(view: View, message_id: str, change: Callable[[Message], Message]) -> View:
    index = _find(view, message_id)
    if index is None:
        return view
    messages = view.messages
    changed = change(messages[index])
    return replace(view, messages=(*messages[:index], changed, *messages[index + 1 :]))


_Step = Callable[[View, Entry, Any], View]
_SESSION: dict[type[Event], _Step] = {
    SessionStarted: _started,
    SessionStateChanged: _state,
    SessionTitled: _titled,
    PromptSubmitted: _submitted,
    RouteDecided: _routed,
    ReplyStarted: _reply_started,
    TextDelta: _text,
    ReasoningDelta: _reasoning,
    ModelSwitched: _switched,
    ToolCalled: _tool_called,
    ToolReturned: _tool_returned,
    ReplyFinished: _reply_finished,
    ReplyFailed: _reply_failed,
    SessionAnnounced: _announced,
    HistorySummarized: _summarized,
    Note: _noted,
    ApprovalAsked: _asked,
    ApprovalGiven: _given,
    WorkspaceOpened: _workspace_opened,
    PlanProposed: _plan_proposed,
    PlanCompared: _plan_compared,
    FileChanged: _file_changed,
    ChangesReady: _changes_ready,
    ChangeSettled: _change_settled,
}
