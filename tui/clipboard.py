"""Copying: through the system's own program where there is one, and OSC 52 always.

OSC 52 reaches the user's terminal through SSH and tmux; the program reaches desktops whose terminal
ignores it.
"""

import asyncio
import logging
import os
import re
import shutil
import sys
from collections.abc import Mapping
from typing import Final

log = logging.getLogger(__name__)
_FENCE: Final = re.compile(
    r"^( {0,3})(`{3,}|~{3,})[^\n]*\n(.*?)(?:^ {0,3}\2[`~]*[ \t]*$|\Z)", re.MULTILINE | re.DOTALL
)


def command(environ: Mapping[str, str]) -> list[str] | None:
    """The program that puts its input on this system's clipboard, if there is one."""
    choices: list[tuple[bool, list[str]]] = [
        (sys.platform == "darwin", ["pbcopy"]),
        ("WAYLAND_DISPLAY" in environ, ["wl-copy"]),
        ("DISPLAY" in environ, ["xclip", "-selection", "clipboard"]),
        ("DISPLAY" in environ, ["xsel", "--clipboard", "--input"]),
        ("WSL_DISTRO_NAME" in environ or sys.platform == "win32", ["clip.exe"]),
    ]
    for fits, arguments in choices:
        if fits and shutil.which(arguments[0]):
            return arguments
    return None


async def copy(text: str) -> None:
    """Hand `text` to the system's clipboard program; a failure is logged, OSC 52 remains."""
    arguments = command(os.environ)
    if arguments is None:
        return
    quiet = asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(
            *arguments, stdin=asyncio.subprocess.PIPE, stdout=quiet, stderr=quiet
        )
        _ = await asyncio.wait_for(process.communicate(text.encode("utf-8", "replace")), 5)
    except (OSError, TimeoutError) as error:
        log.warning("%s failed: %s", arguments[0], error)


def code_blocks(markdown: str) -> list[str]:
    """The fenced code blocks of an answer, in order, without their fences."""
    return [match[3].removesuffix("\n") for match in _FENCE.finditer(markdown)]
