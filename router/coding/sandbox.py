"""Where commands run: in bubblewrap where it works, and always without the user's secrets.

In bubblewrap a command sees the machine read-only, the workspace writable, no network, no other
processes, and emptiness where secrets lie. Without it only its environment is kept clean, and the
card says so.
"""

import asyncio
import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from router.keys import looks_like_key

SHELL: Final = "/bin/sh"
_PROBE_SECONDS: Final = 5.0

_HIDDEN: Final = (
    # Keys and logins of tools that are known to keep them in the home folder.
    ".ssh", ".gnupg", ".password-store", ".aws", ".azure", ".oci", ".boto", ".s3cfg", ".kube",
    ".docker", ".terraform.d", ".vault-token", ".databrickscfg", ".fly", ".railway", ".wrangler",
    ".netrc", "_netrc", ".git-credentials", ".pypirc", ".npmrc", ".yarnrc.yml", ".pgpass",
    ".my.cnf", ".cargo/credentials", ".cargo/credentials.toml", ".gem/credentials",
    ".gradle/gradle.properties", ".m2/settings-security.xml", ".nuget/NuGet", ".android",
    ".1password", ".subversion/auth",
    # The models' own programs: their logins, and what was said to them.
    ".claude", ".claude.json", ".codex", ".gemini", ".cursor", ".copilot", ".continue", ".aider",
    ".huggingface", ".ollama/id_ed25519",
    # Browsers, keyrings and mail.
    ".mozilla", ".thunderbird", ".pki", ".gnome2/keyrings", ".local/share/keyrings",
    ".local/share/kwalletd", ".local/share/opencode", ".local/share/containers",
    # What the user typed elsewhere, passwords among it.
    ".bash_history", ".zsh_history", ".python_history", ".node_repl_history", ".psql_history",
    ".mysql_history", ".sqlite_history", ".viminfo", ".lesshst", ".local/share/fish",
    ".local/state",
    # Every program's settings, logins of most among them; a few come back below. The cache has
    # tokens too, and tools fail that can't write one, so it is an empty one.
    ".config", ".cache",
)  # fmt: skip
_SHOWN_AGAIN: Final = (
    ".config/git/config", ".config/git/ignore", ".config/git/attributes",
    # Virtual environments that happen to lie in a cache.
    ".cache/pypoetry/virtualenvs", ".cache/pre-commit",
)  # fmt: skip
_NAMED_BY: Final = (
    "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "GNUPGHOME", "NETRC", "KUBECONFIG",
    "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "DOCKER_CONFIG", "CLAUDE_CONFIG_DIR",
    "GOOGLE_APPLICATION_CREDENTIALS", "CODEX_HOME", "PGPASSFILE", "HISTFILE", "CLOUDSDK_CONFIG",
    "AZURE_CONFIG_DIR", "GH_CONFIG_DIR", "NPM_CONFIG_USERCONFIG", "HF_HOME", "SSH_AUTH_SOCK",
)  # fmt: skip
"""Variables that put one of those elsewhere."""
_EMPTIED: Final = ("/tmp", "/var/tmp", "/run", "/var/run")  # noqa: S108  (masked, not used)
"""Others' files, and sockets of services: one is a way out that needs no network."""
_RUN_SHOWN_AGAIN: Final = ("/run/current-system", "/run/wrappers")  # programs of NixOS

_INHERITED: Final = frozenset({
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR",
    "VIRTUAL_ENV", "CONDA_PREFIX", "PYENV_ROOT", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN",
    "GOPATH", "GOROOT", "JAVA_HOME", "NVM_DIR", "VOLTA_HOME", "RBENV_ROOT", "SDKMAN_DIR",
    "DOTNET_ROOT", "ANDROID_HOME", "SSL_CERT_FILE", "SSL_CERT_DIR",
})  # fmt: skip
_SET: Final = {
    "TERM": "dumb",
    "NO_COLOR": "1",
    "CI": "1",
    "PAGER": "cat",
    "GIT_PAGER": "cat",
    "GIT_TERMINAL_PROMPT": "0",
    # A worktree's index lies in the user's repository, which is read-only.
    "GIT_OPTIONAL_LOCKS": "0",
    # What a test run leaves behind is no change to show.
    "PYTHONDONTWRITEBYTECODE": "1",
}


