"""`butler usage`: gauges, forecasts, tokens and cost."""

import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final, get_args

import click

from router.config import Config
from router.policy import span
from router.usage_report import Period, Standing, Sums, UsageReport, claim, usage_report
from router.zones import zone_of
from store.events import ForecastChanged
from store.ledger import Group
from store.opening import Store
from tui import figures, forecasts
from tui.commands.surroundings import find_places, load_config, opened_store
from tui.exits import Exit
from tui.output import harmless, remark, say, say_json, say_json_line, table

_TITLES: Final[dict[Group, str]] = {
    "tier": "Tier",
    "model": "Model",
    "kind": "Work",
    "account": "Account",
    "day": "Day",
}
_SHOWN: Final[tuple[Group, ...]] = ("tier", "model", "kind", "day")
_EVERY: Final = 2.0


@dataclass(frozen=True, slots=True)
class _Wish:
    as_json: bool
    alert: bool
    days: int
    by: tuple[Group, ...]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
@click.option("--watch", is_flag=True, help="Keep on showing it; Ctrl+C ends.")
@click.option(
    "--alert", is_flag=True, help="Exit with 5 when a mark is passed: once for each in a window."
)
@click.option(
    "--days",
    default=7,
    show_default=True,
    type=click.IntRange(1, 366),
    help="How many days the tables comprise, today among them.",
)
@click.option(
    "--by",
    multiple=True,
    type=click.Choice(get_args(Group)),
    help="What to tell apart; may be repeated.",
)
@click.option(
    "--every",
    default=_EVERY,
    show_default=True,
    type=click.FloatRange(0.2, 3600),
    help="Seconds between two looks of --watch.",
)
def usage(
    *, as_json: bool, watch: bool, alert: bool, days: int, by: tuple[Group, ...], every: float
) -> int:
    """Show what was used: each limit with its forecast, and tokens and cost.

    It reads the store only: it costs no tokens, and works while the dashboard runs. A limit that
    nobody knows reads ?, never 0 %. Marks are 20, 40, 60, 80, 90, 95 and 100 %.
    """
    places = find_places()
    config = load_config(places)
    wish = _Wish(as_json, alert, days, by or _SHOWN)
    with opened_store(places) as store:
        if watch:
            return _watch(store, config, wish, every)
        report = _look(store, config, wish)
    if as_json:
        say_json(report)
    else:
        say(_text(report, wish, zone_of(config)))
    return _tell(report, wish)


def _look(store: Store, config: Config, wish: _Wish) -> UsageReport:
    report = usage_report(store, config, days=wish.days)
    return claim(store, report) if wish.alert else report


def _tell(report: UsageReport, wish: _Wish) -> Exit:
    """With `--alert`, say which marks were passed, and end so that a script hears of it."""
    if not wish.alert or not report.should_alert:
        return Exit.DONE
    named = {gauge.key: gauge for gauge in report.gauges}
    for passed in report.alerts:
        name = _name(named[passed.gauge])
        remark(f"{name} has passed {passed.threshold} %: {figures.percent(passed.percent)}")
    return Exit.THRESHOLD


# --- watching ------------------------------------------------------------------------------------


def _watch(store: Store, config: Config, wish: _Wish, every: float) -> Exit:
    """Until Ctrl+C, or until a mark is passed where that is wished for."""
    zone = zone_of(config)
    with _shown(wish, zone) as show:
        while True:
            report = _look(store, config, wish)
            show(report)
            if wish.alert and report.should_alert:
                break
            time.sleep(every)
    return _tell(report, wish)


@contextmanager
def _shown(wish: _Wish, zone: tzinfo) -> Generator[Callable[[UsageReport], None]]:
    """In place on a terminal; elsewhere a line for each change."""
    if wish.as_json or not sys.stdout.isatty():
        yield _Lines(as_json=wish.as_json, zone=zone)
        return
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    with Live(console=Console(highlight=False), auto_refresh=False) as live:
        yield lambda report: live.update(
            Text(harmless(_text(report, wish, zone)), no_wrap=True, overflow="ellipsis"),
            refresh=True,
        )


class _Lines:
    """A line at first, and one whenever something has changed."""

    def __init__(self, *, as_json: bool, zone: tzinfo) -> None:
        self._as_json = as_json
        self._zone = zone
        self._last: object = None

    def __call__(self, report: UsageReport) -> None:
        figures_ = [(gauge.key, gauge.percent) for gauge in report.gauges]
        facts = (report.band, report.binds, figures_, report.periods["month"].total, report.alerts)
        if facts == self._last:
            return
        self._last = facts
        if self._as_json:
            say_json_line(report)
        else:
            say(_line(report, self._zone))


def _line(report: UsageReport, zone: tzinfo) -> str:
    at = f"{figures.local(report.at, zone):%Y-%m-%d %H:%M:%S}"
    binding = report.binding
    parts = [f"{at}  {report.band}", figures.percent(report.percent)]
    if binding is not None:
        parts += [_name(binding), _resets(binding, report.at, zone)]
        parts.append(_next(binding, report.at, zone))
    parts.append(f"today {_cost(report.periods['day'].total)}")
    return " · ".join(part for part in parts if part)


# --- for a person --------------------------------------------------------------------------------


