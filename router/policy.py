"""Which models may serve a piece of work, in which order, and why the others may not. Pure."""

from collections.abc import Iterable
from typing import TypeAlias

import msgspec

from router.config import Config, ModelRef, lacking, program_of
from router.policy_table import Cell, Policy, Work
from router.view import ModelHealth
from store.events import Band, Candidate, Tier

BACKGROUND: tuple[Tier, ...] = ("T2", "T4")

Row: TypeAlias = tuple[Tier, ModelRef]


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the policy must know of the world at one moment."""

    band: Band
    percent: float | None = None
    """The figure that put the house into its band."""
    now: int
    health: dict[str, ModelHealth]
    ready: frozenset[str]
    """Accounts that have what they need (a key, a server, a model file)."""
    prices: dict[str, float | None]
    """Blended list price by `account/model`; `None` where nobody knows it."""
    cheaper: dict[str, bool] = msgspec.field(default_factory=dict)
    """The user's own word on whether a model counts as cheaper."""
    percents: dict[str, float] = msgspec.field(default_factory=dict)
    """Each account's fullest known gauge."""
    bands: dict[str, Band] = msgspec.field(default_factory=dict)
    """Each account's own band, for `ladder = "account"`."""


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be served."""

    work: Work
    tier: Tier | None = None
    model: str | None = None
    first: Tier | None = None
    """A tier that comes before the row's own, where the band has it: no pin, the row follows."""
    programs: bool = False
    """Programs on the PATH may serve it: only a coding session can be handed to one."""
    critical: bool = False
    private: bool = False
    emergency: bool = False
    confirmed: bool | None = None
    """The user's answer on spending the reserve; `None` while nobody has asked."""


class Refusal(Exception):  # noqa: N818  (the outcome's name in the specification, not a defect)
    """The policy does not allow what the user asked for. `str()` is the reason."""


class Unconfirmed(Refusal):
    """It is allowed once the user confirms that the reserve may be spent on it."""


def candidates(policy: Policy, config: Config, ask: Ask, facts: Facts) -> tuple[Candidate, ...]:
    """Every model of the row in order; those with an empty `passed_over` may serve.

    Raises:
        Unconfirmed: ask the user first, then again with `confirmed` set.
        Refusal: the user pinned what the policy forbids or what is not configured.
    """
    return _Judge(policy, config, ask, facts).candidates()


