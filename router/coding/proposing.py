"""Plan, compare, ask: what a larger piece of work begins with."""

import asyncio
import uuid
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from router.coding.contract import Halt, Question, Report
from router.config import ModelRef
from store.events import (
    Estimate,
    PlanCompared,
    PlanDecided,
    PlannedFile,
    PlanProposed,
    SessionStarted,
    SessionStateChanged,
)

if TYPE_CHECKING:
    from router.coding.contract import Assignment
    from router.coding.desk import Desk
    from router.coding.toolbox import Toolbox

READY: Final = "plan ready"


async def propose(desk: "Desk", started: SessionStarted) -> Halt | None:
    """Have a plan made and shown; `None` once it is approved."""
    record = desk.record
    if record.plan is not None and record.decided is None:
        # It was proposed in an earlier life; the question may have been asked then, or not.
        if record.open("plan"):
            desk.say(SessionStateChanged(state="waiting", reason=READY))
            return Halt(waits=True)
        await desk.put(question(record.plan, record.alternatives.values()), READY)
        return Halt(waits=True)
    made = await _make(desk, started)
    if isinstance(made, Halt):
        return made
    if started.approved:
        desk.say_all(made, PlanDecided(id=made.id, decision="approved", reason="beforehand"))
        return None
    await desk.put(question(made, record.alternatives.values()), READY, made)
    return Halt(waits=True)


async def _make(desk: "Desk", started: SessionStarted) -> PlanProposed | Halt:
    from router.coding.planning import Planner
    from router.coding.toolbox import READING

    toolbox = await desk.toolbox(READING)
    work = desk.assignment(started)
    planner = Planner(desk.services, toolbox, say=desk.say)
    comparing = (
        asyncio.create_task(_compare(desk, work, toolbox)) if not desk.record.compared else None
    )
    try:
        proposed = await planner.propose(
            work, rejected=desk.record.rejected, candidates=lambda: desk.candidates("main")
        )
        if comparing is not None and proposed.plan is not None:
            await comparing
    finally:
        if comparing is not None and not comparing.done():
            comparing.cancel()
            await asyncio.wait({comparing})
    if proposed.plan is None:
        return Halt(report=Report(state="failed", reason=proposed.reason))
    return PlanProposed(
        id=uuid.uuid4().hex,
        plan=proposed.plan,
        text=proposed.text,
        tier=proposed.tier,
        model=proposed.model,
        estimate=_estimate(desk, proposed.text, proposed.plan.files),
    )


def _estimate(desk: "Desk", text: str, files: Sequence[PlannedFile]) -> Estimate | None:
    from router.coding.estimating import estimate

    return estimate(desk.services, desk.candidates("code"), text, files)


async def _compare(desk: "Desk", work: "Assignment", toolbox: "Toolbox") -> None:
    from router.coding.comparing import compare
    from router.coding.planning import overview

    serving = (one for one in desk.candidates("main") if not one.passed_over)
    first = next(serving, None)
    planner = ModelRef(first.account, first.model) if first else None
    seen = await overview(toolbox, work.root)
    await compare(
        desk.services, work, seen, without=planner, say=desk.say, executing=desk.candidates("code")
    )


def question(plan: PlanProposed, others: Iterable[PlanCompared]) -> Question:
    """The card of a plan. What it shows is the plan in full and nothing else."""
    numbers = [str(other.number) for other in others if not other.failed]
    alternatives = ("1", *numbers) if numbers else ()
    return Question(
        kind="plan",
        question="Here is the plan. Approve it?",
        shown=plan.text,
        detail=_cost(plan.estimate),
        choices=("approve", "edit", "reject", *alternatives),
        call=plan.id,
    )


def _cost(estimate: Estimate | None) -> str:
    if estimate is None:
        return "no price known for who would write it"
    return f"est. ${estimate.low:.2f}–{estimate.high:.2f}, {estimate.tier} {estimate.model}"
