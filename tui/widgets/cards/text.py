"""Text of a card as lines that fit: prose under labels, code in a frame, diffs."""

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final

from rich.cells import cell_len, chop_cells
from textual.content import Content

from tui.text import sanitise
from tui.wording import LOUD, QUIET

_CODE: Final = re.compile(r"`[^`\n]+`")
_ITEM: Final = re.compile(r"(\s*(?:[-*•]|\d{1,3}[.)])\s+)(.*)", re.DOTALL)
_HEADING: Final = re.compile(r"(#{1,6})\s+(.*)")
_OPEN_FENCE: Final = re.compile(r"\s*(```|~~~)")
_LABEL: Final = 12
"""Columns of the labels at the left of a wide card."""
_WIDE: Final = 56
_WARNS: Final = re.compile(
    r"unsandboxed|not\s+(?:in\s+a\s+)?sandbox|no\s+sandbox|without\s+(?:a\s+)?(?:sandbox|bubblewrap)"
    r"|outside\s+(?:a|the|any)\s+sandbox|^\s*(?:warning|careful|!)",
    re.IGNORECASE,
)


def prose(text: str, width: int, style: str = "") -> list[Content]:
    """Paragraphs and list items, wrapped; no character but line ends is left out."""
    return [
        line
        for paragraph in sanitise(text).split("\n")
        for line in _paragraph(paragraph, width, style)
    ]


def _paragraph(paragraph: str, width: int, style: str) -> list[Content]:
    item = _ITEM.fullmatch(paragraph)
    lead, body = item.groups() if item else ("", paragraph)
    if cell_len(lead) > width // 2:
        lead, body = "", paragraph
    indent = " " * cell_len(lead)
    lines = _marked(body, style).wrap(max(1, width - len(indent))) or [Content("")]
    first = Content.assemble((lead, QUIET), lines[0]) if lead else lines[0]
    return [first, *(Content.assemble(indent, line) for line in lines[1:])]


def _marked(text: str, style: str) -> Content:
    content = Content.styled(text, style) if style else Content(text)
    for found in _CODE.finditer(text):
        content = content.stylize("$accent", *found.span())
    return content


# --- labelled sections ---------------------------------------------------------------------------


def sections(markdown: str) -> Iterator[tuple[str, int, str]]:
    """Heading, its level and what stands below it, for each section; level 0 has no heading."""
    title, level = "", 0
    body: list[str] = []
    fenced = False
    for line in markdown.split("\n"):
        fenced ^= bool(_OPEN_FENCE.match(line))
        found = None if fenced else _HEADING.fullmatch(line.rstrip())
        if found is None:
            body.append(line)
            continue
        yield title, level, "\n".join(body).strip("\n")
        title, level, body = found[2], len(found[1]), []
    yield title, level, "\n".join(body).strip("\n")


def document(markdown: str, width: int) -> list[Content]:
    """A Markdown text as sections: short headings are labels at the left of what they head."""
    lines: list[Content] = []
    for title, level, body in sections(sanitise(markdown)):
        if not title and not body:
            continue
        beside = width >= _WIDE and 0 < len(title) < _LABEL and level > 1 and body
        if beside:
            lines += _beside(title, body, width)
            continue
        if title:
            lines += _marked(title, "bold").wrap(width)
        lines += prose(body, width) if body else []
    return lines


def _beside(title: str, body: str, width: int) -> list[Content]:
    lines = [line for line in prose(body, width - _LABEL) if line.plain]
    labels = [title, *("" for _ in lines[1:])]
    return [
        Content.assemble((f"{label:<{_LABEL}}", "bold"), line)
        for label, line in zip(labels, lines, strict=True)
    ]


# --- code and diffs ------------------------------------------------------------------------------


def folded(line: str, width: int) -> list[str]:
    """A line cut into pieces of `width` cells: nothing of it is left out."""
    return [line] if cell_len(line) <= width else chop_cells(line, max(2, width))


def framed(text: str, width: int, title: str) -> list[Content]:
    """Text letter by letter in a frame of its own; `↩` marks a line that goes on below."""
    room = max(2, width - 4)
    rule = "─" * max(0, width - cell_len(title) - 5)
    lines = [Content.assemble(("┌─ ", QUIET), (title, QUIET), (f" {rule}┐", QUIET))]
    for line in sanitise(text).split("\n"):
        for piece, after in pairwise([*folded(line, room), None]):
            edge = " │" if after is None else "↩│"
            pad = " " * (room - cell_len(piece or ""))
            lines.append(Content.assemble(("│ ", QUIET), (piece or "", "bold"), pad, (edge, QUIET)))
    lines.append(Content.styled(f"└{'─' * max(0, width - 2)}┘", QUIET))
    return lines


def _sign_style(line: str) -> str:
    if line.startswith(("+++", "---")):
        return "bold"
    return {"+": "$success", "-": "$error", "@": "$primary"}.get(line[:1], "")


def diff(text: str, width: int) -> list[Content]:
    """A unified diff: the signs stay, colour only repeats them."""
    lines: list[Content] = []
    for line in sanitise(text).split("\n"):
        style = _sign_style(line)
        first, *rest = folded(line, width - 2)
        lines.append(Content.styled(first, style) if style else Content(first))
        lines += (Content.assemble(("↳ ", QUIET), (piece, style)) for piece in rest)
    return lines


def remarks(detail: str, width: int) -> tuple[list[Content], list[Content]]:
    """What is good to know: what takes a protection away, which is loud, and the rest."""
    loud: list[Content] = []
    quiet: list[Content] = []
    for line in filter(None, sanitise(detail).split("\n")):
        if _WARNS.search(line):
            mark = "" if line.startswith("!") else "! "
            loud += prose(mark + line, width, LOUD)
        else:
            quiet += prose(line, width, QUIET)
    return loud, quiet


def columns(blocks: Iterable[list[Content]], width: int, gap: str = " │ ") -> list[Content]:
    """Blocks of lines side by side; each is as wide as `column_width` says."""
    blocks = list(blocks)
    each = column_width(width, len(blocks), gap)
    height = max(map(len, blocks))
    lines: list[Content] = []
    for number in range(height):
        parts: list[Content | tuple[str, str]] = []
        for block in blocks:
            line = block[number] if number < len(block) else Content("")
            parts += [(gap, QUIET)] * bool(parts)
            parts.append(line.pad_right(max(0, each - line.cell_length)))
        lines.append(Content.assemble(*parts))
    return lines


def column_width(width: int, count: int, gap: str = " │ ") -> int:
    return max(1, (width - len(gap) * (count - 1)) // count)
