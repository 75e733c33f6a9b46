"""What `butler doctor` asks: which tiers can answer, and what mends those that can't."""

import asyncio

from router.asking import TierCheck
from router.config import ModelRef, lacking, program_of
from router.providers.base import BadKey, Failure, Missing, Unreachable
from router.services import Services
from store.events import Tier


async def check_tiers(services: Services, *, online: bool) -> list[TierCheck]:
    """One line for each configured model, in the order of the ladder."""
    checks = [_check(services, tier, ref, online=online) for tier, ref in services.config.ladder()]
    return list(await asyncio.gather(*checks))


async def _check(services: Services, tier: Tier, ref: ModelRef, *, online: bool) -> TierCheck:
    if ref.account not in services.keeper.ready:
        return _lacking(tier, ref)
    wire = services.config.accounts[ref.account].wire
    if wire == "embedded":
        return await _embedded(services, tier, ref)
    if not online or wire == "cli":  # a program can't be asked without spending something
        return _line(tier, ref, "has what it needs", ready=True)
    try:
        model = await services.connections.model(ref.account)
        names = await model.models()
    except Failure as failure:
        return _line(tier, ref, str(failure), _remedy(failure, services, ref))
    if names and ref.model not in names:
        return _line(tier, ref, f"{ref.account} offers no {ref.model}", "butler config edit")
    return _line(tier, ref, "answers", ready=True)


def _lacking(tier: Tier, ref: ModelRef) -> TierCheck:
    program = program_of(ref.account)
    if program is None:
        return _line(tier, ref, lacking(ref.account), "butler init")
    return _line(tier, ref, f"{program} is {lacking(ref.account)}", f"install {program}")


async def _embedded(services: Services, tier: Tier, ref: ModelRef) -> TierCheck:
    """Its engine and its file, without loading or fetching the model."""
    from router.providers.embedded import check_engine

    try:
        await check_engine()
    except Missing as missing:
        return _line(tier, ref, str(missing))
    lacking = await asyncio.to_thread(services.connections.lacks, ref.account)
    if not lacking:
        return _line(tier, ref, "has what it needs", ready=True)
    fetched = services.config.accounts[ref.account].gguf is None
    return _line(tier, ref, lacking, "butler ask hello" if fetched else "", ready=fetched)


def _remedy(failure: Failure, services: Services, ref: ModelRef) -> str:
    if isinstance(failure, BadKey):
        return "butler init"
    if isinstance(failure, Unreachable) and services.config.accounts[ref.account].wire == "ollama":
        return "ollama serve"
    return "" if isinstance(failure, Missing) else "butler doctor --online"


def _line(
    tier: Tier, ref: ModelRef, detail: str, remedy: str = "", *, ready: bool = False
) -> TierCheck:
    return TierCheck(
        tier=tier,
        account=ref.account,
        model=ref.model,
        ready=ready,
        detail=detail,
        remedy=remedy,
    )
