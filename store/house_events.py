"""What happens to the house: configuration, gauges, band, forecast, health. Of no session."""

from typing import Literal

import msgspec

from store.event_base import Band, Event, GaugeSource, HealthState, Tier, Window


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A model as the panel names it."""

    model: str
    account: str
    label: str = ""


class TierInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    tier: Tier
    role: str
    models: tuple[ModelInfo, ...] = ()


class ConfigurationApplied(Event, frozen=True):
    tiers: tuple[TierInfo, ...]
    hint: str = ""
    """What the user should know at once (the first-run line), empty when there is nothing."""

    @property
    def subject(self) -> str:
        return "configuration"


class Gauge(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One usage percentage."""

    account: str | None
    """Whose quota; `None` for a budget over all accounts."""
    window: Window
    percent: float | None
    """0–100 and beyond; `None` when unknown, never 0 for it."""
    source: GaugeSource
    measured_at: int
    resets_at: int | None = None
    model: str | None = None
    used: float | None = None
    limit: float | None = None
    unit: Literal["usd", "tokens", "requests", ""] = ""

    @property
    def key(self) -> str:
        return "/".join((self.account or "*", self.model or "*", self.window, self.source))


class GaugeChanged(Event, frozen=True):
    gauge: Gauge

    @property
    def subject(self) -> str:
        return f"gauge:{self.gauge.key}"


class BandChanged(Event, frozen=True):
    before: Band
    after: Band
    percent: float | None
    binds: str = ""
    """The key of the gauge that decided."""

    @property
    def subject(self) -> str:
        return "band"


class Foreseen(msgspec.Struct, frozen=True, kw_only=True):
    """When a gauge will stand at a level, as a range that holds the truth four times in five."""

    level: float
    """Per cent."""
    earliest: int | None = None
    """Milliseconds since the epoch; `None` if it is not likely to come so far in the time looked
    at."""
    latest: int | None = None
    """`None` if it may well come so far only later, or not at all."""


class ForecastChanged(Event, frozen=True, omit_defaults=False):
    """What the past use of a gauge makes one expect. Said again when it has moved a good deal."""

    gauge: str
    """Its key."""
    made_at: int
    until: int
    """How far it looks ahead: to the gauge's reset, or as far as the past it knows is long."""
    samples: int
    """Steps of the past in which anything was used."""
    next_band: Band | None = None
    """The band above the present one; `None` in the last one, and with too few samples."""
    next: Foreseen | None = None
    """When that band begins."""
    full: Foreseen | None = None
    """When the gauge stands at 100 %; `None` when it does already, and with too few samples."""

    @property
    def subject(self) -> str:
        return f"forecast:{self.gauge}"


class ThresholdCrossed(Event, frozen=True, omit_defaults=False):
    """Usage has passed a mark that the user is to be told of, once in each window.

    Whoever notices it first says so: a second program's event is left out of the journal.
    """

    durable = True

    gauge: str
    """Its key."""
    threshold: int
    """The highest mark passed, in per cent."""
    percent: float
    at: int
    until: int
    """The window's end: so long this mark, and those below it, count as told."""
    limit: float | None = None
    """Of a budget. Another limit makes the marks new."""
    to: Literal["screen", "script"] = "screen"
    """Who is told. A script that polls must not miss what a running screen has shown."""

    @property
    def subject(self) -> str:
        return f"threshold:{self.to}:{self.gauge}"

    def repeats(self, told: "ThresholdCrossed") -> bool:
        """Whether an earlier one of the same subject has said as much."""
        same_window = told.until > self.at and told.limit == self.limit
        return same_window and told.threshold >= self.threshold


class HealthChanged(Event, frozen=True):
    account: str
    model: str
    state: HealthState
    reason: str = ""
    until: int | None = None
    """When the state is over by itself, or `None`."""
    failures: int = 0
    """In a row, so far."""
    by_user: bool = False
    """The user said so: only the user takes it back."""

    @property
    def subject(self) -> str:
        return f"health:{self.account}/{self.model}"
