"""Globs over paths of the workspace, in bounded time whoever wrote them."""

from fnmatch import fnmatchcase
from itertools import product
from typing import Final

_LONGEST: Final = 200
_FORMS: Final = 64


class Glob:
    """`*`, `?`, `[…]`, `{a,b}` within a name, `**` for any folders. Without `/` it is matched
    against a file's name alone."""

    def __init__(self, glob: str) -> None:
        """Raises `ValueError` where it is too long or has too many braces."""
        if len(glob) > _LONGEST:
            raise ValueError(f"`glob` is longer than {_LONGEST} characters.")
        self.plain = "/" not in glob
        self._forms = [form.strip("/").split("/") for form in _forms(glob)]

    def matches(self, path: str) -> bool:
        names = path.split("/")
        names = names[-1:] if self.plain else names
        return any(_match(form, names) for form in self._forms)


def _forms(glob: str) -> list[str]:
    """The glob with its braces written out."""
    pieces: list[list[str]] = []
    rest = glob
    while rest:
        head, brace, tail = rest.partition("{")
        inside, closing, after = tail.partition("}")
        if not brace or not closing:
            pieces.append([rest])
            break
        pieces += [[head], inside.split(",")]
        rest = after
    count = 1
    for piece in pieces:
        count *= len(piece)
    if count > _FORMS:
        raise ValueError("`glob` has too many alternatives in braces.")
    return ["".join(form) for form in product(*pieces)]


def _match(form: list[str], names: list[str]) -> bool:
    """By a table instead of trying every way `**` could go: linear in both."""
    reach = {0}
    for part in form:
        if part == "**":
            reach = set(range(min(reach), len(names) + 1)) if reach else reach
        else:
            reach = {i + 1 for i in reach if i < len(names) and fnmatchcase(names[i], part)}
    return len(names) in reach