class Sandbox(msgspec.Struct, frozen=True):
    """How commands are run on this machine."""

    environ: Mapping[str, str]
    """Butler's own; little of it is passed on."""
    program: str = ""
    """Where bubblewrap is; empty where it isn't, or doesn't run."""
    reason: str = "no bubblewrap here"
    """Why there is none."""

    @classmethod
    async def find(cls, environ: Mapping[str, str]) -> "Sandbox":
        """Look for bubblewrap and try it: in many containers it is there and may do nothing."""
        program = shutil.which("bwrap", path=environ.get("PATH", ""))
        if program is None:
            return cls(environ)
        if await _runs([program, *_ISOLATED, *_arguments(_base_mounts()), "--", SHELL, "-c", ":"]):
            return cls(environ, program)
        return cls(environ, reason="bubblewrap is here, but may not run")

    def describe(self) -> str:
        if self.program:
            return "in bubblewrap: no network, writes only in the workspace"
        return f"NOT sandboxed ({self.reason}): it can read your files and use the network"

    def argv(self, command: str, root: Path, folders: Sequence[Path] = ()) -> list[str]:
        """What to run for a shell's command in `root`. Looks at the file system: call it in a
        thread.

        Args:
            folders: further places to hide: Butler's configuration, data and state, with the
                workspaces of other sessions.
        """
        inside = _limited(command)
        if not self.program:
            return inside
        root = root.resolve()
        mounts = self._mounts(root, folders)
        return [
            *(self.program, *_ISOLATED, *_arguments(mounts)),
            *("--chdir", str(root), "--", *inside),
        ]

    def environment(self) -> dict[str, str]:
        """What of the environment a command gets: nothing that isn't known to be harmless."""
        passed = {
            name: value
            for name, value in self.environ.items()
            if (name in _INHERITED or name.startswith("LC_")) and not looks_like_key(value)
        }
        # A relative entry would let the workspace say what `git` is.
        entries = passed.get("PATH", os.defpath).split(os.pathsep)
        passed["PATH"] = os.pathsep.join(entry for entry in entries if Path(entry).is_absolute())
        if self.program:
            passed["TMPDIR"] = "/tmp"  # noqa: S108  (its own)
        return passed | _SET

    def _mounts(self, root: Path, folders: Sequence[Path]) -> dict[Path, str]:
        home = Path(self.environ.get("HOME") or Path.home())
        secret = _real(home / name for name in _HIDDEN) + self._named_secrets(home.resolve())
        shown = _real(home / name for name in _SHOWN_AGAIN)
        mounts = _base_mounts()
        mounts |= {path: "hide" for path in (*secret, *_real(folders)) if path != home.resolve()}
        mounts |= dict.fromkeys((*shown, *_git_metadata(root, secret)), "show")
        # Hooks and settings in there are obeyed by the user's own git, outside of the sandbox.
        mounts |= {path: "show" for path in [root / ".git"] if _is_there(path)}
        return mounts | {root: "write"}

    def _named_secrets(self, home: Path) -> list[Path]:
        """`HISTFILE=/dev/null` and the like are no secrets, and all of the home hides too much."""
        named = _real(Path(self.environ[name]) for name in _NAMED_BY if self.environ.get(name))
        return [path for path in named if _holds_data(path, home)]


_LARGEST: Final = 4_000_000_000
"""Bytes of a file that a command writes: without a limit, one could fill the disk in seconds."""
_BLOCK: Final = 512
_UNDER_LIMIT: Final = (
    f"(ulimit -f {_LARGEST // _BLOCK}) 2>/dev/null && ulimit -f {_LARGEST // _BLOCK}; "
    'exec "$0" -c "$1"'
)
"""Tried first: a shell that may not set a limit stops there."""


def _limited(command: str) -> list[str]:
    return [SHELL, "-c", _UNDER_LIMIT, SHELL, command]


_ISOLATED: Final = ("--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL")
"""A new session takes the terminal away: characters could be pushed into it. Where Butler runs as
root, the command would be root, too, and could undo the rest."""


def _base_mounts() -> dict[Path, str]:
    mounts = {Path("/"): "show", Path("/proc"): "proc", Path("/dev"): "dev"}
    mounts |= dict.fromkeys(_real(map(Path, _EMPTIED)), "hide")
    return mounts | dict.fromkeys(_real(map(Path, _RUN_SHOWN_AGAIN)), "show")


def _arguments(mounts: Mapping[Path, str]) -> Iterator[str]:
    """A place is mounted after what it lies in, so that what is hidden or shown deeper down stays
    so whatever is mounted above it."""
    for path, how in sorted(mounts.items(), key=lambda mount: len(mount[0].parts)):
        match how:
            case "proc" | "dev":
                yield from (f"--{how}", str(path))
            case "show":
                yield from ("--ro-bind", str(path), str(path))
            case "write":
                yield from ("--bind", str(path), str(path))
            case "hide" if not path.is_dir():
                yield from ("--ro-bind", str(_EMPTY_FILE), str(path))
            case _:
                yield from ("--tmpfs", str(path))


# Not /dev/null: a device can't be opened where it is mounted, and tools stop at that.
_EMPTY_FILE: Final = Path(__file__).resolve().parent.parent / "data" / "empty"


def _real(paths: Iterable[Path]) -> list[Path]:
    """Those that exist, without links: what a link points to is what has to be hidden."""
    found: list[Path] = []
    for path in paths:
        with contextlib.suppress(OSError, RuntimeError):  # missing, or a circle of links
            found.append(path.resolve(strict=True))
    return found


def _holds_data(path: Path, home: Path) -> bool:
    return path.is_file() or (path.is_dir() and not home.is_relative_to(path))


def _is_there(path: Path) -> bool:
    return path.exists() and not path.is_symlink()


def _git_metadata(root: Path, secret: Sequence[Path]) -> list[Path]:
    """The git folders that a worktree's `.git` file speaks of, to be read where they lie in
    something hidden. A command may have written that file: nothing secret is shown for it."""
    try:
        line = (root / ".git").read_bytes()[:4096].decode().strip()
    except (OSError, UnicodeDecodeError):
        return []  # no file: a folder of its own, or no repository
    if not line.startswith("gitdir: "):
        return []
    private = Path(root, line.removeprefix("gitdir: "))
    folders = _real([private, private / _common(private)])
    return [
        folder
        for folder in folders
        if (folder / "HEAD").is_file() and not any(folder.is_relative_to(one) for one in secret)
    ]


def _common(private: Path) -> str:
    try:
        return (private / "commondir").read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return "."


async def _runs(argv: Sequence[str]) -> bool:
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*argv, stdin=quiet, stdout=quiet, stderr=quiet)
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            return await process.wait() == 0
    except TimeoutError:
        return False
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
