"""The user's own agents: Markdown files with front matter, in the configuration and the project.

    ---
    name: reviewer
    description: Reads a change and says what is wrong with it
    tier: T3
    tools: [list_files, search_files, read_file]
    ---
    You review code. …

One in the project comes before one of the same name in the configuration folder. A project may be
anybody's: its files are read as text and never make more than they hold.
"""

import os
import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from router.asking import EngineError
from router.coding.offered import TOOL_NAMES
from router.coding.visible import visible
from router.places import Places
from router.policy_table import Work
from store.events import TIERS, Tier

if TYPE_CHECKING:
    import yaml
    from yaml.nodes import Node

PROJECT: Final = Path(".butler", "agents")
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,31}")
_FENCE: Final = re.compile(r"---[ \t]*")
_LARGEST: Final = 100_000
"""Bytes of a file: what is longer is no prompt."""
_MOST: Final = 100
"""Files of a folder that are looked at."""
_DESCRIPTION: Final = 300
_DEEPEST: Final = 4
"""Lists and mappings within one another."""
_KEYS: Final = ("name", "description", "tier", "model", "tools", "prompt")
_WORKS: Final[dict[Tier, Work]] = {
    "T0": "main",
    "T1": "code",
    "T2": "background",
    "T3": "main",
    "T4": "main",
}
"""The row of the policy table that follows an agent's own tier."""

_Values: TypeAlias = Mapping[str, object]


class AgentFile(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    description: str
    prompt: str
    path: str
    tier: Tier | None = None
    model: str | None = None
    """A pin: obeyed or refused."""
    tools: frozenset[str] | None = None
    """`None` is all of them."""

    @property
    def work(self) -> Work:
        return _WORKS[self.tier or "T1"]


class AgentMistake(Exception):  # noqa: N818  (what is wrong with the user's file, told as such)
    """`str()` names file, line, what is wrong and what is allowed."""


def folders(places: Places, workspace: Path) -> tuple[Path, Path]:
    """Where the files lie, the strongest last."""
    return places.config / "agents", workspace / PROJECT


def find(name: str, places: Places, workspace: Path) -> AgentFile:
    """The agent of a name. Reads files: call it in a thread.

    Raises:
        EngineError: there is none, or the file that would count has a mistake.
    """
    agents, mistakes = load(places, workspace)
    wrong = [one for one in mistakes if f"{os.sep}{name}.md" in one.partition(": ")[0]]
    _, project = folders(places, workspace)
    spoilt = [one for one in wrong if one.startswith(str(project))]
    if name in agents and not spoilt:
        return agents[name]
    if wrong:
        raise EngineError(f"The agent {name!r} can't be used: {wrong[-1]}")
    known = ", ".join(agents) or "none yet"
    where = " or ".join(str(folder) for folder in folders(places, workspace))
    shown = visible(name[:40], keep="")
    more = f" Not counted, for it has a mistake: {mistakes[0]}" if mistakes else ""
    raise EngineError(
        f"There is no agent “{shown}”; there are: {known}. Agents are Markdown files in {where}."
        f"{more}"
    )


def load(places: Places, workspace: Path) -> tuple[dict[str, AgentFile], list[str]]:
    """All agents by name, and a sentence for each mistake. Reads files: call it in a thread."""
    agents: dict[str, AgentFile] = {}
    mistakes: list[str] = []
    for folder in folders(places, workspace):
        paths = _files(folder, mistakes)
        agents |= _read_all(paths, mistakes)
    return agents, mistakes


def _files(folder: Path, mistakes: list[str]) -> list[Path]:
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".md"))  # noqa: PTH208
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        mistakes.append(f"{folder}: it can't be read ({error.strerror}).")
        return []
    if len(names) > _MOST:
        mistakes.append(f"{folder}: only the first {_MOST} of its {len(names)} files are read.")
    return [folder / name for name in names[:_MOST]]


def _read_all(paths: Iterable[Path], mistakes: list[str]) -> dict[str, AgentFile]:
    """The agents of one folder."""
    agents: dict[str, AgentFile] = {}
    for path in paths:
        agent = _read(path, _stamp(path))
        if isinstance(agent, AgentMistake):
            mistakes.append(visible(str(agent), keep=""))
            continue
        other = agents.setdefault(agent.name, agent)
        if other is not agent:
            also = Path(other.path).name
            mistakes.append(f"{path}: {also} has the name {agent.name!r} already; choose another.")
    return agents


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError:
        return ()  # reading it tells why
    return found.st_ino, found.st_size, found.st_mtime_ns


@lru_cache(maxsize=2 * _MOST)
def _read(path: Path, _stamp: tuple[int, ...]) -> AgentFile | AgentMistake:
    """The file as it was last read, while it is the same: the chat looks at all of them before
    each answer."""
    try:
        return read(path)
    except AgentMistake as mistake:
        return mistake


def read(path: Path) -> AgentFile:
    """One file.

    Raises:
        AgentMistake: the first thing that is wrong with it.
    """
    front, body = _parted(path, _text(path))
    return _Front(path, *_front_matter(path, front)).agent(body)


def _text(path: Path) -> str:
    try:
        # Not waited for: a pipe may lie there.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise AgentMistake(f"{path}: it is no file; an agent is a Markdown file.")
            raw = file.read(_LARGEST + 1)
    except OSError as error:
        raise AgentMistake(f"{path}: it can't be read ({error.strerror}).") from error
    if len(raw) > _LARGEST:
        raise AgentMistake(f"{path}: it is larger than {_LARGEST:,} bytes; shorten it.")
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise AgentMistake(f"{path}, line {line}: it is not UTF-8; save it as UTF-8.") from error


