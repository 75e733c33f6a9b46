"""Text of a card as lines that fit, which are plain data: prose under labels, remarks, columns."""

import re
from collections.abc import Iterable, Iterator, Sequence
from textwrap import TextWrapper
from typing import Final, NamedTuple, TypeAlias

from rich.cells import cell_len, chop_cells
from textual.content import Content

from tui.text import sanitise
from tui.wording import LOUD, QUIET

Part: TypeAlias = tuple[str, str]
"""Text and its style."""

_CODE: Final = re.compile(r"(`[^`\n]+`)")
_ITEM: Final = re.compile(r"(\s*(?:[-*•]|\d{1,3}[.)])\s+)(.*)", re.DOTALL)
_HEADING: Final = re.compile(r"(#{1,6})\s+(.*)")
_FENCE: Final = re.compile(r"\s*(```|~~~)")
_WARNS: Final = re.compile(
    r"unsandboxed|not\s+(?:in\s+a\s+)?sandbox|no\s+sandbox|without\s+(?:a\s+)?(?:sandbox|bubblewrap)"
    r"|outside\s+(?:a|the|any)\s+sandbox|^\s*(?:warning|careful|notice|not applied|!)",
    re.IGNORECASE,
)
_LABEL: Final = 12
"""Columns of the labels at the left of a wide card."""
_WIDE: Final = 56
_UNBROKEN: Final = 8_000
"""Characters from which on a paragraph is cut and not wrapped: nobody reads it as prose."""


class Line(NamedTuple):
    """One row."""

    parts: tuple[Part, ...] = ()

    @property
    def plain(self) -> str:
        return "".join(text for text, _ in self.parts)

    @property
    def cells(self) -> int:
        return sum(width_of(text) for text, _ in self.parts)

    def after(self, text: str, style: str = "") -> "Line":
        return Line(((text, style), *self.parts))

    def padded(self, width: int) -> "Line":
        return Line((*self.parts, (" " * max(0, width - self.cells), "")))

    def content(self) -> Content:
        return Content.assemble(*self.parts)


BLANK: Final = Line()


def line(text: str, style: str = "") -> Line:
    return Line(((text, style),))


def width_of(text: str) -> int:
    return len(text) if text.isascii() else cell_len(text)


def folded(text: str, width: int) -> list[str]:
    """A line cut into pieces of `width` cells: nothing of it is left out."""
    width = max(2, width)
    if text.isascii():
        if len(text) <= width:
            return [text]
        return [text[at : at + width] for at in range(0, len(text), width)]
    return [text] if cell_len(text) <= width else chop_cells(text, width)


def _wrapped(text: str, width: int) -> list[str]:
    """A paragraph broken between words."""
    width = max(2, width)
    if len(text) > _UNBROKEN:
        return folded(text, width)
    if not text.isascii():
        return [part.plain for part in Content(text).wrap(width)] or [""]
    if len(text) <= width:
        return [text]
    wrapper = TextWrapper(
        width, expand_tabs=False, replace_whitespace=False, break_on_hyphens=False
    )
    return wrapper.wrap(text) or [""]


def prose(text: str, width: int, style: str = "") -> list[Line]:
    """Paragraphs and list items, wrapped; no character but line ends is left out."""
    return [
        row
        for paragraph in sanitise(text).split("\n")
        for row in _paragraph(paragraph, width, style)
    ]


def _paragraph(paragraph: str, width: int, style: str) -> Iterator[Line]:
    item = _ITEM.fullmatch(paragraph)
    lead, body = item.groups() if item else ("", paragraph)
    if width_of(lead) > width // 2:
        lead, body = "", paragraph
    indent = " " * width_of(lead)
    for number, text in enumerate(_wrapped(body, width - len(indent))):
        row = Line(_marked(text, style))
        yield row.after(indent if number else lead, QUIET) if lead else row


def _marked(text: str, style: str) -> tuple[Part, ...]:
    if "`" not in text:
        return ((text, style),)
    pieces = _CODE.split(text)
    return tuple(
        (piece, "$accent" if at % 2 else style) for at, piece in enumerate(pieces) if piece
    )


# --- labelled sections ---------------------------------------------------------------------------


def sections(markdown: str) -> Iterator[tuple[str, int, str]]:
    """Heading, its level and what stands below it, for each section; level 0 has no heading."""
    title, level = "", 0
    body: list[str] = []
    fenced = False
    for row in markdown.split("\n"):
        fenced ^= bool(_FENCE.match(row))
        found = None if fenced else _HEADING.fullmatch(row.rstrip())
        if found is None:
            body.append(row)
            continue
        yield title, level, "\n".join(body).strip("\n")
        title, level, body = found[2], len(found[1]), []
    yield title, level, "\n".join(body).strip("\n")


def document(markdown: str, width: int) -> list[Line]:
    """A Markdown text as sections: short headings are labels at the left of what they head."""
    lines: list[Line] = []
    for title, level, body in sections(sanitise(markdown)):
        if width >= _WIDE and 0 < len(title) < _LABEL and level > 1 and body:
            lines += _beside(title, body, width)
            continue
        if title:
            lines += (line(text, "bold") for text in _wrapped(title, width))
        if body:
            lines += prose(body, width)
    return lines


def _beside(title: str, body: str, width: int) -> Iterator[Line]:
    label = title
    for row in prose(body, width - _LABEL):
        if row.plain:
            yield row.after(f"{label:<{_LABEL}}", "bold")
            label = ""


# --- remarks -------------------------------------------------------------------------------------


def remarks(detail: str, width: int) -> tuple[list[Line], list[Line]]:
    """What is good to know: what takes a protection away, which is loud, and the rest."""
    loud: list[Line] = []
    quiet: list[Line] = []
    for row in filter(None, sanitise(detail).split("\n")):
        if _WARNS.search(row):
            mark = "" if row.startswith("!") else "! "
            loud += prose(mark + row, width, LOUD)
        else:
            quiet += prose(row, width, QUIET)
    return loud, quiet


# --- side by side --------------------------------------------------------------------------------

_GAP: Final = " │ "


def columns(blocks: Sequence[Sequence[Line]], width: int) -> Iterable[Line]:
    """Blocks of lines side by side, each as wide as `column_width` says."""
    each = column_width(width, len(blocks))
    for number in range(max(map(len, blocks))):
        parts: list[Part] = []
        for block in blocks:
            row = block[number] if number < len(block) else BLANK
            parts += [(_GAP, QUIET)] * bool(parts)
            parts += row.padded(each).parts
        yield Line(tuple(parts))


def column_width(width: int, count: int) -> int:
    return max(2, (width - len(_GAP) * (count - 1)) // count)
