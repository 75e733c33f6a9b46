"""Saying why, in words a person can check against the prompt."""

from collections.abc import Mapping
from typing import Final

from router.intent.model import Model

MEANS: Final = {
    "coding": "a request for code",
    "summarization": "a text to be made short: background work",
    "bulk": "the same done to a lot of text: background work",
    "format": "a text to be laid out: background work",
    "convert": "from one form to another: background work",
    "heartbeat": "a look at how things stand: background work",
    "deep_research": "research: the orchestrator's own",
    "image_generation": "a picture to be made",
    "audio": "sound to be made or heard",
    "direct": "a conversation: the orchestrator's own",
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
_QUOTED: Final = 60
"""Characters of the prompt that a reason quotes at most."""


def evidence(model: Model, signals: Mapping[str, str], label: str) -> str:
    """The words or the shape that spoke most for a label; empty when nothing did."""
    found = [(model.weight(name, (label,)), name) for name in signals]
    for weight, name in sorted(found, reverse=True):
        if weight <= 0:
            break
        if words := signals[name]:
            return f"“{_short(words)}”"
        if name in _SHAPES:
            return _SHAPES[name]
    return ""


def because(proof: str, means: str) -> str:
    return f"{proof}: {means}" if proof else means


def unsure(proof: str, label: str, confidence: float) -> str:
    """Why the orchestrator is left to decide."""
    seems = because(proof, MEANS[label])
    return f"perhaps {seems}, but only {confidence:.0%} sure: the orchestrator decides"


def _short(words: str) -> str:
    return words if len(words) <= _QUOTED else words[: _QUOTED - 1].rstrip() + "…"
