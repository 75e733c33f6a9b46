"""`butler tiers`: how each tier's models stand."""

import os
from datetime import tzinfo
from typing import Final

import click

from router.config import ROLES, Price
from router.policy import span
from router.tiers_report import TierModel, TiersReport, tiers_report
from router.zones import zone_of
from store.events import TIERS
from tui import figures
from tui.commands.surroundings import find_places, load_config, opened_store
from tui.exits import Exit
from tui.output import say, say_json, table
from tui.wording import HEALTH

_HEAD: Final = ("", "", "", "account", "in / out", "context", "")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def tiers(*, as_json: bool) -> int:
    """Show how each tier's models stand: health, limits, prices.

    Models of a tier are tried from top to bottom. Prices are US dollars per million tokens.
    Nobody is asked and nothing is spent; butler doctor --online asks.
    """
    places = find_places()
    config = load_config(places)
    with opened_store(places) as store:
        report = tiers_report(store, config, places, os.environ)
    if as_json:
        say_json(report)
    else:
        say(_text(report, zone_of(config)))
    return Exit.DONE


def _text(report: TiersReport, zone: tzinfo) -> str:
    rows: list[tuple[str, ...]] = [_HEAD]
    for tier in TIERS:
        own = [model for model in report.models if model.tier == tier]
        rows += [_row(model, report.at, zone) for model in own]
        if not own:
            rows.append((tier, "– none", f"no model is set up as {ROLES[tier]}", "", "", "", ""))
    return table(rows, right=(3, 4, 5))


def _row(model: TierModel, now: int, zone: tzinfo) -> tuple[str, ...]:
    look = HEALTH[model.state]
    return (
        model.tier,
        f"{look.glyph} {look.word}",
        f"{model.account}/{model.model}",
        figures.percent(model.percent) if model.tier != "T4" else "–",
        _price(model.price),
        figures.tokens(model.context),
        " · ".join(_details(model, now, zone)),
    )


def _price(price: Price | None) -> str:
    if price is None:
        return "unpriced"
    if not price.input and not price.output:
        return "free"
    return f"${price.input:g} / ${price.output:g}"


def _details(model: TierModel, now: int, zone: tzinfo) -> list[str]:
    """What is the matter, and how long yet."""
    said: list[str] = []
    if model.until is not None and model.left:
        said.append(f"{span(model.left)} left, until {figures.moment(model.until, now, zone)}")
    elif model.left == 0:
        said.append("the next request tries it")
    if model.reason:
        said.append(model.reason)
    if model.failures:
        said.append(f"{figures.counted(model.failures, 'failure')} in a row")
    if model.resets_at is not None and model.resets_at > now:
        left, when = span(model.resets_at - now), figures.moment(model.resets_at, now, zone)
        said.append(f"account resets in {left} ({when})")
    if model.cheaper and model.tier != "T4":
        said.append("counts as cheaper")
    return said
