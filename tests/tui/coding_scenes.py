"""What the coding desk asks the user, as the engine would ask it."""

import hashlib
from time import monotonic

from msgspec.structs import replace

from router.asking import EngineError
from router.coding.plan_text import plan_text
from router.view import Task, View
from store.events import (
    ApprovalAsked,
    ApprovalGiven,
    Entry,
    Estimate,
    Plan,
    PlanCompared,
    PlannedFile,
    PlanProposed,
)
from tests.tui import scenes
from tui.app import ButlerApp
from tui.live import Live
from tui.widgets.card import GUARD

PLAN = Plan(
    title="retry queue",
    approach="Acknowledge only after the commit, and give every message an idempotency key, so "
    "that a second delivery is recognised and dropped.",
    tradeoffs="One more index on `messages`; a redelivery costs a look-up.",
    files=(
        PlannedFile("queue.py", "edit", "ack after commit"),
        PlannedFile("worker.py", "edit", "hand the key through"),
        PlannedFile("tests/test_retry.py", "new", "a crash between store and ack"),
    ),
    steps=(
        "Add `key` to `Message` and a unique index on it.",
        "Move the ack out of `finally`, behind the commit.",
        "Make `store` skip a key it has seen.",
        "Write the test that kills the worker in between.",
    ),
    risks=("Duplicate delivery while both versions run.",),
)
TEXT = plan_text(PLAN)


def asked(kind: str, shown: str, **more: object) -> ApprovalAsked:
    fields: dict[str, object] = {
        "approval": f"{kind[:1]}7c1e0{len(shown)}",
        "kind": kind,
        "question": "May this run?",
        "shown": shown,
        "digest": hashlib.sha256(shown.encode()).hexdigest(),
        **more,
    }
    return ApprovalAsked(**fields)  # type: ignore[arg-type]


def plan_asked(**more: object) -> ApprovalAsked:
    fields: dict[str, object] = {
        "shown": TEXT,
        "question": "Here is the plan. Approve it?",
        "detail": "est. $0.18–0.30, T1 gpt-6.2-sol",
        "choices": ("approve", "edit", "reject", "1", "2", "3"),
        "call": "3f2a90",
        **more,
    }
    return asked("plan", str(fields.pop("shown")), **fields)


def proposed(**more: object) -> PlanProposed:
    fields: dict[str, object] = {
        "id": "3f2a90",
        "plan": PLAN,
        "text": TEXT,
        "tier": "T0",
        "model": "claude-opus-5-5",
        "estimate": Estimate(0.18, 0.30, "T1", "gpt-6.2-sol"),
        **more,
    }
    return PlanProposed(**fields)  # type: ignore[arg-type]


def alternatives() -> tuple[PlanCompared, ...]:
    return (
        PlanCompared(
            number=2,
            tier="T3",
            model="claude-sonnet-5-5",
            title="An outbox table",
            text="Write the message and its effect in one transaction, and let a relay publish "
            "what the table holds.\n\n- Robust against any crash\n- One more process to run",
            estimate=Estimate(0.31, 0.52, "T1", "gpt-6.2-sol"),
        ),
        PlanCompared(number=3, tier="T2", model="gemini-3.8-flash", failed="overloaded"),
    )


def coding_view(*questions: ApprovalAsked, **more: object) -> View:
    """A coding session that waits for the user."""
    fields: dict[str, object] = {
        "session": "code1",
        "kind": "code",
        "title": "retry queue",
        "state": "waiting",
        "parent": "chat1",
        "approvals": questions,
        "house": scenes.busy_house(),
        "now": scenes.NOW,
        **more,
    }
    return View(**fields)  # type: ignore[arg-type]


def planning(**more: object) -> View:
    return coding_view(plan_asked(), plan=proposed(), alternatives=alternatives(), **more)


COMMAND = "pytest -x tests/test_retry.py -k 'crash and not slow' --maxfail=1"


def command_asked(shown: str = COMMAND, **more: object) -> ApprovalAsked:
    fields: dict[str, object] = {
        "question": "May the specialist run this command?",
        "detail": "It runs in bubblewrap: no network, writes only in the workspace.\n"
        "Folder: ~/.local/share/butler/workspaces/code1 · at most 120 s",
        "choices": ("approve", "always", "reject", "stop"),
        **more,
    }
    return asked("command", shown, **fields)


DIFF = """queue.py (edit)
--- a/queue.py
+++ b/queue.py
@@ -86,4 +86,5 @@ def take(self):
     try:
         await self.store(message)
-    finally:
         await message.ack()
+    except Conflict:
+        log.info("seen before")"""


def write_asked() -> ApprovalAsked:
    choices = ("approve", "reject", "stop")
    return asked("write", DIFF, question="Write queue.py (+2 −1)?", choices=choices)


def question_asked() -> ApprovalAsked:
    question = "Which database holds the messages in production?"
    options = ("PostgreSQL, version 15 or later", "SQLite, one file", "reject it")
    listed = "".join(f"\n{number}. {option}" for number, option in enumerate(options, 1))
    return asked("question", question + listed, question=question, choices=(*options, "answer"))


def changes_asked() -> ApprovalAsked:
    return asked(
        "changes",
        "✎ queue.py  +2 −1\n+ tests/test_retry.py  +31 −0",
        question="2 files +33 −1. Apply to your files?",
        detail="Your files are as they were until you apply it.",
        choices=("apply", "keep", "discard"),
    )


def chat(*questions: ApprovalAsked) -> View:
    return replace(scenes.busy_view(), approvals=questions)


def failed_task() -> Task:
    return replace(
        scenes.busy_tasks()[1], state="failed", reason="T2 is overloaded", ended_at=scenes.NOW
    )


class Clerk:
    """In the engine's place: takes decisions, and closes the question as the engine would."""

    def __init__(self, live: Live, refusal: str = "") -> None:
        self.decided: list[tuple[str, str, str]] = []
        self._live = live
        self._refusal = refusal

    async def decide(self, approval: str, choice: str, reason: str = "") -> None:
        if self._refusal:
            raise EngineError(self._refusal)
        self.decided.append((approval, choice, reason))
        for view in self._live.deck.views.values():
            for one in view.approvals:
                if one.approval == approval:
                    given = ApprovalGiven(approval, one.digest, choice, reason)
                    _ = self._live.deck.fold([Entry(0, scenes.NOW, view.session, given)])
        self._live.on_change()


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = monotonic() + GUARD

    def __call__(self) -> float:
        return self.now


def staffed(app: ButlerApp, refusal: str = "") -> tuple[Clerk, Clock]:
    """Put a clerk behind the screen and a clock into its card, which is ripe for a decision."""
    clerk, clock = Clerk(app.live, refusal), Clock()
    app.live._engine = clerk  # type: ignore[assignment]
    app.chat.card.clock = clock
    return clerk, clock
