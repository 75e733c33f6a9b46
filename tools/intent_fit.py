"""Fitting the intent model, with scikit-learn, which only these tools need."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from router.intent import lexicon, signals
from router.intent.model import Weights
from tools.intent_data import Row

STRENGTH = 4.0
"""Inverse of the penalty on large weights."""
GRAMS = 1.6
"""How much the words count beside the signals when fitting: they are what tells one source's
topics from another's, so they are to be used only where the signals don't suffice."""
UNLEARNED = "head:"
"""Signals for telling small code from large; they would only blur what the pairs say."""
OWN = 1200.0
OTHERS = 800.0
"""Total weight of our own prompts and of all others together."""

Read = tuple[list[str], list[int]]


def read(row: Row) -> Read:
    found = signals.read(row.prompt, lexicon.shipped(), attached=row.attached)
    names = [name for name in found.named if not name.startswith(UNLEARNED)]
    return names, found.grams


def fit(rows: Sequence[Row], reads: Sequence[Read]) -> Weights:
    seen = Counter(name for names, _ in reads for name in names)
    columns = {name: i for i, name in enumerate(sorted(n for n, c in seen.items() if c >= 3))}
    matrix = _matrix(reads, columns)
    labels = sorted({row.label for row in rows})
    model = LogisticRegression(C=STRENGTH, max_iter=400)
    model.fit(matrix, [row.label for row in rows], sample_weight=_weights(rows))
    named = model.coef_[:, : len(columns)].T
    grams = model.coef_[:, len(columns) :].T * GRAMS
    scale, small = _quantised(named)
    gram_scale, small_grams = _quantised(grams)
    return Weights(
        labels=tuple(labels),
        bias=tuple(float(b) for b in model.intercept_),
        scale=scale,
        signals={name: small[i].tobytes() for name, i in columns.items() if small[i].any()},
        gram_scale=gram_scale,
        grams=small_grams.tobytes(),
    )


def _matrix(reads: Sequence[Read], columns: dict[str, int]) -> csr_matrix:
    at, into, values = [], [], []
    for index, (names, grams) in enumerate(reads):
        known = [columns[name] for name in names if name in columns]
        into += known + [len(columns) + gram for gram in grams]
        values += [1.0] * len(known) + [GRAMS / np.sqrt(len(grams) or 1)] * len(grams)
        at += [index] * (len(known) + len(grams))
    return csr_matrix((values, (at, into)), shape=(len(reads), len(columns) + signals.BUCKETS))


def _weights(rows: Sequence[Row]) -> list[float]:
    """Each source counts by the root of its size, so that a large one doesn't drown a small one."""
    sizes = Counter(row.source for row in rows)
    raw = [row.weight / sizes[row.source] ** 0.5 for row in rows]
    totals = Counter[bool]()
    for row, weight in zip(rows, raw, strict=True):
        totals[row.source == "own"] += weight
    share = {True: OWN, False: OTHERS}
    return [
        w * share[r.source == "own"] / totals[r.source == "own"]
        for r, w in zip(rows, raw, strict=True)
    ]


def _quantised(weights: "np.ndarray") -> tuple[float, "np.ndarray"]:
    scale = float(np.abs(weights).max()) / 127 or 1.0
    return scale, np.round(weights / scale).astype(np.int8)
