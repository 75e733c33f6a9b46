"""`fold(view, entry) -> view`: the only way from events to what is shown.

Pure: no clock, no I/O, no widget. The same events give the same view, whether they arrive live,
from another process or from the journal; how streamed text was cut makes no difference.
"""

import zlib
from collections.abc import Iterable
from typing import Final, cast, get_args

from msgspec.structs import replace

from router import fold_tasks
from router.fold_desk import DESK, STEPS
from router.fold_messages import Step, change, find, with_message
from router.view import (
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
    ConfigurationApplied,
    Entry,
    Event,
    ForecastChanged,
    Gauge,
    GaugeChanged,
    HealthChanged,
    HistorySummarized,
    ModelSwitched,
    Note,
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
)

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
    return with_message(view, task)


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
    return with_message(view, message)


def _routed(view: View, _entry: Entry, event: RouteDecided) -> View:
    held = {message.id for message in view.messages}
    routes = {prompt: route for prompt, route in view.routes.items() if prompt in held}
    view = replace(view, routes={**routes, event.prompt: event})
    return change(view, event.prompt, lambda message: replace(message, state="finished"))


def _reply_started(view: View, entry: Entry, event: ReplyStarted) -> View:
    view = change(view, event.prompt, lambda message: replace(message, state="finished"))
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
    if find(view, event.reply) is None:
        return with_message(view, reply)
    return change(view, event.reply, lambda old: replace(reply, at=old.at))


def _grown(text: LongText, offset: int, more: str) -> LongText:
    """Text after a piece at an offset. What is there already is not added twice."""
    return text.plus(more[max(0, text.length - offset) :])


def _text(view: View, _entry: Entry, event: TextDelta) -> View:
    def grow(message: Message) -> Message:
        text = _grown(message.text, event.offset, event.text)
        return replace(message, text=text, state="streaming")

    return change(view, event.reply, grow)


def _reasoning(view: View, _entry: Entry, event: ReasoningDelta) -> View:
    def grow(message: Message) -> Message:
        return replace(message, reasoning=_grown(message.reasoning, event.offset, event.text))

    return change(view, event.reply, grow)


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

    return change(view, event.reply, switch)


def _tool_called(view: View, _entry: Entry, event: ToolCalled) -> View:
    def call(message: Message) -> Message:
        used = ToolUse(
            call=event.call,
            name=event.name,
            arguments=event.arguments,
            offset=message.text.length,
        )
        return replace(message, tools=(*message.tools, used), state="streaming")

    return change(view, event.reply, call)


def _tool_returned(view: View, _entry: Entry, event: ToolReturned) -> View:
    def end(message: Message) -> Message:
        tools = tuple(
            replace(used, result=event.text, failed=event.failed)
            if used.call == event.call and used.result is None
            else used
            for used in message.tools
        )
        return replace(message, tools=tools)

    return change(view, event.reply, end)


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

    return change(view, event.reply, finish)


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

    view = change(view, event.prompt, lambda message: replace(message, state="finished"))
    if find(view, event.reply) is None:
        reply = Message(id=event.reply, role="butler", at=entry.at, prompt=event.prompt)
        view = with_message(view, reply)
    return change(view, event.reply, fail)


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
    return with_message(view, message)


def _noted(view: View, entry: Entry, event: Note) -> View:
    note = Message(
        id=f"note-{entry.at}-{zlib.crc32(event.text.encode()):x}",
        role="note",
        at=entry.at,
        text=LongText().plus(event.text),
        level=event.level,
    )
    return with_message(view, note)


def _summarized(view: View, _entry: Entry, event: HistorySummarized) -> View:
    return replace(view, summary=event.text, summarized=event.through)


def _asked(view: View, _entry: Entry, event: ApprovalAsked) -> View:
    return replace(view, approvals=(*view.approvals, event))


def _given(view: View, _entry: Entry, event: ApprovalGiven) -> View:
    left = tuple(asked for asked in view.approvals if asked.approval != event.approval)
    asked = next((a for a in view.approvals if a.approval == event.approval), None)
    if asked is not None and asked.kind == "secret" and event.choice == "approve":
        view = change(view, asked.prompt, lambda message: replace(message, private=True))
    return replace(view, approvals=left)


_SESSION: dict[type[Event], Step] = {
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
    **STEPS,
}