class _Judge:
    """One question to the policy."""

    def __init__(self, policy: Policy, config: Config, ask: Ask, facts: Facts) -> None:
        self._policy = policy
        self._config = config
        self._ask = ask
        self._facts = facts
        self._cell = policy.rows[ask.work][facts.band]
        self._pinned = ask.tier is not None or ask.model is not None

    def candidates(self) -> tuple[Candidate, ...]:
        rows = self._pins() if self._pinned else self._row()
        last = len(rows) - 1
        judged = tuple(
            self._judged(tier, ref, last_resort=tier == "T4" and index == last)
            for index, (tier, ref) in enumerate(rows)
        )
        return (*self._left_out(rows), *judged)

    def _left_out(self, rows: list[Row]) -> tuple[Candidate, ...]:
        """What would serve in normal times and is spared in this band, so that it can be told."""
        facts, ask = self._facts, self._ask
        if self._pinned or ask.private or facts.band == "normal":
            return ()
        percent = "" if facts.percent is None else f" at {facts.percent:.0f} %"
        in_row = {tier for tier, _ in rows}
        normal = self._policy.rows[ask.work]["normal"].tiers
        spared: list[Tier] = [tier for tier in normal if tier not in in_row]
        return tuple(
            Candidate(
                tier=tier,
                model=ref.model,
                account=ref.account,
                passed_over=f"{self._spared(tier)}{percent}",
            )
            for tier, ref in self._models(spared)
            if ref.account in facts.ready and not self._is_shut_out(ref)
        )

    def _spared(self, tier: Tier) -> str:
        cell = self._cell
        critical = tier in (cell.critical or ()) or tier in (cell.confirmed or ())
        return "critical only" if critical else f"spared, {self._facts.band}"

    # --- which, in which order -------------------------------------------------------------------

    def _row(self) -> list[Row]:
        ask = self._ask
        if ask.private:
            return self._models(("T4",))
        if ask.emergency and ask.work != "background":  # which never reaches T0, whatever happens
            return self._emergency()
        rows = self._models(self._tiers())
        if self._cell.by_price and not ask.confirmed:
            rows.sort(key=lambda row: (row[0] == "T4", self._price_rank(row[1])))
        if ask.first is not None and self._facts.band != "local-only":
            first = self._models((ask.first,))
            return [*first, *(row for row in rows if row not in first)]
        return rows

    def _tiers(self) -> tuple[Tier, ...]:
        ask, cell = self._ask, self._cell
        if ask.critical and cell.confirmed:
            if ask.confirmed is None and self._reserve_is_there():
                raise Unconfirmed(self._question())
            if ask.confirmed:
                return cell.confirmed
        return cell.critical if ask.critical and cell.critical else cell.tiers

    def _emergency(self) -> list[Row]:
        """The orchestrator before whatever the table says; never once everything is spent."""
        if self._facts.band == "local-only":
            raise Refusal("The budget is spent: raise it, or wait for its reset.")
        if self._ask.confirmed is False:
            raise Refusal("Not sent, as you decided: the reserve stays.")
        if self._ask.confirmed is None and self._facts.band != "normal":
            raise Unconfirmed(self._question())
        tiers: tuple[Tier, ...] = ("T0", *(tier for tier in self._cell.tiers if tier != "T0"))
        return self._models(tiers)

    def _pins(self) -> list[Row]:
        rows = _pinned(self._config, self._ask)
        if all(self._is_shut_out(ref) for _, ref in rows):
            raise Refusal(
                f"{program_of(rows[0][1].account)} runs coding sessions only: "
                "begin one with /code, or pin another model."
            )
        if self._ask.private or all(tier == "T4" for tier, _ in rows):
            return rows
        if self._facts.band == "local-only":
            raise Refusal("The house is local-only: only T4 can be pinned until the window resets.")
        if self._ask.confirmed is False:
            raise Refusal("Not sent, as you decided: the reserve stays.")
        outside = all(not self._within(tier, ref) for tier, ref in rows)
        if outside and self._ask.confirmed is None:
            raise Unconfirmed(self._question())
        return rows

    def _within(self, tier: Tier, ref: ModelRef) -> bool:
        """Whether the row of this band would have the model anyway. Above `normal`, a tier that
        normally comes earlier than the row begins is the reserve."""
        cell = self._policy.rows[self._ask.work][self._facts.band]
        tiers = cell.critical if self._ask.critical and cell.critical else cell.tiers
        spare = self._facts.band == "normal" or tier in tiers
        return spare and (not cell.cheaper_only or self._cheaper(ref))

    def _reserve_is_there(self) -> bool:
        """Whether there is an orchestrator to confirm: healthy, and not all spent itself."""
        return any(not self._out(tier, ref) for tier, ref in self._models(("T0",)))

    def _question(self) -> str:
        return f"The house is in {self._facts.band}: spend the reserve on this prompt?"

    def _price_rank(self, ref: ModelRef) -> float:
        price = self._facts.prices.get(str(ref))
        return float("inf") if price is None else price

    def _models(self, tiers: Iterable[Tier]) -> list[Row]:
        return [(tier, ref) for tier in tiers for ref in self._config.tiers.get(tier, ())]

    # --- why not ---------------------------------------------------------------------------------

    def _judged(self, tier: Tier, ref: ModelRef, *, last_resort: bool) -> Candidate:
        # However sick, the last local model is worth a try: there is nothing after it.
        reason = "" if last_resort else self._unfit(tier, ref)
        return Candidate(tier=tier, model=ref.model, account=ref.account, passed_over=reason)

    def _unfit(self, tier: Tier, ref: ModelRef) -> str:
        return self._out(tier, ref) or ("" if tier == "T4" else self._dear(tier, ref))

    def _out(self, tier: Tier, ref: ModelRef) -> str:
        """Why it can't serve, whatever it costs."""
        if self._is_shut_out(ref):
            return "runs coding sessions only"
        if ref.account not in self._facts.ready:
            return lacking(ref.account)
        sick = _sick(self._facts.health.get(str(ref)), self._facts.now)
        return sick or ("" if tier == "T4" else self._spent(tier, ref))

    def _is_shut_out(self, ref: ModelRef) -> bool:
        return program_of(ref.account) is not None and not self._ask.programs

    def _spent(self, tier: Tier, ref: ModelRef) -> str:
        """The account's own ladder."""
        percent = self._facts.percents.get(ref.account)
        ladder = self._policy.account
        if percent is None or percent < ladder.reserve:
            return ""
        if percent >= ladder.spent:
            return f"account at {percent:.0f} %"
        ask = self._ask
        kept = ask.critical or ask.emergency or ask.confirmed
        if kept or (ask.work == "background" and tier == "T2"):
            return ""
        return f"account at {percent:.0f} %, critical only"

    def _dear(self, tier: Tier, ref: ModelRef) -> str:
        ask = self._ask
        if ask.confirmed or (self._pinned and not self._cell.cheaper_only):
            return ""
        cell, band = self._cell_of(ref)
        if (
            self._policy.ladder == "account"
            and not self._pinned
            and tier not in _allowed(cell, ask)
        ):
            return f"account in {band}"
        return "" if not cell.cheaper_only or self._cheaper(ref) else f"not cheaper, {band}"

    def _cell_of(self, ref: ModelRef) -> tuple[Cell, Band]:
        """The cell that binds a model: the house's, or its account's own."""
        band = self._facts.band
        if self._policy.ladder == "account":
            band = self._facts.bands.get(ref.account, band)
        return self._policy.rows[self._ask.work][band], band

    def _cheaper(self, ref: ModelRef) -> bool:
        return is_cheaper(ref, self._config, self._facts)


