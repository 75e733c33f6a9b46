"""The five places a setting can come from, read but not yet judged.

A layer knows where each of its values stands, so that a mistake can be named with file and line.
"""

import os
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, TypeAlias, cast

import msgspec

from router.places import PROJECT_FILE, Places

Origin: TypeAlias = Literal["flag", "environment", "project", "user", "default"]
Table: TypeAlias = dict[str, object]
KeyPath: TypeAlias = tuple[str | int, ...]

MAX_SIZE: Final = 1_000_000
_DEFAULTS = Path(__file__).with_name("data") / "defaults.toml"


class Mistake(msgspec.Struct, frozen=True):
    """One thing wrong with the configuration. `str(mistake)` is one sentence on one line."""

    where: str
    """A file, a variable or a flag."""
    line: int | None
    path: KeyPath
    """What it is about; empty for a whole file."""
    text: str

    @property
    def place(self) -> str:
        return f"{self.where}:{self.line}" if self.line else self.where

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


class Layer(msgspec.Struct, frozen=True):
    origin: Origin
    values: Table
    file: Path | None = None
    text: str = ""
    names: Mapping[KeyPath, str] = msgspec.field(default_factory=dict[KeyPath, str])
    """The variable or flag a value came from, where there is no file."""

    def holds(self, path: KeyPath) -> bool:
        return holds(self.values, path)

    def mistake(self, path: KeyPath, text: str) -> Mistake:
        """A mistake with the file and line of its value, or the variable or flag that gave it."""
        if self.file is not None:
            return Mistake(str(self.file), line_of(self.text, path), path, text)
        name = next((n for p, n in self.names.items() if p == path[: len(p)]), self.origin)
        return Mistake(name, None, path, text)


