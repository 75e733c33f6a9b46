"""Events with everything filled in that a test doesn't care about."""

import asyncio
from collections.abc import Callable, Iterable

from store.events import (
    AnyEvent,
    ApprovalAsked,
    ApprovalGiven,
    Entry,
    Gauge,
    GaugeChanged,
    PromptSubmitted,
    ReplyFinished,
    ReplyStarted,
    SessionStarted,
    TextDelta,
    Usage,
    UsageReserved,
    UsageSettled,
)
from store.opening import Store
from store.subscription import Subscription

FAR = 10**15
SECONDS = 10


def started(**fields: object) -> SessionStarted:
    return SessionStarted(**{"kind": "chat", **fields})


def prompt(text: str = "Why?", name: str = "p1", **fields: object) -> PromptSubmitted:
    return PromptSubmitted(**{"prompt": name, "text": text, **fields})


def reply_started(reply: str = "r1", name: str = "p1") -> ReplyStarted:
    return ReplyStarted(reply=reply, prompt=name, tier="T0", model="opus", account="anthropic")


def delta(text: str, offset: int = 0, reply: str = "r1") -> TextDelta:
    return TextDelta(reply=reply, offset=offset, text=text)


def deltas(text: str, reply: str = "r1", size: int = 3) -> list[TextDelta]:
    """A text in pieces, as a model streams it."""
    return [delta(text[at : at + size], at, reply) for at in range(0, len(text), size)]


def finished(text: str = "Because.", reply: str = "r1") -> ReplyFinished:
    return ReplyFinished(reply=reply, text=text, stop_reason="end")


def gauge(percent: float, account: str = "anthropic") -> GaugeChanged:
    return GaugeChanged(
        gauge=Gauge(
            account=account, window="week", percent=percent, source="provider", measured_at=1
        )
    )


def reserved(name: str, **fields: object) -> UsageReserved:
    return UsageReserved(
        **{
            "reservation": name,
            "reply": "r1",
            "account": "anthropic",
            "tier": "T0",
            "model": "opus",
            "kind": "chat",
            "tokens": 100,
            "cost": 0.10,
            "expires_at": FAR,
            **fields,
        }
    )


def settled(name: str, tokens: int = 50, cost: float | None = 0.05, **fields: str) -> UsageSettled:
    return UsageSettled(
        **{
            "reservation": name,
            "account": "anthropic",
            "tier": "T0",
            "model": "opus",
            "kind": "chat",
            "usage": Usage(input=tokens - tokens // 2, output=tokens // 2),
            "cost": cost,
            **fields,
        }
    )


def asked(name: str = "a1") -> ApprovalAsked:
    return ApprovalAsked(approval=name, kind="plan", question="Go?", shown="plan", digest="00")


def given(name: str = "a1", choice: str = "approve") -> ApprovalGiven:
    return ApprovalGiven(approval=name, digest="00", choice=choice)


def exchange(number: int, answer: str = "Because.") -> list[AnyEvent]:
    """A prompt and its reply, whole."""
    name, reply = f"p{number}", f"r{number}"
    return [
        prompt(f"Question {number}?", name),
        reply_started(reply, name),
        *deltas(answer, reply),
        finished(answer, reply),
    ]


def write(store: Store, session: str | None, *events: AnyEvent, at: int | None = None) -> list[int]:
    """Append, and wait until it is on disk."""
    return list(store.journal.append(session, *events, at=at).wait(SECONDS))


def events(entries: Iterable[Entry]) -> list[AnyEvent]:
    return [entry.event for entry in entries]


def text_of(entries: Iterable[Entry], reply: str = "r1") -> str:
    return "".join(
        entry.event.text
        for entry in entries
        if isinstance(entry.event, TextDelta) and entry.event.reply == reply
    )


async def hear(subscription: Subscription, enough: Callable[[list[Entry]], bool]) -> list[Entry]:
    """What a subscription yields until it is enough."""
    heard: list[Entry] = []
    async with asyncio.timeout(SECONDS):
        async for batch in subscription:
            heard += batch
            if enough(heard):
                break
    return heard
