"""`butler route`: what a prompt is taken for, and who would serve it now."""

import asyncio
import sys
import time
from typing import TYPE_CHECKING

import click
import msgspec

from router import intent
from store.events import Tier
from tui.exits import CommandFailed, Exit
from tui.output import printed, read_stdin, remark, say, say_json, say_json_line, table

if TYPE_CHECKING:
    from router.route_report import Considered, RouteReport
    from router.usage_report import Standing


class Asked(msgspec.Struct, frozen=True):
    """A line of a batch."""

    id: str | int
    prompt: str


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """The line that answers it."""

    id: str | int
    kind: intent.Kind
    executor: intent.Executor
    tier: Tier | None
    confidence: float
    reason: str
    micros: int
    """Time the decision took, in microseconds of this process."""


@click.command()
@click.argument("words", nargs=-1, metavar="[PROMPT]…")
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
@click.option("--batch", is_flag=True, help="Decide about many: see below.")
def route(words: tuple[str, ...], *, as_json: bool, batch: bool) -> int:
    """Explain what PROMPT would be taken for, and who would serve it now. Nothing is sent.

    With --batch it reads JSON lines from the standard input, and writes one for each:

    \b
      {"id": "1", "prompt": "Write a script that sorts my mail"}
      {"id": "1", "kind": "coding", "executor": "specialist", "tier": "T1", …}

    There it tells of the intent alone, whatever keys there are and whatever was used up.
    """
    if batch:
        if words or as_json:
            raise click.UsageError("--batch reads its prompts from the standard input only.")
        return _batch()
    prompt = printed(" ".join(words))
    if not prompt.strip():
        prompt = read_stdin()
    if not prompt.strip():
        raise CommandFailed('There is no prompt: butler route "your question"', Exit.WRONG_USE)
    report = _report(prompt)
    if as_json:
        say_json(report)
    else:
        say(_text(report))
    return Exit.DONE


# --- many ---------------------------------------------------------------------------------------


def _batch() -> int:
    intent.warm_up()
    decoder = msgspec.json.Decoder(Asked)
    code = Exit.DONE
    for number, line in enumerate(sys.stdin.buffer, start=1):
        if not line.strip():
            continue
        try:
            asked = decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            remark(f"butler: line {number} is left out: {_mistake(error)}")
            code = Exit.WRONG_USE
            continue
        say_json_line(_decided(asked))
    return code


def _decided(asked: Asked) -> Decided:
    began = time.perf_counter_ns()
    decision = intent.decide(asked.prompt)
    micros = (time.perf_counter_ns() - began) // 1000
    return Decided(
        id=asked.id,
        kind=decision.kind,
        executor=decision.executor,
        tier=decision.tier,
        confidence=round(decision.confidence, 4),
        reason=decision.reason,
        micros=micros,
    )


def _mistake(error: Exception) -> str:
    wanted = 'it takes {"id": "…", "prompt": "…"}.'
    if isinstance(error, msgspec.ValidationError):
        return f"{str(error).rstrip('.')}; {wanted}"
    return f"it is no JSON; {wanted}"


# --- one ----------------------------------------------------------------------------------------


def _report(prompt: str) -> "RouteReport":
    from router.route_report import route_report
    from tui.commands.surroundings import find_places, find_workspace, load_config, opened_store

    places, workspace = find_places(), find_workspace()
    config = load_config(places)
    with opened_store(places) as store:
        return asyncio.run(route_report(prompt, config, store, places, workspace))


def _text(report: "RouteReport") -> str:
    from tui import figures

    decision = report.decision
    kind = ", ".join(filter(None, [decision.kind, decision.detail, decision.complexity]))
    tier = f" ({report.tier})" if report.tier else ""
    facts = [
        ("Kind", f"{kind} → {decision.executor}{tier}"),
        ("Confidence", figures.percent(decision.confidence * 100)),
        ("Reason", decision.reason),
        ("Band", f"{report.band} · {_share(report)}"),
    ]
    parts = [
        table(facts),
        table([_gauge(gauge, report.at) for gauge in report.gauges]),
        _candidates(report),
    ]
    return "\n\n".join(part for part in parts if part)


def _gauge(gauge: "Standing", now: int) -> tuple[str, ...]:
    from tui import figures

    whose = " ".join(filter(None, [gauge.account or "all accounts", gauge.model]))
    measured = gauge.measured_at
    age = "" if gauge.source == "budget" or measured is None else figures.ago(measured, now)
    known = ", ".join(filter(None, [gauge.source, age]))
    return ("Gauge", whose, gauge.window, figures.percent(gauge.percent), known)


def _share(report: "RouteReport") -> str:
    from tui import figures

    return "no limit known" if report.percent is None else figures.percent(report.percent)


def _candidates(report: "RouteReport") -> str:
    from tui import figures

    if not report.candidates:
        return f"No tier serves it: the {report.decision.executor} skill brings its own models."
    first = next((c for c in report.candidates if not c.passed_over), None)
    rows = [_row(candidate, candidate is first) for candidate in report.candidates]
    sizes = f"{figures.tokens(report.input)} tokens in and {figures.tokens(report.output)} out"
    return f"Candidates, and what {sizes} would cost\n{table(rows)}"


def _row(candidate: "Considered", chosen: bool) -> tuple[str, ...]:
    from tui import figures

    state = "would serve it" if chosen else candidate.passed_over or "in reserve"
    price = figures.money(candidate.at_most)
    return (f"  {candidate.tier}", f"{candidate.account}/{candidate.model}", price, state)
