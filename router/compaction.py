"""When a conversation outgrows its model: the older half becomes a summary, made on T2."""

import uuid
from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from router import context, house_rules
from router.calls import Call
from router.config import ModelRef
from router.context import Turn
from router.policy import Ask
from router.services import Services
from router.view import View
from store.events import Candidate, HistorySummarized, Note

_FULL: Final = 0.7
"""Part of the window from which the older half is condensed: before it overflows."""
_MANY: Final = 120
"""Turns from which it is done whatever their size: only so many messages are looked at."""
_OUTPUT: Final = 1500
_LEAST: Final = 4


async def compact(
    services: Services, view: View, prompt: str, candidates: Sequence[Candidate]
) -> View:
    """The view with its older half condensed, if it was about to overflow the model that would
    answer. Nothing private goes into the summary; if no T2 is there to make it, the view stays
    as it is, and what doesn't fit is left out."""
    first = next((c for c in candidates if not c.passed_over), None)
    if first is None or first.tier == "T4":
        return view
    turns = context.since(view, prompt)
    window = services.catalogue.facts(ModelRef(first.account, first.model)).context
    full = sum(turn.tokens for turn in turns) > window * _FULL
    if len(turns) < _LEAST or not (full or len(turns) > _MANY):
        return view
    return await _condensed(services, view, prompt)


async def _condensed(services: Services, view: View, prompt: str) -> View:
    found = context.by_message(view.messages, prompt)
    ids = [message for message, _ in found]
    start = ids.index(view.summarized) + 1 if view.summarized in ids else 0
    older = found[start : start + (len(found) - start) // 2]
    background = services.candidates(Ask(work="background"))
    if not older or all(c.passed_over for c in background if c.tier != "T4"):
        return view
    text = _transcript(view.summary, [turn for _, turn in older])
    call = Call(
        session=view.session,
        prompt=prompt,
        reply=uuid.uuid4().hex,
        kind="compaction",
        system=lambda _: house_rules.COMPACT,
        prepare=lambda room, local: context.fit([Turn(True, text)], room, local=local),
        candidates=[c for c in background if c.tier != "T4"],
        max_output=_OUTPUT,
        quiet=True,
    )
    outcome = await services.dispatcher.run(call)
    if outcome.failure or not outcome.text.strip():
        return view
    through = older[-1][0]
    services.say(
        view.session,
        HistorySummarized(through=through, text=outcome.text),
        Note(
            level="info",
            text=f"The older part of this conversation is sent as a summary from here on "
            f"(by {outcome.tier} · {outcome.model}); nothing is lost here.",
        ),
    )
    return replace(view, summary=outcome.text, summarized=through)


def _transcript(summary: str, turns: Sequence[Turn]) -> str:
    said = [
        f"[{'User' if turn.user else 'Assistant'}]\n{turn.text}"
        for turn in turns
        if not turn.private
    ]
    before = [f"[Summary so far]\n{summary}"] if summary else []
    return "\n\n".join((*before, *said))
