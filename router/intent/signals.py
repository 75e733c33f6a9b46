"""What a prompt shows of its kind, as names the model has weights for.

A signal is about the request and not its topic: the verb it begins with, what the verb is done to,
the form of the question, what came along. Each carries the words it was read from.
"""

import re
import zlib
from typing import Final, NamedTuple

from router.intent.excerpt import Excerpt, Sentence, excerpt
from router.intent.lexicon import Groups, Lexicon, fold

BUCKETS: Final = 1 << 13
_TOKENS: Final = 40
"""Words of a sentence that are looked at, its last few included."""
_LAST: Final = 12
_NEAR: Final = 7
"""Words between a verb and what it is done to."""
_MANY: Final = 20

_WORD: Final = re.compile(r"""[^\s,;:!?()\[\]{}"“”«»<>=。，、！？：；（）「」…]+|[?？]""")
_IDENTIFIER: Final = re.compile(
    r"""`|\w_\w|[a-z][A-Z]|\w\(\)?$|^(?:src|tests?|lib)/|::|\w+/\w+\.\w+|^/\w|^[a-zA-Z_]\w+\.[a-zA-Z_]\w+$""",
    re.VERBOSE,
)
_DOMAIN: Final = re.compile(r"\.(?:com|org|net|io|dev|de|fr|es|it|uk|eu|ru|cn|jp|info|gov|edu|ai)$")
_DOCUMENT: Final = re.compile(r"\.(?:txt|md|docx?|pdf|odt|rtf|epub|pptx?|xlsx?|eml|log)$")
_TABLE: Final = re.compile(r"\.(?:csv|tsv|json|xml|ya?ml)$")
_PICTURE: Final = re.compile(r"\.(?:png|jpe?g|gif|webp|svg|heic)$")
_SPOKEN: Final = re.compile(r"\.(?:mp3|wav|m4a|ogg|flac|aac|opus)$")
_LOOKS: Final = (
    (_SPOKEN, "o_audio"),
    (_PICTURE, "o_image"),
    (_DOCUMENT, "o_file"),
    (_TABLE, "o_data"),
    (_DOMAIN, "m_url"),
    (_IDENTIFIER, "o_ident"),
)
"""What the spelling of a name gives away, the first that fits."""
_UNSPACED: Final = re.compile(
    "[\u0590-\u05ff\u0600-\u06ff\u0900-\u097f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
)
_SPACED: Final = re.compile(r"[!-~]+")


class Unit(NamedTuple):
    """A word or phrase and what is known of it."""

    text: str
    groups: Groups


class Signals(NamedTuple):
    named: dict[str, str]
    """Signal → the words it was read from, empty when it is about the prompt's shape."""
    grams: list[int]
    """Buckets of the words, in pairs and alone."""
    found: Excerpt


def read(prompt: str, lexicon: Lexicon, *, attached: bool) -> Signals:
    found = excerpt(prompt)
    reader = _Reader(lexicon, _matter(found.shape, attached=attached))
    for index, sentence in enumerate(found.sentences):
        reader.sentence(sentence, last=index == len(found.sentences) - 1, of=len(found.sentences))
    named = reader.named
    for shape in found.shape:
        named[f"shape:{shape}"] = ""
    if attached:
        named["shape:attached"] = ""
    return Signals(named, reader.buckets(), found)


def _matter(shape: frozenset[str], *, attached: bool) -> str:
    """What there is to work on."""
    if shape & {"fence", "code", "log"}:
        return "code"
    if "data" in shape:
        return "data"
    return "text" if attached or shape & {"long", "quote"} else "nothing"


