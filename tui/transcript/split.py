"""Cuts growing Markdown into chunks that no later text can change.

A chunk is a top-level block, or one item of a top-level list. A cut is made before a block whose
first line is complete, judged by complete lines only, because a block's start depends on nothing
after its own line but for three things, which are held back: a table (its second line decides),
a link definition (its title may go on) and a fence (scanned line by line, without the parser).
So the chunks depend on the text alone, never on how it arrived.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, Literal, TypeAlias

from markdown_it.token import Token

from tui.transcript.code import CHUNK_LINES
from tui.transcript.flow import parser

WINDOW: Final = 12_000
"""Characters. A block longer than this is cut all the same, so that no parse takes long."""
_LINES: Final = {"list": 400, "table": 100}
"""Lines, for the same reason, by kind of block."""
_LINES_ELSE: Final = 150
_ROWS: Final = 50
"""Rows of a long table that are one chunk, after the first."""
FORMATTED: Final = 256_000
"""Characters. No answer is that long; what comes after is shown as plain text."""

ChunkKind: TypeAlias = Literal["markdown", "plain", "definitions", "fence", "code", "fence-end"]
_FENCE: Final = re.compile(r"( {0,3})(`{3,}(?=[^`\n]*\n)|~{3,})([^\n]*)\n")
_BLANK_LINES: Final = re.compile(r"(?:[ \t]*\n)+")
_LINE_ENDS: Final = re.compile(r"\r\n?")
_LEAVES: Final = frozenset({"inline", "fence", "code_block", "hr", "html_block"})
LONG_LINE: Final = 2_000
"""Characters; a block with a longer line is shown as plain text."""
MANY_BRACKETS: Final = 300
"""A block with more of them is shown as plain text: each may cost a search to the end."""
PART: Final = 4_000
"""Characters of plain text, or of one line of a listing, that are one chunk at most."""


@dataclass(slots=True, frozen=True)
class Chunk:
    """A piece of a document that is looked at by itself."""

    kind: ChunkKind
    text: str
    """Markdown, plain text, the lines of a listing; for a `fence` its info string."""
    gap: bool = False
    """Whether an empty row stands before it (never before the first)."""
    ordinal: int | None = None
    """The number of its first item, when it goes on with a list."""
    broken: bool = False
    """Whether its last line goes on in the next chunk."""
    header: str = ""
    """For further rows of a table: its first two lines, which are not shown again."""


@dataclass(slots=True, frozen=True)
class Fence:
    """An open code fence."""

    indent: int
    mark: str
    info: str

    def closes(self, line: str) -> bool:
        inner = line.strip(" \t")
        if len(inner) < len(self.mark) or inner.strip(self.mark[0]):
            return False
        return _indentation(line, 4)[0] < 4

    def content(self, line: str) -> str:
        """Return a line of the listing without the indentation of its fence."""
        column, at = _indentation(line, self.indent)
        return " " * (column - self.indent) + line[at:]


def _indentation(line: str, limit: int) -> tuple[int, int]:
    """Return where indentation up to column `limit` ends: its column, which a tab may take
    beyond the limit, and its place in the line."""
    column = at = 0
    while column < limit and line[at : at + 1] in {" ", "\t"}:
        column += 4 - column % 4 if line[at] == "\t" else 1
        at += 1
    return column, at


class Splitter:
    """Feed it text; take the chunks that are closed; look at the open end."""

    def __init__(self, fence: Fence | None = None) -> None:
        self.tail = ""
        """The text after the last closed chunk."""
        self.fence = fence
        """The open fence the tail stands in, if any."""
        self._gap = True
        self._ordinal: int | None = None
        self._header = ""
        self._carry = ""
        self._parsed = 0
        self._mid_line = False
        self._ended = False
        self._taken = 0

    def feed(self, text: str) -> list[Chunk]:
        """Take more text and return the chunks that have become final.

        Takes about 1 ms per 1,000 characters: cut long text before.
        """
        text = self._carry + text
        self._carry = "\r" if text.endswith("\r") else ""
        text = text[: len(text) - len(self._carry)]
        self.tail += _LINE_ENDS.sub("\n", text) if "\r" in text else text
        found: list[Chunk] = []
        while chunks := self._closed():
            found += chunks
        return found

    def finish(self) -> list[Chunk]:
        """Return what is left, the text being at its end."""
        found = self.feed("\n") if self._carry else []
        found += self._end(final=True)
        last = self.tail.rpartition("\n")[2]
        if self.fence is not None and self.fence.closes(last) and not self._mid_line:
            self.fence = None
        self.tail, self._ended = "", True
        return found

    def open(self) -> list[Chunk]:
        """Return the chunks of the open end as they look now."""
        return [] if self._ended else self._end(final=False)

    def _end(self, *, final: bool) -> list[Chunk]:
        if self.fence is not None:
            return self._open_code(self.fence, final=final)
        if not self.tail.strip():
            return []
        if self._taken >= FORMATTED:
            return [Chunk("plain", self.tail)]
        return [self._block(self.tail)]

    def _block(self, text: str, *, broken: bool = False) -> Chunk:
        """Return a chunk of the document's main part."""
        rows = self._header if text.lstrip(" ").startswith("|") else ""
        return Chunk(_kind(text), text, self._gap, self._ordinal, broken, rows)

    def _closed(self) -> list[Chunk]:
        if self._taken >= FORMATTED:
            return self._closed_rest()
        if self.fence is not None:
            return self._closed_code(self.fence)
        if self._header and (rows := self._closed_rows()) is not None:
            return rows
        if blank := _BLANK_LINES.match(self.tail):
            self._take(blank.end())
        if opening := _FENCE.match(self.tail):
            self._take(opening.end())
            spaces, mark, info = opening.groups()
            self.fence = Fence(len(spaces), mark, info.strip())
            return [Chunk("fence", self.fence.info, gap=self._gap)]
        return self._closed_blocks()

    def _take(self, length: int) -> str:
        taken, self.tail = self.tail[:length], self.tail[length:]
        self._parsed = 0
        self._taken += length
        return taken

    def _closed_rest(self) -> list[Chunk]:
        """Take lines of what comes after the formatted part."""
        if self.fence is not None:
            self.fence = None
            return [Chunk("fence-end", "")]
        length, broken = plain_part(self.tail)
        return [Chunk("plain", self._take(length), broken=broken)] if length else []

    # --- inside a fence ---

    def _closed_code(self, fence: Fence) -> list[Chunk]:
        """Take up to `CHUNK_LINES` whole lines, or the beginning of a very long one."""
        lines: list[str] = []
        at, inside = 0, self._mid_line
        while (end := self.tail.find("\n", at, at + PART + 1)) >= 0:
            line = self.tail[at:end]
            if not inside and fence.closes(line):
                self._take(end + 1)
                self.fence, self._gap, self._ordinal, self._mid_line = None, True, None, False
                return [*_listing(lines), Chunk("fence-end", "")]
            lines.append(line if inside else fence.content(line))
            at, inside = end + 1, False
            if len(lines) == CHUNK_LINES:
                self._take(at)
                self._mid_line = False
                return _listing(lines)
        if len(self.tail) - at <= PART:
            return []
        part = self.tail[at : at + PART]
        self._take(at + PART)
        self._mid_line = True
        return [
            *_listing(lines),
            Chunk("code", part if inside else fence.content(part), broken=True),
        ]

    def _open_code(self, fence: Fence, *, final: bool) -> list[Chunk]:
        lines = self.tail.split("\n")
        last = lines[-1]
        fresh = len(lines) > 1 or not self._mid_line
        hidden = fence.closes(last) or (not final and not last.strip(f" {fence.mark[0]}"))
        if not last or (hidden and fresh):
            lines.pop()
        content = [fence.content(line) for line in lines]
        if self._mid_line and lines:
            content[0] = lines[0]
        return [*_listing(content), Chunk("fence-end", "")]

    # --- outside ---

    def _closed_rows(self) -> list[Chunk] | None:
        """Take further rows of a long table; None when it is at its end."""
        lines = self.tail.split("\n", _ROWS)
        count = next(
            (n for n, line in enumerate(lines[:-1]) if not line.lstrip(" ").startswith("|")),
            len(lines) - 1,
        )
        if count == len(lines) - 1 < _ROWS:
            self._parsed = len(self.tail)
            return []
        text = "".join(f"{line}\n" for line in lines[:count])
        chunks = [self._block(text)] if text else []
        self._take(len(text))
        if count < _ROWS:
            self._header, self._gap = "", True
        return chunks or None

    def _closed_blocks(self) -> list[Chunk]:
        window = self.tail[:WINDOW]
        whole = window[: window.rfind("\n") + 1]
        full = len(window) == WINDOW
        if len(whole) <= self._parsed and not full:
            return []
        self._parsed = len(whole)
        blocks = self._blocks(whole)
        chunks = self._apply(blocks, whole)
        if chunks:
            return chunks
        kind = blocks[0].kind if blocks else ""
        lines = whole.split("\n")
        limit = _LINES.get(kind, _LINES_ELSE)
        if len(lines) > limit:
            return self._force("\n".join(lines[:limit]) + "\n", kind)
        return self._force(whole or window, kind) if full else []

    def _force(self, text: str, kind: str) -> list[Chunk]:
        """Close a block at a place where it does not end."""
        chunk = self._block(text, broken=not text.endswith("\n"))
        self._take(len(text))
        self._gap, self._ordinal = False, None
        if kind == "table":
            self._header = "".join(f"{line}\n" for line in text.split("\n", 2)[:2])
        return [chunk]

    def _apply(self, blocks: Sequence["_Block"], whole: str) -> list[Chunk]:
        """Close all blocks but the last, up to one that is too long."""
        lines = whole.split("\n")
        chunks: list[Chunk] = []
        if blocks and blocks[0].line:  # only link definitions stand before it: nothing to show
            text = "\n".join(lines[: blocks[0].line]) + "\n"
            chunks.append(Chunk("definitions", text))
            self._take(len(text))
        for block, following in pairwise(blocks):
            if following.line - block.line > _LINES.get(block.kind, _LINES_ELSE):
                break
            if self._taken >= FORMATTED:
                break
            text = "\n".join(lines[block.line : following.line]) + "\n"
            chunks.append(self._block(text))
            self._take(len(text))
            self._gap, self._ordinal = following.gap, following.ordinal
        return chunks

    def _blocks(self, whole: str) -> list["_Block"]:
        """Return the blocks of `whole`, made of complete lines, that certainly begin there.

        A fence is the last: what follows it is read line by line.
        """
        markdown = parser()
        tokens: list[Token] = []
        markdown.block.parse(whole, markdown, {}, tokens)
        lines = whole.split("\n")
        found: list[_Block] = []
        for block in _starts(tokens, self._ordinal):
            line = block.line
            certain = line == 0 or block.end >= line or not lines[line - 1].strip(" \t")
            if certain or not found:  # an uncertain first one takes in what stands before it
                found.append(block if certain else replace(block, line=0))
            if certain and block.kind == "fence":
                break
        return found


