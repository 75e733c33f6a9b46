"""The tools of a session or a chat, put together when they are first needed."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from router.calls import Acted
from router.coding.contract import Ask, Say
from router.services import Services

if TYPE_CHECKING:
    from router.coding.commands import Commands
    from router.coding.toolbox import Toolbox

Answers = Callable[[], Sequence[tuple[str, str]]]
"""Commands that were shown, each with what the user chose: what was allowed for the session still
is after a restart."""


async def tools(
    services: Services,
    root: Path,
    *,
    ask: Ask,
    say: Say,
    answers: Answers,
    names: Collection[str] | None = None,
    confirm_writes: bool = False,
) -> "Toolbox":
    """The toolbox for `root`; see `Toolbox` for the rest."""
    make = await asyncio.to_thread(_toolbox)
    runner = _Runner(services, root, ask, answers)
    return make(root, ask=ask, say=say, commands=runner, names=names, confirm_writes=confirm_writes)


def _toolbox() -> "type[Toolbox]":
    """Imported in a thread: it is a good deal of code, and most chats never call it."""
    from router.coding.toolbox import Toolbox

    return Toolbox


class _Runner:
    """Runs commands; what that takes is looked for at the first one."""

    def __init__(self, services: Services, root: Path, ask: Ask, answers: Answers) -> None:
        self._services = services
        self._root = root
        self._ask = ask
        self._answers = answers
        self._commands: Commands | None = None

    async def run(self, command: str, call: str) -> Acted:
        if self._commands is None:
            self._commands = await self._found()
        return await self._commands.run(command, call)

    async def _found(self) -> "Commands":
        from router.coding.commands import Allowed, Commands
        from router.coding.sandbox import Sandbox

        services = self._services
        if services.sandbox is None:
            services.sandbox = await Sandbox.find(services.environ)
        places = services.places
        return Commands(
            self._root,
            ask=self._ask,
            sandbox=services.sandbox,
            timeout=services.config.coding.command_timeout,
            allowed=Allowed.from_answers(self._answers()),
            folders=(places.config, places.data, places.state),
        )
