"""The part of a prompt that asks, told from the matter that came with it.

However long a prompt is, only its head and its tail are looked at: people ask before what they
paste or after it.
"""

import re
from itertools import pairwise
from typing import Final, NamedTuple

HEAD: Final = 1500
TAIL: Final = 1000
"""Characters that are looked at."""
_ALL: Final = 6
"""Up to so many sentences all of them are looked at; of more, those at either end."""
_EDGE: Final = 3

_FENCE: Final = "```"
_CODE: Final = re.compile(
    r"""\s*(?:
        (?:async\s+)?def\s+\w+\s*\( | class\s+[A-Z]\w*\s*(?:[:({]|extends\b|$)
        | import\s+[\w.{*]+(?:\s+as\s+\w+|\s+from\b.*|,.*|\s*\}.*)?;?\s*$ | import\s*\{
        | from\s+[\w.]+\s+import\b | \#(?:include|define)\b
        | (?:public|private|protected|static|final)\s+[\w<>\[\]]+\s+\w+
        | export\s+(?:default|const|function|class|async|interface|type)\b
        | (?:const|let|var)\s+[\w{\[][^=:;]*[=:;] | function\s*\w*\s*\( | fn\s+\w+\s*[(<]
        | func\s+[\w(] | return\b.*[;)\]]\s*$ | package\s+[\w.]+;?\s*$ | using\s+[\w.]+;
        | (?:if|for|while|switch|elseif)\s*\(.*\)?\s*\{?$
        | (?:if|elif|else|try|except|finally|with)\b.*:$ | for\s+\w+\s+in\s+.*:$
        | SELECT\s+[\w.*"`]+\s*(?:,|\(|AS\b|FROM\b|$)
        | select\s+\*\s+from\b | INSERT\s+INTO\b | CREATE\s+TABLE\b
        | </?[a-zA-Z][\w-]*(?:\s[^>]*)?/?> | <!DOCTYPE | @\w+(?:\(.*\))?$ | \$\s[a-z]
        | [a-zA-Z_][\w.\[\]"']*\s*(?:\+|-|\*|:)?=\s*\S+ | assert\s+\w+.*[=<>(]
        | print\s*\( | [}\])]+[;,)]*$ | // | int\s+\*?\w+\s*[=(;]
    )""",
    re.VERBOSE,
)
_CODE_ENDS: Final = (";", "{", "}", "):", "=>", "&&", "||")
_LOG: Final = re.compile(
    r"""\s*(?:Traceback\s|File\s".*",\sline|at\s[\w.$<>]+\(|[\w.]*(?:Error|Exception)\b:?|error\[|error:|fatal:
        |npm\sERR|(?:ERROR|WARN|WARNING|INFO|DEBUG)\b|\d{4}-\d\d-\d\d[T\s]\d\d:|\s*-->\s|panic:)""",
    re.VERBOSE,
)
_DATA: Final = re.compile(
    r"""\s*(?:[{\[]["{\[]|"[^"]+"\s*:|\|.*\||[^,;|\t]{0,30}(?:[,;|\t][^,;|\t]{0,30}){3,}$)"""
)
_BULLET: Final = re.compile(r"\s*(?:[-*•]|\d{1,2}[.)])\s+\S")
_QUOTE: Final = re.compile(r"""(?<![\w])(?:"[^"\n]{25,}"|“[^”\n]{25,}”|«[^»\n]{25,}»)""")
_QUOTED_REST: Final = re.compile(r""":\s*(?:'.{25,}'|'.{60,}$)""", re.DOTALL)
_SENTENCE_END: Final = re.compile(r"[.!?…][\"')]*\s+|[。！？]")
_ABBREVIATED: Final = re.compile(r"\b(?:e\.g|i\.e|vs|etc|Mr|Mrs|Dr|St|No)\.\s")


class Sentence(NamedTuple):
    text: str
    place: str
    """`only`, `head` or `tail`: whether there is other matter, and on which side of it."""