def _allowed(cell: Cell, ask: Ask) -> tuple[Tier, ...]:
    return cell.critical if ask.critical and cell.critical else cell.tiers


def _sick(health: ModelHealth | None, now: int) -> str:
    if health is None or health.state in ("unknown", "ready"):
        return ""
    if health.until is not None and health.until <= now:
        return ""
    left = "" if health.until is None else f" {span(health.until - now)}"
    return f"{health.state}{left}" + (f": {health.reason}" if health.reason else "")


def span(milliseconds: int) -> str:
    """A length of time in its two largest units: `42 s`, `2 h 01 m`, `3 d 4 h`."""
    seconds = max(0, -(-milliseconds // 1000))
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if days:
        return f"{days} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60:02} m"
    return f"{minutes} m {seconds % 60:02} s" if minutes else f"{seconds} s"


def _pinned(config: Config, ask: Ask) -> list[Row]:
    if ask.private and ask.tier not in (None, "T4"):
        raise Refusal(f"A private prompt stays on T4; it can't be pinned to {ask.tier}.")
    if ask.work == "background" and ask.tier not in (None, *BACKGROUND):
        raise Refusal(f"Background work never runs on {ask.tier}; pin it to T2 or T4.")
    rows = [row for row in config.ladder() if ask.tier in (None, row[0])]
    if ask.model is not None:
        rows = [row for row in rows if ask.model in _names(row[1])]
        if ask.work == "background":
            rows = [row for row in rows if row[0] in BACKGROUND]
    if ask.private:
        rows = [row for row in rows if row[0] == "T4"]
    if not rows:
        raise Refusal(_no_pin(config, ask))
    return rows


def _names(ref: ModelRef) -> tuple[str, ...]:
    """What a model may be called. A program needs no model's name, as in the configuration."""
    program = (ref.account,) if program_of(ref.account) else ()
    return (str(ref), ref.model, *program)


def _no_pin(config: Config, ask: Ask) -> str:
    if ask.model is None:
        return f"No model is configured for {ask.tier}; add one under [tiers] in the configuration."
    known = ", ".join(dict.fromkeys(str(ref) for _, ref in config.ladder()))
    where = " for background work" if ask.work == "background" else ""
    where = " for a private prompt" if ask.private else where
    return f"{ask.model!r} is no configured model{where}; there are: {known}."


def is_cheaper(ref: ModelRef, config: Config, facts: Facts) -> bool:
    """Below the orchestrator's price, or by the user's own word. Unknown prices are not cheaper."""
    said = facts.cheaper.get(str(ref))
    if said is not None:
        return said
    first = next(iter(config.tiers.get("T0", ())), None)
    price = facts.prices.get(str(ref))
    reference = None if first is None else facts.prices.get(str(first))
    return price is not None and (reference is None or price < reference)
