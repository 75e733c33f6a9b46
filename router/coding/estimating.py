"""What carrying a plan out is going to cost, roughly."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from router.coding.plan_text import plan_of
from router.config import ModelRef
from router.context import estimate as tokens_of
from router.services import Services
from store.events import Candidate, Estimate, PlannedFile, Usage


class _Guess(NamedTuple):
    """What a step takes, in tokens."""

    steps_a_file: int
    left: int
    """That a step leaves behind for all that follow: its call, and what the tool gave."""
    written: int
    cached: float
    """Part of the input that comes from the provider's cache."""


_BEST: Final = _Guess(steps_a_file=2, left=600, written=250, cached=0.6)
_WORST: Final = _Guess(steps_a_file=4, left=1_000, written=500, cached=0.0)
_ASIDE: Final = 2
"""Steps besides those for the files: a first look, and a last word."""
_INSTRUCTIONS: Final = 2_500
"""Tokens of the system prompt and the tools, sent with every step."""


def estimate(
    services: Services, candidates: Sequence[Candidate], text: str, files: Sequence[PlannedFile]
) -> Estimate | None:
    """US dollars for the first candidate that may serve, as a range; `None` where its price is not
    known, or nobody may serve.

    A rule of thumb, not a measurement: two to four steps for each file (or for each two steps of
    the plan, where those are more); each step is sent the instructions, the plan and what all
    steps before it left behind, and writes a few hundred tokens. At best a good half of the input
    comes from the provider's cache, at worst nothing does. Prices are those of the catalogue.
    """
    first = next((one for one in candidates if not one.passed_over), None)
    if first is None or first.account not in services.config.accounts:
        return None  # a program on the PATH draws on a subscription that nobody here can price
    ref = ModelRef(first.account, first.model)
    pieces = max(len(files), -(-len(plan_of(text).steps) // 2), 1)
    given = _INSTRUCTIONS + tokens_of(text)
    window = services.catalogue.facts(ref).context
    low = services.catalogue.cost(ref, _usage(_BEST, pieces, given, window))
    high = services.catalogue.cost(ref, _usage(_WORST, pieces, given, window))
    if low is None or high is None:
        return None
    return Estimate(low, high, first.tier, first.model)


def _usage(guess: _Guess, pieces: int, given: int, window: int) -> Usage:
    steps = _ASIDE + guess.steps_a_file * pieces
    sent = sum(min(given + guess.left * before, window) for before in range(steps))
    cached = int(sent * guess.cached)
    return Usage(input=sent - cached, cache_read=cached, output=steps * guess.written)
