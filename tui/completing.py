"""What the completion list offers: commands after `/`, files after `@`, agents after `/agent`."""

import asyncio
from pathlib import Path
from typing import Final

from router.places import Places
from tui.attachments import list_files
from tui.slash import matching
from tui.widgets.completion import Choice
from tui.widgets.prompt import Prompt

OFFERED: Final = 20


class Completer:
    """Looks at the prompt after each change. Files are listed once, in a thread."""

    def __init__(self, prompt: Prompt, workspace: Path, places: Places) -> None:
        self._prompt = prompt
        self._workspace = workspace
        self._places = places
        self._agents: list[Choice] | None = None
        self._files: list[str] | None = None
        self._listing: asyncio.Task[None] | None = None

    def look(self) -> None:
        area = self._prompt.area
        word = area.word
        if not area.text.startswith("/agent "):
            self._agents = None  # looked for anew: one may be written meanwhile
        if word.startswith("@"):
            self._prompt.completion.show(self._file_choices(word[1:]), word)
        elif word == area.text:
            self._prompt.completion.show(command_choices(word), word)
        elif area.text == f"/agent {word}":
            self._prompt.completion.show(self._agent_choices(word), word)
        else:
            self._prompt.completion.close()

    def _agent_choices(self, typed: str) -> list[Choice]:
        if self._agents is None:
            if self._listing is None:
                self._listing = asyncio.create_task(self._list_agents())
            return []
        return [choice for choice in self._agents if choice.label.startswith(typed)]

    async def _list_agents(self) -> None:
        self._agents = await asyncio.to_thread(agent_choices, self._places, self._workspace)
        self._listing = None
        self.look()

    def _file_choices(self, typed: str) -> list[Choice]:
        if self._files is None:
            if self._listing is None:
                self._listing = asyncio.create_task(self._list())
            return []
        return [Choice(_mention(name), name) for name in best(typed, self._files)]

    async def _list(self) -> None:
        self._files = await asyncio.to_thread(list_files, self._workspace)
        self._listing = None
        self.look()


def agent_choices(places: Places, workspace: Path) -> list[Choice]:
    """Reads files: call it in a thread."""
    from router.coding.agents import load

    agents, _ = load(places, workspace)
    return [Choice(f"{name} ", name, agent.description) for name, agent in agents.items()]


def command_choices(word: str) -> list[Choice]:
    return [
        Choice(
            insert=f"/{command.name}" + " " * bool(command.arguments),
            label=f"/{command.name} {command.arguments}".rstrip(),
            says=command.says,
            complete=not command.needs,
        )
        for command in matching(word)
    ]


def best(typed: str, names: list[str]) -> list[str]:
    """The names that fit what was typed: those that hold it first, then the likely ones."""
    if not typed:
        return names[:OFFERED]
    holding = [name for name in names if typed.lower() in name.lower()]
    if len(holding) < OFFERED // 2:
        from rapidfuzz import fuzz, process

        close = process.extract(
            typed, names, scorer=fuzz.WRatio, limit=OFFERED, score_cutoff=60, processor=str.lower
        )
        holding += [name for name, _, _ in close if name not in set(holding)]
    holding.sort(key=lambda name: (typed.lower() not in name.lower(), len(name)))
    return holding[:OFFERED]


def _mention(name: str) -> str:
    return f'@"{name}" ' if " " in name else f"@{name} "
