"""The user's own editor, for a prompt that outgrows the prompt."""

import os
import shlex
import subprocess
import tempfile
from pathlib import Path


class EditorFailed(Exception):  # noqa: N818
    """The message is a sentence for the user. What was typed is untouched."""


def edit(text: str) -> str:
    """Open `text` in $VISUAL or $EDITOR and return it as saved. Blocks: the terminal is its.

    Raises:
        EditorFailed: there is no editor, or it ended with a failure.
    """
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory(prefix="butler-") as folder:
        path = Path(folder) / "prompt.md"
        _ = path.write_text(text, encoding="utf-8")
        try:
            code = subprocess.run([*shlex.split(command), str(path)], check=False).returncode
        except (OSError, ValueError) as error:
            raise EditorFailed(
                f"The editor {command!r} can't be started: set $VISUAL or $EDITOR to one that can."
            ) from error
        if code:
            raise EditorFailed(f"{command} ended with code {code}: the prompt is as it was.")
        return path.read_text(encoding="utf-8", errors="replace").removesuffix("\n")
