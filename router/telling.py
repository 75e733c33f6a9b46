"""The user's word on a tier or a model: `T1 off`, `T1 exhausted until 14:30`, `T1 on`. Pure."""

import re
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Final, Literal, TypeAlias, get_args

import msgspec

from router.asking import EngineError
from router.config import Config, ModelRef
from store.events import TIERS

Told: TypeAlias = Literal["on", "off", "exhausted"]
STATES: Final[tuple[Told, ...]] = get_args(Told)
FORM: Final = "T1 off, T1 on, T1 exhausted until 14:30"
MOMENTS: Final = "14:30, Thu 09:00, tomorrow 9:00, 2026-12-24 18:00, or in 2h30m"

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LENGTH: Final = re.compile(r"(?:in\s+)?(?:(\d+)\s*d)?\s*(?:(\d+)\s*h)?\s*(?:(\d+)\s*m(?:in)?)?")
_MOMENT: Final = re.compile(
    r"(?:(?P<date>\d{4}-\d\d-\d\d)|(?P<tomorrow>tomorrow)|(?P<day>[a-z]{3})[a-z]*)?"
    r"(?:^|\s+|t)?(?P<time>\d{1,2}:\d\d)?"
)


class Word(msgspec.Struct, frozen=True):
    """What the user says: of what, what, and until when (milliseconds since the epoch)."""

    target: str
    state: Told
    until: int | None = None


def parse(text: str, now: int, zone: tzinfo) -> Word:
    """Read what follows `/tier`. Times are those of the clock in `zone`.

    Raises:
        EngineError: it is nothing of the kind; the message says what would be.
    """
    words = text.split()
    state = words[1].lower() if len(words) > 1 else ""
    if state not in STATES:
        raise EngineError(f"Say it like this: {FORM}.")
    target = words[0].upper() if words[0].upper() in TIERS else words[0]
    rest = words[2:]
    if not rest:
        return Word(target, state)
    if state == "on" or rest[0].lower() != "until" or not rest[1:]:
        raise EngineError(f"Say it like this: {FORM}.")
    return Word(target, state, moment(" ".join(rest[1:]), now, zone))


def moment(text: str, now: int, zone: tzinfo) -> int:
    """A moment to come, in milliseconds since the epoch.

    Raises:
        EngineError: it can't be read, or has passed.
    """
    said = text.strip().lower()
    length = _LENGTH.fullmatch(said)
    if length is not None and any(length.groups()):
        days, hours, minutes = (int(group or 0) for group in length.groups())
        return _future(now + 60_000 * (minutes + 60 * (hours + 24 * days)), now, text)
    return _future(_on_the_clock(said, text, now, zone), now, text)


def _on_the_clock(said: str, text: str, now: int, zone: tzinfo) -> int:
    found = _MOMENT.fullmatch(said) if said else None
    if found is None:
        raise _unreadable(text)
    present = datetime.fromtimestamp(now / 1000, zone)
    try:
        clock = time.fromisoformat(found["time"].zfill(5)) if found["time"] else time()
        day = present.date() + timedelta(days=_days_ahead(found, clock, present))
        if found["date"]:
            day = datetime.fromisoformat(found["date"]).date()
    except ValueError:
        raise _unreadable(text) from None
    # Through UTC: see `gauges`.
    return int(datetime.combine(day, clock, zone).astimezone(UTC).timestamp() * 1000)


def _unreadable(text: str) -> EngineError:
    return EngineError(f"{text!r} is no time I can read; say {MOMENTS}.")


def _days_ahead(found: "re.Match[str]", clock: time, present: datetime) -> int:
    """To the day that is named, else to the next one on which the clock will show this."""
    over = clock <= present.time()
    if found["tomorrow"]:
        return 1
    if not found["day"]:
        return int(over)
    ahead = (_DAYS.index(found["day"]) - present.weekday()) % 7
    return ahead or 7 * over


def _future(at: int, now: int, text: str) -> int:
    if at <= now:
        raise EngineError(f"{text!r} has passed; say a moment to come, such as {MOMENTS}.")
    return at


def told(
    config: Config, target: str, state: Told, until: int | None, now: int
) -> tuple[ModelRef, ...]:
    """The models that a word is about.

    Raises:
        EngineError: there is none, or `until` makes no sense.
    """
    if until is not None and (until <= now or state == "on"):
        raise EngineError("A time to come goes with off or exhausted only.")
    refs = dict.fromkeys(
        ref
        for tier, ref in config.ladder()
        if target in (tier, str(ref), ref.model) or target.upper() == tier
    )
    if not refs:
        known = ", ".join(dict.fromkeys(str(ref) for _, ref in config.ladder()))
        raise EngineError(f"No tier or model is called {target!r}; there are: {known}.")
    return tuple(refs)
