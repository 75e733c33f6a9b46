"""`butler usage`: gauges, tokens and cost."""

import click

from router.usage_report import Period, Sums, UsageReport, usage_report
from store.events import Gauge
from tui import figures
from tui.commands.surroundings import find_places, load_config, opened_store
from tui.exits import Exit
from tui.output import say, say_json, table


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def usage(*, as_json: bool) -> int:
    """Show what was used: each known limit, and tokens and cost by tier and model.

    A limit nobody knows is no limit shown as 0 %: it is not listed, or it reads ?.
    """
    places = find_places()
    config = load_config(places)
    with opened_store(places) as store:
        report = usage_report(store, config)
    if as_json:
        say_json(report)
    else:
        say(_text(report))
    return Exit.DONE


def _text(report: UsageReport) -> str:
    parts = [
        _band(report),
        table([_gauge(gauge, report.at) for gauge in report.gauges], right=(2,)),
    ]
    parts += [_period(name, period) for name, period in report.periods.items()]
    return "\n\n".join(part for part in parts if part)


def _band(report: UsageReport) -> str:
    if report.percent is None:
        return f"Band  {report.band} · no limit known; set a budget: butler init"
    return f"Band  {report.band} · {figures.percent(report.percent)} · binds: {report.binds}"


def _gauge(gauge: Gauge, now: int) -> tuple[str, ...]:
    """Whose, over which window, how much, how that is known, and when it is over."""
    who = gauge.account or "all accounts"
    resets = "rolling"
    if gauge.resets_at is not None:
        left = figures.span(gauge.resets_at - now)
        resets = f"resets {figures.moment(gauge.resets_at, now)}, in {left}"
    of = f"{_amount(gauge.used, gauge)} of {_amount(gauge.limit, gauge)}" if gauge.limit else ""
    age = "" if gauge.source == "budget" else f", {figures.ago(gauge.measured_at, now)}"
    return (
        f"{who} {gauge.model or ''}".strip(),
        gauge.window,
        figures.percent(gauge.percent),
        of,
        f"{gauge.source}{age}",
        resets,
    )


def _amount(value: float | None, gauge: Gauge) -> str:
    if value is None:
        return "?"
    if gauge.unit == "usd":
        return figures.money(value)
    return figures.tokens(int(value)) if gauge.unit == "tokens" else f"{value:,.0f}"


def _period(name: str, period: Period) -> str:
    title = {"day": "Today", "week": "This week", "month": "This month"}[name]
    if not period.total.requests:
        return f"{title}: nothing was used."
    rows = [*period.by_tier.items(), *period.by_model.items(), ("together", period.total)]
    return f"{title}\n" + table([_sums(*row) for row in rows], right=(1, 2, 3))


def _sums(name: str, sums: Sums) -> tuple[str, ...]:
    unpriced = f"{sums.unpriced} unpriced" if sums.unpriced and sums.cost is not None else ""
    return (
        f"  {name}",
        figures.counted(sums.requests, "call"),
        f"{figures.tokens(sums.tokens)} tokens",
        figures.money(sums.cost),
        unpriced,
    )
