"""From what a program says when it can't go on to the failures that all models share.

A status or a code counts first; the words of its sentence only where it gives nothing better.
"""

import re
from typing import Final

from router.coding.cli_agents.fields import readable
from router.providers.base import (
    BadKey,
    BadRequest,
    BrokenStream,
    ContextTooLong,
    Failure,
    Overloaded,
    QuotaSpent,
    RateLimited,
    Refused,
    TimedOut,
    Unreachable,
)

_WORDS: Final[tuple[tuple[str, type[Failure]], ...]] = (
    (r"prompt is too long|context window|context_length", ContextTooLong),
    (
        r"usage limit|hit your (?:\w+ )?limit|limit reached|quota|credit balance|out of credits",
        QuotaSpent,
    ),
    (r"/login|log in|not logged in|unauthorized|api key|authenticat|oauth", BadKey),
    (r"overloaded|at capacity|high demand|internal server error|service unavailable", Overloaded),
    (r"too many requests|rate limit", RateLimited),
    (r"unable to connect|connection (?:error|refused|reset)|enotfound|dns|offline", Unreachable),
    (r"timed? ?out", TimedOut),
    (r"usage policy|declined|refus", Refused),
)
_STATUS: Final = re.compile(r"\b(?:status|error)\b[: ]+(?:code )?([45]\d\d)\b", re.IGNORECASE)
_WAIT: Final = re.compile(
    r"(?:try|again|resets?|available)\b[^.]{0,20}? in "
    r"((?:\d+ ?(?:d|h|m|s|days?|hours?|min(?:ute)?s?|sec(?:ond)?s?)\b(?:,? and |,? )?)+)",
    re.IGNORECASE,
)
_PIECE: Final = re.compile(r"(\d+) ?([dhms])", re.IGNORECASE)
_UNITS: Final = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_MOMENT: Final = re.compile(r"\|(\d{10})\b")
"""Older versions of claude end their sentence with the reset, in seconds of the epoch."""


def failure_of(
    sentence: str, now: float, *, status: int | None = None, resets_at: float | None = None
) -> Failure:
    """The failure behind a sentence.

    Args:
        now: epoch seconds.
        status: of HTTP, where the program tells.
        resets_at: when a window that is known to be used up begins anew, in epoch seconds.
    """
    said = readable(sentence.encode("utf-8", "replace")) or "it did not say why"
    if status is None and (found := _STATUS.search(sentence)):
        status = int(found[1])
    kind = _by_status(status) or _by_words(sentence)
    if kind is BrokenStream and status is not None:
        kind = BadRequest  # it was told no, and not that it should come again
    if kind is RateLimited and (resets_at is not None or _by_words(sentence) is QuotaSpent):
        kind = QuotaSpent
    wait = None if resets_at is None else max(0.0, resets_at - now)
    if kind in (QuotaSpent, RateLimited, Overloaded) and wait is None:
        wait = _waiting(sentence, now)
    unpaid = status == 402 or bool(re.search("credit balance", sentence, re.IGNORECASE))
    return kind(said, retry_after=wait, unpaid=unpaid and kind is QuotaSpent)


def _by_status(status: int | None) -> type[Failure] | None:
    if status is None:
        return None
    if status >= 500:
        return Overloaded
    known: dict[int, type[Failure]] = {
        401: BadKey,
        402: QuotaSpent,
        403: BadKey,
        408: TimedOut,
        413: ContextTooLong,
        429: RateLimited,
    }
    return known.get(status)


def _by_words(sentence: str) -> type[Failure]:
    for words, kind in _WORDS:
        if re.search(words, sentence, re.IGNORECASE):
            return kind
    return BadRequest if re.search(r"\b40[04]\b|invalid_request", sentence) else BrokenStream


def _waiting(sentence: str, now: float) -> float | None:
    if found := _MOMENT.search(sentence):
        return max(0.0, int(found[1]) - now)
    if found := _WAIT.search(sentence):
        pieces = _PIECE.findall(found[1])
        return sum(int(n) * _UNITS[unit.lower()] for n, unit in pieces) or None
    return None
