"""How states look: a glyph and a word each, never colour alone."""

from typing import Final, NamedTuple

from store.events import Band, HealthState, SessionKind, SessionState


class Look(NamedTuple):
    glyph: str
    word: str
    style: str
    """A style of the theme, such as `$success`."""


QUIET: Final = "$foreground 60%"
LOUD: Final = "bold $warning"

SESSION: Final[dict[SessionState, Look]] = {
    "open": Look("●", "open", QUIET),
    "queued": Look("○", "in line", QUIET),
    "running": Look("▶", "runs", "$primary"),
    "waiting": Look("!", "waits for you", LOUD),
    "done": Look("✓", "done", "$success"),
    "failed": Look("✗", "failed", "bold $error"),
    "cancelled": Look("–", "cancelled", QUIET),
    "interrupted": Look("≠", "interrupted", "$warning"),
}

HEALTH: Final[dict[HealthState, Look]] = {
    "unknown": Look("○", "untried", QUIET),
    "ready": Look("●", "ready", "$success"),
    "cooling": Look("◐", "cooling", "$warning"),
    "probing": Look("◑", "probing", "$warning"),
    "exhausted": Look("◌", "spent", "$warning"),
    "off": Look("✗", "off", "$error"),
    "missing": Look("–", "missing", QUIET),
}

BAND: Final[dict[Band, str]] = {
    "normal": "$success",
    "prefer-cheaper": "$warning",
    "cheaper-only": "bold $warning",
    "background-only": "bold $error",
    "local-only": "bold $error",
}

KIND: Final[dict[SessionKind, str]] = {
    "chat": "chat",
    "summarize": "sum",
    "code": "code",
    "agent": "agent",
}

BAND_MARKS: Final = (80, 90, 95)