@dataclass(slots=True, frozen=True)
class _Block:
    """A top-level block, or an item of a top-level list."""

    line: int
    """Where it begins."""
    end: int
    """The line after the last text before it."""
    kind: str
    goes_on: bool = False
    """Whether it is a further item of the same list."""
    ordinal: int | None = None

    @property
    def gap(self) -> bool:
        return not self.goes_on or self.end < self.line


def _starts(tokens: Sequence[Token], ordinal: int | None) -> Iterator[_Block]:
    """Yield all blocks; `ordinal` is the number of the first item if a list goes on."""
    end, number, items = 0, None, 0
    for token in tokens:
        if token.map is None:
            continue
        line = token.map[0]
        kind = token.type.removesuffix("_open").rpartition("_")[2]
        if token.level == 0 and token.nesting >= 0:
            yield _Block(line, end, kind)
            first = ordinal if ordinal is not None else token.attrs.get("start", 1)
            number = int(first) if token.type == "ordered_list_open" else None
            items, ordinal = 0, None
        elif token.level == 1 and token.type == "list_item_open":
            if items:
                place = None if number is None else number + items
                yield _Block(line, end, "list", goes_on=True, ordinal=place)
            items += 1
        if token.type == "list_item_open":
            end = max(end, line + 1)
        elif token.type in _LEAVES:
            end = max(end, token.map[1])


