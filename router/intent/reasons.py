"""Saying why, in words a person can check against the prompt."""

from collections.abc import Mapping
from typing import Final

from router.intent.model import Model

MEANS: Final = {
    "coding": "a request for code",
    "summarization": "a text to make short, background work",
    "bulk": "the same work on much text, background work",
    "format": "a text to lay out, background work",
    "convert": "one form into another, background work",
    "heartbeat": "a look at how things stand, background work",
    "deep_research": "research, the orchestrator does it",
    "image_generation": "a picture to make",
    "audio": "sound to make or to listen to",
    "direct": "nothing to hand on, the orchestrator answers",
}
_SHAPES: Final = {
    "shape:fence": "code came along",
    "shape:code": "code came along",
    "shape:much-code": "code came along",
    "shape:log": "an error report came along",
    "shape:data": "data came along",
    "shape:quote": "a quotation came along",
    "shape:attached": "a text came along",
}
_NEARLY: Final = 0.3
_QUOTED: Final = 60
"""Characters of the prompt that a reason quotes at most."""


def evidence(model: Model, signals: Mapping[str, str], label: str) -> str:
    """The words or the shape that spoke most for a label; empty when nothing did.

    A verb with what it is done to is told rather than a word alone, if it weighs nearly as much.
    """
    telling = (name for name, words in signals.items() if words or name in _SHAPES)
    weights = {name: model.weight(name, label) for name in telling}
    found = sorted((name for name in weights if weights[name] > 0), key=lambda n: -weights[n])
    if not found:
        return ""
    enough = weights[found[0]] * _NEARLY
    pairs = [name for name in found if ">" in name and weights[name] >= enough]
    name = (pairs or found)[0]
    return f"“{_short(signals[name])}”" if signals[name] else _SHAPES[name]


def because(proof: str, means: str) -> str:
    return f"{proof}: {means}" if proof else means


def unsure(proof: str, label: str, confidence: float) -> str:
    """Why the orchestrator is left to decide."""
    seems = because(proof, MEANS[label])
    return f"perhaps {seems}, but only {confidence:.0%} sure: the orchestrator decides"


def _short(words: str) -> str:
    return words if len(words) <= _QUOTED else words[: _QUOTED - 1].rstrip() + "…"
