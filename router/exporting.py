"""A session as a document: Markdown to read, JSON to use, JSON lines to report a bug with.

What is exported is what was said. The seams where one model took over from another are no part
of the text, and keys are blotted out.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec.structs import replace

from router.fold import fold
from router.keys import redact
from router.view import Message, View
from store.events import encode
from store.opening import Store
from store.sessions import SessionRow

Format: TypeAlias = Literal["md", "json", "jsonl"]

_HELD: Final = 64
"""Messages kept while reading on: later events may still change them."""


def export(store: Store, session: str, format: Format) -> Iterator[str]:  # noqa: A002
    """The document, piece by piece; each piece ends with a newline. Blocks on the store.

    Args:
        session: its id, or the start of it.
        format: `jsonl` is the journal itself, an event a line.

    Raises:
        SessionNotFound: there is none of this id.
    """
    row = store.sessions.get(session)
    if format == "md":
        return (redact(piece) for piece in _markdown(store, row))
    if format == "json":
        return iter([redact(msgspec.json.format(_json(store, row), indent=2).decode()) + "\n"])
    return (redact(line) for line in _events(store, row))


def messages(store: Store, session: str) -> Iterator[Message]:
    """Every message of a session, oldest first, however many there are."""
    view = View(session=session)
    for entry in store.journal.read(session, deltas=False):
        view = fold(view, entry)
        if len(view.messages) > 2 * _HELD:
            yield from view.messages[:-_HELD]
            view = replace(view, messages=view.messages[-_HELD:])
    yield from view.messages


# --- Markdown -----------------------------------------------------------------------------------


def _markdown(store: Store, row: SessionRow) -> Iterator[str]:
    yield f"# {_line(row.title) or 'Untitled'}\n\n"
    yield f"Session {row.id}, begun {_when(row.created_at)}\n"
    for message in messages(store, row.id):
        yield "\n" + _section(message)


def _section(message: Message) -> str:
    text = str(message.text).strip("\n")
    if message.role == "note":
        return f"> {_line(text)}\n"
    remarks = [f"*Attached: {_line(piece.name)}*" for piece in message.attachments]
    if message.problem:
        remarks.append(f"*{_line(message.problem)}*")
    parts = [f"## {_heading(message)}", text, *remarks]
    return "\n\n".join(part for part in parts if part) + "\n"


def _heading(message: Message) -> str:
    when = _when(message.at)
    if message.role == "user":
        return f"You · {when}" + (" · private" if message.private else "")
    by = f" · {message.tier} · {message.model}" if message.tier else ""
    if message.role == "announcement":
        return f"{_line(message.title)} · {message.outcome}{by} · {when}"
    return f"Butler{by} · {when}"


def _line(text: str) -> str:
    return " ".join(text.split())


def _when(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"


# --- JSON ---------------------------------------------------------------------------------------


def _json(store: Store, row: SessionRow) -> bytes:
    said = [as_json(message) for message in messages(store, row.id)]
    return msgspec.json.encode({"session": row, "messages": said})


def as_json(message: Message) -> dict[str, object]:
    """A message as exports and scripts have it: only what it has."""
    built: dict[str, object] = {
        "id": message.id,
        "role": message.role,
        "at": message.at,
        "text": str(message.text),
        "state": message.state,
    }
    optional: dict[str, object] = {
        "attachments": message.attachments,
        "private": message.private,
        "critical": message.critical,
        "tier": message.tier,
        "model": message.model,
        "account": message.account,
        "why": message.why,
        "reasoning": str(message.reasoning),
        "failure": message.failure,
        "problem": message.problem,
        "usage": message.usage,
        "cost": message.cost,
        "child": message.child,
        "title": message.title,
    }
    return built | {name: value for name, value in optional.items() if value not in ("", None, ())}


def _events(store: Store, row: SessionRow) -> Iterator[str]:
    for entry in store.journal.read(row.id, deltas=False):
        place = {"seq": entry.seq, "at": entry.at, "session": entry.session}
        head = msgspec.json.encode(place).decode()
        yield f"{head[:-1]},{encode(entry.event).decode()[1:]}\n"