def _parted(path: Path, text: str) -> tuple[str, str]:
    """Front matter and what stands below it."""
    lines = text.split("\n")
    if not _FENCE.fullmatch(lines[0]):
        raise AgentMistake(
            f"{path}, line 1: it must begin with front matter between two lines of ---, "
            "which holds at least a description."
        )
    end = next((n for n, line in enumerate(lines[1:], 1) if _FENCE.fullmatch(line)), None)
    if end is None:
        raise AgentMistake(f"{path}, line 1: the front matter has no end; close it with ---.")
    return "\n".join(lines[1:end]), "\n".join(lines[end + 1 :]).strip()


def _front_matter(path: Path, text: str) -> tuple[_Values, dict[str, int]]:
    """Keys with their values, and with their lines. Every value is text, or made of text."""
    import yaml

    try:
        _check_depth(path, text)
        node = yaml.compose(text, Loader=yaml.BaseLoader)
        if node is None:
            return {}, {}
        lines = _lines(path, node)
        # Knows texts, lists and mappings only.
        values: _Values = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506
    except yaml.YAMLError as error:
        raise AgentMistake(f"{path}, line {_line(error, text)}: {_what(error)}.") from error
    return values, lines


def _check_depth(path: Path, text: str) -> None:
    """Deep ones take the parser seconds, and then Python's stack."""
    import yaml

    depth = 0
    for event in yaml.parse(text, Loader=yaml.BaseLoader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            line = event.start_mark.line + 2 if event.start_mark else 2
            raise AgentMistake(f"{path}, line {line}: this is nested too deeply.")


def _what(error: "yaml.YAMLError") -> str:
    what = getattr(error, "problem", None) or getattr(error, "reason", None) or "this is no YAML"
    if what == "mapping values are not allowed here":
        return "a text with a colon in it needs quotes around it"
    return str(what)


def _line(error: "yaml.YAMLError", text: str) -> int:
    import yaml

    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return error.problem_mark.line + 2
    position = getattr(error, "position", None)  # of a character that YAML doesn't allow
    return text.count("\n", 0, position) + 2 if isinstance(position, int) else 2


def _lines(path: Path, node: "Node") -> dict[str, int]:
    import yaml

    if not isinstance(node, yaml.MappingNode):
        raise AgentMistake(f"{path}, line 2: the front matter must be lines of `key: value`.")
    lines: dict[str, int] = {}
    for key, _ in node.value:
        name, line = str(key.value), key.start_mark.line + 2
        if name not in _KEYS:
            allowed = ", ".join(_KEYS)
            raise AgentMistake(
                f"{path}, line {line}: {name[:40]!r} is unknown; allowed are: {allowed}."
            )
        if name in lines:
            raise AgentMistake(f"{path}, line {line}: {name} is there twice; leave one of them.")
        lines[name] = line
    return lines


class _Front:
    """Front matter that has been read, not yet judged."""

    def __init__(self, path: Path, values: _Values, lines: dict[str, int]) -> None:
        self._path = path
        self._values = values
        self._lines = lines

    def agent(self, body: str) -> AgentFile:
        tier = self._tier()
        model = self._text("model", "account/model, or the name of a configured model")
        if tier is not None and model:
            raise self._wrong("model", "left out where a tier is named: give one of the two")
        return AgentFile(
            name=self._name(),
            description=self._description(),
            prompt=self._prompt(body),
            path=str(self._path),
            tier=tier,
            model=model or None,
            tools=self._tools(),
        )

    def _wrong(self, key: str, must: str) -> AgentMistake:
        return AgentMistake(f"{self._path}, line {self._lines.get(key, 1)}: {key} must be {must}.")

    def _text(self, key: str, must: str) -> str:
        value = self._values.get(key, "")
        if not isinstance(value, str):
            raise self._wrong(key, must)
        return value.strip()

    def _name(self) -> str:
        must = "lower-case letters, digits and dashes, at most 32, a letter first"
        name = self._text("name", must) if "name" in self._values else self._path.stem
        if not _NAME.fullmatch(name):
            raise self._wrong("name", must)
        return name

    def _description(self) -> str:
        must = f"one line that says what it is for, at most {_DESCRIPTION} characters"
        description = " ".join(visible(self._text("description", must)).split())
        if not 0 < len(description) <= _DESCRIPTION:
            raise self._wrong("description", must)
        return description

    def _tier(self) -> Tier | None:
        must = f"one of {', '.join(TIERS)}"
        said = self._text("tier", must)
        try:
            return msgspec.convert(said, Tier) if said else None
        except msgspec.ValidationError as error:
            raise self._wrong("tier", must) from error

    def _prompt(self, body: str) -> str:
        must = "a text, here or below the front matter, not both"
        prompt = self._text("prompt", must)
        if prompt and body:
            raise self._wrong("prompt", must)
        if not (prompt or body):
            raise AgentMistake(f"{self._path}: it has no prompt; write it below the front matter.")
        return prompt or body

    def _tools(self) -> frozenset[str] | None:
        said = self._values.get("tools", "all")
        if said in ("all", ""):
            return None
        named: object = [] if said == "none" else said
        if isinstance(named, str):
            named = [part.strip() for part in named.split(",")]
        chosen = _texts(named)
        if chosen is None or not set(chosen) <= set(TOOL_NAMES):
            allowed = ", ".join(TOOL_NAMES)
            raise self._wrong("tools", f"a list of {allowed}; or all, or none")
        return frozenset(chosen)


def _texts(value: object) -> Sequence[str] | None:
    """A list of texts, or `None` if it is none."""
    try:
        return msgspec.convert(value, list[str], strict=True)
    except msgspec.ValidationError:
        return None
