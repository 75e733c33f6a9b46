"""Labelled prompts: our own, and those of a file of others with `gold_route`.

Our own come with variants, so that the model learns the request and not the way it was typed: with
matter pasted before or after it, politely, carelessly, misspelt.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from router.intent.choice import KINDS
from router.intent.decision import EXECUTORS, Executor

OWN = Path(__file__).parent / "data" / "routes_own.jsonl"
HELD_BACK = Path(__file__).parent / "data" / "routes_check.jsonl"
"""Prompts of ours to judge the weights by: none are made from them."""
PASTED = Path(__file__).parent / "data" / "pasted.jsonl"

_OPENINGS = (
    "please ",
    "can you ",
    "could you please ",
    "hey, ",
    "ok, now ",
    "Butler, ",
    "quickly ",
)
_CLOSINGS = (" please", " pls", " thanks", ", thank you", "!", " asap")
_TAKES = {
    # What people paste along with each kind of request.
    "coding": ("code", "log"),
    "summarization": ("text",),
    "bulk": ("text", "data"),
    "format": ("data", "text"),
    "convert": ("data",),
    "audio": ("text",),
}
_CODE_TALK = ("this code", "this error", "this function", "this query", "diesen fehler")
_TEXT_TALK = (
    "text",
    "passage",
    "article",
    "paragraph",
    "plot",
    "this email",
    "this mail",
    "letter",
)
_NAMES_MATTER = (
    "this",
    "these",
    "following",
    "below",
    "above",
    "diese",
    "ce ",
    "cet",
    "este",
    "esta",
)


@dataclass(frozen=True)
class Row:
    prompt: str
    label: str
    """The kind, or the detail where it has one."""
    source: str
    complexity: str | None = None
    attached: bool = False
    weight: float = 1.0

    @property
    def executor(self) -> Executor:
        return EXECUTORS[KINDS[self.label]]


def own() -> list[Row]:
    return _ours(OWN)


def held_back() -> list[Row]:
    return _ours(HELD_BACK)


def _ours(path: Path) -> list[Row]:
    return [
        Row(r["prompt"], r.get("detail") or r["kind"], "own", r.get("complexity"))
        for r in _lines(path)
    ]


def others(path: Path) -> list[Row]:
    return [
        Row(r["prompt"], r["gold_route"], r["source"], r["gold_complexity"]) for r in _lines(path)
    ]


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def with_variants(rows: list[Row], seed: int = 7) -> list[Row]:
    """The rows, and for each a few more ways of saying the same, which share its weight."""
    random_ = random.Random(seed)  # noqa: S311  (nothing is secret about it)
    pasted: dict[str, list[str]] = {}
    for piece in _lines(PASTED):
        pasted.setdefault(piece["kind"], []).append(piece["text"])
    return [v for row in rows for v in _variants(row, pasted, random_)]


def _variants(row: Row, pasted: dict[str, list[str]], random_: random.Random) -> list[Row]:
    found = [row.prompt]
    if row.prompt.isascii():
        found.append(_carelessly(row.prompt, random_))
        found.append(_politely(row.prompt, random_))
    rows = [replace(row, prompt=prompt) for prompt in found]
    kinds = _TAKES.get(row.label, ()) if "\n" not in row.prompt else ()
    if row.label == "coding" and not _names_matter(row.prompt):
        kinds = ()
    if row.label == "direct":
        kinds = _talked_about(row.prompt)
    if kinds:
        texts = [text for kind in kinds for text in pasted[kind]]
        one, two = random_.sample(texts, 2)
        rows.append(replace(row, prompt=f"{row.prompt}\n\n{one}"))
        rows.append(replace(row, prompt=f"{two}\n\n{row.prompt}"))
        if row.label != "coding":
            rows.append(replace(row, attached=True))
    return [replace(r, weight=row.weight / len(rows)) for r in rows]


def _names_matter(prompt: str) -> bool:
    return any(word in prompt.lower() for word in _NAMES_MATTER)


def _talked_about(prompt: str) -> tuple[str, ...]:
    """What a question that isn't to be worked on in the background may come with."""
    lower = prompt.lower()
    if any(word in lower for word in _CODE_TALK):
        return ("code", "log")
    return ("text",) if any(word in lower for word in _TEXT_TALK) and "\n" not in lower else ()


def _politely(prompt: str, random_: random.Random) -> str:
    lower = prompt[0].lower() + prompt[1:]
    return (
        random_.choice(_OPENINGS) + lower
        if random_.random() < 0.6
        else prompt.rstrip(".?!") + random_.choice(_CLOSINGS)
    )


def _carelessly(prompt: str, random_: random.Random) -> str:
    """In lower case, without marks, and with two letters swapped in a long word."""
    words = prompt.lower().rstrip(".?!").split(" ")
    long = [i for i, word in enumerate(words) if len(word) >= 6 and word.isalpha()]
    if long and random_.random() < 0.5:
        index = random_.choice(long)
        word, at = words[index], random_.randrange(1, len(words[index]) - 2)
        words[index] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return " ".join(words)
