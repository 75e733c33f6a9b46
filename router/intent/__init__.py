"""What a prompt asks for: explicit words first, then a classifier that runs here.

The decision is about intent; which tier serves it is the policy's matter.
"""

from collections import Counter
from typing import Final

from router.intent import complexity, explicit, lexicon, model, reasons, signals
from router.intent.decision import (
    EXECUTORS,
    TIERS,
    Complexity,
    Decision,
    Detail,
    Executor,
    Kind,
)

__all__ = ["TIERS", "Complexity", "Decision", "Detail", "Executor", "Kind", "decide", "warm_up", "without_word"]

THRESHOLD: Final = 0.5

_DETAILS: Final[dict[str, Detail]] = {"bulk": "bulk", "format": "format", "convert": "convert"}
_KINDS: Final[dict[str, Kind]] = {
    **{kind: kind for kind in EXECUTORS},
    "bulk": "summarization",
    "format": "summarization",
    "convert": "summarization",
}
"""The kind of each of the model's labels."""


def decide(prompt: str, *, attached: bool = False) -> Decision:
    """Decide from a prompt's words. `attached`: it comes with a file or a pasted text.

    Takes below a millisecond, however long the prompt, once `warm_up` has run.
    """
    word, rest = explicit.split(prompt)
    if word:
        return _said(word, rest)
    read = signals.read(prompt, lexicon.shipped(), attached=attached)
    learned = model.shipped()
    likely = learned.probabilities(read.named, read.grams)
    executor, confidence = _executor(likely)
    label = max((n for n in likely if EXECUTORS[_KINDS[n]] == executor), key=likely.__getitem__)
    proof = reasons.evidence(learned, read.named, label)
    if executor != "orchestrator" and confidence < THRESHOLD:
        reason = reasons.unsure(proof, label, confidence)
        return Decision("direct", "orchestrator", 1 - confidence, reason)
    return _classified(label, confidence, proof, read)


def _said(word: str, rest: str) -> Decision:
    kind = explicit.KINDS[word]
    grade: Complexity | None = None
    if kind == "coding":
        read = signals.read(rest, lexicon.shipped(), attached=False)
        grade = complexity.size(read.named, read.found.bullets).complexity
    return Decision(kind, EXECUTORS[kind], 1.0, explicit.REASONS[word], grade, word=word)


def _executor(likely: dict[str, float]) -> tuple[Executor, float]:
    """The likeliest executor: kinds that share one don't compete."""
    sums = Counter[Executor]()
    for label, probability in likely.items():
        sums[EXECUTORS[_KINDS[label]]] += probability  # type: ignore[assignment]
    return max(sums.items(), key=lambda item: item[1])


def _classified(label: str, confidence: float, proof: str, read: signals.Signals) -> Decision:
    kind = _KINDS[label]
    means = reasons.MEANS[label]
    grade: Complexity | None = None
    if kind == "coding":
        grade, why = complexity.size(read.named, read.found.bullets)
        means = f"{means}, {why}"
    return Decision(
        kind,
        EXECUTORS[kind],
        confidence,
        reasons.because(proof, means),
        grade,
        _DETAILS.get(label, ""),
    )


def without_word(prompt: str) -> str:
    """The prompt as a model reads it: the explicit word was for us."""
    return explicit.split(prompt)[1]


def warm_up() -> None:
    """Load words and weights, so that the first decision is as quick as the rest."""
    lexicon.shipped()
    model.shipped()
