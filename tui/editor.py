"""The user's own editor, for a prompt that outgrows the prompt."""

import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType


@dataclass(frozen=True, slots=True)
class Edited:
    text: str
    problem: str = ""
    """A sentence for the user if there was no editor, or it failed. The text is what it was."""


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """A handler and not SIG_IGN, which the editor would inherit."""


@contextmanager
def its_interrupts() -> Generator[None]:
    """While this lasts ctrl+c is the editor's: it reaches every program of the terminal."""
    before = signal.signal(signal.SIGINT, _nothing)
    try:
        yield
    finally:
        _ = signal.signal(signal.SIGINT, before)


def edit(text: str, what: str = "prompt") -> Edited:
    """Open `text`, which is a `what`, in $VISUAL or $EDITOR. Blocks: the terminal is the editor's.

    Raises nothing: Textual would not take the terminal back.
    """
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    try:
        with tempfile.TemporaryDirectory(prefix="butler-") as folder:
            path = Path(folder) / f"{what}.md"
            _ = path.write_text(text, encoding="utf-8")
            code = subprocess.run([*shlex.split(command), str(path)], check=False).returncode
            edited = path.read_text(encoding="utf-8", errors="replace").removesuffix("\n")
    except (OSError, ValueError):
        hint = "set $VISUAL or $EDITOR to one that can"
        return Edited(text, f"The editor {command!r} can't be used: {hint}.")
    if code:
        return Edited(text, f"{command} ended with code {code}: the {what} is as it was.")
    return Edited(edited)