def _text(report: UsageReport, wish: _Wish, zone: tzinfo) -> str:
    parts = [
        _band(report, zone),
        table([_gauge(gauge, report.at, zone) for gauge in report.gauges], right=(2,)),
        _forecasts(report, zone),
        _totals(report),
        _used(report.periods["days"], wish),
    ]
    return "\n\n".join(part for part in parts if part)


def _band(report: UsageReport, zone: tzinfo) -> str:
    binding = report.binding
    if binding is None:
        return f"Band    {report.band} · no limit known; set a budget: butler init"
    rows = [
        ("Band", f"{report.band} · {figures.percent(report.percent)}"),
        ("binds", f"{_name(binding)} ({_source(binding)})"),
        ("", _resets(binding, report.at, zone)),
        ("next", _next(binding, report.at, zone)),
    ]
    return "\n".join(f"{name:<8}{text}" for name, text in rows if text)


def _name(gauge: Standing) -> str:
    who = f"{gauge.account or 'all accounts'} {gauge.model or ''}".strip()
    return f"{who} · {gauge.window}" if gauge.window else who


def _source(gauge: Standing) -> str:
    """How a figure is known, and how old it is."""
    if gauge.source == "budget":
        unpriced = figures.counted(gauge.unpriced, "call")
        return f"your budget, {unpriced} unpriced" if gauge.unpriced else "your budget"
    if gauge.source == "unknown":
        return "nobody reports it; set a budget"
    if gauge.percent is None:
        return f"{gauge.source}, not since its reset"
    return f"{gauge.source}, {figures.ago(0, gauge.age or 0)}"


def _resets(gauge: Standing, now: int, zone: tzinfo) -> str:
    if gauge.resets_at is None:
        return "rolls along" if gauge.source == "budget" else ""
    when = figures.moment(gauge.resets_at, now, zone)
    return f"resets in {span(gauge.resets_at - now)} ({when})"


def _next(gauge: Standing, now: int, zone: tzinfo) -> str:
    return forecasts.next_band(gauge.forecast, now, zone) if gauge.forecast else ""


def _gauge(gauge: Standing, now: int, zone: tzinfo) -> tuple[str, ...]:
    """Whose, over which window, how much, how that is known, and when it is over."""
    more = "+" * bool(gauge.unpriced)
    used = f"{_amount(gauge.used, gauge)}{more} of {_amount(gauge.limit, gauge)}"
    return (
        f"{gauge.account or 'all accounts'} {gauge.model or ''}".strip(),
        gauge.window,
        figures.percent(gauge.percent),
        used if gauge.limit else "",
        _source(gauge),
        _resets(gauge, now, zone),
    )


def _amount(value: float | None, gauge: Standing) -> str:
    if value is None:
        return "?"
    if gauge.unit == "usd":
        return figures.money(value)
    return figures.tokens(int(value)) if gauge.unit == "tokens" else f"{value:,.0f}"


def _forecasts(report: UsageReport, zone: tzinfo) -> str:
    rows: list[tuple[str, ...]] = []
    for gauge in report.gauges:
        if gauge.forecast is None:
            continue
        said = _expected(gauge.forecast, report.at, zone)
        if said:
            rows.append((f"  {_name(gauge)}", said))
    return f"Forecast, right four times in five\n{table(rows)}" if rows else ""


def _expected(made: ForecastChanged, now: int, zone: tzinfo) -> str:
    few = forecasts.too_few(made)
    if few:
        return few
    soon, full = forecasts.next_band(made, now, zone), forecasts.full(made, now, zone)
    if made.next is not None and made.next.earliest is None:
        return soon  # what lies above is even less likely
    # The last band of a budget over all accounts begins at 100 %: that is one thing to say.
    same = made.next is not None and made.full is not None and made.next.level == made.full.level
    return soon if same else " · ".join(part for part in (soon, full) if part)


def _totals(report: UsageReport) -> str:
    names = {"day": "Today", "week": "This week", "month": "This month"}
    rows = [_sums(title, report.periods[name].total) for name, title in names.items()]
    return table(rows, right=(1, 2, 3))


def _used(period: Period, wish: _Wish) -> str:
    title = "Today" if wish.days == 1 else f"The last {wish.days} days"
    if not period.total.requests:
        return f"{title}: nothing was used."
    by: dict[Group, dict[str, Sums]] = {
        "tier": period.by_tier,
        "model": period.by_model,
        "kind": period.by_kind,
        "account": period.by_account,
        "day": period.by_day,
    }
    parts = [_section(_TITLES[group], list(by[group].items())) for group in wish.by]
    return "\n\n".join([title, *parts])


def _section(title: str, rows: Sequence[tuple[str, Sums]]) -> str:
    return f"{title}\n" + table([_sums(f"  {name}", sums) for name, sums in rows], right=(1, 2, 3))


def _sums(name: str, sums: Sums) -> tuple[str, ...]:
    unpriced = f"{sums.unpriced} unpriced" if sums.unpriced and sums.cost is not None else ""
    return (
        name,
        figures.counted(sums.requests, "call"),
        f"{figures.tokens(sums.tokens)} tokens",
        figures.money(sums.cost),
        unpriced,
    )


def _cost(sums: Sums) -> str:
    """With a `+` where some calls have no price."""
    partly = sums.unpriced > 0 and sums.cost is not None
    return figures.money(sums.cost) + "+" * partly
