"""The text of one message as sections: those that are final, and the open end of a live reply."""

import re
from collections import deque
from collections.abc import Sequence
from time import perf_counter
from typing import Any, Final

from tui.transcript.code import language_of
from tui.transcript.flow import parser
from tui.transcript.item import Seam
from tui.transcript.rows import Code
from tui.transcript.section import FrameBottom, FrameTop, Lines, Markdown, Plain, SeamMark, Section
from tui.transcript.split import Chunk, LineSplitter, Splitter
from tui.transcript.tools import ToolLine

_SLICE: Final = 1_500
"""Characters that are read at one go."""
_MAY_DEFINE: Final = re.compile(r"^[ >]*\[[^\]]+\]:", re.MULTILINE)


class Body:
    """Reads text bit by bit. `sections` is what there is to draw."""

    def __init__(self, *, markdown: bool = True) -> None:
        self.sections: list[Section] = []
        self._closed = 0
        """How many of the sections are final."""
        self._markdown = markdown
        self._splitter = Splitter() if markdown else LineSplitter()
        self._pending: deque[str | Seam | ToolLine | None] = deque()
        """Text, seams, calls and the end (None), not read yet."""
        self._parts: list[str] = []
        self._length = 0
        self._references: dict[str, Any] = {}
        self._code: Code | None = None
        self._lines: Lines | None = None
        self._begun = False

    # --- what comes in ---

    @property
    def text(self) -> str:
        """All text so far, as it came."""
        if len(self._parts) > 1:
            self._parts = ["".join(self._parts)]
        return self._parts[0] if self._parts else ""

    @property
    def length(self) -> int:
        """Characters so far."""
        return self._length

    @property
    def settled(self) -> bool:
        """Whether everything that came in has been read."""
        return not self._pending

    @property
    def unread(self) -> int:
        """About how many characters wait to be read."""
        return len(self._pending) * _SLICE

    def extend(self, text: str) -> None:
        if not text:
            return
        self._parts.append(text)
        self._length += len(text)
        last = self._pending[-1] if self._pending else None
        if isinstance(last, str) and len(last) + len(text) <= _SLICE:
            self._pending[-1] = last + text
        else:
            self._pending.extend(text[at : at + _SLICE] for at in range(0, len(text), _SLICE))

    def seam(self, seam: Seam) -> None:
        self._pending.append(seam)

    def call(self, line: ToolLine) -> None:
        """Have a call stand behind the text so far."""
        self._pending.append(line)

    def finish(self) -> None:
        """Say that no more text comes."""
        self._pending.append(None)

    # --- reading ---

    def read(self, deadline: float) -> int:
        """Read until all is read or `deadline` (a `perf_counter` time) has passed.

        Returns the index of the first section that may look different now.
        """
        changed = self._closed
        del self.sections[self._closed :]
        while self._pending:
            changed = min(changed, self._read(self._pending.popleft()))
            if perf_counter() > deadline:
                break
        self._show_open()
        return changed

    def _read(self, piece: str | Seam | ToolLine | None) -> int:
        if isinstance(piece, str):
            return self._close(self._splitter.feed(piece))
        changed = self._close(self._splitter.finish())
        if isinstance(piece, ToolLine):
            self._call(piece)
        elif piece is not None:
            self._begin_after(piece)
        return changed

    def _call(self, line: ToolLine) -> None:
        """Put a call below what is closed; text after it begins anew."""
        line.gap = self._begun and not isinstance(self.sections[-1], ToolLine)
        self.sections.append(line)
        self._closed = len(self.sections)
        self._begun = True
        self._splitter = Splitter() if self._markdown else LineSplitter()

    def _begin_after(self, seam: Seam) -> None:
        """Go on after a seam: a fence that is open there is opened again below it."""
        self.sections.append(SeamMark(seam.text))
        self._closed = len(self.sections)
        self._begun = False
        if isinstance(self._splitter, LineSplitter):
            self._splitter = LineSplitter()
            return
        fence = self._splitter.fence
        self._splitter = Splitter(fence)
        if fence is not None:
            self._close([Chunk("fence", fence.info)])

    def _close(self, chunks: Sequence[Chunk]) -> int:
        """Append chunks that are final."""
        changed = self._closed
        for chunk in chunks:
            if chunk.kind in {"markdown", "definitions"} and _MAY_DEFINE.search(chunk.text):
                changed = min(changed, self._define(chunk.text))
            if chunk.kind != "definitions":
                self.sections.append(self._section(chunk, self._references))
        self._closed = len(self.sections)
        return changed

    def _define(self, text: str) -> int:
        """Take over link definitions. Blocks before them may have links they lacked."""
        found: dict[str, Any] = {}
        markdown = parser()
        markdown.block.parse(text, markdown, {"references": found}, [])
        new = found.keys() - self._references.keys()
        self._references = found | self._references
        changed = len(self.sections)
        for index, section in enumerate(self.sections if new else ()):
            if isinstance(section, Markdown) and "[" in section.chunk.text:
                section.reparse(self._references)
                changed = min(changed, index)
        return changed

    def _show_open(self) -> None:
        """Append what is not final yet, without keeping anything of it."""
        code, lines, begun = self._code, self._lines, self._begun
        for chunk in self._splitter.open():
            if chunk.kind == "code" and code is not None:
                self.sections.append(Lines(chunk, code, lines))
                code.open = chunk.text
            else:
                self.sections.append(self._section(chunk, self._references))
        self._code, self._lines, self._begun = code, lines, begun

    def _section(self, chunk: Chunk, references: dict[str, Any]) -> Section:
        gap = chunk.gap and self._begun
        self._begun = True
        if chunk.kind == "markdown":
            return Markdown(chunk, gap=gap, references=references)
        if chunk.kind == "plain":
            return Plain(chunk, gap=gap)
        if chunk.kind == "fence":
            self._code, self._lines = Code(language_of(chunk.text)), None
            return FrameTop(self._code, gap=gap)
        code = self._code or Code("")
        if chunk.kind == "fence-end":
            return FrameBottom(code)
        code.open = ""
        code.add(chunk.text if chunk.broken else chunk.text + "\n")
        self._lines = Lines(chunk, code, self._lines)
        return self._lines
