"""Which models may serve a piece of work, in which order, and why the others may not. Pure."""

from collections.abc import Iterable

import msgspec

from router.config import Config, ModelRef
from router.policy_table import Policy, Work
from router.view import ModelHealth
from store.events import Band, Candidate, Tier

BACKGROUND: tuple[Tier, ...] = ("T2", "T4")


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the policy must know of the world at one moment."""

    band: Band
    now: int
    health: dict[str, ModelHealth]
    ready: frozenset[str]
    """Accounts that have what they need (a key, a server, a model file)."""
    prices: dict[str, float | None]
    """Blended list price by `account/model`; `None` where nobody knows it."""
    cheaper: dict[str, bool] = msgspec.field(default_factory=dict)
    """The user's own word on whether a model counts as cheaper."""
    contexts: dict[str, int] = msgspec.field(default_factory=dict)


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be served."""

    work: Work
    tier: Tier | None = None
    model: str | None = None
    critical: bool = False
    private: bool = False


class Refusal(Exception):  # noqa: N818  (the outcome's name in the specification, not a defect)
    """A pin that the policy does not allow. `str()` is the reason."""


def candidates(policy: Policy, config: Config, ask: Ask, facts: Facts) -> tuple[Candidate, ...]:
    """Every model of the row in order; those with an empty `passed_over` may serve.

    Raises:
        Refusal: the user pinned what the policy forbids or what is not configured.
    """
    rows = _pinned(config, ask) or _row(policy, config, ask, facts)
    last = len(rows) - 1
    return tuple(
        _judge(tier, ref, policy, config, ask, facts, last_resort=tier == "T4" and index == last)
        for index, (tier, ref) in enumerate(rows)
    )


def _pinned(config: Config, ask: Ask) -> list[tuple[Tier, ModelRef]]:
    if ask.tier is None and ask.model is None:
        return []
    if ask.private and ask.tier not in (None, "T4"):
        raise Refusal(f"A private prompt stays on T4; it can't be pinned to {ask.tier}.")
    if ask.work == "background" and ask.tier not in (None, *BACKGROUND):
        raise Refusal(f"Background work never runs on {ask.tier}; pin it to T2 or T4.")
    rows = [row for row in config.ladder() if ask.tier in (None, row[0])]
    if ask.model is not None:
        rows = [row for row in rows if ask.model in (str(row[1]), row[1].model)]
        if ask.work == "background":
            rows = [row for row in rows if row[0] in BACKGROUND]
    if ask.private:
        rows = [row for row in rows if row[0] == "T4"]
    if not rows:
        raise Refusal(_no_pin(config, ask))
    return rows


def _no_pin(config: Config, ask: Ask) -> str:
    if ask.model is None:
        return f"No model is configured for {ask.tier}; add one under [tiers] in the configuration."
    known = ", ".join(dict.fromkeys(str(ref) for _, ref in config.ladder()))
    where = " for background work" if ask.work == "background" else ""
    where = " for a private prompt" if ask.private else where
    return f"{ask.model!r} is no configured model{where}; there are: {known}."


def _row(policy: Policy, config: Config, ask: Ask, facts: Facts) -> list[tuple[Tier, ModelRef]]:
    if ask.private:
        return _models(config, ("T4",))
    cell = policy.rows[ask.work][facts.band]
    tiers = cell.critical if ask.critical and cell.critical else cell.tiers
    rows = _models(config, tiers)
    if cell.by_price:
        rows.sort(key=lambda row: (row[0] == "T4", _price_rank(facts, row[1])))
    return rows


def _price_rank(facts: Facts, ref: ModelRef) -> float:
    price = facts.prices.get(str(ref))
    return float("inf") if price is None else price


def _models(config: Config, tiers: Iterable[Tier]) -> list[tuple[Tier, ModelRef]]:
    return [(tier, ref) for tier in tiers for ref in config.tiers.get(tier, ())]


def _judge(
    tier: Tier,
    ref: ModelRef,
    policy: Policy,
    config: Config,
    ask: Ask,
    facts: Facts,
    *,
    last_resort: bool,
) -> Candidate:
    # However sick, the last local model is worth a try: there is nothing after it.
    reason = "" if last_resort else _unready(ref, facts) or _sick(ref, facts)
    if not reason and policy.rows[ask.work][facts.band].cheaper_only and tier != "T4":
        reason = "" if is_cheaper(ref, config, facts) else f"not cheaper, {facts.band}"
    return Candidate(tier=tier, model=ref.model, account=ref.account, passed_over=reason)


def _unready(ref: ModelRef, facts: Facts) -> str:
    return "" if ref.account in facts.ready else "no key"


def _sick(ref: ModelRef, facts: Facts) -> str:
    health = facts.health.get(str(ref))
    if health is None or health.state in ("unknown", "ready"):
        return ""
    if health.until is not None and health.until <= facts.now:
        return ""
    left = "" if health.until is None else f" {-(-(health.until - facts.now) // 1000)} s"
    return f"{health.state}{left}" + (f": {health.reason}" if health.reason else "")


def is_cheaper(ref: ModelRef, config: Config, facts: Facts) -> bool:
    """Below the orchestrator's price, or by the user's own word. Unknown prices are not cheaper."""
    said = facts.cheaper.get(str(ref))
    if said is not None:
        return said
    first = next(iter(config.tiers.get("T0", ())), None)
    price = facts.prices.get(str(ref))
    reference = None if first is None else facts.prices.get(str(first))
    return price is not None and (reference is None or price < reference)
