"""What happens to each request: pretended limits, and failures on a script."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeAlias

import msgspec

Fault: TypeAlias = Literal["", "overloaded", "cut"]

USED: Final = (0.38, 0.84, 0.92, 0.97)
"""How much of its five hours a subscription says is used, after each answer; the last repeats."""
FAULTS: Final[Mapping[tuple[str, int], Fault]] = {
    ("rehearsal-large", 2): "overloaded",
    ("rehearsal-medium", 3): "cut",
}
"""By model, and which of its requests within a window."""
_METERED: Final = frozenset({"rehearsal-large", "rehearsal-medium"})
"""Models of the subscription that reports its use."""


class Act(msgspec.Struct, frozen=True):
    """What to do with one request."""

    fault: Fault = ""
    headers: Mapping[str, str] = msgspec.field(default_factory=dict[str, str])


class Conditions:
    """Counts requests. When the subscription's window ends, everything begins anew.

    Args:
        ends_after: seconds from the first request to the end of the window. We come late in the
            five hours, so that its reset can be watched.
        clock: seconds since the epoch.
    """

    def __init__(self, ends_after: float, clock: Callable[[], float] = time.time) -> None:
        self._length = ends_after
        self._clock = clock
        self._ends = 0.0
        self._asked: Counter[str] = Counter()
        self._answers = 0
        self.happened: list[tuple[str, Fault]] = []
        """Model and fault of every request so far."""

    def act(self, model: str) -> Act:
        """Count a request, and say what becomes of it."""
        self._turn()
        self._asked[model] += 1
        fault: Fault = FAULTS.get((model, self._asked[model]), "")
        self.happened.append((model, fault))
        return Act(fault, {} if fault == "overloaded" else self._headers(model))

    def _turn(self) -> None:
        if (now := self._clock()) >= self._ends:
            self._ends = now + self._length
            self._asked.clear()
            self._answers = 0

    def _headers(self, model: str) -> dict[str, str]:
        """As a subscription reports them."""
        if model not in _METERED:
            return {}
        used = USED[min(self._answers, len(USED) - 1)]
        self._answers += 1
        prefix = "anthropic-ratelimit-unified-5h"
        return {f"{prefix}-utilization": str(used), f"{prefix}-reset": str(int(self._ends))}
