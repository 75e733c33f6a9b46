"""From what a view shows to what a model is sent: the transcript, fitted to a window."""

from collections.abc import Sequence

import msgspec

from router.intent.explicit import without_word
from router.providers.base import Message, TextPart
from router.view import Message as Shown
from router.view import View

CONTINUE = (
    "Your answer above was cut off. Go on exactly from where it stops: no greeting, no apology, "
    "no repetition of what is already there."
)


class Turn(msgspec.Struct, frozen=True):
    """One side's contribution to the conversation."""

    user: bool
    text: str
    private: bool = False

    @property
    def tokens(self) -> int:
        return estimate(self.text)


class Fitted(msgspec.Struct, frozen=True):
    messages: tuple[Message, ...]
    tokens: int
    dropped: int
    """Oldest turns that had to stay out."""


def estimate(text: str) -> int:
    """Tokens of a text, on the high side: a token of the common vocabularies is three to four
    bytes of prose, and each message has a few of its own."""
    return len(text.encode("utf-8", "replace")) // 3 + 8


def turns(messages: Sequence[Shown], prompt: str) -> list[Turn]:
    """The conversation up to and with a prompt. Failed and empty replies are left out, and so are
    prompts that are still waiting for their turn."""
    return [turn for _, turn in by_message(messages, prompt)]


def since(view: View, prompt: str) -> list[Turn]:
    """The conversation as a model is sent it: the summary of its older part, then the rest."""
    found = by_message(view.messages, prompt)
    ids = [message for message, _ in found]
    start = ids.index(view.summarized) + 1 if view.summarized in ids else 0
    rest = [turn for _, turn in found[start:]]
    if not view.summary:
        return rest
    return [Turn(True, f"[Summary of the conversation so far]\n{view.summary}"), *rest]


def by_message(messages: Sequence[Shown], prompt: str) -> list[tuple[str, Turn]]:
    """The turns with the ids of their messages. A local answer that was given when there was
    something private to hear may hold it, whatever it answers: it is private too."""
    private = {m.id for m in messages if m.private}
    found: list[tuple[str, Turn]] = []
    heard = False
    for message in messages:
        turn: Turn | None = None
        if message.role == "user" and (message.state == "finished" or message.id == prompt):
            turn = Turn(True, with_attachments(message), message.private)
        elif message.role == "butler" and message.text.length:
            derived = heard and message.tier == "T4"
            known = message.private or message.prompt in private
            turn = Turn(False, str(message.text), known or derived)
        elif message.role == "announcement" and message.text.length:
            result = f"[Result of {message.title}]\n{message.text}"
            turn = Turn(True, result, message.private)
        if turn is not None:
            found.append((message.id, turn))
            heard = heard or turn.private
        if message.id == prompt:
            break
    return found


def with_attachments(message: Shown) -> str:
    parts = [without_word(str(message.text))]
    parts += [f'<file name="{a.name}">\n{a.text}\n</file>' for a in message.attachments]
    return "\n\n".join(part for part in parts if part)


def fit(turns: Sequence[Turn], room: int, *, local: bool) -> Fitted:
    """The newest turns that fit into `room` tokens, beginning with a user's.

    The last turn always goes in, however long it is: the service then says that it is too long.
    Private turns go to local models only.
    """
    allowed = [turn for turn in turns if local or not turn.private]
    kept: list[Turn] = []
    tokens = 0
    for turn in reversed(allowed):
        if kept and tokens + turn.tokens > room:
            break
        kept.append(turn)
        tokens += turn.tokens
    kept.reverse()
    while len(kept) > 1 and not kept[0].user:
        tokens -= kept.pop(0).tokens
    return Fitted(_merged(kept), tokens, len(allowed) - len(kept))


def _merged(turns: Sequence[Turn]) -> tuple[Message, ...]:
    """Neighbours of one side become one message: some services insist on taking turns."""
    merged: list[Message] = []
    for turn in turns:
        role = "user" if turn.user else "assistant"
        part = TextPart(turn.text)
        if merged and merged[-1].role == role:
            merged[-1] = Message(role, (*merged[-1].parts, part))
        else:
            merged.append(Message(role, (part,)))
    return tuple(merged)


def continued(messages: Sequence[Message], partial: str) -> tuple[Message, ...]:
    """The same request, for a model that goes on where another one stopped."""
    return (
        *messages,
        Message("assistant", (TextPart(partial),)),
        Message("user", (TextPart(CONTINUE),)),
    )
