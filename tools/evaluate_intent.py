"""Judge the intent model on prompts it was not made from.

    python -m tools.evaluate_intent FILE

FILE holds prompts of others with `gold_route` and `source`, one JSON object a line. For each source
a model is made from all the others and from our own prompts, less those of ours that share half of
their words with one of its prompts; its predictions for the sources are pooled. Then the weights
that ship are judged on prompts of ours that no weights are made from. Needs scikit-learn.
"""

import argparse
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import click

from router import intent
from router.intent import model
from router.intent.choice import choose
from router.intent.decision import Executor
from tools import intent_data, intent_fit
from tools.intent_data import Row

ORDER: tuple[Executor, ...] = ("orchestrator", "specialist", "background", "image", "audio")
ALIKE = 0.5
"""Share of words in common from which a prompt of ours resembles one of another source."""


class Judged(NamedTuple):
    row: Row
    said: str
    confidence: float


def main() -> None:
    parser = argparse.ArgumentParser(description="Judge the intent model.")
    parser.add_argument("file", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    judged = left_out(intent_data.others(arguments.file))
    click.echo("Predictions for each source by a model made without it, pooled\n")
    report(judged)
    by_source(judged)
    calibration(judged)
    click.echo("\nThe weights that ship, on our own prompts that no weights were made from\n")
    report([as_shipped(row) for row in intent_data.held_back()])
    timings([row.prompt for row in intent_data.others(arguments.file)])


def left_out(rows: Sequence[Row]) -> list[Judged]:
    own = intent_data.own()
    found: list[Judged] = []
    for source in sorted({row.source for row in rows}):
        theirs = [row for row in rows if row.source == source]
        ours = intent_data.with_variants(unlike(own, theirs))
        known = [*ours, *(row for row in rows if row.source != source)]
        made = model.Model(intent_fit.fit(known, [intent_fit.read(row) for row in known]))
        click.echo(f"  {source}: made from {len(known)} prompts", err=True)
        found += [_judge(made, row) for row in theirs]
    return found


def _judge(made: model.Model, row: Row) -> Judged:
    chosen = choose(made.probabilities(*intent_fit.read(row)))
    return Judged(row, chosen.executor if chosen.sure else "orchestrator", chosen.confidence)


def as_shipped(row: Row) -> Judged:
    decision = intent.decide(row.prompt)
    return Judged(row, decision.executor, decision.confidence)


def unlike(own: Iterable[Row], theirs: Iterable[Row]) -> list[Row]:
    """Our prompts that resemble none of theirs."""
    others = [_words(row.prompt) for row in theirs]
    return [row for row in own if not _resembles(_words(row.prompt), others)]


def _words(prompt: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", prompt.lower()))


def _resembles(words: frozenset[str], others: Iterable[frozenset[str]]) -> bool:
    return any(len(words & other) >= ALIKE * len(words | other) for other in others if other)


# --- what is printed ----------------------------------------------------------------------------


def report(judged: Sequence[Judged]) -> None:
    pairs = Counter((j.row.executor, j.said) for j in judged)
    known = [name for name in ORDER if any(gold == name for gold, _ in pairs)]
    scores = []
    click.echo(f"{'':14}{'precision':>10}{'recall':>8}{'F1':>8}{'prompts':>9}")
    for name in known:
        hit = pairs[name, name]
        gold = sum(n for (g, _), n in pairs.items() if g == name)
        said = sum(n for (_, s), n in pairs.items() if s == name)
        scores.append(2 * hit / (gold + said))
        precision, recall = hit / said if said else 0.0, hit / gold
        click.echo(f"{name:14}{precision:10.3f}{recall:8.3f}{scores[-1]:8.3f}{gold:9}")
    right = sum(n for (g, s), n in pairs.items() if g == s)
    click.echo(f"\nmacro-F1 {sum(scores) / len(scores):.4f}, accuracy {right / len(judged):.4f}\n")
    click.echo("as it is ↓  as predicted → " + "".join(f"{name:>14}" for name in ORDER))
    for name in known:
        click.echo(f"{name:27}" + "".join(f"{pairs[name, said]:14}" for said in ORDER))


def by_source(judged: Iterable[Judged]) -> None:
    sources: dict[str, list[bool]] = defaultdict(list)
    for row, said, _ in judged:
        sources[row.source].append(row.executor == said)
    click.echo("\nsource                  right  prompts")
    for source, right in sorted(sources.items()):
        click.echo(f"{source:22}{sum(right) / len(right):7.3f}{len(right):9}")


def calibration(judged: Iterable[Judged]) -> None:
    bins: dict[int, list[Judged]] = defaultdict(list)
    for one in judged:
        bins[min(int(one.confidence * 10), 9)].append(one)
    click.echo("\nconfidence   mean   right  prompts")
    for tenth, found in sorted(bins.items()):
        mean = sum(j.confidence for j in found) / len(found)
        right = sum(j.row.executor == j.said for j in found) / len(found)
        click.echo(f"{tenth / 10:.1f}–{tenth / 10 + 0.1:.1f}{mean:11.2f}{right:8.2f}{len(found):9}")


def timings(prompts: Sequence[str]) -> None:
    taken = []
    for prompt in prompts:
        began = time.process_time_ns()
        intent.decide(prompt)
        taken.append((time.process_time_ns() - began) / 1e6)
    taken.sort()
    p50, p99 = taken[len(taken) // 2], taken[int(len(taken) * 0.99)]
    click.echo(f"\nCPU for a decision: p50 {p50:.2f} ms, p99 {p99:.2f} ms")


if __name__ == "__main__":
    main()