class Excerpt(NamedTuple):
    sentences: tuple[Sentence, ...]
    shape: frozenset[str]
    """What the prompt holds besides: `fence`, `code`, `log`, `data`, `bullets`, `long`, …"""
    bullets: int


def excerpt(prompt: str) -> Excerpt:
    whole = len(prompt) <= HEAD + TAIL
    reader = _Reader()
    reader.read(prompt if whole else prompt[:HEAD])
    if not whole:
        reader.cut()
        reader.read(prompt[-TAIL:])
    sentences = reader.chosen()
    return Excerpt(sentences, reader.shape(len(prompt)), reader.bullets)


class _Reader:
    """Reads line by line, and keeps the prose."""

    def __init__(self) -> None:
        self._prose: list[str] = []
        self._counts = {"fence": 0, "code": 0, "log": 0, "data": 0, "quote": 0}
        self._breaks: list[int] = []
        """Where other matter stood, as the number of lines of prose before it."""
        self._many = False
        self.bullets = 0

    def cut(self) -> None:
        self._breaks.append(len(self._prose))

    def read(self, text: str) -> None:
        # A tail may begin inside of a fence.
        fenced = text.count(_FENCE) % 2 == 1 and bool(self._breaks)
        for line in text.split("\n"):
            if _FENCE in line:
                before, _, rest = line.partition(_FENCE)
                fenced = not fenced if rest.count(_FENCE) % 2 == 0 else fenced
                self._matter("fence")
                self._line(before)
            elif not fenced:
                self._line(line)

    def _line(self, line: str) -> None:
        if not line.strip():
            return
        if _BULLET.match(line):
            self.bullets += 1
        kind = _kind(line)
        if kind:
            self._matter(kind)
        else:
            self._prose.append(line)

    def _matter(self, kind: str) -> None:
        self._counts[kind] += 1
        self._breaks.append(len(self._prose))

    def chosen(self) -> tuple[Sentence, ...]:
        """The sentences at both ends, or all of a few. Only the lines they stand in are split."""
        lines = self._prose
        if len(lines) > _ALL:
            head, tail = lines[:_EDGE], lines[-_EDGE:]
        else:
            head, tail = lines, []
        found = [(s, i) for i, line in enumerate(head) for s in self._sentences(line)]
        after = [s for line in tail for s in self._sentences(line)]
        self._many = bool(tail) or len(found) > _ALL
        if not self._many:
            return tuple(Sentence(s, self._place(line)) for s, line in found)
        ends = after or [s for s, _ in found]
        first = [Sentence(s, "head") for s, _ in found[:_EDGE]]
        return (*first, *(Sentence(s, "tail") for s in ends[-_EDGE:]))

    def _sentences(self, line: str) -> list[str]:
        if "'" in line or '"' in line or "“" in line or "«" in line:
            line, quotes = _QUOTE.subn(" … ", line)
            line, more = _QUOTED_REST.subn(": … ", line)
            if quotes or more:
                self._counts["quote"] += 1
        line = _ABBREVIATED.sub(" ", line)
        ends = [0, *(match.end() for match in _SENTENCE_END.finditer(line)), len(line)]
        pieces = (line[a:b] for a, b in pairwise(ends))
        return [piece for piece in pieces if piece and not piece.isspace()]

    def _place(self, line: int) -> str:
        if not self._breaks:
            return "only"
        return "head" if line < self._breaks[0] else "tail"

    def shape(self, length: int) -> frozenset[str]:
        found = {kind for kind, count in self._counts.items() if count}
        if self._counts["code"] + self._counts["log"] >= 3:
            found.add("much-code")
        if self.bullets >= 3:
            found.add("bullets")
        if self._many or length > HEAD:
            found.add("long")
        elif length <= 120 and not self._breaks:
            found.add("short")
        return frozenset(found)


def _kind(line: str) -> str:
    """What a line is when it is no prose."""
    if _LOG.match(line):
        return "log"
    if line.rstrip().endswith(_CODE_ENDS) or _CODE.match(line):
        return "code"
    return "data" if _DATA.match(line) else ""
