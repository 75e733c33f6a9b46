"""Unified diffs of texts, in bounded time."""

from itertools import takewhile
from typing import Final

import msgspec

_CONTEXT: Final = 3
_PAIRS: Final = 100_000_000
"""Lines of one side times lines of the other: beyond, what differs is shown as one replacement."""

_Span = tuple[int, int, int, int]
"""Lines of the old text from, to, and those of the new one that take their place."""


class Difference(msgspec.Struct, frozen=True):
    added: int
    removed: int
    diff: str


def lines_of(text: str) -> list[str]:
    """Lines with their ends. Only `\\n` ends one: a form feed is part of its line."""
    lines = [f"{line}\n" for line in text.split("\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines


def difference(path: str, before: str | None, after: str | None) -> Difference:
    """From one text to another; `None` where there is no file."""
    old, new = lines_of(before or ""), lines_of(after or "")
    spans = _spans(old, new)
    head = [
        f"--- {'/dev/null' if before is None else f'a/{path}'}\n",
        f"+++ {'/dev/null' if after is None else f'b/{path}'}\n",
    ]
    hunks = [line for group in _groups(spans) for line in _hunk(group, old, new)]
    return Difference(
        added=sum(to - start for _, _, start, to in spans),
        removed=sum(to - start for start, to, _, _ in spans),
        diff="".join(head + hunks),
    )


def _spans(old: list[str], new: list[str]) -> list[_Span]:
    start = _alike(old, new)
    end = _alike(old[start:][::-1], new[start:][::-1])
    left, right = old[start : len(old) - end], new[start : len(new) - end]
    if not left and not right:
        return []
    if not left or not right or len(left) * len(right) > _PAIRS:
        return [(start, start + len(left), start, start + len(right))]
    from rapidfuzz.distance import LCSseq

    spans: list[_Span] = []
    for op in LCSseq.opcodes(left, right):
        if op.tag == "equal":
            continue
        here = (
            op.src_start + start,
            op.src_end + start,
            op.dest_start + start,
            op.dest_end + start,
        )
        if spans and spans[-1][1] == here[0] and spans[-1][3] == here[2]:
            spans[-1] = (spans[-1][0], here[1], spans[-1][2], here[3])
        else:
            spans.append(here)
    return spans


def _alike(old: list[str], new: list[str]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))


def _groups(spans: list[_Span]) -> list[list[_Span]]:
    groups: list[list[_Span]] = []
    for span in spans:
        if groups and span[0] - groups[-1][-1][1] <= 2 * _CONTEXT:
            groups[-1].append(span)
        else:
            groups.append([span])
    return groups


def _hunk(group: list[_Span], old: list[str], new: list[str]) -> list[str]:
    before = min(_CONTEXT, group[0][0])
    after = min(_CONTEXT, len(old) - group[-1][1])
    here = group[0][0] - before
    old_range = _range(here, group[-1][1] + after)
    new_range = _range(group[0][2] - before, group[-1][3] + after)
    lines = [f"@@ -{old_range} +{new_range} @@\n"]
    for start, to, new_start, new_to in group:
        lines += [_line(" ", line) for line in old[here:start]]
        lines += [_line("-", line) for line in old[start:to]]
        lines += [_line("+", line) for line in new[new_start:new_to]]
        here = to
    return [*lines, *(_line(" ", line) for line in old[here : here + after])]


def _range(start: int, to: int) -> str:
    length = to - start
    return f"{start + 1 if length else start},{length}"


def _line(sign: str, line: str) -> str:
    return (
        f"{sign}{line}" if line.endswith("\n") else f"{sign}{line}\n\\ No newline at end of file\n"
    )
