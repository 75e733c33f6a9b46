"""Views as the engine would fold them: what the pictures and the pilot tests show."""

from router.view import House, LongText, Message, ModelHealth, Seam, Task, View
from store.events import (
    ApprovalAsked,
    ForecastChanged,
    Foreseen,
    Gauge,
    ModelInfo,
    TierInfo,
    Usage,
)

MINUTE = 60_000
HOUR = 60 * MINUTE
NOW = 1_795_269_731_000
"""2026-11-21 14:02:11 UTC."""


def model(account: str, name: str, label: str = "") -> ModelInfo:
    return ModelInfo(account=account, model=name, label=label)


TIERS = (
    TierInfo(tier="T0", role="orchestrator", models=(model("anthropic", "claude-opus-5-5"),)),
    TierInfo(tier="T1", role="code", models=(model("openai", "gpt-6.2-sol"),)),
    TierInfo(tier="T2", role="background", models=(model("google", "gemini-3.8-flash"),)),
    TierInfo(tier="T3", role="fallback", models=(model("anthropic", "claude-sonnet-5-5"),)),
    TierInfo(tier="T4", role="local", models=(model("embedded", "smollm2", "SmolLM2 135M"),)),
)
READY = ModelHealth("ready")


def gauge(account: str | None, percent: float | None, **more: object) -> Gauge:
    fields: dict[str, object] = {
        "window": "week",
        "source": "provider",
        "measured_at": NOW - 40_000,
        "resets_at": NOW + 62 * HOUR,
        **more,
    }
    return Gauge(account=account, percent=percent, **fields)  # type: ignore[arg-type]


def busy_house() -> House:
    gauges = [
        gauge("anthropic", 84),
        gauge("openai", 31),
        gauge("google", 12),
        gauge(None, 38, window="day", source="budget", used=1.92, limit=5.0, unit="usd"),
    ]
    return House(
        tiers=TIERS,
        band="prefer-cheaper",
        percent=84,
        binds=gauges[0].key,
        gauges={gauge.key: gauge for gauge in gauges},
        forecasts={gauges[0].key: forecast(gauges[0].key)},
        health={
            "anthropic/claude-opus-5-5": READY,
            "openai/gpt-6.2-sol": ModelHealth("cooling", "overloaded", NOW + 42_000),
            "google/gemini-3.8-flash": READY,
            "anthropic/claude-sonnet-5-5": READY,
            "embedded/smollm2": READY,
        },
    )


def forecast(key: str) -> ForecastChanged:
    soon = Foreseen(level=90, earliest=NOW + 70 * MINUTE, latest=NOW + 110 * MINUTE)
    return ForecastChanged(
        gauge=key,
        made_at=NOW,
        until=NOW + 62 * HOUR,
        samples=40,
        next_band="cheaper-only",
        next=soon,
    )


def local_house() -> House:
    missing = ModelHealth("missing", "no key")
    return House(
        tiers=TIERS,
        hint="Local only: SmolLM2 135M answers here, a very small model. "
        "Add a provider: /config, or butler init.",
        health={
            **{f"{m.account}/{m.model}": missing for tier in TIERS[:4] for m in tier.models},
            "embedded/smollm2": READY,
        },
    )


def text(words: str) -> LongText:
    return LongText().plus(words)


def prompt(number: int, words: str, **more: object) -> Message:
    return Message(id=f"p{number}", role="user", at=NOW, text=text(words), **more)  # type: ignore[arg-type]


ANSWER = """The worker **acknowledges before it commits**. Three places matter:

1. `queue.py:88` acks in `finally`, so a crash between ack and commit loses the message.

```python
async with tx() as t:
    await t.store(message)
    await message.ack()
```

2. The heartbeat outlives the lease, and another worker takes the message twice.
"""


def answer(number: int, words: str = ANSWER, **more: object) -> Message:
    fields: dict[str, object] = {
        "prompt": f"p{number}",
        "tier": "T3",
        "model": "claude-sonnet-5-5",
        "account": "anthropic",
        "why": "T0 critical only at 84 %",
        "usage": Usage(input=2100, output=640),
        "cost": 0.004,
        **more,
    }
    return Message(id=f"r{number}", role="butler", at=NOW, text=text(words), **fields)  # type: ignore[arg-type]


def busy_tasks() -> tuple[Task, ...]:
    return (
        Task(
            session="code1",
            kind="code",
            title="retry queue",
            state="waiting",
            reason="plan ready: Tab, or alt+a",
            started_at=NOW - 161_000,
            running_since=NOW - 161_000,
            tier="T1",
            tokens=18_200,
        ),
        Task(
            session="sum1",
            kind="summarize",
            title="changelog",
            state="running",
            started_at=NOW - 12_000,
            running_since=NOW - 12_000,
            tier="T2",
            streamed=11_000,
            last_heard=NOW,
        ),
        Task(
            session="sum2",
            kind="summarize",
            title="spec.md",
            state="done",
            started_at=NOW - 30_000,
            running_since=NOW - 29_000,
            ended_at=NOW - 20_000,
            tier="T2",
            tokens=2_100,
        ),
    )


def approval(number: int = 1) -> ApprovalAsked:
    return ApprovalAsked(
        approval=f"3f2a0{number}",
        kind="secret",
        question="The prompt holds what looks like an AWS key. Who may see it?",
        shown="line 3: AWS Access Key, AKIA…",
        digest="d" * 64,
        choices=("approve", "send", "reject"),
    )


def busy_view() -> View:
    seam = Seam(
        ANSWER.index("2. The"), "went silent after 31 s: continued by T2 · gemini-3.8-flash"
    )
    announced = Message(
        id="a1",
        role="announcement",
        at=NOW,
        text=text("The specification asks for a store, providers and an engine."),
        child="sum2",
        kind="summarize",
        title="spec.md",
        outcome="done",
        elapsed_ms=9_000,
        tokens=2_100,
        cost=0.004,
        tier="T2",
        model="gemini-3.8-flash",
    )
    return View(
        session="chat1",
        title="checkout bug",
        workspace="/home/ada/src/shop",
        messages=(
            prompt(1, "Why does the retry queue lose messages when the worker restarts?"),
            answer(1, seams=(seam,)),
            announced,
        ),
        tasks=busy_tasks(),
        house=busy_house(),
        now=NOW,
    )


def calm_view() -> View:
    return View(session="chat1", workspace="/home/ada/src/shop", house=local_house(), now=NOW)


def asking_view() -> View:
    from msgspec.structs import replace

    return replace(busy_view(), approvals=(approval(1), approval(2)), state="waiting")


def family() -> tuple[View, ...]:
    """A chat and the sessions it spawned, as a deck holds them."""
    children = (
        View(session="code1", kind="code", title="retry queue", state="waiting", parent="chat1"),
        View(session="sum1", kind="summarize", title="changelog", state="running", parent="chat1"),
        View(session="sum2", kind="summarize", title="spec.md", state="done", parent="chat1"),
    )
    return (asking_view(), *children)
