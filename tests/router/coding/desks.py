"""A coding session driven through a whole house: prompts go in, cards come up, the user decides."""

import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from router.asking import Prompt
from router.config import TimeLimits
from router.view import View
from store.events import AnyEvent, ApprovalAsked, SessionAnnounced
from tests.router.house import CODEX, House, configuration, open_house
from tests.servers.llmock import Llmock


def call(name: str, model: str = CODEX, **arguments: Any) -> dict[str, Any]:
    return calls((name, arguments), model=model)


def calls(*made: tuple[str, Any], model: str = CODEX, text: str = "") -> dict[str, Any]:
    """A script for llmock: one answer that calls several tools."""
    written = [{"name": name, "arguments": arguments} for name, arguments in made]
    said = {"text": text} if text else {}
    return {"type": "reply", "tool_calls": written, "match": {"model": model}, **said}


def repository(folder: Path) -> Path:
    """A small git repository with something uncommitted in it."""
    folder.mkdir()
    (folder / "sum.py").write_text("print(1 - 2)\n")
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "first"]):
        subprocess.run([*git, *words], cwd=folder, check=True)
    (folder / "notes.txt").write_text("not committed\n")
    return folder


@asynccontextmanager
async def at_home(
    service: Llmock,
    folder: Path,
    project: Path,
    session: str | None = None,
    environ: Mapping[str, str] | None = None,
    **changes: Any,
) -> AsyncIterator[House]:
    patient = TimeLimits(connect=10, first_token=30, first_token_local=30, silence=30)
    config = replace(configuration(service, tools=True, limits=patient), **changes)
    given = {"PATH": "/usr/bin:/bin", **(environ or {})}
    async with open_house(
        config, folder / "home", given, workspace=project, session=session
    ) as house:
        yield house


async def submit(house: House, text: str, **how: Any) -> None:
    await house.engine.submit(house.session, Prompt(text=text, **how))


async def asked(house: House, kind: str) -> ApprovalAsked:
    view = await house.until_child(lambda view: any(a.kind == kind for a in view.approvals))
    await house.until(lambda view: view.tasks[-1].state in ("waiting", "failed"))
    return next(a for a in view.approvals if a.kind == kind)


async def decide(house: House, kind: str, choice: str, reason: str = "") -> None:
    question = await asked(house, kind)
    await house.engine.decide(question.approval, choice, reason)


async def ended(house: House, state: str = "done") -> View:
    return await house.until_child(lambda view: view.state == state)


def announced(house: House) -> list[SessionAnnounced]:
    return events(house, SessionAnnounced)


def events(house: House, kind: type[AnyEvent]) -> list[Any]:
    """All of a kind that were heard, oldest first."""
    return [entry.event for entry in house.entries if isinstance(entry.event, kind)]