def dotted(path: KeyPath) -> str:
    """A path as TOML would write it: `models."a/b".context`, `budgets[0].limit`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            bare = re.fullmatch(r"[A-Za-z0-9_-]+", step)
            text += ("." if text else "") + (step if bare else _quoted(step))
    return text


def _quoted(text: str) -> str:
    return '"' + re.sub(r'["\\\x00-\x1f\x7f-\x9f]', lambda m: f"\\u{ord(m[0]):04x}", text) + '"'


# --- files --------------------------------------------------------------------------------------


def default_layer() -> Layer:
    text = _DEFAULTS.read_text("utf-8")
    return Layer("default", tomllib.loads(text), _DEFAULTS, text)


def file_layer(origin: Origin, file: Path) -> tuple[Layer, list[Mistake]]:
    """The layer of a file; an absent one is empty, an unreadable one is a mistake and empty."""
    empty = Layer(origin, {}, file)
    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        return empty, []
    except OSError as error:
        return empty, [Mistake(str(file), None, (), f"it can't be read ({error.strerror}).")]
    if len(raw) > MAX_SIZE:
        text = f"this is no configuration: it has {len(raw):,} bytes."
        return empty, [Mistake(str(file), None, (), text)]
    return _parse(origin, file, raw)


def _parse(origin: Origin, file: Path, raw: bytes) -> tuple[Layer, list[Mistake]]:
    empty = Layer(origin, {}, file)
    try:
        text = raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        text = "this line is not UTF-8; save the file as UTF-8."
        return empty, [Mistake(str(file), line, (), text)]
    try:
        return Layer(origin, tomllib.loads(text), file, text), []
    except (ValueError, RecursionError) as error:
        return empty, [_syntax(file, text, str(error))]


def _syntax(file: Path, text: str, message: str) -> Mistake:
    what, _, place = message.rpartition(" (at ")
    numbers = [int(number) for number in re.findall(r"\d+", place)]
    line, column = numbers if len(numbers) == 2 else _end(text)
    problem = (what or message).rstrip(".")
    return Mistake(str(file), line, (), f"this is not TOML (column {column}): {problem}.")


def _end(text: str) -> list[int]:
    lines = text.rstrip("\n").split("\n")
    return [len(lines), len(lines[-1]) + 1]


def project_file(workspace: Path | None) -> Path | None:
    """The nearest project file from the workspace up to the root of its git repository.

    Outside a repository only the workspace itself counts: a file in `/tmp` is nobody's project.
    """
    if workspace is None:
        return None
    # os.path, because it answers "no" where a folder may not be looked into and pathlib raises.
    folders = [workspace, *workspace.parents]
    root = next((i for i, folder in enumerate(folders) if os.path.exists(folder / ".git")), 0)  # noqa: PTH110
    files = (folder / PROJECT_FILE for folder in folders[: root + 1])
    return next((file for file in files if os.path.isfile(file)), None)  # noqa: PTH113


def line_of(text: str, path: KeyPath) -> int | None:
    """The line (from 1) on which the value at `path` begins, or `None` if it can't be told.

    The parser does not tell, so the text is read again up to each line that could hold the key.
    """
    names = [step for step in path if isinstance(step, str)]
    if not names:
        return None
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        if names[-1] in line and _appears(lines, number, path):
            return number
    return None


def _appears(lines: Sequence[str], number: int, path: KeyPath) -> bool:
    """Whether the text up to this line, or up to the end of the value begun on it, holds `path`."""
    for end in range(number, min(number + 50, len(lines)) + 1):
        try:
            return holds(tomllib.loads("\n".join(lines[:end])), path)
        except tomllib.TOMLDecodeError:
            continue
    return False


def holds(values: object, path: KeyPath) -> bool:
    """Whether there is a value at `path`."""
    for step in path:
        try:
            values = cast(Table, values)[cast(str, step)]
        except (LookupError, TypeError):  # not there, or no place to look in
            return False
    return True


# --- environment and flags ----------------------------------------------------------------------


def _truth(text: str) -> object:
    words = {"1": True, "true": True, "yes": True, "on": True}
    words |= {"0": False, "false": False, "no": False, "off": False}
    return words.get(text.lower(), text)


def _number(text: str) -> object:
    return int(text) if text.isdecimal() else text


def _list(text: str) -> object:
    return [part.strip() for part in text.split(",") if part.strip()]


ENVIRONMENT: Final[Mapping[str, tuple[KeyPath, Callable[[str], object]]]] = {
    **{f"BUTLER_T{n}": (("tiers", f"T{n}"), _list) for n in range(5)},
    "BUTLER_THEME": (("ui", "theme"), str),
    "BUTLER_MOUSE": (("ui", "mouse"), _truth),
    "BUTLER_BELL": (("ui", "bell"), _truth),
    "BUTLER_TIME_ZONE": (("time_zone",), str),
    "BUTLER_PARALLEL": (("sessions", "parallel"), _number),
}
"""The variables that set something, beside BUTLER_HOME and BUTLER_CONFIG."""


def environment_layer(environ: Mapping[str, str]) -> Layer:
    values: Table = {}
    names: dict[KeyPath, str] = {}
    for name, (path, read) in ENVIRONMENT.items():
        if text := environ.get(name, "").strip():
            _put(values, path, read(text))
            names[path] = f"${name}"
    return Layer("environment", values, names=names)


def flag_layer(overrides: Mapping[str, object]) -> Layer:
    """Settings given on the command line, by dotted path (`ui.theme`)."""
    values: Table = {}
    names: dict[KeyPath, str] = {}
    for key, value in overrides.items():
        path: KeyPath = tuple(key.split("."))
        _put(values, path, value)
        names[path] = f"--{path[-1]}"
    return Layer("flag", values, names=names)


def _put(values: Table, path: KeyPath, value: object) -> None:
    for step in path[:-1]:
        values = cast(Table, values.setdefault(str(step), {}))
    values[str(path[-1])] = value


def read_layers(
    places: Places,
    environ: Mapping[str, str],
    workspace: Path | None,
    overrides: Mapping[str, object],
) -> tuple[list[Layer], list[Mistake]]:
    """All layers, the weakest first, and what kept a file from being read."""
    user, mistakes = file_layer("user", places.config_file)
    layers = [default_layer(), user]
    if project := project_file(workspace):
        layer, more = file_layer("project", project)
        layers.append(layer)
        mistakes += more
    return [*layers, environment_layer(environ), flag_layer(overrides)], mistakes
