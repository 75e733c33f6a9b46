"""Setting the house up: from a configuration to services that know what they can do."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from router import intent, local
from router.catalogue import Catalogue
from router.config import ROLES, Config, ModelRef, lacking, program_of
from router.connections import Connections
from router.keeper import Keeper
from router.places import Places
from router.policy_table import shipped
from router.services import Services
from router.zones import zone_of
from store.events import (
    TIERS,
    ConfigurationApplied,
    HealthChanged,
    HealthState,
    ModelInfo,
    Tier,
    TierInfo,
)
from store.opening import Store

HINT = "Local only: {model} answers here, {size}. Add a provider: /config, or butler init."


def open_services(
    config: Config,
    store: Store,
    places: Places,
    workspace: Path,
    environ: Mapping[str, str],
) -> Services:
    catalogue = Catalogue(config)
    policy = shipped()
    keeper = Keeper(config, store, policy, catalogue, zone_of(config))
    connections = Connections(config, places, environ)
    connections.on_progress = keeper.progress
    return Services(
        config, store, policy, keeper, connections, catalogue, workspace, places, environ
    )


async def prepare(services: Services, environ: Mapping[str, str]) -> None:
    """Find keys, prices and the local tier, and say what the house is made of."""
    found, ready, *_ = await asyncio.gather(
        local.with_ollama(services.config, environ),
        asyncio.to_thread(services.connections.ready),
        asyncio.to_thread(services.catalogue.learn),
        asyncio.to_thread(intent.warm_up),
    )
    if found is not services.config:
        ready |= {"ollama"}
        services.adopt(found)
    services.keeper.ready = ready
    _announce(services)
    services.ready.set()


def _announce(services: Services) -> None:
    config, keeper = services.config, services.keeper
    applied = ConfigurationApplied(
        tiers=tuple(_tier(config, tier) for tier in TIERS), hint=_hint(services)
    )
    if (applied.tiers, applied.hint) != (keeper.house.tiers, keeper.house.hint):
        keeper.say(applied)
    for _, ref in config.ladder():
        _readiness(services, ref)


def _tier(config: Config, tier: Tier) -> TierInfo:
    models = tuple(
        ModelInfo(model=ref.model, account=ref.account, label=config.settings(ref).label)
        for ref in config.tiers.get(tier, ())
    )
    return TierInfo(tier=tier, role=ROLES[tier], models=models)


def _readiness(services: Services, ref: ModelRef) -> None:
    """Say that a model has no key, or that it has one now. What else was wrong with it only the
    next request can tell."""
    known = services.keeper.house.health.get(str(ref))
    state = known.state if known else "unknown"
    after: HealthState = state
    if services.keeper.told(ref):
        return
    if ref.account not in services.keeper.ready:
        # Another copy may have the key: this one's lack of it is no news for the journal.
        services.keeper.show(
            HealthChanged(
                account=ref.account,
                model=ref.model,
                state="missing",
                reason=lacking(ref.account),
            )
        )
        return
    if state in ("missing", "off"):
        after = "unknown"
    if after == "unknown" and services.connections.at_hand(ref.account):
        after = "ready"
    if after != state:
        services.keeper.say(HealthChanged(account=ref.account, model=ref.model, state=after))


def _hint(services: Services) -> str:
    """The first-run line: only the local tier can answer."""
    config = services.config
    cloud = any(
        tier != "T4" and ref.account in services.keeper.ready
        for tier, ref in config.ladder()
        if program_of(ref.account) is None  # it answers nothing in the chat
    )
    first = next(iter(config.tiers.get("T4", ())), None)
    if cloud or first is None:
        return ""
    label = config.settings(first).label or first.model
    small = config.accounts[first.account].wire == "embedded"
    size = "a very small model" if small else "the model your Ollama has"
    return HINT.format(model=label, size=size)
