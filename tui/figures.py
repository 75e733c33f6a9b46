"""Figures as people read them: times, spans, tokens, money, shares."""

from datetime import UTC, datetime, tzinfo
from typing import Final

SECOND: Final = 1_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR


def stopwatch(ms: int) -> str:
    """How long something has run: `0:09`, `12:41`, `1:02:03`."""
    seconds = max(0, ms) // SECOND
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def span(ms: int) -> str:
    """A length of time in its two largest units: `42 s`, `1 h 10 m`, `2 d 14 h`."""
    ms = max(0, ms)
    if ms < MINUTE:
        return f"{ms // SECOND} s"
    if ms < HOUR:
        return f"{ms // MINUTE} m"
    large, small, unit, part = (HOUR, MINUTE, "h", "m") if ms < DAY else (DAY, HOUR, "d", "h")
    whole, rest = divmod(ms, large)
    return f"{whole} {unit} {rest // small} {part}" if rest >= small else f"{whole} {unit}"


def tokens(count: int) -> str:
    """`950`, `3k`, `18k`, `1.2M`."""
    if count < 1_000:
        return str(count)
    if count < 9_950:
        return f"{count / 1_000:.1f}k".replace(".0k", "k")
    if count < 999_500:
        return f"{count / 1_000:.0f}k"
    return f"{count / 1_000_000:.1f}M"


def money(dollars: float | None) -> str:
    """US dollars, with as many digits as matter; `unpriced` where no price is known."""
    if dollars is None:
        return "unpriced"
    if 0 < dollars < 0.001:
        return "<$0.001"
    if 0 < dollars < 0.1:
        return f"${dollars:.3f}"
    return f"${dollars:.2f}" if dollars else "$0"


def percent(share: float | None) -> str:
    """`84 %`, or `?` for what nobody knows."""
    return "?" if share is None else f"{share:.0f} %"


def size(count: int) -> str:
    """Bytes: `812 B`, `3.4 kB`, `2.0 MB`."""
    if count < 1_000:
        return f"{count} B"
    return f"{count / 1_000:.1f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


def counted(count: int, one: str, many: str = "") -> str:
    """`1 line`, `31,204 lines`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def local(ms: int, zone: tzinfo | None = None) -> datetime:
    """A time of the journal on the clock at the wall; `zone` of `None` is this machine's."""
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone(zone)


def clock(ms: int) -> str:
    return f"{local(ms):%H:%M:%S}"


def moment(ms: int, now: int, zone: tzinfo | None = None) -> str:
    """When something will be: `14:05` today, `Thu 09:00` this week, `2026-12-01` later."""
    then, today = local(ms, zone), local(now, zone)
    if then.date() == today.date():
        return f"{then:%H:%M}"
    return f"{then:%a %H:%M}" if abs(ms - now) < 6 * DAY else f"{then:%Y-%m-%d}"


def ago(ms: int, now: int) -> str:
    """The age of a figure: `now`, `40 s ago`, `2 h ago`."""
    age = now - ms
    return "now" if age < 2 * SECOND else f"{span(age)} ago"
