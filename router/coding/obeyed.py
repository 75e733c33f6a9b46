"""Files that programs obey by themselves: whoever applies a change to one should have read it."""

from collections.abc import Iterable
from typing import Final

_NAMES: Final = frozenset({
    # Butler, and other programs that a model works through.
    ".butler.toml", ".mcp.json", "agents.md", "claude.md", "gemini.md", ".cursorrules",
    # Git and what hangs on it.
    ".gitattributes", ".gitmodules", ".gitconfig", ".pre-commit-config.yaml", "lefthook.yml",
    ".lefthook.yml", ".gitlab-ci.yml",
    # Shells, package managers and interpreters, when somebody merely enters the folder.
    ".envrc", ".env", ".npmrc", ".yarnrc", ".yarnrc.yml", ".pnpmfile.cjs", "sitecustomize.py",
    "usercustomize.py",
})  # fmt: skip
_FOLDERS: Final = frozenset({
    ".butler", ".claude", ".codex", ".cursor", ".gemini", ".vscode", ".idea", ".githooks",
    ".husky", ".github", ".circleci", ".devcontainer", ".cargo", ".yarn",
})  # fmt: skip
_ENDINGS: Final = (".pth", ".code-workspace")


def obeyed(paths: Iterable[str]) -> list[str]:
    """Those of the paths that are such files."""
    return [path for path in paths if _is_obeyed(path)]


def _is_obeyed(path: str) -> bool:
    *folders, name = path.casefold().split("/")
    return name in _NAMES or name.endswith(_ENDINGS) or not _FOLDERS.isdisjoint(folders)
