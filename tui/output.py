"""What commands print: harmless on a terminal, of use to a script.

Answers and results go to the standard output, everything said about them to the standard error.
"""

import re
import sys
from collections.abc import Iterable, Sequence
from typing import Final, TextIO

import msgspec

from tui.text import sanitise, sanitise_line

# JSON escapes what is below 0x20 itself. These are as dangerous to a terminal, and in JSON text
# they can only stand inside of strings, where an escape means the same.
_UNESCAPED: Final = re.compile(
    "[\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)


def harmless(text: str) -> str:
    """The text with everything that could steer a terminal made visible. Tabs and newlines stay."""
    return "\t".join(map(sanitise, text.replace("\r\n", "\n").split("\t")))


def say(text: str = "") -> None:
    """A line, or lines, of the result."""
    _write(sys.stdout, harmless(text) + "\n")


def say_as_is(text: str) -> None:
    """A piece of the result that was made harmless already."""
    _write(sys.stdout, text)


def remark(text: str) -> None:
    """A line about the result, for a person."""
    _write(sys.stderr, harmless(text) + "\n")


def json_text(value: object, *, indent: int = 0) -> str:
    """JSON that is safe to print. `indent` of 0 keeps it on one line."""
    encoded = msgspec.json.encode(value, enc_hook=str)
    text = (msgspec.json.format(encoded, indent=indent) if indent else encoded).decode()
    return json_harmless(text)


def json_harmless(text: str) -> str:
    """JSON text of others, so escaped that it is safe to print and means the same."""
    return _UNESCAPED.sub(_escape, text)


def say_json(value: object) -> None:
    """One JSON value, spread over lines for a person's eyes."""
    _write(sys.stdout, json_text(value, indent=2) + "\n")


def say_json_line(value: object) -> None:
    """One JSON value on one line, at once."""
    _write(sys.stdout, json_text(value) + "\n")


def table(rows: Iterable[Sequence[str]], *, right: Iterable[int] = ()) -> str:
    """Rows under each other in columns. The last column may be of any width.

    Args:
        right: Columns, from 0, of figures.
    """
    cells = [[sanitise_line(cell) for cell in row] for row in rows]
    if not cells:
        return ""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    figures = frozenset(right)
    return "\n".join(_row(row, widths, figures).rstrip() for row in cells)


def _row(row: Sequence[str], widths: Sequence[int], figures: frozenset[int]) -> str:
    pairs = enumerate(zip(row, widths, strict=True))
    return "  ".join(c.rjust(w) if i in figures else c.ljust(w) for i, (c, w) in pairs)


class Streaming:
    """Text written as it comes, made harmless piece by piece."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._last = ""
        """Whether a joiner is harmless depends on the character before it."""
        self.wrote = False

    def write(self, text: str) -> None:
        if not text:
            return
        shown = harmless(self._last + text)
        _write(self._stream, shown[len(harmless(self._last)) :])
        self._last = text[-1] if text[-1] > "\x7f" else ""
        self.wrote = True

    def end_line(self) -> None:
        if self.wrote:
            _write(self._stream, "\n")


class ReaderGone(Exception):  # noqa: N818
    """Whoever read our output has closed it (`butler sessions list | head -1`).

    An exception of our own: click takes the system's for itself and ends with a failure.
    """


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError as error:
        raise ReaderGone from error


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x10000:
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


def read_stdin() -> str:
    """All of the standard input, when it is a file or a pipe. What is no UTF-8 becomes `�`."""
    source = sys.stdin
    if source is None or source.closed or source.isatty():  # pyright: ignore[reportUnnecessaryComparison]
        return ""
    return source.buffer.read().decode("utf-8", "replace")


def printed(text: str) -> str:
    """An argument of the command line as text: bytes that were no UTF-8 become `�`."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
