"""The plan card: the plan, how others would do it, what each would cost."""

from typing import Final

from rich.cells import cell_len

from router.view import View
from store.events import ApprovalAsked, Estimate, PlanCompared, PlanProposed
from tui.text import sanitise_line
from tui.widgets.cards.text import BLANK, Line, column_width, columns, document, line, prose
from tui.wording import QUIET

_SIDE_BY_SIDE: Final = 90
"""Columns inside a card from which on alternatives stand beside one another."""
_MORE: Final = 10
"""Columns of the frame that are neither its title nor the estimate."""
_BESIDE: Final = 3
"""Alternatives in a row at most."""


def estimate(figure: Estimate | None) -> str:
    """`est. $0.18–0.30, T1`; empty where nobody has made one."""
    if figure is None:
        return ""
    digits = 2 if figure.high >= 0.1 else 3
    low, high = f"{figure.low:.{digits}f}", f"{figure.high:.{digits}f}"
    amount = low if low == high else f"{low}–{high}"
    return f"est. ${amount}, {figure.tier}"


def proposal(view: View, asked: ApprovalAsked) -> PlanProposed | None:
    """The plan that is asked about; `None` where the view does not hold it."""
    plan = view.plan
    return plan if plan is not None and plan.id == asked.call else None


def heading(view: View, asked: ApprovalAsked) -> str:
    plan = proposal(view, asked)
    if plan is None:
        return f"Plan {asked.approval[:4]} · {view.title}".rstrip(" ·")
    by = f" · {plan.tier or ''} {plan.model}".rstrip(" ·")
    origin = " · edited by you" if plan.origin == "edited" else ""
    return f"Plan {plan.id[:4]} · {plan.plan.title}{by}{origin}"


def body(view: View, asked: ApprovalAsked, width: int) -> list[Line]:
    # Drawn from what is approved and from nothing else: the two can't differ.
    lines = document(_without_title(view, asked, width), width)
    if view.alternatives:
        title = "── how others would do it "
        lines += [BLANK, line(title + "─" * max(0, width - len(title)), QUIET)]
        lines += _others(view, width)
    return lines


def _without_title(view: View, asked: ApprovalAsked, width: int) -> str:
    """What is approved, less the title where the frame has room for all of it."""
    plan = proposal(view, asked)
    first, _, rest = asked.shown.partition("\n")
    if plan is None or first != f"# {sanitise_line(plan.plan.title)}":
        return asked.shown
    frame = cell_len(heading(view, asked)) + cell_len(estimate(plan.estimate)) + _MORE
    return rest if frame <= width else asked.shown


def _others(view: View, width: int) -> list[Line]:
    count = 1 + len(view.alternatives)
    in_row = min(count, _BESIDE) if width >= _SIDE_BY_SIDE else 1
    each = column_width(width, in_row)
    blocks = [_own(view, each), *(_other(view, one, each) for one in view.alternatives)]
    lines: list[Line] = []
    for start in range(0, len(blocks), in_row):
        if start:
            lines.append(BLANK)
        row = blocks[start : start + in_row]
        row += [[] for _ in range(in_row - len(row))]
        lines += columns(row, width)
    return lines


def _own(view: View, width: int) -> list[Line]:
    """The orchestrator's own plan, in full above or in the transcript."""
    plan = view.plan
    if plan is not None and plan.number == 1:
        who, title, cost = f"{plan.tier or ''} {plan.model}", plan.plan.title, plan.estimate
        says = "this plan, in full above"
    else:
        first = next((message for message in view.messages if message.role == "plan"), None)
        who = f"{first.tier or ''} {first.model}" if first else ""
        title, cost = (first.title if first else ""), None
        says = "the plan made first, in full in the transcript"
    lines = _top(1, who, title, cost, width, proposed=plan is None or plan.number == 1)
    return [*lines, *prose(says, width, QUIET)]


def _other(view: View, one: PlanCompared, width: int) -> list[Line]:
    proposed = view.plan is not None and view.plan.number == one.number
    cost = None if one.failed else one.estimate
    lines = _top(one.number, f"{one.tier} {one.model}", one.title, cost, width, proposed=proposed)
    if one.failed:
        return [*lines, *prose(f"✗ failed: {one.failed}", width, "$error")]
    return [*lines, *document(one.text, width)]


def _top(
    number: int, who: str, title: str, cost: Estimate | None, width: int, *, proposed: bool
) -> list[Line]:
    mark = "▶ " if proposed else ""
    head, *more = prose(sanitise_line(who).strip(), width - len(mark) - 2)
    lines = [head.after(f"{mark}{number} ", "bold $warning"), *more]
    if title:
        lines += prose(sanitise_line(title), width, "bold")
    told = [("proposed now", "$warning")] if proposed else []
    if cost is not None:
        told.append((f"{' · ' if told else ''}{estimate(cost)}", QUIET))
    if sum(len(text) for text, _ in told) > width:
        return [*lines, *(line(text.removeprefix(" · "), style) for text, style in told)]
    return [*lines, Line(tuple(told))] if told else lines
