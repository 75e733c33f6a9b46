"""Sections: the smallest pieces that are laid out by themselves, each in a few milliseconds."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tui.text import sanitise_line
from tui.transcript.code import ROOT, State, coloured, is_loaded
from tui.transcript.flow import Element, Flow, Listing, parser
from tui.transcript.frame import frame_bottom, frame_rows, frame_top
from tui.transcript.rows import BLANK, Code, Row, Run, run, wrap
from tui.transcript.split import Chunk

_NARROWEST: Final = 8


class Section:
    """Rows of one width, made when asked for and kept."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.width = 0
        """The width `rows` are made for; 0 when they are not made."""
        self.wanted = ""
        """The language that was missing when the rows were made."""
        self._guess = (0, 0)

    def layout(self, width: int) -> list[Row]:
        if self.width != width:
            self.wanted = self.wants()
            self.rows = list(self.build(max(width, _NARROWEST)))
            self.width = width
        return self.rows

    @property
    def improvable(self) -> bool:
        """Whether made again, the rows would have colours they lack."""
        return bool(self.wanted) and is_loaded(self.wanted)

    def improve(self) -> None:
        """Make the rows again, with colours, if that is possible now."""
        if self.width and self.improvable:
            width, self.width = self.width, 0
            self.layout(width)

    def height(self, width: int) -> int:
        """Return the number of rows; an estimate while they are not made for this width."""
        if self.width == width:
            return len(self.rows)
        if self._guess[0] != width:
            self._guess = width, self.estimate(width)
        return self._guess[1]

    def forget(self) -> None:
        """Have the rows made again."""
        self.width = 0

    def wants(self) -> str:
        """Return a language that must be loaded before the rows have their colours, or ''."""
        return ""

    def build(self, width: int) -> Iterator[Row]:
        raise NotImplementedError

    def estimate(self, width: int) -> int:
        raise NotImplementedError


def _folded(text: str, width: int) -> int:
    """Estimate how many rows text takes."""
    lines = text.count("\n") + 1
    return max(lines, len(text) // max(1, width - 2) + lines // 2)


class Markdown(Section):
    """A block, or an item of a list."""

    def __init__(self, chunk: Chunk, *, gap: bool, references: Mapping[str, Any]) -> None:
        super().__init__()
        self.chunk = chunk
        self._gap = gap
        self._references = references
        self._elements: list[Element] | None = None

    @property
    def elements(self) -> list[Element]:
        if self._elements is None:
            text = self.chunk.header + self.chunk.text
            tokens = parser().parse(text, {"references": dict(self._references)})
            self._elements = Flow(self.chunk.ordinal, bool(self.chunk.header)).build(tokens)
        return self._elements

    def reparse(self, references: Mapping[str, Any]) -> None:
        """Read the block again, for links are defined now that were not."""
        self._references = references
        self._elements = None
        self.forget()

    def wants(self) -> str:
        for element in self.elements:
            if isinstance(element, Listing) and not is_loaded(element.code.language):
                return element.code.language
        return ""

    def build(self, width: int) -> Iterator[Row]:
        if self._gap and self.elements:
            yield BLANK
        for element in self.elements:
            yield from element.layout(width)

    def estimate(self, width: int) -> int:
        return self._gap + _folded(self.chunk.text.rstrip(), width)


class Plain(Section):
    """Lines shown as they are."""

    def __init__(self, chunk: Chunk, *, gap: bool) -> None:
        super().__init__()
        self._chunk = chunk
        self._gap = gap

    def build(self, width: int) -> Iterator[Row]:
        if self._gap:
            yield BLANK
        text = self._chunk.text.removesuffix("\n")
        rows = list(wrap([run(text)], width))
        if self._chunk.broken:
            rows[-1].joint = ""
        yield from rows

    def estimate(self, width: int) -> int:
        return self._gap + _folded(self._chunk.text, width)


class SeamMark(Section):
    """The line that says another model goes on from here."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = sanitise_line(text)

    def build(self, width: int) -> Iterator[Row]:
        yield from wrap([Run(f"⟂ {self._text}", "seam")], width)

    def estimate(self, width: int) -> int:
        return _folded(self._text, width)


class FrameTop(Section):
    def __init__(self, code: Code, *, gap: bool) -> None:
        super().__init__()
        self._code = code
        self._gap = gap

    def build(self, width: int) -> Iterator[Row]:
        if self._gap:
            yield BLANK
        yield frame_top(self._code, width)

    def estimate(self, width: int) -> int:
        del width
        return 1 + self._gap


class FrameBottom(Section):
    def __init__(self, code: Code) -> None:
        super().__init__()
        self._code = code

    def build(self, width: int) -> Iterator[Row]:
        yield frame_bottom(self._code, width)

    def estimate(self, width: int) -> int:
        del width
        return 1


class Lines(Section):
    """Some lines of a listing, coloured from where the lines before them left off."""

    def __init__(self, chunk: Chunk, code: Code, before: "Lines | None") -> None:
        super().__init__()
        self._chunk = chunk
        self._code = code
        self._before = before
        self.after: State | None = None
        """The lexer's state after these lines; None until they have their final colours."""

    def wants(self) -> str:
        return "" if is_loaded(self._code.language) else self._code.language

    @property
    def improvable(self) -> bool:
        known = self._before is None or self._before.after is not None
        return self.after is None and known and not self.wants()

    def build(self, width: int) -> Iterator[Row]:
        start = ROOT if self._before is None else self._before.after
        language = "" if start is None else self._code.language
        chunk = coloured(self._chunk.text, language, start or ROOT)
        if start is not None and not self.wants():
            self.after = chunk.state
        raws = self._chunk.text.split("\n")
        rows = list(frame_rows(self._code, chunk.lines, raws, width))
        if self._chunk.broken:
            rows[-1].joint = ""
        yield from rows

    def estimate(self, width: int) -> int:
        return _folded(self._chunk.text, width - 4)
