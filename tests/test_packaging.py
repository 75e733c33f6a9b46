"""`pip install .` brings all of it."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_PACKAGES = ("tui", "router", "store")


def test_the_wheel_holds_every_module_and_every_file_beside_them(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(_ROOT / name, source)
    for name in _PACKAGES:
        shutil.copytree(_ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    files = {
        str(path.relative_to(source))
        for name in _PACKAGES
        for path in (source / name).rglob("*")
        if path.is_file()
    }
    build = (
        "pip wheel --no-deps --no-index --no-build-isolation --disable-pip-version-check --quiet"
    )
    command = [sys.executable, "-m", *build.split(), f"--wheel-dir={tmp_path}", str(source)]
    subprocess.run(command, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if name.startswith(_PACKAGES)}
    assert inside == files
