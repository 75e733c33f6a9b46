"""From the model's probabilities to a kind and an executor."""

from typing import Final, NamedTuple

from router.intent.decision import EXECUTORS, Detail, Executor, Kind

DETAILS: Final[dict[str, Detail]] = {"bulk": "bulk", "format": "format", "convert": "convert"}
KINDS: Final[dict[str, Kind]] = {
    **{kind: kind for kind in EXECUTORS},
    **dict.fromkeys(DETAILS, "summarization"),
}
"""The kind of each of the model's labels, which tell the details of a summarization apart."""

THRESHOLD: Final = 0.5
"""Below it the orchestrator decides. Taken from `python -m tools.evaluate_intent`: of the prompts
of a source that the model never saw, those it would hand on with less than 0.5 were right in 2 of
12 cases, and macro-F1 is as high as with any threshold from 0.5 to 0.65 (0.94; 0.935 without one);
each step above 0.5 loses right decisions on our own prompts (0.91 at 0.5, 0.89 at 0.6). To answer
what could have been handed on costs money; to hand on a question costs the user the answer."""


class Choice(NamedTuple):
    label: str
    """The likeliest of those the executor serves."""
    executor: Executor
    confidence: float
    """How likely the executor is; kinds that share one don't compete."""

    @property
    def sure(self) -> bool:
        return self.executor == "orchestrator" or self.confidence >= THRESHOLD


def choose(likely: dict[str, float]) -> Choice:
    """The likeliest executor, given how likely each label is."""
    sums: dict[Executor, float] = {}
    for label, probability in likely.items():
        executor = EXECUTORS[KINDS[label]]
        sums[executor] = sums.get(executor, 0.0) + probability
    executor = max(sums, key=sums.__getitem__)
    served = [label for label in likely if EXECUTORS[KINDS[label]] == executor]
    return Choice(max(served, key=likely.__getitem__), executor, min(sums[executor], 1.0))
