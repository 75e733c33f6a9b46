"""What files there are: git-ignored ones left out, folders summed up below a depth."""

import asyncio
import os
import stat
from pathlib import Path
from typing import Final

import msgspec

from router.coding.confinement import PathProblem, is_git, resolve
from router.coding.looking import look, program
from router.coding.visible import visible
from router.coding.withholding import is_secret

ENTRIES: Final = 400
_DEEPEST: Final = 20
_ROOM: Final = 28_000
"""Bytes of a list."""
_LIMIT: Final = 4_000_000
"""Bytes of paths that are looked at."""
_FILES: Final = 50_000
_SECONDS: Final = 20.0

_RIPGREP: Final = ("--no-config", "--hidden", "--no-messages", "--glob", "!.git")
_GIT: Final = ("-c", "core.fsmonitor=false", "-c", "core.quotePath=false")


class Files(msgspec.Struct, frozen=True):
    paths: list[str]
    """From the workspace, sorted; links left out where ripgrep looks."""
    more: bool = False
    """It was too much, or took too long: some are missing."""
    unfiltered: bool = False
    """No program was there that knows ignore files."""


async def tree(root: Path, path: str, depth: int) -> str:
    """The files and folders under a path, for a model to read."""
    base = await asyncio.to_thread(_folder, root, path)
    files = await files_under(root, base)
    return await asyncio.to_thread(_drawn, root, base, files, max(1, min(depth, _DEEPEST)))


async def files_under(root: Path, base: str) -> Files:
    """Files below a folder of the workspace (`""` for all of it), by the best means there is."""
    if ripgrep := program("rg"):
        options = await asyncio.to_thread(ripgrep_options, root, base)
        return (await _seen([ripgrep, "--files", "--null", *options, "--", f"./{base}"], root))[0]
    git = program("git")
    if git and await asyncio.to_thread(_in_repository, root):
        command = [git, *_GIT, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--"]
        files, code = await _seen([*command, f":(literal){base or '.'}"], root)
        if code in {0, None}:
            return files
    return await asyncio.to_thread(_walked, root, base)


def ripgrep_options(root: Path, base: str) -> list[str]:
    """Ignore files count from the repository's top down to `base`, or from the workspace down
    where it is in none; those of a repository that is the user's home don't."""
    if _in_repository(root):
        return list(_RIPGREP)
    options = [*_RIPGREP, "--no-require-git", "--no-ignore-parent"]
    own = base and Path(root, ".gitignore").is_file()
    return [*options, "--ignore-file", ".gitignore"] if own else options


def _in_repository(root: Path) -> bool:
    top = Path(os.path.realpath(root))
    for folder in (top, *top.parents):
        if (folder / ".git").exists():
            return True
        if folder == Path.home():
            return False
    return False


def _folder(root: Path, path: str) -> str:
    found = resolve(root, path)
    if not found.is_dir():
        what = "a file: use read_file" if found.exists() else "not there"
        raise PathProblem(f"{path}: it is {what}.")
    base = found.relative_to(os.path.realpath(root)).as_posix()
    return "" if base == "." else base


async def _seen(command: list[str], root: Path) -> tuple[Files, int | None]:
    seen = await look(command, root, limit=_LIMIT, seconds=_SECONDS)
    files = await asyncio.to_thread(_parsed, seen.output, cut=seen.code is None)
    return files, seen.code


def _parsed(output: bytes, *, cut: bool) -> Files:
    paths = output.split(b"\0")[:-1]
    named = {os.fsdecode(path).removeprefix("./") for path in paths}
    kept = sorted(path for path in named if not _hidden(path))
    return Files(kept[:_FILES], more=cut or len(kept) > _FILES)


def _hidden(path: str) -> bool:
    return any(is_git(name) for name in path.split("/"))


def _walked(root: Path, base: str) -> Files:
    paths: list[str] = []
    top = os.path.realpath(root)
    for folder, folders, names in os.walk(Path(top, base)):
        folders[:] = sorted(name for name in folders if not is_git(name))
        here = Path(folder).relative_to(top)
        paths += [(here / name).as_posix() for name in names if not is_git(name)]
        if len(paths) > _FILES:
            return Files(sorted(paths[:_FILES]), more=True, unfiltered=True)
    return Files(sorted(paths), unfiltered=True)


# --- drawing it --------------------------------------------------------------------------------


def _drawn(root: Path, base: str, files: Files, depth: int) -> str:
    rows = _rows(base, files.paths, depth)
    lines: list[str] = []
    room = _ROOM
    for path, count in rows[:ENTRIES]:
        row = visible(_row(root, path, count))
        room -= len(row.encode()) + 1
        if room < 0:
            break
        lines.append(row)
    head = f"{base or '.'}: {len(files.paths)}{'+' if files.more else ''} files"
    head += " (ignore files not applied)" if files.unfiltered else " (ignored ones left out)"
    if len(rows) > len(lines):
        lines.append(f"… and {len(rows) - len(lines)} more; name a folder, or search_files.")
    if files.more:
        lines.append("… there are more files than were looked at; name a folder.")
    return visible("\n".join([head, *lines]))


def _rows(base: str, paths: list[str], depth: int) -> list[tuple[str, int | None]]:
    """Each path down to the depth, with the number of files below where it is a folder."""
    start = len(base.split("/")) if base else 0
    folders: dict[str, int] = {}
    shown: list[str] = []
    for path in paths:
        names = path.split("/")
        for end in range(start + 1, min(len(names), start + depth + 1)):
            folder = "/".join(names[:end])
            folders[folder] = folders.get(folder, 0) + 1
        if len(names) - start <= depth:
            shown.append(path)
    rows: list[tuple[str, int | None]] = [*folders.items(), *((path, None) for path in shown)]
    return sorted(rows, key=lambda row: row[0].split("/"))


def _row(root: Path, path: str, count: int | None) -> str:
    shown = visible(path, keep="")
    if count is not None:
        return f"{shown}/ ({count} file{'s' * (count != 1)})"
    try:
        info = Path(root, path).lstat()
    except OSError:  # gone meanwhile, or deleted and not yet committed
        return f"{shown} (gone)"
    if stat.S_ISLNK(info.st_mode):
        return f"{shown} (link)"
    secret = ", secret: not readable" if is_secret(path) else ""
    return f"{shown} ({_size(info.st_size)}{secret})"


def _size(count: int) -> str:
    size = float(count)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
