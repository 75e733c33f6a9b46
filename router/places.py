"""Where Butler keeps things on this machine."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

import msgspec

HOME = "BUTLER_HOME"
CONFIG = "BUTLER_CONFIG"
PROJECT_FILE = ".butler.toml"


class PlacesError(Exception):
    """A folder of Butler's can't be made or isn't ours. The message is a sentence for the user."""


class Places(msgspec.Struct, frozen=True, kw_only=True):
    config_file: Path
    keys_file: Path
    """0600, beside the configuration; only where no keyring holds the keys."""
    data: Path
    """The store and what is downloaded."""
    state: Path
    """Logs."""
    portable: bool = False
    """Everything lies under one folder: keys are looked for there, not in the user's keyring."""

    @property
    def config(self) -> Path:
        return self.config_file.parent

    @property
    def models(self) -> Path:
        return self.data / "models"

    @property
    def log_file(self) -> Path:
        return self.state / "butler.log"

    @classmethod
    def find(cls, environ: Mapping[str, str]) -> "Places":
        """The platform's places for a user's files, or all of them under `$BUTLER_HOME`.

        `$BUTLER_CONFIG` names another configuration file; everything else stays where it is.
        """
        home = environ.get(HOME, "").strip()
        config, data, state = _under(home) if home else _of_platform()
        named = environ.get(CONFIG, "").strip()
        return cls(
            config_file=_absolute(named) if named else config / "config.toml",
            keys_file=config / "keys.toml",
            data=data,
            state=state,
            portable=bool(home),
        )


def _under(home: str) -> tuple[Path, Path, Path]:
    root = _absolute(home)
    return root, root / "data", root / "state"


def _of_platform() -> tuple[Path, Path, Path]:
    from platformdirs import PlatformDirs

    dirs = PlatformDirs("butler", appauthor=False)
    return dirs.user_config_path, dirs.user_data_path, dirs.user_state_path


def _absolute(path: str) -> Path:
    return Path(path).expanduser().absolute()


def make_private(folder: Path) -> None:
    """Make a folder that only its owner can enter (0700), and its parents.

    One that exists already stays as it is: it may be a folder that others share on purpose, or
    the user's home. `is_open` tells.

    Raises:
        PlacesError: it can't be made, or something else has its name.
    """
    try:
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        for path in reversed(missing or [folder]):
            path.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise PlacesError(
            f"{folder} can't be made ({error.strerror}): "
            f"mend that, or set {HOME} to a folder that can be written"
        ) from error


def is_open(path: Path) -> bool:
    """Whether others than the owner may read or enter an existing file or folder."""
    return os.name == "posix" and bool(stat.S_IMODE(path.stat().st_mode) & 0o077)


def write_private(path: Path, text: str) -> None:
    """Put `text` in a 0600 file, whole or not at all. A link is followed, not replaced.

    Raises:
        PlacesError: the folder can't be made, or the file can't be written.
    """
    import tempfile

    target = path.resolve()
    make_private(target.parent)
    try:
        descriptor, draft = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
                _ = file.write(text)
                file.flush()
                os.fsync(file.fileno())
            _ = Path(draft).replace(target)
        finally:
            Path(draft).unlink(missing_ok=True)
    except OSError as error:
        raise PlacesError(f"{target} can't be written ({error.strerror})") from error
