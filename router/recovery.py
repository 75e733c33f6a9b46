"""What a program that died left behind, told as what it is: interrupted, and paid for."""

import uuid
from collections.abc import Container
from typing import Final

from msgspec.structs import replace

from router.asking import EngineError, Prompt, Waiting
from router.catalogue import Catalogue
from router.config import ModelRef
from router.reading import open_view
from router.view import Message, View
from store.events import (
    AnyEvent,
    ApprovalAsked,
    ApprovalGiven,
    PromptSubmitted,
    ReplyFailed,
    SessionStateChanged,
    Usage,
    UsageReserved,
    UsageSettled,
)
from store.opening import Store

_ENDED: Final = "Butler ended before this answer did; the part that had arrived is kept."
_UNASKED: Final = "Butler ended before this prompt was answered; send it again to go on."
_OPEN: Final = frozenset({"waiting", "streaming"})


def settle_dead(
    store: Store, catalogue: Catalogue, now: int, ours: Container[str] = frozenset()
) -> int:
    """Settle the calls of processes that died, at an estimate of what they had used; how many.

    Blocks on the store: call it in a thread.

    Args:
        ours: reservations that this process still works on, however late it is: a machine that
            slept lets everybody's time run out.
    """
    settled = 0
    for entry in store.ledger.overdue(now):
        event, session = entry.event, entry.session
        if isinstance(event, UsageReserved) and session and event.reservation not in ours:
            store.journal.append(session, _estimated(store, catalogue, session, event))
            settled += 1
    return settled


def _estimated(
    store: Store, catalogue: Catalogue, session: str, reserved: UsageReserved
) -> UsageSettled:
    """The worst case counted each byte of the input as a token; three are nearer to the truth."""
    open_replies = store.sessions.unanswered(session)
    streamed = next((o.text for o in open_replies if o.reply == reserved.reply), "")
    usage = Usage(
        input=(reserved.tokens - reserved.output) // 3,
        output=min(reserved.output, len(streamed) // 3 + 1),
        estimated=True,
    )
    return UsageSettled(
        reservation=reserved.reservation,
        account=reserved.account,
        tier=reserved.tier,
        model=reserved.model,
        kind=reserved.kind,
        usage=usage,
        cost=catalogue.cost(ModelRef(reserved.account, reserved.model), usage),
    )


def repair(store: Store, session: str) -> None:
    """End what is still open in a session that nobody runs. The caller holds its lease.

    Blocks on the store: call it in a thread.
    """
    view = open_view(store, session)
    events: list[AnyEvent] = [_ended(message) for message in view.messages if _hangs(message, view)]
    asks = view.state == "waiting" and view.approvals
    if view.parent is not None and view.state in ("queued", "running", "waiting") and not asks:
        events.append(SessionStateChanged(state="interrupted", reason="Butler ended"))
    elif view.parent is None and view.state == "waiting" and not view.approvals:
        events.append(SessionStateChanged(state="open"))
    if events:
        store.journal.append(session, *events).wait(30)


def _hangs(message: Message, view: View) -> bool:
    """Whether it waits for something that will not come. A prompt that the user was asked about
    waits for the user."""
    if message.role == "butler":
        return message.state in _OPEN
    asked = any(approval.prompt == message.id for approval in view.approvals)
    return message.role == "user" and message.state == "queued" and not asked


def _ended(message: Message) -> ReplyFailed:
    reply = message.role == "butler"
    return ReplyFailed(
        reply=message.id if reply else uuid.uuid4().hex,
        prompt=message.prompt if reply else message.id,
        text=str(message.text) if reply else "",
        failure="interrupted",
        message=_ENDED if reply else _UNASKED,
    )


def waiting(store: Store, session: str, prompt: str) -> Waiting:
    """A prompt that is still to be answered, with all the user has decided about it so far.

    Blocks on the store: call it in a thread.

    Raises:
        EngineError: the session has no such prompt.
    """
    said: PromptSubmitted | None = None
    asked: dict[str, str] = {}
    answers: dict[str, str] = {}
    tools: set[str] = set()
    given: dict[str, ApprovalGiven] = {}
    for entry in store.journal.read(session, deltas=False):
        event = entry.event
        if isinstance(event, PromptSubmitted) and event.prompt == prompt:
            said = event
        elif isinstance(event, ApprovalAsked) and event.prompt == prompt:
            asked[event.approval] = event.kind
            tools |= {event.approval} if event.call else set()
        elif isinstance(event, ApprovalGiven) and event.approval in tools:
            given = {event.digest: event}  # the last one: what was run before has had its effect
        elif isinstance(event, ApprovalGiven) and event.approval in asked:
            answers[asked[event.approval]] = event.choice
    if said is None:
        raise EngineError("The prompt in question is gone from the session.")
    return replace(_decided(said, answers), given=given)


def _decided(said: PromptSubmitted, answers: dict[str, str]) -> Waiting:
    home = said.private or answers.get("secret") == "approve"
    prompt = Prompt(
        text=said.text,
        attachments=said.attachments,
        # A pin to another tier can't be kept together with a secret that stays at home.
        tier=None if home and not said.private else said.tier,
        model=None if home and not said.private else said.model,
        critical=said.critical,
        private=home,
        emergency=said.emergency,
        plan=said.plan,
    )
    reserve = answers.get("reserve")
    confirmed = None if reserve is None else reserve == "approve"
    return Waiting(said.prompt, prompt, cleared="secret" in answers, confirmed=confirmed)
