"""Five tier rows: health, model, how much of its account is used, when that resets."""

from typing import Final

from textual.content import Content

from router.view import House, ModelHealth
from store.events import TIERS, Gauge, ModelInfo, Tier, TierInfo
from tui import figures
from tui.text import sanitise_line
from tui.widgets.part import Part, fitted
from tui.wording import BAND_MARKS, HEALTH, QUIET

_WORD: Final = 8
_PERCENT: Final = 6
_DOWN: Final = frozenset({"cooling", "exhausted", "off", "missing"})


class TierRows(Part):
    def __init__(self) -> None:
        super().__init__(id="tiers")
        self._house = House()

    def show(self, house: House) -> None:
        self._house = house
        self.changed()

    def draw(self, width: int, now: int) -> Content:
        return draw_tiers(self._house, width, now)


def health_of(house: House, model: ModelInfo) -> ModelHealth:
    return house.health.get(f"{model.account}/{model.model}", ModelHealth())


def serving(house: House, tier: TierInfo) -> ModelInfo | None:
    """The tier's first model that is not known to be down, else its first."""
    for model in tier.models:
        if health_of(house, model).state not in _DOWN:
            return model
    return tier.models[0] if tier.models else None


def gauge_of(house: House, model: ModelInfo, now: int) -> Gauge | None:
    """The fullest known gauge that counts for a model and whose window has not reset since."""
    known = [
        gauge
        for gauge in house.gauges.values()
        if gauge.account == model.account
        and gauge.model in {None, model.model}
        and gauge.percent is not None
        and (gauge.resets_at is None or gauge.resets_at > now)
    ]
    return max(known, key=lambda gauge: gauge.percent or 0.0, default=None)


def draw_tiers(house: House, width: int, now: int) -> Content:
    by_name = {tier.tier: tier for tier in house.tiers}
    lines: list[Content] = []
    for name in TIERS:
        tier = by_name.get(name)
        model = serving(house, tier) if tier else None
        lines += [_empty(name)] if model is None else _tier(house, name, model, width, now)
    return Content("\n").join(lines)


def _empty(name: Tier) -> Content:
    return Content.styled(f"{name} –  none set up", QUIET)


def _tier(house: House, name: Tier, model: ModelInfo, width: int, now: int) -> list[Content]:
    health, gauge = health_of(house, model), gauge_of(house, model, now)
    look = HEALTH[health.state]
    word = _word(health, now)
    label = fitted(sanitise_line(model.label or model.model), width - 5 - _PERCENT - 1 - _WORD)
    share = figures.percent(gauge.percent) if gauge else "–"
    line = Content.assemble(
        name,
        " ",
        (look.glyph, look.style),
        " ",
        (label, QUIET if health.state == "missing" else ""),
        (f"{share:>{_PERCENT}}", _share_style(gauge)),
        " ",
        (f"{word:<{_WORD}}", QUIET if health.state == "ready" else look.style),
    )
    return [line, *_details(health, gauge, now, width)]


def _word(health: ModelHealth, now: int) -> str:
    """A short reason says more than the state's own word."""
    reason = sanitise_line(health.reason)
    if health.state in {"cooling", "exhausted"} and _over(health, now):
        return "to retry"
    if health.state == "missing" and 0 < len(reason) <= _WORD:
        return reason
    return HEALTH[health.state].word


def _over(health: ModelHealth, now: int) -> bool:
    """Whether a rest has ended, so that the next request tries the model again."""
    return health.until is not None and health.until <= now


def _share_style(gauge: Gauge | None) -> str:
    if gauge is None or gauge.percent is None or gauge.percent < BAND_MARKS[0]:
        return QUIET
    return "$warning" if gauge.percent < BAND_MARKS[2] else "bold $error"


def _details(health: ModelHealth, gauge: Gauge | None, now: int, width: int) -> list[Content]:
    """A second line, only where something is the matter."""
    words: list[str] = []
    if health.until is not None and health.until > now:
        words.append(f"{figures.span(health.until - now)} left")
    if health.reason and health.state != "ready" and _word(health, now) != health.reason:
        words.append(sanitise_line(health.reason))
    elif gauge and gauge.resets_at and (gauge.percent or 0) >= BAND_MARKS[0]:
        words.append(f"resets {figures.moment(gauge.resets_at, now)}")
    if not words:
        return []
    text = Content("     " + " · ".join(words)).truncate(width, ellipsis=True)
    return [Content.styled(text.plain, QUIET)]