def _listing(lines: list[str]) -> list[Chunk]:
    return [Chunk("code", "\n".join(lines))] if lines else []


def _kind(text: str) -> ChunkKind:
    """A very long line is not searched for Markdown: that would take long, and means nothing."""
    long = len(text) > LONG_LINE and max(map(len, text.split("\n"))) > LONG_LINE
    return "plain" if long or text.count("[") > MANY_BRACKETS else "markdown"


def plain_part(text: str) -> tuple[int, bool]:
    """Return how much of the text is one chunk of lines, and whether its last line goes on.

    The length is 0 while the text is too short to tell.
    """
    if len(text) <= PART:
        return 0, False
    length = text.rfind("\n", 0, PART) + 1
    return length or PART, not length


class LineSplitter:
    """Cuts text that is no Markdown: a few lines, or a part of a very long one."""

    def __init__(self) -> None:
        self.tail = ""
        self._carry = ""

    def feed(self, text: str) -> list[Chunk]:
        text = self._carry + text
        self._carry = "\r" if text.endswith("\r") else ""
        self.tail += _LINE_ENDS.sub("\n", text[: len(text) - len(self._carry)])
        found: list[Chunk] = []
        while chunk := self._closed():
            found.append(chunk)
        return found

    def finish(self) -> list[Chunk]:
        found = self.feed("\n") if self._carry else []
        found += self.open()
        self.tail = ""
        return found

    def open(self) -> list[Chunk]:
        """Return the open end as it looks now."""
        return [Chunk("plain", self.tail)] if self.tail else []

    def _closed(self) -> Chunk | None:
        length, broken = plain_part(self.tail)
        if not length:
            return None
        text, self.tail = self.tail[:length], self.tail[length:]
        return Chunk("plain", text, broken=broken)
