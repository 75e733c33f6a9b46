"""How long a model is left alone after a failure."""

from typing import Final

import msgspec

from router.providers.base import (
    BadKey,
    BrokenStream,
    Failure,
    Missing,
    Overloaded,
    QuotaSpent,
    RateLimited,
    TimedOut,
    Unreachable,
)
from store.events import HealthState

_SERVICE: Final = (30.0, 60.0, 300.0)
_NETWORK: Final = (5.0, 15.0, 60.0)
_STEPS: Final[dict[type[Failure], tuple[float, ...]]] = {
    Overloaded: _SERVICE,
    BrokenStream: _SERVICE,
    TimedOut: _SERVICE,
    RateLimited: _SERVICE,
    Unreachable: _NETWORK,
}
_QUOTA: Final = 3600.0
"""Seconds until a spent quota is tried again when the service did not say when it resets."""


class Verdict(msgspec.Struct, frozen=True):
    state: HealthState
    until: int | None


def after(failure: Failure, times: int, now: int) -> Verdict | None:
    """The state of a model after its `times`-th failure in a row, or `None` where the failure
    says nothing about the model's health: a refusal, a request of our own making.

    A longer wait that the service asked for wins over the steps.
    """
    if isinstance(failure, BadKey) or failure.unpaid:
        return Verdict("off", None)
    if isinstance(failure, Missing):
        return Verdict("missing", None)
    if isinstance(failure, QuotaSpent):
        return Verdict("exhausted", now + _ms(failure.retry_after or _QUOTA))
    steps = _STEPS.get(type(failure))
    if steps is None:
        return None
    wait = max(steps[min(times, len(steps)) - 1], failure.retry_after or 0.0)
    return Verdict("cooling", now + _ms(wait))


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
