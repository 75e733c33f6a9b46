"""How long a service asked to be left alone, from headers and error bodies of every wire."""

import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from email.utils import parsedate_to_datetime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_UNITS: Final[Mapping[str, float]] = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def asked_wait(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Seconds until the service wants to hear from us again, or `None` if it did not say.

    An explicit Retry-After counts first; a rejected subscription window may be later than that,
    and then counts, since asking earlier only earns more refusals. Without either, the latest
    reset among the limits that are used up.

    Args:
        headers: names in lower case.
        now: epoch seconds, for tests.
    """
    now = time.time() if now is None else now
    waits = [retry_after(headers, now), _rejected_windows(headers, now)]
    stated = [wait for wait in waits if wait is not None]
    return max(stated) if stated else _used_up(headers, now)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """`retry-after-ms`, or `retry-after` in seconds or as an HTTP date."""
    millis = _number(headers.get("retry-after-ms", ""))
    if millis is not None:
        return millis / 1000
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    seconds = _number(text)
    return _until_date(text, now) if seconds is None else seconds


def span(text: str) -> float | None:
    """Seconds of a span such as `12ms`, `6m0s` or a bare number; `None` for anything else."""
    text = text.strip()
    bare = _number(text)
    if bare is not None:
        return bare
    pieces = _SPAN.findall(text)
    if not pieces or "".join(number + unit for number, unit in pieces) != text:
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in pieces)


def until_pacific_midnight(now: float | None = None) -> float:
    """Seconds until Google's daily quotas begin anew."""
    here = datetime.fromtimestamp(time.time() if now is None else now, UTC).astimezone(_pacific())
    morrow = (here + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return (morrow.astimezone(UTC) - here.astimezone(UTC)).total_seconds()


def _pacific() -> tzinfo:
    try:
        return ZoneInfo("America/Los_Angeles")
    except ZoneInfoNotFoundError:  # a system without a time zone database: at most an hour late
        return timezone(timedelta(hours=-8))


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None


def _until_date(text: str, now: float) -> float | None:
    """Seconds until an HTTP date or RFC 3339 time, 0 for one that has passed."""
    for parse in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = parse(text)
        except ValueError:
            continue
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, aware.timestamp() - now)
    return None


def _rejected_windows(headers: Mapping[str, str], now: float) -> float | None:
    """The latest reset among an Anthropic subscription's windows that say `rejected`."""
    prefix = "anthropic-ratelimit-unified"
    resets = [
        _number(headers.get(f"{name.removesuffix('-status')}-reset", ""))
        for name, value in headers.items()
        if name.startswith(prefix) and name.endswith("-status") and value == "rejected"
    ]
    waits = [max(0.0, reset - now) for reset in resets if reset is not None]
    return max(waits, default=None)


def _used_up(headers: Mapping[str, str], now: float) -> float | None:
    """The latest reset among limits with nothing remaining."""
    waits: list[float] = []
    for name, value in headers.items():
        if "ratelimit" in name and "-remaining" in name and _number(value) == 0:
            reset = headers.get(name.replace("-remaining", "-reset"), "")
            wait = span(reset)
            wait = _until_date(reset, now) if wait is None else wait
            if wait is not None:
                waits.append(wait)
    return max(waits, default=None)
