"""From views to the transcript widget: what is new, what grew, what is another now."""

from collections.abc import Iterable
from itertools import takewhile

from router.view import Message, View
from store.events import SessionState
from tui import figures
from tui.transcript.item import Item, Kind, Seam, State
from tui.widgets.transcript import Transcript
from tui.wording import KIND, SESSION


class Feed:
    """Brings one transcript up to the views it is shown, with the least work."""

    def __init__(self, transcript: Transcript) -> None:
        self.transcript = transcript
        self._messages: tuple[Message, ...] = ()
        self._held: list[str] = []
        """Ids of what the transcript holds, which may be more than the view does."""
        self._asked: frozenset[str] = frozenset()
        """Calls that wait for the user's answer."""

    @classmethod
    def make(cls) -> "Feed":
        return cls(Transcript())

    def show(self, view: View) -> None:
        before, after = self._messages, view.messages
        self._messages = after
        asked = frozenset(approval.call for approval in view.approvals if approval.call)
        answered, self._asked = asked ^ self._asked, asked
        if before is not after:
            shown = {message.id: message for message in before}
            # Whoever steps back in a replay takes messages away: then all is set anew.
            if before and any(message.id == before[-1].id for message in reversed(after)):
                self._change(shown, after)
            else:
                self._held = [message.id for message in after]
                self.transcript.set_items(items_of(after, asked))
        if answered:
            self._show_answered(answered)
        self.transcript.earlier = max(0, view.earlier + len(after) - len(self._held))

    def _show_answered(self, calls: frozenset[str]) -> None:
        """Show calls again that the user was asked about just now, or has answered."""
        speaker: Message | None = None
        for message in self._messages:
            if any(use.call in calls for use in message.tools):
                self.transcript.update(item_of(message, speaker, self._asked))
            speaker = _speaker(speaker, message)

    def _change(self, shown: dict[str, Message], after: tuple[Message, ...]) -> None:
        self._show_earlier(shown, after)
        speaker: Message | None = None
        for message in after:
            old = shown.get(message.id)
            if old is not message:
                self._show(old, message, speaker)
            speaker = _speaker(speaker, message)
        if len(self._held) > len(after):
            del self._held[: self.transcript.prune(len(after))]

    def _show_earlier(self, shown: dict[str, Message], after: tuple[Message, ...]) -> None:
        older = list(takewhile(lambda message: message.id not in shown, after))
        shown.update((message.id, message) for message in older)
        held = set(self._held)
        missing = [message for message in older if message.id not in held]
        if missing:
            self._held[:0] = [message.id for message in missing]
            self.transcript.prepend(items_of(missing, self._asked))
            # What was the first may go on with what is above it now.
            first = next((m for m in after[len(older) :] if m.role != "note"), None)
            speaker = next((m for m in reversed(older) if m.role != "note"), None)
            if first is not None and first is shown.get(first.id):
                self.transcript.update(item_of(first, speaker, self._asked))

    def _show(self, old: Message | None, new: Message, speaker: Message | None) -> None:
        if old is None:
            self._held.append(new.id)
            self.transcript.append(item_of(new, speaker, self._asked))
        elif _only_grew(old, new):
            self.transcript.extend_text(new.id, new.text.since(old.text.length))
        else:
            self.transcript.update(item_of(new, speaker, self._asked))


def _only_grew(old: Message, new: Message) -> bool:
    return (
        old.state == new.state == "streaming"
        and new.text.length > old.text.length
        and old.seams is new.seams
        and old.tools is new.tools
        and old.model == new.model
        and old.reasoning is new.reasoning
    )


def _speaker(before: Message | None, message: Message) -> Message | None:
    """Who has spoken last, once `message` is there. Notes are nobody's words."""
    return before if message.role == "note" else message


def items_of(messages: Iterable[Message], asked: frozenset[str]) -> list[Item]:
    items: list[Item] = []
    speaker: Message | None = None
    for message in messages:
        items.append(item_of(message, speaker, asked))
        speaker = _speaker(speaker, message)
    return items


def item_of(
    message: Message, before: Message | None = None, asked: frozenset[str] = frozenset()
) -> Item:
    """What is drawn of a message that comes after `before`; `asked` are calls that wait."""
    if message.role == "butler":
        continued = before is not None and _goes_on(before, message)
        return _butler(message, asked if message.tools else frozenset(), continued=continued)
    return _MAKERS[message.role](message)


def _goes_on(before: Message, message: Message) -> bool:
    """Whether a reply is the next step of the one before, by the same model, which ended well."""
    return (
        before.role == "butler"
        and before.state not in {"failed", "cancelled", "interrupted"}
        and (before.tier, before.account, before.model)
        == (
            message.tier,
            message.account,
            message.model,
        )
        and before.why == message.why
    )


def _user(message: Message) -> Item:
    flags = [flag for flag in ("critical", "private") if getattr(message, flag)]
    names = "\n".join(f"[{attached.name}]" for attached in message.attachments)
    return Item(
        id=message.id,
        kind="user",
        title=" · ".join(["you", *flags]),
        right=figures.clock(message.at),
        body="\n".join(part for part in (str(message.text), names) if part),
        markdown=False,
        state="queued" if message.state == "queued" else "finished",
    )


def _butler(message: Message, asked: frozenset[str], *, continued: bool) -> Item:
    state: State = "streaming" if message.state == "waiting" else message.state
    return Item(
        id=message.id,
        kind="butler",
        title="butler",
        right=f"via {message.tier} · {message.model}" if message.tier else "",
        why=message.why,
        body=str(message.text),
        state=state,
        note=message.problem,
        seams=tuple(Seam(seam.offset, seam.text) for seam in message.seams),
        tools=message.tools,
        asked=asked,
        continued=continued,
    )


def _note(message: Message) -> Item:
    kind: Kind = "failure" if message.level == "error" else "note"
    return Item(id=message.id, kind=kind, body=str(message.text), markdown=False)


def _announcement(message: Message) -> Item:
    look = SESSION[message.outcome]
    costs = [
        str(message.tier or ""),
        figures.stopwatch(message.elapsed_ms),
        f"{figures.tokens(message.tokens)} tokens",
        figures.money(message.cost),
    ]
    return Item(
        id=message.id,
        kind="announcement",
        title=f"{look.glyph} {KIND[message.kind]} {look.word} · {message.title}",
        right=" · ".join(part for part in costs if part),
        body=str(message.text),
        state=_ended(message.outcome),
        collapsed=True,
    )


def _ended(outcome: SessionState) -> State:
    return outcome if outcome in ("failed", "cancelled", "interrupted") else "finished"


def _plan(message: Message) -> Item:
    return Item(
        id=message.id,
        kind="plan",
        title=f"Plan · {message.title}" if message.title else "Plan",
        right=f"{message.tier} · {message.model}" if message.tier else "",
        body=str(message.text),
    )


_MAKERS = {
    "user": _user,
    "note": _note,
    "announcement": _announcement,
    "plan": _plan,
}
