"""Opens a rehearsal, and clears it away."""

import asyncio
import os
import signal
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from msgspec.structs import replace

from router.config import Ui
from router.places import HOME, Places
from router.rehearsal import Rehearsal, sheltered, staged
from tui import pasting
from tui.commands.opening import need_terminal
from tui.exits import Exit
from tui.log import logging_to
from tui.options import Options
from tui.output import remark


def open_rehearsal(theme: str | None, *, mouse: bool) -> int:
    """Open the dashboard on a rehearsal; its exit code.

    Raises:
        CommandFailed: there is no terminal to open it on.
        Missing: the local model is not installed.
    """
    need_terminal("A rehearsal is there to be watched.")
    data = Places.find(os.environ).data
    ui = Ui(mouse=mouse, bell=False)
    ui = ui if theme is None else replace(ui, theme=theme)
    pasting.guard()
    with _sealed():
        code = asyncio.run(_rehearse(data, ui))
    remark("The rehearsal is over; nothing of it was kept.")
    return code


@contextmanager
def _sealed() -> Generator[None]:
    """Without the environment's keys, and without what leads elsewhere."""
    before = dict(os.environ)
    kept = sheltered(before)
    for name in before.keys() - kept.keys():
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


async def _rehearse(data: Path, ui: Ui) -> int:
    async with staged(data, ui) as rehearsal:
        os.environ[HOME] = str(rehearsal.places.config)
        with logging_to(rehearsal.places):
            return await _run(rehearsal)


async def _run(rehearsal: Rehearsal) -> int:
    from tui.rehearsal.app import RehearsalApp

    ui = rehearsal.config.ui
    app = RehearsalApp(
        Options(
            places=rehearsal.places,
            config=rehearsal.config,
            workspace=rehearsal.workspace,
            theme=ui.theme,
            mouse=ui.mouse,
        )
    )
    # What ends the program must not leave its folder behind.
    with suppress(NotImplementedError):
        for name in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(name, app.exit)
    _ = await app.run_async(mouse=ui.mouse)
    await app.close_house()
    return app.return_code or Exit.DONE
