"""What a prompt asks for: explicit words first, then a classifier that runs here.

The decision is about intent; which tier serves it is the policy's matter.
"""

import re
from typing import Final

from router.intent import choice, complexity, explicit, lexicon, model, reasons, signals
from router.intent.decision import (
    EXECUTORS,
    Complexity,
    Decision,
    Detail,
    Executor,
    Kind,
)
from router.intent.explicit import split

__all__ = [
    "EXECUTORS",
    "Complexity",
    "Decision",
    "Detail",
    "Executor",
    "Kind",
    "decide",
    "split",
    "warm_up",
]


_WORDS: Final = re.compile(r"[^\W\d_]{2}")
"""Two letters of any script in a row."""


def decide(prompt: str, *, attached: bool = False) -> Decision:
    """Decide from a prompt's words. `attached`: it comes with a file or a pasted text.

    Takes about half a millisecond, however long the prompt, once `warm_up` has run.
    """
    word, rest = split(prompt)
    if word:
        return _said(word, rest)
    if not attached and not _WORDS.search(prompt):
        # A stray letter, such as a key meant for a card: "r" is no wish for a program in R.
        return Decision("direct", "orchestrator", 1.0, "too short to say what it asks for")
    read = signals.read(prompt, lexicon.shipped(), attached=attached)
    learned = model.shipped()
    chosen = choice.choose(learned.probabilities(read.named, read.grams))
    proof = reasons.evidence(learned, read.named, chosen.label)
    if not chosen.sure:
        reason = reasons.unsure(proof, chosen.label, chosen.confidence)
        return Decision("direct", "orchestrator", chosen.confidence, reason)
    return _classified(chosen, proof, read)


def _said(word: str, rest: str) -> Decision:
    kind = explicit.KINDS[word]
    grade: Complexity | None = None
    if kind == "coding":
        read = signals.read(rest, lexicon.shipped(), attached=False)
        grade = complexity.size(read.named, read.found.bullets).complexity
    return Decision(kind, EXECUTORS[kind], 1.0, explicit.REASONS[word], grade, word=word)


def _classified(chosen: choice.Choice, proof: str, read: signals.Signals) -> Decision:
    label, executor, confidence = chosen
    kind, means = choice.KINDS[label], reasons.MEANS[label]
    grade: Complexity | None = None
    if kind == "coding":
        grade, why = complexity.size(read.named, read.found.bullets)
        means = f"{means}, {why}"
    detail = choice.DETAILS.get(label, "")
    return Decision(kind, executor, confidence, reasons.because(proof, means), grade, detail)


def warm_up() -> None:
    """Load words and weights, so that the first decision is as quick as the rest."""
    lexicon.shipped()
    model.shipped()
