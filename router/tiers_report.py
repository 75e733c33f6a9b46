"""How each tier's models stand, for `butler tiers`. Read-only; nobody is asked."""

from collections.abc import Mapping, Sequence

import msgspec

from router import policy
from router.catalogue import Catalogue
from router.clock import now_ms
from router.config import Config, ModelRef, Price, lacking
from router.connections import Connections
from router.local import is_shipped
from router.places import Places
from router.reading import house
from router.usage_report import present_gauges
from router.view import House, ModelHealth
from store.events import Gauge, HealthState, Tier
from store.opening import Store


class TierModel(msgspec.Struct, frozen=True, kw_only=True):
    """One model in one tier. Times are milliseconds since the epoch, lengths milliseconds."""

    tier: Tier
    account: str
    model: str
    label: str
    state: HealthState
    reason: str
    """Why it is in this state, empty when there is nothing to say."""
    until: int | None
    """When the state is over by itself."""
    left: int | None
    """How long that is from now: 0 where the next request tries the model again."""
    failures: int
    """In a row."""
    by_user: bool
    """The user said so."""
    percent: float | None
    """The account's fullest known gauge, `None` where none is known."""
    resets_at: int | None
    """When that gauge's window is over."""
    price: Price | None
    """`None` where nobody knows it: unpriced."""
    blended: float | None
    """Input and output at 3:1: what models are compared by."""
    cheaper: bool
    """Counts as cheaper than the orchestrator."""
    context: int
    """Tokens."""


class TiersReport(msgspec.Struct, frozen=True, kw_only=True):
    at: int
    models: tuple[TierModel, ...]
    """In the order in which a tier tries them."""


def tiers_report(
    store: Store,
    config: Config,
    places: Places,
    environ: Mapping[str, str],
    now: int | None = None,
) -> TiersReport:
    """Read what is known. Blocks: on the store, the keyring, and once on the list of prices."""
    now = now_ms() if now is None else now
    known = house(store)
    catalogue = Catalogue(config)
    ready = Connections(config, places, environ).ready()
    current = present_gauges(store, config, known, now)
    facts = policy.Facts(
        band=known.band,
        now=now,
        health=known.health,
        ready=ready,
        prices={str(ref): catalogue.blended(ref) for _, ref in config.ladder()},
        cheaper=_said(config),
    )

    def row(tier: Tier, ref: ModelRef) -> TierModel:
        health = _health(known, ref, found=ref.account in ready or ref.account == "ollama", now=now)
        gauge = _fullest(current, ref)
        return TierModel(
            tier=tier,
            account=ref.account,
            model=ref.model,
            label=config.settings(ref).label,
            state=health.state,
            reason=health.reason,
            until=health.until,
            left=None if health.until is None else max(0, health.until - now),
            failures=health.failures,
            by_user=health.by_user,
            percent=None if gauge is None else gauge.percent,
            resets_at=None if gauge is None else gauge.resets_at,
            price=catalogue.facts(ref).price,
            blended=catalogue.blended(ref),
            cheaper=policy.is_cheaper(ref, config, facts),
            context=catalogue.facts(ref).context,
        )

    return TiersReport(at=now, models=tuple(row(*each) for each in _ladder(config, known)))


def _said(config: Config) -> dict[str, bool]:
    """The user's own word on what counts as cheaper."""
    settings = config.models.items()
    return {key: said.cheaper for key, said in settings if said.cheaper is not None}


def _ladder(config: Config, known: House) -> list[tuple[Tier, ModelRef]]:
    """What is configured, and the Ollama that the program last found running."""
    ladder = config.ladder()
    found: list[tuple[Tier, ModelRef]] = [
        ("T4", ModelRef(model.account, model.model))
        for tier in known.tiers
        for model in tier.models
        if tier.tier == "T4" and model.account == "ollama" and is_shipped(config)
    ]
    cloud = [row for row in ladder if row[0] != "T4"]
    local = dict.fromkeys([*found, *(row for row in ladder if row[0] == "T4")])
    return [*cloud, *local]


def _health(known: House, ref: ModelRef, *, found: bool, now: int) -> ModelHealth:
    """As the next request would find it: keys may have come and gone since the program ran."""
    health = known.health.get(str(ref), ModelHealth())
    if health.by_user and (health.until is None or health.until > now):
        return health
    lacks = ModelHealth("missing", lacking(ref.account))
    if not found:
        return lacks
    return ModelHealth() if health.reason == lacks.reason else health


def _fullest(current: Sequence[Gauge], ref: ModelRef) -> Gauge | None:
    own = [
        gauge
        for gauge in current
        if gauge.account == ref.account
        and gauge.model in (None, ref.model)
        and gauge.percent is not None
    ]
    return max(own, key=lambda gauge: gauge.percent or 0.0, default=None)
