"""The learned part: a linear model over signals and words. Its weights come with Butler.

`python -m tools.train_intent` makes them and says what they were made from.
"""

import math
import pkgutil
from array import array
from collections.abc import Iterable
from functools import cache
from operator import add

import msgspec


class Weights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One signed byte for each label, row by row; `scale` makes them logits."""

    labels: tuple[str, ...]
    bias: tuple[float, ...]
    scale: float
    signals: dict[str, bytes]
    gram_scale: float
    grams: bytes


class Model:
    def __init__(self, weights: Weights) -> None:
        self.labels = weights.labels
        self._bias = weights.bias
        self._scale = weights.scale
        self._gram_scale = weights.gram_scale
        self._signals = {name: tuple(array("b", row)) for name, row in weights.signals.items()}
        self._grams = array("b", weights.grams)

    def probabilities(self, signals: Iterable[str], grams: list[int]) -> dict[str, float]:
        """How likely each label is; they add up to 1."""
        wide = len(self.labels)
        named = [0] * wide
        for row in filter(None, map(self._signals.get, signals)):
            named = list(map(add, named, row))
        words = [0] * wide
        for bucket in grams:
            words = list(map(add, words, self._grams[bucket * wide : (bucket + 1) * wide]))
        share = self._gram_scale / math.sqrt(len(grams) or 1)
        logits = [
            b + self._scale * n + share * w
            for b, n, w in zip(self._bias, named, words, strict=True)
        ]
        return dict(zip(self.labels, _softmax(logits), strict=True))

    def weight(self, signal: str, label: str) -> float:
        """How much a signal speaks for a label, against the average label."""
        row = self._signals.get(signal)
        if row is None:
            return 0.0
        return self._scale * (row[self.labels.index(label)] - sum(row) / len(row))


def _softmax(logits: list[float]) -> list[float]:
    top = max(logits)
    grown = [math.exp(logit - top) for logit in logits]
    total = sum(grown)
    return [g / total for g in grown]


@cache
def shipped() -> Model:
    packed = pkgutil.get_data("router", "data/intent_weights.msgpack")
    assert packed is not None  # noqa: S101  (only a package without files has none)
    return Model(msgspec.msgpack.decode(packed, type=Weights))
