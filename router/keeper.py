"""Keeps the house: gauges, band and health, as events of the journal."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from datetime import tzinfo
from typing import Final

from router import alerts, bands, forecast, gauges, health, recovery
from router.catalogue import Catalogue
from router.clock import now_ms
from router.config import Budget, Config, ModelRef
from router.fold import fold_house
from router.outlook import outlook
from router.policy import Facts
from router.policy_table import Policy
from router.providers.base import Failure, QuotaSpent
from router.view import House
from store.events import (
    AnyEvent,
    BandChanged,
    Entry,
    Gauge,
    GaugeChanged,
    HealthChanged,
    HealthState,
)
from store.ledger import Limit
from store.opening import Store

log = logging.getLogger(__name__)


_RESTING: Final = frozenset({"cooling", "exhausted", "probing"})
_PROGRESS_MS: Final = 1_000
_ROLL_MS: Final = 60_000
_PROBE_MS: Final = 60_000
"""How long one request may be the only one to try a model again."""


class Keeper:
    """The house as this process knows it: its own events at once, those of others as they come."""

    def __init__(
        self, config: Config, store: Store, policy: Policy, catalogue: Catalogue, zone: tzinfo
    ) -> None:
        self.config = config
        self._store = store
        self._policy = policy
        self._catalogue = catalogue
        self._zone = zone
        self._progressed = 0
        self.ready: frozenset[str] = frozenset()
        self.holding: set[str] = set()
        """Reservations of calls that are under way here."""
        self.house = House()
        for entry in store.journal.house_at():
            self.house = fold_house(self.house, entry.event)

    def say(self, event: AnyEvent) -> None:
        """Journal an event of the house, and know it at once."""
        self.house = fold_house(self.house, event)
        self._store.journal.append(None, event)

    def show(self, event: AnyEvent) -> None:
        """Let this process know an event that is true for no other, and is not kept."""
        self.house = fold_house(self.house, event)
        self._store.journal.show(None, event)

    def heard(self, entries: Iterable[Entry]) -> None:
        """Take in what other processes did. Our own entries have no number yet and are known."""
        for entry in entries:
            if entry.session is None and entry.seq:
                self.house = fold_house(self.house, entry.event)

    def facts(self) -> Facts:
        """What the policy must know now. Needs `Catalogue.learn` to have run."""
        refs = [ref for _, ref in self.config.ladder()]
        said = {str(ref): self.config.settings(ref).cheaper for ref in refs}
        now = now_ms()
        percents = bands.percents(bands.at_present(self.house.gauges, now))
        return Facts(
            band=self.house.band,
            percent=self.house.percent,
            now=now,
            health=self.house.health,
            ready=self.ready,
            prices={str(ref): self._catalogue.blended(ref) for ref in refs},
            cheaper={key: cheaper for key, cheaper in said.items() if cheaper is not None},
            percents=percents,
            bands={a: bands.band_at(percent, self._policy) for a, percent in percents.items()},
        )

    # --- health ----------------------------------------------------------------------------------

    def probe(self, ref: ModelRef) -> bool:
        """Whether a request may go to a model now. One whose cooldown is over is tried by one
        request at a time: the first claims it, the others pass it over until that one is back."""
        known = self.house.health.get(str(ref))
        if known is None or known.until is None or known.state not in _RESTING:
            return True
        now = now_ms()
        if known.until > now:
            return False
        self._health(ref, "probing", known.reason, now + _PROBE_MS, known.failures)
        return True

    def unprobe(self, ref: ModelRef) -> None:
        """A probe ended without telling anything: the next request may try."""
        known = self.house.health.get(str(ref))
        if known is not None and known.state == "probing":
            self._health(ref, "cooling", known.reason, now_ms(), known.failures)

    def progress(self, account: str, sentence: str) -> None:
        """Show how far the account's models are that are being fetched or loaded: at most once
        a second, the rest is noise in the journal."""
        now = now_ms()
        if sentence and now - self._progressed < _PROGRESS_MS:
            return
        self._progressed = now
        for _, ref in self.config.ladder():
            if ref.account == account:
                self._health(ref, "unknown" if sentence else "ready", sentence)

    def succeeded(self, ref: ModelRef) -> None:
        known = self.house.health.get(str(ref))
        if known is None or known.state != "ready":
            self._health(ref, "ready")

    def failed(self, ref: ModelRef, failure: Failure) -> None:
        known = self.house.health.get(str(ref))
        times = 1 + (known.failures if known else 0)
        verdict = health.after(failure, times, now_ms())
        if verdict is None:
            self.unprobe(ref)
            return
        self._health(ref, verdict.state, failure.name, verdict.until, times)
        if isinstance(failure, QuotaSpent) and verdict.until is not None:
            self._gauge(gauges.of_spent_quota(ref.account, now_ms(), verdict.until))
            self._band()

    def tell(self, refs: Iterable[ModelRef], state: HealthState, until: int | None) -> None:
        """Take the user's word on models, until they take it back or `until` has passed. What
        requests meet changes nothing about it. `unknown` takes it back."""
        by_user = state != "unknown"
        for ref in refs:
            self.say(
                HealthChanged(
                    account=ref.account,
                    model=ref.model,
                    state=state if by_user or ref.account in self.ready else "missing",
                    reason="as you said" if by_user else "",
                    until=until,
                    by_user=by_user,
                )
            )
        self._band()

    def told(self, ref: ModelRef) -> bool:
        """Whether the user's own word on a model holds."""
        known = self.house.health.get(str(ref))
        return (
            known is not None and known.by_user and (known.until is None or known.until > now_ms())
        )

    def _health(
        self,
        ref: ModelRef,
        state: HealthState,
        reason: str = "",
        until: int | None = None,
        failures: int = 0,
    ) -> None:
        if self.told(ref):
            return
        self.say(
            HealthChanged(
                account=ref.account,
                model=ref.model,
                state=state,
                reason=reason,
                until=until,
                failures=failures,
            )
        )

    # --- gauges and band -------------------------------------------------------------------------

    def limits(self, ref: ModelRef) -> list[Limit]:
        """The budgets a call on a model counts against."""
        now = now_ms()
        return [
            gauges.limit_of(budget, now, self._zone)
            for budget in self.config.budgets
            if budget.account in (None, ref.account) and budget.model in (None, ref.model)
        ]

    def reported(self, account: str, headers: Mapping[str, str]) -> None:
        """Take in the windows that a service reported with an answer."""
        for gauge in gauges.of_headers(account, headers, now_ms()):
            self._gauge(gauge)
        self._band()

    def next_change(self) -> int | None:
        """When a gauge's window resets or a rolling one has moved on, so that the band may have
        to be left without any call being made; `None` when nothing is counted."""
        now = now_ms()
        resets = [g.resets_at for g in self.house.gauges.values() if g.resets_at is not None]
        coming = [at for at in resets if at > now]
        lengths = [gauges.rolling(budget.window) for budget in self.config.budgets]
        # A short window moves on noticeably in less than a minute.
        coming += [now + min(_ROLL_MS, max(_PROGRESS_MS, ms // 60)) for ms in lengths if ms]
        return min(coming, default=None)

    async def recount(self) -> None:
        """Bring the budgets' gauges and the band up to date with the ledger."""
        for gauge in await asyncio.to_thread(self._counted):
            self._gauge(gauge)
        self._band()

    async def foresee(self) -> None:
        """Say when the next bands are to be expected, where that is news. Some ms of reading for
        each gauge: not for every request."""
        now = now_ms()
        present = bands.at_present(self.house.gauges, now)
        made = await asyncio.to_thread(
            outlook, self._store, self.config, self._policy, self._zone, present, now
        )
        for event in made:
            if forecast.differs(self.house.forecasts.get(event.gauge), event):
                self.say(event)

    def _counted(self) -> list[Gauge]:
        now = now_ms()
        # What a dead program has reserved would keep from the living what is theirs.
        recovery.settle_dead(self._store, self._catalogue, now, frozenset(self.holding))
        return [self._budget_gauge(budget, now) for budget in self.config.budgets]

    def _budget_gauge(self, budget: Budget, now: int) -> Gauge:
        used = self._store.ledger.spent(gauges.limit_of(budget, now, self._zone))
        return gauges.of_budget(budget, used, now, self._zone)

    def _gauge(self, gauge: Gauge) -> None:
        known = self.house.gauges.get(gauge.key)
        if known is None or _differs(known, gauge):
            self.say(GaugeChanged(gauge=gauge))
        for crossed in alerts.due([gauge], self.house.told, "screen", now_ms()):
            self.say(crossed)

    def _band(self) -> None:
        now = now_ms()
        current = bands.at_present(self.house.gauges, now)
        account = bands.orchestrator(self.config) if self._policy.ladder == "house" else None
        binding = bands.house_gauge(current, account)
        spent = bands.all_exhausted(self.config, self.house.health, self.ready, now)
        after = bands.band_for(binding, self.house.band, self._policy, all_exhausted=spent)
        percent = None if binding is None else binding.percent
        binds = "" if binding is None else binding.key
        if (after, percent, binds) != (self.house.band, self.house.percent, self.house.binds):
            self.say(BandChanged(before=self.house.band, after=after, percent=percent, binds=binds))


def _differs(known: Gauge, gauge: Gauge) -> bool:
    """Whether there is something new to say: another figure or another window, or the same one
    measured a good while later."""
    same = (known.percent, known.resets_at, known.limit) == (
        gauge.percent,
        gauge.resets_at,
        gauge.limit,
    )
    return not same or gauge.measured_at - known.measured_at > 60_000
