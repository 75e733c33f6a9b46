"""The user's own agents: Markdown files with front matter, in the configuration and the project.

    ---
    name: reviewer
    description: Reads a change and says what is wrong with it
    tier: T3
    tools: [list_files, search_files, read_file]
    ---
    You review code. …

One in the project comes before one of the same name in the configuration folder.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from router.asking import EngineError
from router.coding.toolbox import TOOL_NAMES
from router.places import Places
from router.policy_table import Work
from store.events import TIERS, Tier

if TYPE_CHECKING:
    from yaml.nodes import Node

PROJECT: Final = Path(".butler", "agents")
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,31}")
_FRONT: Final = re.compile(r"---[ \t]*\r?\n(.*?\r?\n)?---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_LARGEST: Final = 100_000
"""Bytes of a file: what is longer is no prompt."""
_MOST: Final = 100
"""Files of a folder that are looked at."""
_KEYS: Final = ("name", "description", "tier", "model", "tools", "prompt")
_WORKS: Final[dict[Tier, Work]] = {
    "T0": "main",
    "T1": "code",
    "T2": "background",
    "T3": "main",
    "T4": "main",
}
"""The row of the policy table that follows an agent's own tier."""


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


def find(name: str, places: Places, workspace: Path) -> AgentFile:
    """The agent of a name.

    Raises:
        EngineError: there is none, or its file has a mistake.
    """
    agents, mistakes = load(places, workspace)
    if name in agents:
        return agents[name]
    wrong = [mistake for mistake in mistakes if f"{name}.md" in mistake] or mistakes
    known = ", ".join(agents) or "none yet"
    where = f"{places.config / 'agents'} or {PROJECT}"
    more = f" {wrong[0]}" if wrong else ""
    raise EngineError(f"There is no agent {name!r}; there are: {known}. Put one in {where}.{more}")


def load(places: Places, workspace: Path) -> tuple[dict[str, AgentFile], list[str]]:
    """All agents by name, and a sentence for each mistake. Reads files: call it in a thread."""
    agents: dict[str, AgentFile] = {}
    mistakes: list[str] = []
    for folder in (places.config / "agents", workspace / PROJECT):
        seen: dict[str, Path] = {}
        for path in sorted(folder.glob("*.md"))[:_MOST]:
            try:
                agent = read(path)
                if agent.name in seen:
                    first = seen[agent.name].name
                    raise AgentMistake(f"{path}: {first} has the name {agent.name!r} already.")
            except AgentMistake as mistake:
                mistakes.append(str(mistake))
                continue
            seen[agent.name] = path
            agents[agent.name] = agent
    return agents, mistakes


def read(path: Path) -> AgentFile:
    """One file.

    Raises:
        AgentMistake: the first thing that is wrong with it.
    """
    text = _text(path)
    found = _FRONT.match(text)
    if found is None:
        raise AgentMistake(
            f"{path}, line 1: it must begin with front matter between two lines of ---, "
            "which holds at least a description."
        )
    body = text[found.end() :].strip()
    values, lines = _front_matter(path, found[1] or "")
    return _agent(path, body, values, lines)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST:
            raise AgentMistake(f"{path}: it is larger than {_LARGEST} bytes; shorten it.")
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise AgentMistake(f"{path}: it is not UTF-8 text; save it as such.") from error
    except OSError as error:
        raise AgentMistake(f"{path}: it can't be read ({error.strerror}).") from error


def _front_matter(path: Path, text: str) -> tuple[Mapping[str, Any], dict[str, int]]:
    import yaml

    try:
        node = cast("Node | None", yaml.compose(text, Loader=yaml.SafeLoader))
        values: Any = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 2 if error.problem_mark else 1
        raise AgentMistake(f"{path}, line {line}: {error.problem or 'this is no YAML'}.") from error
    except yaml.YAMLError as error:
        raise AgentMistake(f"{path}, line 2: the front matter is no YAML.") from error
    if node is None:
        return {}, {}
    if not isinstance(values, dict) or not isinstance(node, yaml.MappingNode):
        raise AgentMistake(f"{path}, line 2: the front matter must be lines of `key: value`.")
    lines = {str(key.value): int(key.start_mark.line) + 2 for key, _ in node.value}
    return cast(Mapping[str, Any], values), lines


def _agent(path: Path, body: str, values: Mapping[str, Any], lines: dict[str, int]) -> AgentFile:
    def wrong(key: str, must: str) -> AgentMistake:
        return AgentMistake(f"{path}, line {lines.get(key, 1)}: {key} must be {must}.")

    for key in values:
        if key not in _KEYS:
            allowed = ", ".join(_KEYS)
            line = lines.get(str(key), 1)
            raise AgentMistake(f"{path}, line {line}: {key!r} is unknown; allowed are: {allowed}.")
    name = values.get("name", path.stem)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise wrong("name", "lower-case letters, digits and dashes, at most 32, a letter first")
    description = values.get("description")
    if not isinstance(description, str) or not 0 < len(description.strip()) <= 300:
        raise wrong("description", "one line that says what it is for, at most 300 characters")
    tier, model = values.get("tier"), values.get("model")
    if tier is not None and tier not in TIERS:
        raise wrong("tier", f"one of {', '.join(TIERS)}")
    if model is not None and (not isinstance(model, str) or not model):
        raise wrong("model", "account/model, or the name of a configured model")
    if tier is not None and model is not None:
        raise wrong("model", "left out where a tier is named: give one of the two")
    prompt = values.get("prompt", "")
    if not isinstance(prompt, str) or (prompt and body):
        raise wrong("prompt", "a text, here or below the front matter, not both")
    if not (prompt or body):
        raise AgentMistake(f"{path}: it has no prompt; write it below the front matter.")
    return AgentFile(
        name=name,
        description=" ".join(description.split()),
        prompt=prompt or body,
        path=str(path),
        tier=tier,
        model=model,
        tools=_tools(values.get("tools"), wrong),
    )


def _tools(said: object, wrong: Any) -> frozenset[str] | None:
    if said is None or said == "all":
        return None
    named = [] if said == "none" else said
    if isinstance(named, str):
        named = [part.strip() for part in named.split(",")]
    allowed = f"a list of {', '.join(TOOL_NAMES)}; or all, or none"
    if not isinstance(named, list) or not all(tool in TOOL_NAMES for tool in named):
        raise wrong("tools", allowed)
    return frozenset(cast("list[str]", named))
