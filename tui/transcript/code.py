"""Code, highlighted in chunks that depend on the text alone.

A chunk is a fixed number of lines and starts in the lexer's state after the chunk before it. So
the colours are the same however the text arrived, a long listing costs one chunk a frame, and no
piece of work is long.
"""

from contextlib import suppress
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from pygments.lexer import ExtendedRegexLexer, Lexer, LexerContext, RegexLexer
from pygments.lexers import get_lexer_by_name  # pyright: ignore[reportUnknownVariableType]
from pygments.token import (
    Token,
    _TokenType,  # pyright: ignore[reportPrivateUsage]
)
from pygments.util import ClassNotFound

from tui.text import sanitise
from tui.transcript.rows import Run, run

CHUNK_LINES: Final = 24
LONG_LINE: Final = 1_000
"""Characters; a chunk with a longer line is shown without colours."""

State: TypeAlias = tuple[str, ...]
ROOT: Final[State] = ("root",)

_STYLES: Final[dict[_TokenType, str]] = {
    Token.Comment: "token-comment",
    Token.Error: "token-error",
    Token.Generic.Deleted: "token-deleted",
    Token.Generic.Inserted: "token-inserted",
    Token.Generic.Heading: "token-name",
    Token.Generic.Subheading: "token-name",
    Token.Generic.Emph: "em",
    Token.Generic.Strong: "strong",
    Token.Keyword: "token-keyword",
    Token.Literal.Number: "token-number",
    Token.Literal.String: "token-string",
    Token.Literal.String.Doc: "token-comment",
    Token.Name.Builtin: "token-builtin",
    Token.Name.Class: "token-name",
    Token.Name.Constant: "token-number",
    Token.Name.Decorator: "token-name",
    Token.Name.Exception: "token-builtin",
    Token.Name.Function: "token-name",
    Token.Name.Tag: "token-keyword",
    Token.Name.Attribute: "token-name",
    Token.Operator.Word: "token-keyword",
}


class Chunk(NamedTuple):
    """Highlighted lines, and the lexer's state after them."""

    lines: tuple[tuple[Run, ...], ...]
    state: State


def language_of(info: str) -> str:
    """Return the language an info string names: `{.Python title=x}` is `python`."""
    word = info.strip().strip("{}").lstrip(".").split(maxsplit=1)
    return word[0].lower().rstrip(",") if word else ""


_lexers: dict[str, Lexer | None] = {"": None}


def is_loaded(language: str) -> bool:
    """Whether `highlight` knows the language already, or knows that there is no such."""
    return language in _lexers


def load(language: str) -> None:
    """Make a lexer ready. The first call for a language may take 50 ms; any thread may do it."""
    if language not in _lexers:
        lexer: Lexer | None = None
        with suppress(ClassNotFound):
            lexer = get_lexer_by_name(language)
            _tokens(lexer, "\n", ROOT)  # compiles its expressions
        _lexers[language] = lexer


def uncoloured(source: str) -> Chunk:
    """Return the lines of a listing as they are."""
    return Chunk(tuple((run(line, "code"),) for line in source.split("\n")), ROOT)


@lru_cache(256)
def highlight(source: str, language: str, state: State) -> Chunk:
    """Highlight a chunk of whole lines that starts in `state`, in a language that is loaded."""
    lexer = _lexers[language]
    if lexer is None or any(len(line) > LONG_LINE for line in source.split("\n")):
        return uncoloured(source)
    return _lines(lexer, source + "\n", state)


def coloured(source: str, language: str, state: State) -> Chunk:
    """Like `highlight`, but without colours while the language is not loaded."""
    return highlight(source, language, state) if is_loaded(language) else uncoloured(source)


def _lines(lexer: Lexer, text: str, state: State) -> Chunk:
    lines: list[tuple[Run, ...]] = []
    line: list[Run] = []
    tokens, after = _tokens(lexer, text, state)
    for kind, value in tokens:
        style = style_of(kind)
        head, *others = value.split("\n")
        if head:
            line.append(Run(head, style))
        for piece in others:
            lines.append(_expanded(line))
            line = [Run(piece, style)] if piece else []
    return Chunk(tuple(lines), after)


def _tokens(lexer: Lexer, text: str, state: State) -> tuple[list[tuple[_TokenType, str]], State]:
    """Lex with a stack we can keep, where the lexer is a plain table of regular expressions."""
    plain_table = type(lexer).get_tokens_unprocessed is RegexLexer.get_tokens_unprocessed
    if isinstance(lexer, RegexLexer) and plain_table:
        context = LexerContext(text, 0, list(state))
        try:
            found = ExtendedRegexLexer.get_tokens_unprocessed(
                lexer,  # pyright: ignore[reportArgumentType]
                context=context,
            )
            return [(kind, value) for _, kind, value in found], tuple(context.stack)
        except TypeError:  # a callback of this lexer takes no context
            pass
    return [(kind, value) for _, kind, value in lexer.get_tokens_unprocessed(text)], ROOT


def _expanded(line: list[Run]) -> tuple[Run, ...]:
    """Sanitise a line's runs as one text, so that tab stops count from its start."""
    text = "".join(part.text for part in line)
    if text.isascii() and text.isprintable():
        return tuple(line)
    expanded: list[Run] = []
    before = done = 0
    for part in line:
        before += len(part.text)
        shown = len(sanitise(text[:before]))
        expanded.append(Run(sanitise(text[:before])[done:shown], part.style))
        done = shown
    return tuple(expanded)


@lru_cache(512)
def style_of(kind: _TokenType) -> str:
    """Return the style names of a Pygments token, by its nearest known ancestor."""
    at: _TokenType | None = kind
    while at is not None:
        if at in _STYLES:
            return f"code {_STYLES[at]}"
        at = at.parent
    return "code"
