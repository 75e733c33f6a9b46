"""What goes along with a prompt: large pastes, and files named with `@`."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from store.events import Attachment
from tui import figures
from tui.text import sanitise_line

LARGEST: Final = 8_000_000
"""Bytes of a file that may be attached."""
LISTED: Final = 5_000
"""Files offered for completion at most."""
_MENTION: Final = re.compile(r'(?<!\S)@(?:"([^"\n]+)"|([^\s"]+))')
_SKIPPED: Final = frozenset({"node_modules", "__pycache__", "venv", "build", "dist", "target"})


class UnreadableFile(Exception):  # noqa: N818
    """A file named with `@` can't be attached. The message is a sentence for the user."""


class Mentioned(msgspec.Struct, frozen=True):
    pieces: tuple[Attachment, ...]
    remark: str = ""
    """What the user should know about what was read."""


def of_paste(text: str) -> Attachment:
    size = figures.size(len(text.encode("utf-8", "replace")))
    return Attachment(f"pasted {size}, {figures.counted(text.count(chr(10)) + 1, 'line')}", text)


def read_mentioned(text: str, workspace: Path) -> Mentioned:
    """Read every file a prompt mentions as `@path`. Blocks: call it in a thread.

    A word after `@` that looks like no path (`@property`) is left as it is.

    Raises:
        UnreadableFile: a mentioned file is missing, too large, binary or can't be read.
    """
    pieces: dict[Path, Attachment] = {}
    remarks: list[str] = []
    for mention in _mentions(text):
        found = _found(mention, workspace)
        if found is None or found[1] in pieces:
            continue
        name, path = found
        content, replaced = _read(path, name)
        pieces[path] = Attachment(sanitise_line(name), content)
        if replaced:
            remarks.append(f"{name} is not all UTF-8: {replaced} bytes are shown as �.")
    return Mentioned(tuple(pieces.values()), " ".join(remarks))


def _mentions(text: str) -> Iterator[str]:
    for match in _MENTION.finditer(text):
        yield match[1] or match[2]


def _found(name: str, workspace: Path) -> tuple[str, Path] | None:
    """The file a mention means, and its name without the punctuation that follows it."""
    for candidate in (name, name.rstrip(".,;:!?)]}'\"")):
        path = workspace / Path(candidate).expanduser()
        if candidate and path.is_file():
            return candidate, path
    if (workspace / Path(name).expanduser()).is_dir():
        raise UnreadableFile(f"@{name} is a folder: name a file in it.")
    if "/" in name or re.search(r"\w\.\w{1,8}[.,;:!?)]*$", name):
        raise UnreadableFile(
            f"There is no file {name} in {workspace}: mend the name, or leave the @ out."
        )
    return None


def _read(path: Path, name: str) -> tuple[str, int]:
    """The text, and how many bytes of it were not UTF-8."""
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise UnreadableFile(
                f"{name} has {figures.size(size)}: {figures.size(LARGEST)} is the most "
                "a prompt can carry. Attach a part of it."
            )
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableFile(f"{name} can't be read: {error.strerror}.") from error
    if b"\0" in data[:8192]:
        raise UnreadableFile(f"{name} is a binary file: only text can be attached.")
    text = data.decode("utf-8", "replace")
    return text, text.count("�") - data.count("�".encode())


def list_files(workspace: Path) -> list[str]:
    """Files to offer after `@`, relative to the workspace. Blocks: call it in a thread."""
    listed = _tracked(workspace)
    return sorted(listed if listed is not None else _walked(workspace))[:LISTED]


def _tracked(workspace: Path) -> list[str] | None:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, cwd=workspace, capture_output=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return [os.fsdecode(name) for name in done.stdout.split(b"\0") if name][:LISTED]


def _walked(workspace: Path) -> list[str]:
    found: list[str] = []
    for folder, folders, files in os.walk(workspace):
        folders[:] = [f for f in folders if not f.startswith(".") and f not in _SKIPPED]
        for file in files:
            found.append(os.path.relpath(os.path.join(folder, file), workspace))  # noqa: PTH118
            if len(found) >= LISTED:
                return found
    return found
