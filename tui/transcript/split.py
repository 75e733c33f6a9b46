"""Cuts growing Markdown into chunks that no later text can change.

A chunk is a top-level block, or one item of a top-level list. A cut is made before a block whose
first line is complete, judged by complete lines only, because a block's start depends on nothing
after its own line but for three things, which are held back: a table (its second line decides),
a link definition (its title may go on) and a fence (scanned line by line, without the parser).
So the chunks depend on the text alone, never on how it arrived.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from markdown_it.token import Token

from tui.transcript.code import CHUNK_LINES
from tui.transcript.flow import parser

WINDOW: Final = 12_000
"""Characters. A block longer than this is cut all the same, so that no parse takes long."""

ChunkKind: TypeAlias = Literal["markdown", "plain", "definitions", "fence", "code", "fence-end"]
_FENCE: Final = re.compile(r"( {0,3})(`{3,}(?=[^`\n]*\n)|~{3,})([^\n]*)\n")
_BLANK_LINES: Final = re.compile(r"(?:[ \t]*\n)+")
_LINE_ENDS: Final = re.compile(r"\r\n?")
_LEAVES: Final = frozenset({"inline", "fence", "code_block", "hr", "html_block"})
LONG_LINE: Final = 4_000
"""Characters; a block with a longer line is shown as plain text."""
PART: Final = 8_000
"""Characters of one line of a listing that are one chunk at most."""


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


@dataclass(slots=True, frozen=True)
class Fence:
    """An open code fence."""

    indent: int
    mark: str
    info: str

    def closes(self, line: str) -> bool:
        inner = line.strip(" \t")
        indented = len(line) - len(line.lstrip(" ")) > 3
        return not indented and len(inner) >= len(self.mark) and not inner.strip(self.mark[0])

    def content(self, line: str) -> str:
        """Return a line of the listing without the indentation of its fence."""
        spaces = len(line) - len(line.lstrip(" "))
        return line[min(spaces, self.indent) :]


@dataclass(slots=True, frozen=True)
class _Cut:
    line: int
    first: bool
    gap: bool
    ordinal: int | None


class Splitter:
    """Feed it text; take the chunks that are closed; look at the open end."""

    def __init__(self, fence: Fence | None = None) -> None:
        self.tail = ""
        """The text after the last closed chunk."""
        self.fence = fence
        """The open fence the tail stands in, if any."""
        self._gap = True
        self._ordinal: int | None = None
        self._carry = ""
        self._parsed = 0
        self._mid_line = False
        self._ended = False

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
        return [Chunk(_kind(self.tail), self.tail, self._gap, self._ordinal)]

    def _closed(self) -> list[Chunk]:
        if self.fence is not None:
            return self._closed_code(self.fence)
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
        return taken

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
        hidden = fence.closes(last) or (not final and not last.strip(f" {fence.mark[0]}"))
        if hidden or not last:
            lines.pop()
        content = [fence.content(line) for line in lines]
        if self._mid_line and lines:
            content[0] = lines[0]
        return [*_listing(content), Chunk("fence-end", "")]

    # --- outside ---

    def _closed_blocks(self) -> list[Chunk]:
        window = self.tail[:WINDOW]
        whole = window[: window.rfind("\n") + 1]
        cuts = self._cuts(whole) if len(whole) > self._parsed else []
        self._parsed = len(whole)
        if cuts:
            return self._apply(cuts, whole)
        if len(window) < WINDOW:
            return []
        length = len(whole) or len(window)
        chunk = Chunk(_kind(window[:length]), window[:length], self._gap, self._ordinal, not whole)
        self._take(length)
        self._gap, self._ordinal = False, None
        return [chunk]

    def _apply(self, cuts: Sequence[_Cut], whole: str) -> list[Chunk]:
        lines = whole.split("\n")
        chunks: list[Chunk] = []
        at = 0
        for cut in cuts:
            text = "\n".join(lines[at : cut.line]) + "\n"
            if cut.first:  # only link definitions stand before it: nothing to show
                chunks.append(Chunk("definitions", text))
            else:
                chunks.append(Chunk(_kind(text), text, self._gap, self._ordinal))
                self._gap = cut.gap
            self._ordinal, at = cut.ordinal, cut.line
        self._take(sum(len(line) + 1 for line in lines[:at]))
        return chunks

    def _cuts(self, whole: str) -> list[_Cut]:
        """Return the lines before which `whole`, made of complete lines, may be cut."""
        markdown = parser()
        tokens: list[Token] = []
        markdown.block.parse(whole, markdown, {}, tokens)
        lines = whole.split("\n")
        cuts: list[_Cut] = []
        for number, start in enumerate(_starts(tokens, self._ordinal)):
            certain = start.end >= start.line or not lines[start.line - 1].strip(" \t")
            if start.line and certain:
                gap = not start.goes_on or start.end < start.line
                cuts.append(_Cut(start.line, number == 0, gap, start.ordinal))
                if start.fence:  # what follows is read line by line
                    break
        return cuts


@dataclass(slots=True, frozen=True)
class _Start:
    """Where a top-level block, or an item of a top-level list, begins."""

    line: int
    end: int
    """The line after the last text before it."""
    goes_on: bool = False
    """Whether it is a further item of the same list."""
    ordinal: int | None = None
    fence: bool = False


def _starts(tokens: Sequence[Token], ordinal: int | None) -> Iterator[_Start]:
    end, number, items = 0, None, 0
    for token in tokens:
        if token.map is None:
            continue
        line = token.map[0]
        if token.level == 0 and token.nesting >= 0:
            items = 0
            yield _Start(line, end, fence=token.type == "fence")
            if token.type == "ordered_list_open":
                number = int(token.attrs.get("start", 1)) if ordinal is None else ordinal
            elif token.type == "bullet_list_open":
                number = None
            ordinal = None
        elif token.level == 1 and token.type == "list_item_open":
            if items:
                place = None if number is None else number + items
                yield _Start(line, end, goes_on=True, ordinal=place)
            items += 1
        if token.type == "list_item_open":
            end = max(end, line + 1)
        elif token.type in _LEAVES:
            end = max(end, token.map[1])


def _listing(lines: list[str]) -> list[Chunk]:
    return [Chunk("code", "\n".join(lines))] if lines else []


def _kind(text: str) -> ChunkKind:
    """A very long line is not searched for Markdown: that would take long, and means nothing."""
    if len(text) <= LONG_LINE or max(map(len, text.split("\n"))) <= LONG_LINE:
        return "markdown"
    return "plain"


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
        """Take the lines of the first `PART` characters, once that many are there."""
        if len(self.tail) <= PART:
            return None
        length = self.tail.rfind("\n", 0, PART) + 1
        broken = not length
        length = length or PART
        text, self.tail = self.tail[:length], self.tail[length:]
        return Chunk("plain", text.removesuffix("\n"), broken=broken)
