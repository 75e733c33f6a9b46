"""A heavy user's month with outages, quotas and budgets, through the real policy and ledger.

    python bench/month.py             about a minute
    python bench/month.py --seed 2    another month

Real are the policy, bands, gauges, health, dispatcher, reservations, journal and ledger, on a store
of its own. Simulated are the clock and what the services answer. Beside it stands the same month
with everything sent to the orchestrator, by somebody who has no other model: what would fail then,
and what it would cost without any limit.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

import plotext
import time_machine
from rich.console import Console
from rich.table import Table

from bench import _simulated as simulated
from bench._simulated import BEGIN, CLOUD, DAYS, HOUR, OPUS, Clock, Line, Service, Task
from router import context
from router.bands import BANDS
from router.calls import Call, Outcome
from router.catalogue import Catalogue
from router.config import Budget
from router.context import Turn
from router.gauges import span
from router.keeper import Keeper
from router.opening import zone_of
from router.places import Places
from router.policy import Ask, Refusal, Unconfirmed
from router.policy_table import shipped
from router.services import Services
from store.events import Band, ModelSwitched, SessionStarted, UsageSettled
from store.opening import Store

MONTH, DAY = 70.0, 8.0
"""US dollars: somewhat less than such a user would spend freely."""
_HOP: Final = 0.5 * HOUR
"""Between two looks at the gauges while nothing happens."""


@dataclass
class Month:
    """What became of it."""

    answered: Counter[str] = field(default_factory=Counter[str])
    """By tier; what was not answered under its reason."""
    cost: float = 0.0
    asked: int = 0
    seams: int = 0
    in_band: dict[Band, float] = field(default_factory=lambda: defaultdict(float))
    curve: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    """Days since the begin, and per cent of the month's budget."""
    overspend: float = 0.0
    unlimited: float = 0.0
    """What everything would cost on the orchestrator."""
    stranded: int = 0
    """Prompts that the orchestrator alone could not have answered at once."""

    @property
    def unanswered(self) -> int:
        return self.asked - sum(n for tier, n in self.answered.items() if tier.startswith("T"))


class Simulation:
    def __init__(self, seed: int, home: Path, clock: Clock) -> None:
        self._random = Random(seed)  # noqa: S311 - no secret
        self._clock = clock
        self.config = simulated.configuration(MONTH, DAY)
        self.store = Store.open(home)
        self.month = Month()
        ill = simulated.outages(self._random)
        self.services_of = {name: Service(clock, self._random, ill[name]) for name in CLOUD}
        self.services_of["home"] = Service(clock, self._random, speed=30.0)
        self.services_of["anthropic"].quotas = simulated.subscription()
        self._alone = simulated.subscription()
        """The same, for somebody who sends everything there."""
        catalogue = Catalogue(self.config)
        keeper = Keeper(self.config, self.store, shipped(), catalogue, zone_of(self.config))
        keeper.ready = frozenset(self.config.accounts)
        places = Places.find({"BUTLER_HOME": str(home)})
        line = Line(self.config, places, self.services_of)
        self.services = Services(
            self.config, self.store, shipped(), keeper, line, catalogue, home, places, {}
        )

    async def run(self, tasks: Sequence[Task]) -> Month:
        self.services.catalogue.learn()
        await self.services.say("chat", SessionStarted(kind="chat", title="October"))
        for number, task in enumerate(tasks):
            await self._idle_until(task.at)
            self._baseline(task)
            await self._answer(number, task)
        await self._idle_until(BEGIN.timestamp() + (DAYS * 24 + 1) * HOUR - 60)
        self.month.seams = self._seams()
        self.month.overspend = max(self._passed(budget) for budget in self.config.budgets)
        self.store.close()
        return self.month

    async def _idle_until(self, moment: float) -> None:
        """Let time pass as the engine does: looking at the gauges at each reset, and in between."""
        while (now := self._clock.now) < moment:
            reset = self.services.keeper.next_change()
            stops = [moment, now + _HOP, *([reset / 1000] if reset else [])]
            self._clock.until(max(now + 1, min(stops)))
            await self._look(now)

    async def _look(self, since: float) -> None:
        keeper = self.services.keeper
        self.month.in_band[keeper.house.band] += self._clock.now - since
        await keeper.recount()
        used = [g for g in keeper.house.gauges.values() if g.window == "month"]
        if used and used[0].percent is not None:
            at = (self._clock.now - BEGIN.timestamp()) / (24 * HOUR)
            self.month.curve.append((at, used[0].percent))

    async def _answer(self, number: int, task: Task) -> None:
        began = self._clock.now
        self.month.asked += 1
        try:
            outcome = await self._dispatched(number, task)
        except Refusal as refusal:
            self.month.answered[f"refused: {refusal}"] += 1
            return
        self.month.cost += outcome.cost or 0.0
        self.month.answered[outcome.failure or str(outcome.tier)] += 1
        await self._look(began)

    async def _dispatched(self, number: int, task: Task) -> Outcome:
        ask = Ask(work=task.work, critical=task.critical, private=task.private)
        try:
            candidates = self.services.candidates(ask)
        except Unconfirmed:  # the user spends the reserve every other time
            sure = Ask(work=task.work, critical=True, confirmed=number % 2 == 0)
            candidates = self.services.candidates(sure)
        turn = Turn(user=True, text=task.prompt, private=task.private)
        call = Call(
            session="chat",
            prompt=f"p{number}",
            reply=f"r{number}",
            kind=task.work,
            system=lambda _: "",
            prepare=lambda room, local: context.fit([turn], room, local=local),
            candidates=candidates,
            max_output=self.config.sessions.max_output,
        )
        return await self.services.dispatcher.run(call)

    def _baseline(self, task: Task) -> None:
        """The same task by somebody who has only the orchestrator."""
        self.month.unlimited += simulated.everything(self.services.catalogue, task, OPUS)
        spent = [quota for quota in self._alone if quota.share(self._clock.now) >= 1]
        if spent or self.services_of["anthropic"].outage() is not None:
            self.month.stranded += 1
            return
        for quota in self._alone:
            quota.spend(task.input, task.output)

    def _seams(self) -> int:
        events = (entry.event for entry in self.store.journal.read("chat", deltas=False))
        return sum(isinstance(event, ModelSwitched) for event in events)

    def _passed(self, budget: Budget) -> float:
        """By how much a budget was passed at most, in any of its windows; from the events."""
        spent: dict[int, float] = defaultdict(float)
        zone = zone_of(self.config)
        for entry in self.store.journal.read("chat", deltas=False):
            if isinstance(entry.event, UsageSettled):
                window = span(budget.window, entry.at, zone)
                spent[window.since] += entry.event.cost or 0.0
        return max(0.0, max(spent.values()) - budget.limit)


