"""The coding desk's part of the fold: workspace, plan and changes of a session."""

from typing import Final

from msgspec.structs import replace

from router.fold_messages import Step, change, with_message
from router.settled import Settled
from router.view import LongText, Message, View
from store.events import (
    ChangeSettled,
    ChangesReady,
    Entry,
    Event,
    FileChanged,
    PlanCompared,
    PlanProposed,
    WorkspaceOpened,
)

DESK: Final[frozenset[type[Event]]] = frozenset(
    {WorkspaceOpened, PlanProposed, PlanCompared, ChangesReady, ChangeSettled}
)
"""Events of a coding session that say what stands apart from its messages."""


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
    return with_message(replace(view, plan=event), message)


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

    return change(view, event.reply, note)


def _changes_ready(view: View, _entry: Entry, event: ChangesReady) -> View:
    return replace(view, changes=event, settled=Settled())


def _change_settled(view: View, _entry: Entry, event: ChangeSettled) -> View:
    return replace(view, settled=view.settled.grown(event))


STEPS: Final[dict[type[Event], Step]] = {
    WorkspaceOpened: _workspace_opened,
    PlanProposed: _plan_proposed,
    PlanCompared: _plan_compared,
    FileChanged: _file_changed,
    ChangesReady: _changes_ready,
    ChangeSettled: _change_settled,
}
