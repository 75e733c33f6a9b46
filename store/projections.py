"""Tables that can be read quickly, kept in step with the journal in the same transaction.

Each projection does a fixed amount of work for one event, however long the history.
"""

import re
import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from store import usage
from store.events import (
    AnyEvent,
    ApprovalAsked,
    ApprovalGiven,
    Entry,
    ModelSwitched,
    PromptSubmitted,
    ReplyFailed,
    ReplyFinished,
    ReplyStarted,
    SessionAnnounced,
    SessionStarted,
    SessionState,
    SessionStateChanged,
    SessionTitled,
    ThresholdCrossed,
    Tier,
    UsageReleased,
    UsageReserved,
    UsageSettled,
    decode,
    tag_of,
)

if TYPE_CHECKING:
    from store.transaction import Transaction

_TITLE_LENGTH: Final = 80
_ENDED: Final[frozenset[SessionState]] = frozenset({"done", "failed", "cancelled", "interrupted"})
_CONTROLS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]+")

_START: Final = (
    "INSERT INTO sessions (id, kind, title, titled, workspace, parent, state, tier, model, "
    "private, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (id) DO NOTHING"
)
_CHANGE_STATE: Final = (
    "UPDATE sessions SET state = :state, "
    "started_at = CASE WHEN :state = 'running' THEN coalesce(started_at, :at) "
    "ELSE started_at END, ended_at = CASE WHEN :ended THEN :at END WHERE id = :id"
)
_TITLE: Final = "UPDATE sessions SET title = ?, titled = 1 WHERE id = ?"
_COUNT_PROMPT: Final = (
    "UPDATE sessions SET messages = messages + 1, private = private OR ?, "
    "title = CASE WHEN titled OR title <> '' THEN title ELSE ? END "
    "WHERE id = ? RETURNING messages"
)
_COUNT: Final = "UPDATE sessions SET messages = messages + 1 WHERE id = ? RETURNING messages"
_SERVED_BY: Final = "UPDATE sessions SET tier = ?, model = ? WHERE id = ?"
_ADD_MESSAGE: Final = (
    "INSERT INTO messages (session, seq, number, role, at, text) VALUES (?, ?, ?, ?, ?, ?)"
)
_OPEN_REPLY: Final = (
    "INSERT INTO replies (reply, session, prompt, started_seq) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (reply) DO NOTHING"
)
_REPLY: Final = "SELECT started_seq, ended_seq FROM replies WHERE reply = ?"
_END_REPLY: Final = (
    "INSERT INTO replies (reply, session, prompt, started_seq, ended_seq) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (reply) DO UPDATE SET ended_seq = excluded.ended_seq"
)
_ASK: Final = (
    "INSERT INTO approvals (approval, session, seq) VALUES (?, ?, ?) "
    "ON CONFLICT (approval) DO NOTHING"
)
_GIVE: Final = "UPDATE approvals SET given_seq = ? WHERE approval = ?"
_LATEST: Final = "SELECT body FROM events WHERE subject = ? ORDER BY seq DESC LIMIT 1"
_IS_GIVEN: Final = "SELECT 1 FROM approvals WHERE approval = ? AND given_seq IS NOT NULL"


def repeats(connection: sqlite3.Connection, event: AnyEvent) -> bool:
    """Whether this is a second time of something that can happen only once.

    Two programs on one store may both try; here, inside the transaction, is where one wins.
    """
    match event:
        case UsageSettled():
            return usage.is_settled(connection, event.reservation)
        case UsageReleased():
            return not usage.is_open(connection, event.reservation)
        case ApprovalGiven():
            return connection.execute(_IS_GIVEN, (event.approval,)).fetchone() is not None
        case ThresholdCrossed():
            return _told(connection, event)
        case _:
            return False


def _told(connection: sqlite3.Connection, event: ThresholdCrossed) -> bool:
    row = connection.execute(_LATEST, (event.subject,)).fetchone()
    known = None if row is None else decode(tag_of(event), row[0])
    return isinstance(known, ThresholdCrossed) and event.repeats(known)


def project(transaction: "Transaction", entry: Entry) -> None:
    """Bring the tables up to date with an event just written."""
    projection = _PROJECTIONS.get(type(entry.event))
    if projection is not None:
        projection(transaction, entry, entry.event)


def searchable(text: str) -> str:
    """Text without control characters, which a terminal or an excerpt's marks could mistake."""
    return _CONTROLS.sub(" ", text)


def _session_started(transaction: "Transaction", entry: Entry, event: SessionStarted) -> None:
    if entry.session is None:
        return
    row = (
        entry.session,
        event.kind,
        searchable(event.title),
        bool(event.title),
        event.workspace,
        event.parent,
        "open" if event.parent is None else "queued",
        event.tier,
        event.model,
        event.private,
        entry.at,
        entry.at,
    )
    transaction.connection.execute(_START, row)
    transaction.hold(entry.session)