def main() -> None:
    parser = argparse.ArgumentParser(description="Simulate a month.")
    parser.add_argument("--seed", type=int, default=1)
    seed = parser.parse_args().seed
    tasks = simulated.trace(Random(seed))  # noqa: S311 - no secret
    with (
        tempfile.TemporaryDirectory() as home,
        time_machine.travel(BEGIN, tick=False) as traveller,
    ):
        simulation = Simulation(seed, Path(home), Clock(traveller))
        month = asyncio.run(simulation.run(tasks))
    _show(month)


def _show(month: Month) -> None:
    console = Console(width=100, highlight=False)
    console.print(_answers(month))
    console.print(_bands(month))
    print(_plot(month.curve))
    saved = month.cost / month.unlimited
    _tell("a month: prompts left unanswered", month.unanswered, 0, "", f"of {month.asked}")
    _tell("a month: spent beyond a budget", month.overspend, 0, "USD", f"of {month.cost:.2f}")
    note = f"{month.cost:.0f} against {month.unlimited:.0f} USD and {month.stranded} left waiting"
    _tell("a month's cost", saved, None, "×", note, than="all to the orchestrator")


def _answers(month: Month) -> Table:
    table = Table("answered by", "prompts", "share")
    for name, count in sorted(month.answered.items()):
        table.add_row(name, str(count), f"{100 * count / month.asked:.1f} %")
    table.caption = f"{month.seams} answers were finished by another model than began them"
    return table


def _bands(month: Month) -> Table:
    table = Table("band", "hours", "share", "")
    whole = sum(month.in_band.values())
    for band in BANDS:
        share = month.in_band[band] / whole
        table.add_row(
            band,
            f"{month.in_band[band] / HOUR:.0f}",
            f"{100 * share:.1f} %",
            "█" * round(40 * share),
        )
    return table


def _plot(curve: Sequence[tuple[float, float]]) -> str:
    """Per cent of the month's budget over its days."""
    figure: Any = plotext.figure
    figure.clear()
    figure.theme("clear")
    figure.plot_size(90, 18)
    figure.title("per cent of the month's budget, by day")
    thin = curve[:: max(1, len(curve) // 400)]
    figure.draw(figure.signal([at for at, _ in thin], [percent for _, percent in thin]))
    for threshold in shipped().thresholds.values():
        figure.line(threshold, "horizontal", style="dotted")
    return str(plotext.uncolorize(str(figure.build())))


def _tell(
    what: str, value: float, aim: float | None, unit: str, note: str, than: str | None = None
) -> None:
    finding = {"what": what, "value": round(value, 4), "unit": unit, "aim": aim, "note": note}
    finding["than"] = than
    print(json.dumps({key: v for key, v in finding.items() if v is not None}))


if __name__ == "__main__":
    main()
