"""Words and what they say about a request, as `router/data/intent_words.toml` lists them."""

import pkgutil
import unicodedata
from functools import cache, lru_cache
from typing import Final, NamedTuple, TypeAlias

import msgspec

Groups: TypeAlias = tuple[str, ...]

_LONGEST_PHRASE: Final = 5
_SHORTEST_STEM: Final = 4
_NUMBER: Final = "#"
"""Stands for any number at the beginning of a phrase."""
_REMEMBERED: Final = 4096
"""Words whose groups are kept at hand."""
_MISSPELLABLE: Final = 6
"""Shorter words resemble too many others to be recognised when misspelt."""


class _Group(msgspec.Struct, forbid_unknown_fields=True):
    latin: str
    signs: str


class Found(NamedTuple):
    groups: Groups
    length: int
    """In words, or in characters for writing without spaces."""


class Lexicon:
    def __init__(self, groups: dict[str, _Group]) -> None:
        self._words: dict[str, Groups] = {}
        self._stems: dict[str, Groups] = {}
        self._phrases: dict[str, int] = {}
        """How many words the longest phrase has that begins with two words."""
        self._signs: dict[str, list[tuple[str, str]]] = {}
        for name, group in groups.items():
            for entry in _entries(fold(group.latin)):
                self._add(entry, name)
            for entry in _entries(group.signs):
                self._signs.setdefault(entry[0], []).append((entry, name))
        for terms in self._signs.values():
            terms.sort(key=lambda term: -len(term[0]))
        self._one = lru_cache(_REMEMBERED)(self._look_up)
        self._by_ends: dict[str, list[str]] = {}
        """Words that are long enough to be known when misspelt, by their first and last letter."""
        for word in self._words:
            if len(word) >= _MISSPELLABLE and word.isascii() and word.isalpha():
                self._by_ends.setdefault(word[0] + word[-1], []).append(word)

    def _add(self, entry: str, name: str) -> None:
        if entry.endswith("*"):
            stem = entry[:-1]
            self._stems[stem] = (*self._stems.get(stem, ()), name)
            return
        if name not in self._words.get(entry, ()):
            self._words[entry] = (*self._words.get(entry, ()), name)
        words = entry.split(" ", 2)
        if len(words) > 1:
            start = " ".join(words[:2])
            length = min(entry.count(" ") + 1, _LONGEST_PHRASE)
            self._phrases[start] = max(self._phrases.get(start, 0), length)

    def at(self, words: list[str], index: int) -> Found:
        """What is known of the words from an index on, the longest phrase first."""
        word = words[index]
        if index + 1 < len(words):
            first = _NUMBER if word.isdecimal() else word
            longest = self._phrases.get(f"{first} {words[index + 1]}", 1)
            for length in range(longest, 1, -1):
                groups = self._words.get(" ".join((first, *words[index + 1 : index + length])))
                if groups:
                    return Found(groups, length)
        return Found(self._one(word), 1)

    def _look_up(self, word: str) -> Groups:
        known = self._words.get(word) or self._by_stem(word)
        if known or "-" not in word:
            return known or self._mended(word)
        return tuple(group for part in word.split("-") for group in self._words.get(part, ()))

    def sign_at(self, text: str, index: int) -> Found:
        """The same for writing without spaces."""
        for term, name in self._signs.get(text[index], ()):
            if text.startswith(term, index):
                return Found((name,), len(term))
        return Found((), 1)

    def _by_stem(self, word: str) -> Groups:
        for length in range(len(word), _SHORTEST_STEM - 1, -1):
            if groups := self._stems.get(word[:length]):
                return groups
        return ()

    def _mended(self, word: str) -> Groups:
        """What a word is with a letter too many, missing, wrong, or swapped with the next.

        Its ends must be right: a wrong last letter is an inflection or another word.
        """
        if len(word) >= _MISSPELLABLE and word.isalpha():
            for meant in self._by_ends.get(word[0] + word[-1], ()):
                if _resembles(word, meant):
                    return self._words[meant]
        return ()


def _entries(listed: str) -> list[str]:
    return [entry for part in listed.replace("\n", " ").split(",") if (entry := part.strip())]


def _resembles(word: str, meant: str) -> bool:
    """Whether one slip of the finger makes one word the other."""
    surplus = len(word) - len(meant)
    if not -1 <= surplus <= 1:
        return False
    pairs = enumerate(zip(word, meant, strict=False))
    same = next((i for i, (a, b) in pairs if a != b), min(len(word), len(meant)))
    rest, wanted = word[same:], meant[same:]
    if surplus > 0:
        return rest[1:] == wanted
    if surplus < 0:
        return rest == wanted[1:]
    return rest[1:] == wanted[1:] or (rest[1::-1] == wanted[:2] and rest[2:] == wanted[2:])


def _accents() -> dict[int, str]:
    letters = (chr(code) for code in range(0xC0, 0x180))
    bare = {ord(c): unicodedata.normalize("NFKD", c)[0] for c in letters}
    return bare | {ord("’"): "'", ord("ß"): "ss", ord("ø"): "o", ord("ł"): "l", ord("ı"): "i"}


_ACCENTS: Final = _accents()


def fold(text: str) -> str:
    """Lower case without the accents of Latin letters."""
    lower = text.lower()
    return lower if lower.isascii() else lower.translate(_ACCENTS)


@cache
def shipped() -> Lexicon:
    """The words that come with Butler. Takes some 5 ms the first time."""
    source = pkgutil.get_data("router", "data/intent_words.toml")
    assert source is not None  # noqa: S101  (only a package without files has none)
    return Lexicon(msgspec.toml.decode(source, type=dict[str, _Group]))
