"""Reading a command that a model wrote: what it is, whether it may be allowed for a session, and
what a person should notice in it. The rules are data: `router/data/commands.toml`.

Nothing here decides what is run unasked on a guess: a command is read only where a shell can't
read it in another way, and everything else is asked about.
"""

import re
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec

from router.coding.visible import hides

_BARE: Final = r"[A-Za-z0-9_./,:=+@%^-]"
# In single quotes a shell reads everything as it stands, in double quotes all but these.
_WORD: Final = rf"""(?:{_BARE}|'[^'\t\n]*'|"[^"$`\\!\t\n]*")+"""
_SIMPLE: Final = re.compile(rf"{_WORD}(?: +{_WORD})*")
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:@-]*")
# Absolute, up and out, or in somebody's home: on its own, in `--to=/x`, in `-I/x`, in `a:/x`. Also
# behind an option's letters: `-o../x` goes up, while `main..` is a range and `name../x` a folder.
_OUTSIDE: Final = re.compile(
    r"(?:^|[^\w.-])[/~]|^-\w+[/~]|(?:^|[^\w.])\.\.(?:/|$)|^-.*(?<!\.)\.\.(?:/|$)"
)

_SEVERAL: Final = re.compile(r"[;|\n]|(?<![<>])&(?!>)|\$\(|`|<\(")
_PARTS: Final = re.compile(r"\|\||&&|[;&|\n(){}`]|\$\(")
_REDIRECTED: Final = re.compile(r">[>|&]?\s*(?P<to>[\"']?(?:/(?!dev/null\b)|~|\$|\.\./)[^\s;&|]*)")
_ASSIGNED: Final = re.compile(r"[A-Za-z_]\w*=\S*$")
_BEHIND: Final = 40
"""Words behind a program that runs another one, among which that one is looked for."""
_LONG_GAP: Final = re.compile(r"(?<![ \t])[ \t]{16}")


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What a command is."""

    words: tuple[str, ...] = ()
    simple: bool = False
    """One program with plain words: nothing that a shell would act upon."""
    program: str = ""
    subcommand: str = ""
    """As the program counts it, such as `status`, `run build` or `-m pytest`."""
    may_always: bool = False
    """Whether exactly this program and subcommand may be allowed for a whole session."""
    reason: str = ""
    """Why not."""

    @property
    def pair(self) -> tuple[str, str]:
        return self.program, self.subcommand

    @property
    def name(self) -> str:
        return f"{self.program} {self.subcommand}".strip()


class _Known(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    subcommands: tuple[str, ...] = ()
    with_name: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    exact: bool = False
    module: bool = False
    refused: tuple[str, ...] = ()

    @property
    def divided(self) -> bool:
        return bool(self.subcommands or self.with_name or self.runs)


class _Never(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: str
    programs: frozenset[str]


class _Notice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    phrase: str
    starts: tuple[str, ...]


class _Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    always: dict[str, _Known]
    never: tuple[_Never, ...]
    notice: tuple[_Notice, ...]


@cache
def _rules() -> _Rules:
    import tomllib

    text = files("router").joinpath("data/commands.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), _Rules)


# --- reading -----------------------------------------------------------------------------------


def read(command: str) -> Reading:
    if hides(command) or not _SIMPLE.fullmatch(command):
        return Reading(reason="it is more than one program with plain words")
    import shlex

    words = tuple(shlex.split(command))
    if "=" in words[0]:
        return Reading(words=words, reason="it sets a variable first")
    known, reason = _known(words[0])
    if known is None:
        return Reading(words=words, simple=True, program=words[0], reason=reason)
    subcommand = _subcommand(known, words[1:])
    reading = Reading(words=words, simple=True, program=words[0], subcommand=subcommand or "")
    reason = _objection(known, words, subcommand)
    return msgspec.structs.replace(reading, may_always=not reason, reason=reason)


def _known(program: str) -> tuple[_Known | None, str]:
    rules = _rules()
    if program in rules.always:
        return rules.always[program], ""
    for never in rules.never:
        if program.rpartition("/")[2] in never.programs:
            return None, never.reason
    if "/" in program:
        return None, "it is a file, and files change"
    return None, "it isn't known what else it can do"


def _subcommand(known: _Known, rest: tuple[str, ...]) -> str | None:
    """`None` where the program has subcommands, and this is none that may be allowed."""
    if not known.divided:
        return ""
    if "" in known.runs:
        return _inner(rest)
    first = rest[0] if rest else ""
    if first in known.runs:
        inner = _inner(rest[1:], module=first == "-m")
        return inner and f"{first} {inner}"
    if first in known.with_name:
        name = " ".join(rest[1:2])
        return f"{first} {name}" if _NAME.fullmatch(name) else None
    anything = known.subcommands == ("*",) and _NAME.fullmatch(first)
    return first if first and (anything or first in known.subcommands) else None


def _inner(words: tuple[str, ...], *, module: bool = False) -> str | None:
    """What a program that runs another one runs, if that may be allowed."""
    known = _rules().always.get(words[0]) if words else None
    if known is None or (module and not known.module):
        return None
    subcommand = _subcommand(known, words[1:])
    if subcommand is None or _objection(known, words, subcommand):
        return None
    return f"{words[0]} {subcommand}".strip()


def _objection(known: _Known, words: tuple[str, ...], subcommand: str | None) -> str:
    if subcommand is None:
        return "of this program, only some subcommands do no more than their name says"
    rest = words[1:]
    if known.exact and " ".join(rest) != subcommand:
        return "what follows could be another task"
    if any(_is_refused(word, known.refused) for word in rest):
        return "one of its options runs a program or writes a file"
    if any(_OUTSIDE.search(word) for word in rest):
        return "it names a place outside of the workspace"
    return ""


def _is_refused(word: str, refused: tuple[str, ...]) -> bool:
    """Whether it is one of those options: whole, cut short, or with its value in the same word."""
    if not word.startswith("-") or word in {"-", "--"}:
        return False
    option = word.partition("=")[0]
    return any(_same_option(option, one) for one in refused)


def _same_option(option: str, refused: str) -> bool:
    if len(refused) == 2:  # one letter, with its value behind it, or among others
        return not option.startswith("--") and refused[1] in option[1:]
    bare, name = option.lstrip("-"), refused.lstrip("-")
    return name == bare or (name.startswith(bare) and (len(bare) > 1 or option.startswith("--")))


# --- noticing ----------------------------------------------------------------------------------


def warnings(command: str) -> list[str]:
    """Short phrases about what could be missed. Meant for a person, so rather one too many."""
    found: list[str] = []
    lines = command.strip("\n").count("\n") + 1
    if lines > 1:
        found.append(f"{lines} lines")
    if _SEVERAL.search(command.strip("\n")) and not read(command).simple:
        found.append("several commands in one")
    if hides(command):
        found.append("hidden characters")
    if _LONG_GAP.search(command.strip()):
        found.append("a long gap: read on to the end")
    parts = [_words(part) for part in _PARTS.split(command)]
    if any(not word.isascii() for part in parts for word in part[:1]):
        found.append("a program's name with letters that only look familiar")
    found += [notice.phrase for notice in _rules().notice if any(_tells(notice, p) for p in parts)]
    found += [f"writes to {hit['to']}" for hit in _REDIRECTED.finditer(command)]
    return list(dict.fromkeys(found))


def _words(part: str) -> list[str]:
    """The program's name and what follows, without what stands before it."""
    words = [word.strip("\"'\\") for word in part.split()]
    while words and (_ASSIGNED.match(words[0]) or words[0] in {"!", "then", "do", "else", "if"}):
        words = words[1:]
    return words


@cache
def _wrappers() -> frozenset[str]:
    return frozenset(program for never in _rules().never for program in never.programs)


def _tells(notice: _Notice, words: list[str]) -> bool:
    """Whether a part of a command begins like that, by itself or behind a program that runs it."""
    if not words:
        return False
    first = words[0].rpartition("/")[2]
    behind = words[: _BEHIND if first in _wrappers() else 1]
    names = [word.rpartition("/")[2] for word in behind]
    return any(_begins(start.split(), names, words) for start in notice.starts)


def _begins(start: list[str], names: list[str], words: list[str]) -> bool:
    """Options may stand between a program and its subcommand: `git -c x=y push`."""
    if start[0] not in names:
        return False
    after = words[names.index(start[0]) + 1 :]
    return all(word in after for word in start[1:])
