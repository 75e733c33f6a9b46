"""Markdown blocks to elements: what stands below what, before the width is known."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Protocol

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tui.transcript.code import CHUNK_LINES, ROOT, coloured, language_of
from tui.transcript.frame import frame_bottom, frame_rows, frame_top
from tui.transcript.inline import inline_runs
from tui.transcript.rows import Code, Prefix, Row, Run, Runs, cells, run, wrap
from tui.transcript.table import Align, Table

_BULLETS: Final = "•◦▪"
_BAR: Final = Run("▌ ", "quote-bar")


@lru_cache(1)
def parser() -> MarkdownIt:
    """Return the one Markdown parser (GitHub's flavour)."""
    return MarkdownIt("gfm-like")


def warm_up() -> None:
    """Have the parser compile its expressions, 40 ms of work; any thread may do it."""
    parser().parse("https://a.example *b* `c` [d](e)\n\n- f\n\n|g|\n|-|\n|h|\n")


class Element(Protocol):
    """A block that knows how to become rows."""

    def layout(self, width: int) -> Iterator[Row]: ...


@dataclass(slots=True)
class Gap:
    """One empty row, but for the bars of the quote it stands in."""

    lead: Runs

    def layout(self, width: int) -> Iterator[Row]:
        del width
        yield Row(self.lead, start=sum(len(part.text) for part in self.lead))


@dataclass(slots=True)
class Prose:
    prefix: Prefix
    runs: Runs

    def layout(self, width: int) -> Iterator[Row]:
        return wrap(self.runs, width, self.prefix)


@dataclass(slots=True)
class Listing:
    """A code block inside another block. One at the top has sections of its own."""

    prefix: Prefix
    code: Code

    def layout(self, width: int) -> Iterator[Row]:
        lead = self.prefix.rest
        yield frame_top(self.code, width, self.prefix.first)
        lines = self.code.open.split("\n")
        if not lines[-1]:
            lines.pop()
        state = ROOT
        for at in range(0, len(lines), CHUNK_LINES):
            raws = lines[at : at + CHUNK_LINES]
            chunk = coloured("\n".join(raws), self.code.language, state)
            state = chunk.state
            yield from frame_rows(self.code, chunk.lines, raws, width, lead)
        yield frame_bottom(self.code, width, lead)


@dataclass(slots=True)
class Rule:
    prefix: Prefix

    def layout(self, width: int) -> Iterator[Row]:
        line = "─" * max(1, width - cells(self.prefix.first))
        start = sum(len(part.text) for part in self.prefix.first)
        yield Row((*self.prefix.first, Run(line, "rule")), start=start, raw="---")


@dataclass(slots=True)
class Grid:
    prefix: Prefix
    table: Table

    def layout(self, width: int) -> Iterator[Row]:
        return self.table.layout(width, self.prefix)


@dataclass(slots=True)
class _Holder:
    """An open list, list item or quote."""

    kind: str
    first: Runs = ()
    rest: Runs = ()
    number: int = 0
    used: bool = False
    token: Token | None = None


@dataclass(slots=True)
class Flow:
    """Builds elements from tokens. One use."""

    ordinal: int | None = None
    """The number of the first item, when the tokens begin in the middle of a list."""
    rows_only: bool = False
    """Whether the header of a table is not shown, being shown above."""
    elements: list[Element] = field(default_factory=list[Element])
    _holders: list[_Holder] = field(default_factory=list[_Holder])
    _shallowest: int = 0
    _end: int = -1
    _style: str = ""
    _table: Table | None = None

    def build(self, tokens: Sequence[Token]) -> list[Element]:
        for token in tokens:
            handle = _HANDLERS.get(token.type)
            if handle is not None:
                handle(self, token)
            elif token.content:
                self.literal(token)
        return self.elements

    # --- what holds other blocks ---

    def open_list(self, token: Token) -> None:
        start = int(token.attrs.get("start", 1)) if token.type == "ordered_list_open" else 0
        if self.ordinal is not None and not self._holders:
            start, self.ordinal = self.ordinal, None
        self._holders.append(_Holder(token.type.removesuffix("_open"), number=start))

    def open_item(self, token: Token) -> None:
        parent = self._holders[-1]
        if parent.kind == "ordered_list":
            mark = f"{parent.number}. "
            parent.number += 1
        else:
            depth = sum(holder.kind == "bullet_list" for holder in self._holders)
            mark = f"{_BULLETS[(depth - 1) % len(_BULLETS)]} "
        first, rest = (Run(mark, "bullet"),), (Run(" " * len(mark)),)
        self._holders.append(_Holder("item", first, rest, token=token))

    def close_item(self, token: Token) -> None:
        opened = self._holders[-1].token
        if opened is not None and not self._holders[-1].used:
            self._leaf(opened, lambda prefix: Prose(prefix, ()), lines=1)
        self.close(token)

    def open_quote(self, token: Token) -> None:
        del token
        self._holders.append(_Holder("quote", (_BAR,), (_BAR,)))

    def close(self, token: Token) -> None:
        del token
        self._holders.pop()
        self._shallowest = min(self._shallowest, len(self._holders))

    # --- what holds text ---

    def heading(self, token: Token) -> None:
        self._style = f"heading {token.tag}"

    def end_heading(self, token: Token) -> None:
        del token
        self._style = ""

    def inline(self, token: Token) -> None:
        quoted = any(holder.kind == "quote" for holder in self._holders)
        style = self._style or ("quote" if quoted and self._table is None else "")
        runs = inline_runs(token.children or (), style)
        if self._table is not None:
            self._table.rows[-1].append(runs)
        else:
            self._leaf(token, lambda prefix: Prose(prefix, runs))

    def code(self, token: Token) -> None:
        code = Code(language_of(token.info), token.content)
        self._leaf(token, lambda prefix: Listing(prefix, code))

    def rule(self, token: Token) -> None:
        self._leaf(token, Rule)

    def literal(self, token: Token) -> None:
        runs = (run(token.content.rstrip("\n"), "html"),)
        self._leaf(token, lambda prefix: Prose(prefix, runs))

    # --- tables ---

    def open_table(self, token: Token) -> None:
        table = self._table = Table(headed=not self.rows_only)
        self._leaf(token, lambda prefix: Grid(prefix, table))

    def open_row(self, token: Token) -> None:
        del token
        if self._table is not None:
            self._table.rows.append([])

    def open_header_cell(self, token: Token) -> None:
        self._style = "table-header"
        if self._table is not None:
            self._table.aligns.append(_align(str(token.attrs.get("style", ""))))

    def close_table(self, token: Token) -> None:
        del token
        self._table = None

    # --- placing ---

    def _leaf(
        self, token: Token, make: Callable[[Prefix], Element], lines: int | None = None
    ) -> None:
        """Place a block that holds no others; `lines` is its height if its token says more."""
        start, end = token.map or (self._end, self._end)
        if lines is not None:
            end = start + lines
        spaced = self._end >= 0 and (self._begins(start) > self._end or not self._shared())
        if spaced and self.elements:
            depth = min(self._shallowest, len(self._holders))
            self.elements.append(Gap(self._rest(depth)))
        self.elements.append(make(self._prefix()))
        for holder in self._holders:
            holder.used = True
        self._shallowest = len(self._holders)
        self._end = end

    def _begins(self, line: int) -> int:
        """The line of the first mark before a block at `line`: it may stand in a line above."""
        marks = [h.token.map[0] for h in self._holders if not h.used and h.token and h.token.map]
        return min((line, *marks))

    def _shared(self) -> bool:
        """Whether this block and the one before stand in the same list or quote."""
        return bool(self._holders) and self._shallowest > 0

    def _prefix(self) -> Prefix:
        first: list[Run] = []
        bars = length = 0
        for holder in self._holders:
            pieces = holder.rest if holder.used else holder.first
            first.extend(pieces)
            length += sum(len(part.text) for part in pieces)
            bars = length if holder.kind == "quote" else bars
        return Prefix(tuple(first), self._rest(len(self._holders)), bars)

    def _rest(self, depth: int) -> Runs:
        return tuple(part for holder in self._holders[:depth] for part in holder.rest)


def _align(style: str) -> Align:
    if "right" in style:
        return "right"
    return "center" if "center" in style else "left"


_HANDLERS: Final[dict[str, Callable[[Flow, Token], None]]] = {
    "bullet_list_open": Flow.open_list,
    "bullet_list_close": Flow.close,
    "ordered_list_open": Flow.open_list,
    "ordered_list_close": Flow.close,
    "list_item_open": Flow.open_item,
    "list_item_close": Flow.close_item,
    "blockquote_open": Flow.open_quote,
    "blockquote_close": Flow.close,
    "heading_open": Flow.heading,
    "heading_close": Flow.end_heading,
    "inline": Flow.inline,
    "fence": Flow.code,
    "code_block": Flow.code,
    "hr": Flow.rule,
    "table_open": Flow.open_table,
    "table_close": Flow.close_table,
    "tr_open": Flow.open_row,
    "th_open": Flow.open_header_cell,
    "th_close": Flow.end_heading,
}