def _state_changed(transaction: "Transaction", entry: Entry, event: SessionStateChanged) -> None:
    transaction.connection.execute(
        _CHANGE_STATE,
        {
            "state": event.state,
            "at": entry.at,
            "ended": event.state in _ENDED,
            "id": entry.session,
        },
    )


def _titled(transaction: "Transaction", entry: Entry, event: SessionTitled) -> None:
    transaction.connection.execute(_TITLE, (searchable(event.title), entry.session))


def _prompt_submitted(transaction: "Transaction", entry: Entry, event: PromptSubmitted) -> None:
    opening = searchable(event.text.lstrip()[:_TITLE_LENGTH].partition("\n")[0]).strip()
    row = (event.private, opening, entry.session)
    counted = transaction.connection.execute(_COUNT_PROMPT, row).fetchall()
    _add_message(transaction, entry, entry.seq, counted, "user", event.text)


def _announced(transaction: "Transaction", entry: Entry, event: SessionAnnounced) -> None:
    # The result is found in the session it comes from; here it only takes its place.
    counted = transaction.connection.execute(_COUNT, (entry.session,)).fetchall()
    _add_message(transaction, entry, entry.seq, counted, "task", "")


def _reply_started(transaction: "Transaction", entry: Entry, event: ReplyStarted) -> None:
    if entry.session is None:
        return
    row = (event.reply, entry.session, event.prompt, entry.seq)
    transaction.connection.execute(_OPEN_REPLY, row)
    _served_by(transaction, entry, event.tier, event.model)


def _model_switched(transaction: "Transaction", entry: Entry, event: ModelSwitched) -> None:
    _served_by(transaction, entry, event.tier, event.model)


def _served_by(transaction: "Transaction", entry: Entry, tier: Tier, model: str) -> None:
    transaction.connection.execute(_SERVED_BY, (tier, model, entry.session))


def _reply_finished(transaction: "Transaction", entry: Entry, event: ReplyFinished) -> None:
    _end_reply(transaction, entry, event.reply, "", event.text)


def _reply_failed(transaction: "Transaction", entry: Entry, event: ReplyFailed) -> None:
    _end_reply(transaction, entry, event.reply, event.prompt, event.text)


def _end_reply(
    transaction: "Transaction", entry: Entry, reply: str, prompt: str, text: str
) -> None:
    connection = transaction.connection
    started, ended = connection.execute(_REPLY, (reply,)).fetchone() or (entry.seq, None)
    if ended is not None or entry.session is None:
        return
    connection.execute(_END_REPLY, (reply, entry.session, prompt, started, entry.seq))
    counted = connection.execute(_COUNT, (entry.session,)).fetchall()
    _add_message(transaction, entry, started, counted, "assistant", text)


def _add_message(
    transaction: "Transaction",
    entry: Entry,
    seq: int,
    counted: list[tuple[int]],
    role: str,
    text: str,
) -> None:
    for (number,) in counted:  # empty where nobody ever started the session
        row = (entry.session, seq, number, role, entry.at, searchable(text))
        transaction.connection.execute(_ADD_MESSAGE, row)


def _asked(transaction: "Transaction", entry: Entry, event: ApprovalAsked) -> None:
    transaction.connection.execute(_ASK, (event.approval, entry.session, entry.seq))


def _given(transaction: "Transaction", entry: Entry, event: ApprovalGiven) -> None:
    transaction.connection.execute(_GIVE, (entry.seq, event.approval))


def _reserved(transaction: "Transaction", entry: Entry, event: UsageReserved) -> None:
    transaction.announce()
    origin = transaction.identity.origin
    usage.project_reserved(transaction.connection, entry.seq, entry.session, event, origin)


def _settled(transaction: "Transaction", entry: Entry, event: UsageSettled) -> None:
    usage.project_settled(transaction.connection, entry.at, entry.session, event)


def _released(transaction: "Transaction", _: Entry, event: UsageReleased) -> None:
    usage.project_released(transaction.connection, event)


# The key is the type of the third argument, which the type system can't say of a table.
_Projection: TypeAlias = Callable[["Transaction", Entry, Any], None]
_PROJECTIONS: Final[dict[type[AnyEvent], _Projection]] = {
    SessionStarted: _session_started,
    SessionStateChanged: _state_changed,
    SessionTitled: _titled,
    SessionAnnounced: _announced,
    PromptSubmitted: _prompt_submitted,
    ReplyStarted: _reply_started,
    ModelSwitched: _model_switched,
    ReplyFinished: _reply_finished,
    ReplyFailed: _reply_failed,
    ApprovalAsked: _asked,
    ApprovalGiven: _given,
    UsageReserved: _reserved,
    UsageSettled: _settled,
    UsageReleased: _released,
}
