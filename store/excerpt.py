"""The part of a long text around the words that were searched for.

SQLite's own `snippet` and `highlight` take time that grows with the square of the matches: half a
minute for one pasted book. This takes a bounded look and marks what it finds.
"""

import re
import unicodedata
from itertools import islice
from typing import Final

MATCH_BEGINS: Final = "\x02"
MATCH_ENDS: Final = "\x03"
_LOOKED_AT: Final = 200_000
"""Characters of a text; a match further on is shown by the text's beginning."""
_MATCHES: Final = 200
_BEFORE: Final = 40
_SHOWN: Final = 160


class _Folded(dict[int, str]):
    """Each character as the search index sees it: no accent, lower case, still one character."""

    def __missing__(self, code: int) -> str:
        base = unicodedata.normalize("NFD", chr(code))[0].lower()
        folded = self[code] = base if len(base) == 1 else chr(code)
        return folded


_FOLDED: Final = _Folded()
_WORD: Final = r"[^\W_]"


def excerpt(text: str, phrases: list[str]) -> str:
    """One line of `text` with the matches marked.

    Args:
        text: without control characters but for line breaks and tabs.
        phrases: what was searched for; the last one may be the beginning of a word.
    """
    text = text[:_LOOKED_AT]
    matches = _matches(text.translate(_FOLDED), phrases)
    start, end = _stretch(text, matches)
    pieces, at = list[str](), start
    for first, last in ((m.start(), m.end()) for m in matches):
        if at <= first and last <= end:
            pieces += (text[at:first], MATCH_BEGINS, text[first:last], MATCH_ENDS)
            at = last
    line = " ".join("".join((*pieces, text[at:end])).split())
    return f"{'…' if start else ''}{line}{'…' if end < len(text) else ''}"


def _matches(text: str, phrases: list[str]) -> list[re.Match[str]]:
    patterns = [_pattern(phrase) for phrase in phrases]
    whole = [f"(?:{pattern})" for pattern in patterns if pattern]
    if not whole:
        return []
    beginning = f"{whole[-1]}{_WORD}*"
    anyone = "|".join([*whole[:-1], beginning])
    expression = re.compile(f"(?<!{_WORD})(?:{anyone})(?!{_WORD})")
    return list(islice(expression.finditer(text), _MATCHES))


def _pattern(phrase: str) -> str:
    words = re.findall(f"{_WORD}+", phrase.translate(_FOLDED))
    return r"[\W_]+".join(re.escape(word) for word in words)


def _stretch(text: str, matches: list[re.Match[str]]) -> tuple[int, int]:
    """Where to cut: around the first place where the most different words stand together."""
    if not matches:
        return 0, _word_end(text, min(len(text), _SHOWN))

    def different(number: int) -> int:
        limit = matches[number].start() + _SHOWN - _BEFORE
        near = (match[0] for match in islice(matches, number, None) if match.end() <= limit)
        return len(set(near))

    best = matches[max(range(len(matches)), key=different)].start()
    start = _word_begin(text, max(0, best - _BEFORE))
    return start, _word_end(text, min(len(text), start + _SHOWN))


def _word_begin(text: str, at: int) -> int:
    space = text.find(" ", at, at + _BEFORE)
    return at if at == 0 or space < 0 else space + 1


def _word_end(text: str, at: int) -> int:
    space = text.rfind(" ", at - _BEFORE, at)
    return at if at == len(text) or space < 0 else space