class _Reader:
    def __init__(self, lexicon: Lexicon, matter: str) -> None:
        self._lexicon = lexicon
        self._matter = matter
        self.named: dict[str, str] = {}
        self._asking: list[list[str]] = []
        self._other: list[list[str]] = []

    def sentence(self, sentence: Sentence, *, last: bool, of: int) -> None:
        words = _words(sentence.text)
        if not words:
            return
        units = self._units(words)
        start = _start(units)
        form = _form(sentence.text, units, start)
        folded = [unit.text for unit in units]
        if form == "plain":
            self._plain(units, last=last, of=of)
            self._other.append(folded)
            return
        self._asking.append(folded)
        self._say(f"form:{form}")
        self._say(f"form:{form}&{self._matter}")
        if sentence.place != "only":
            self._say(f"form:{form}:{sentence.place}")
        self._asked(units, start, form)

    def _units(self, words: list[str]) -> list[Unit]:
        folded = [fold(word) for word in words]
        units: list[Unit] = []
        index = 0
        while index < len(words):
            raw = words[index]
            if not raw.isascii() and _UNSPACED.search(raw):
                units += self._signs(raw)
                index += 1
                continue
            groups, length = self._lexicon.at(folded, index)
            if length == 1:
                groups = (*groups, *_by_look(raw))
            units.append(Unit(" ".join(folded[index : index + length]), groups))
            index += length
        return units

    def _signs(self, text: str) -> list[Unit]:
        units: list[Unit] = []
        index = 0
        while index < len(text):
            groups, length = self._lexicon.sign_at(text, index)
            units.append(Unit(text[index : index + length], groups))
            index += length
        return units

    # --- a sentence that asks --------------------------------------------------------------------

    def _asked(self, units: list[Unit], start: int, form: str) -> None:
        first = units[start] if start < len(units) else Unit("", ())
        for group in first.groups:
            self._say(f"first:{group}", first.text)
            self._say(f"first:{group}&{self._matter}", first.text)
        for unit in units:
            for group in unit.groups:
                if group[1] == "_" and group[0] in "vom":
                    self._say(f"has:{group}", unit.text)
                    self._say(f"{form}:{group}", unit.text)
        self._pairs(units)
        self._head(units, start)

    def _head(self, units: list[Unit], start: int) -> None:
        """The first thing that is asked for: of “a rust project” it is the project."""
        objects = [bool(_first_of(unit.groups, "o_")) for unit in units]
        index = next((i for i in range(start, len(units)) if objects[i]), len(units))
        while index + 1 < len(units) and objects[index + 1]:
            index += 1
        for group in units[index].groups if index < len(units) else ():
            self._say(f"head:{group}", units[index].text)

    def _pairs(self, units: list[Unit]) -> None:
        """What each verb is done to: the first object after it, or else the one before it."""
        for index, unit in enumerate(units):
            for verb in unit.groups:
                if verb.startswith(("v_", "q_")):
                    for other in _objects(units, index):
                        words = _quoted(units, index, other)
                        for group in units[other].groups:
                            if group[:2] == "o_":
                                self._say(f"{verb}>{group}", words)

    # --- one that doesn't ------------------------------------------------------------------------

    def _plain(self, units: list[Unit], *, last: bool, of: int) -> None:
        """Of a few words on their own each counts; among many only how the prompt ends."""
        if of <= 2:
            for unit in units:
                for group in unit.groups:
                    self._say(f"plain:{group}", unit.text)
            if of == 1:
                self._pairs(units)
        if last and of > 1:
            for unit in units[-_LAST:]:
                for group in unit.groups:
                    self._say(f"last:{group}", unit.text)

    def _say(self, name: str, words: str = "") -> None:
        self.named.setdefault(name, words)

    def buckets(self) -> list[int]:
        chosen = self._asking[:3] or [*self._other[:1], *self._other[1:][-1:]]
        grams = {gram for words in chosen for gram in _grams(words)}
        return [zlib.crc32(gram.encode("utf-8", "replace")) % BUCKETS for gram in grams]


def _words(text: str) -> list[str]:
    if _UNSPACED.search(text):
        text = _SPACED.sub(r" \g<0> ", text[:300])
    words = [
        w for word in _WORD.findall(text) if (w := word.strip("'*#-.~") or word.strip("'*-.~"))
    ]
    if len(words) > _TOKENS:
        return words[: _TOKENS - _LAST] + words[-_LAST:]
    return words


def _by_look(word: str) -> Groups:
    """What a word's spelling says of it."""
    if word.isalpha() and (word.islower() or word.istitle()):
        return ()
    if word[0].isdigit():
        return ("m_many",) if word.isdecimal() and int(word[:9]) >= _MANY else ()
    if word.startswith("http"):
        return ("m_url",)
    return next(((group,) for pattern, group in _LOOKS if pattern.search(word)), ())


def _start(units: list[Unit]) -> int:
    """Where a sentence begins but for greetings and politeness."""
    for index, unit in enumerate(units):
        if not ({"skip", "m_please"} & set(unit.groups)) or _first_of(unit.groups, "v_"):
            return index
    return 0


def _first_of(groups: Groups, prefix: str) -> str:
    return next((group for group in groups if group.startswith(prefix)), "")


def _form(text: str, units: list[Unit], start: int) -> str:
    """How a sentence asks: `imp`, `want`, a question such as `q_how`, `label`; or `plain`."""
    first = units[start].groups if start < len(units) else ()
    marked = text.rstrip().endswith(("?", "？"))
    question = _first_of(first, "q_")
    if question and (marked or question != "q_is"):
        return question
    if _first_of(first, "v_"):
        return "want" if "v_want" in first else "imp"
    if any("v_want" in unit.groups for unit in units[:8]):
        return "want"
    if any("m_please" in unit.groups for unit in units):
        return "imp"
    if text.rstrip().endswith((":", "：")) and len(units) <= 12:
        return "label"
    if marked:
        return next((q for unit in units if (q := _first_of(unit.groups, "q_"))), "q_is")
    return "imp" if _UNSPACED.search(text) and _first_verb(units) else "plain"


def _first_verb(units: list[Unit]) -> str:
    return next((verb for unit in units if (verb := _first_of(unit.groups, "v_"))), "")


def _objects(units: list[Unit], index: int) -> list[int]:
    after = range(index + 1, min(index + 1 + _NEAR, len(units)))
    found = [i for i in after if _first_of(units[i].groups, "o_")][:2]
    if found:
        return found
    before = range(index - 1, max(index - _NEAR, -1), -1)
    return [i for i in before if _first_of(units[i].groups, "o_")][:1]


def _quoted(units: list[Unit], one: int, other: int) -> str:
    first, last = sorted((one, other))
    if last - first <= 3:
        return " ".join(unit.text for unit in units[first : last + 1])
    return f"{units[first].text} … {units[last].text}"


def _grams(words: list[str]) -> list[str]:
    """Words by their first letters, which inflection leaves alone, and pairs of them."""
    stems = ["#" if word.isdecimal() else word[:6] for word in words]
    return [*stems, *(f"{a} {b}" for a, b in zip(["^", *stems], [*stems, "$"], strict=True))]
