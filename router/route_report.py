"""What would be done with a prompt, and why: for `butler route`. Nothing is sent or written."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from router import intent, local
from router.config import Config, ModelRef
from router.context import estimate
from router.opening import open_services
from router.places import Places
from router.policy import Ask
from router.policy_table import Work
from router.services import Services
from router.usage_report import Standing, usage_report
from store.events import Band, Candidate, Tier, Usage
from store.opening import Store

WORKS: Final[dict[intent.Executor, Work | None]] = {
    "orchestrator": "main",
    "specialist": "code",
    "background": "background",
    "image": None,
    "audio": None,
}
"""The policy's row for an executor. Skills have none: they bring their own models."""


class Considered(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate, in the order in which they are tried."""

    tier: Tier
    model: str
    account: str
    passed_over: str
    """Why not; empty when it may serve."""
    at_most: float | None
    """US dollars for this prompt and the longest answer allowed; `None` when unpriced."""


class RouteReport(msgspec.Struct, frozen=True, kw_only=True):
    decision: intent.Decision
    tier: Tier | None
    """The decision's; the candidates say which tier would serve it now."""
    band: Band
    percent: float | None
    at: int
    """Milliseconds since the epoch, when the gauges were read."""
    gauges: tuple[Standing, ...]
    input: int
    """Tokens of the prompt alone, on the high side."""
    output: int
    """Tokens an answer may have."""
    candidates: tuple[Considered, ...]


async def route_report(
    prompt: str,
    config: Config,
    store: Store,
    places: Places,
    workspace: Path,
    environ: Mapping[str, str] = os.environ,
) -> RouteReport:
    """Decide about a prompt and ask the policy who would serve it now.

    Looks for keys and for a local server, as the engine would.
    """
    services = open_services(config, store, places, workspace, environ)
    await _look_around(services, environ)
    decision = intent.decide(prompt)
    used = await asyncio.to_thread(usage_report, store, services.config)
    tokens = estimate(prompt)
    return RouteReport(
        decision=decision,
        tier=decision.tier,
        band=used.band,
        percent=used.percent,
        at=used.at,
        gauges=used.gauges,
        input=tokens,
        output=services.config.sessions.max_output,
        candidates=tuple(_considered(services, c, tokens) for c in _candidates(services, decision)),
    )


async def _look_around(services: Services, environ: Mapping[str, str]) -> None:
    """What the engine's preparation finds, without its announcements."""
    found, ready, _ = await asyncio.gather(
        local.with_ollama(services.config, environ),
        asyncio.to_thread(services.connections.ready),
        asyncio.to_thread(services.catalogue.learn),
    )
    if found is not services.config:
        ready |= {"ollama"}
        services.adopt(found)
    services.keeper.ready = ready


def _candidates(services: Services, decision: intent.Decision) -> tuple[Candidate, ...]:
    work = WORKS[decision.executor]
    if work is None:
        return ()
    return services.candidates(Ask(work=work, tier="T4" if decision.word == "local" else None))


def _considered(services: Services, candidate: Candidate, tokens: int) -> Considered:
    ref = ModelRef(candidate.account, candidate.model)
    usage = Usage(input=tokens, output=services.config.sessions.max_output)
    return Considered(
        tier=candidate.tier,
        model=candidate.model,
        account=candidate.account,
        passed_over=candidate.passed_over,
        at_most=services.catalogue.cost(ref, usage),
    )
