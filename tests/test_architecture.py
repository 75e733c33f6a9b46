"""What holds the three packages apart, and what start-up may not load."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from router.providers.embedded.weights import SMOLLM2

_ROOT = Path(__file__).parents[1]

_SLOW = {
    "anthropic": "2.3 s",
    "openai": "1.3 s",
    "google.genai": "1.6 s",
    "ollama": "0.6 s",
    "genai_prices": "0.4 s",
    "sqlite_utils": "0.3 s",
    "xllamacpp": "0.1 s",
    "pydantic": "0.1 s",
}
"""What importing it costs, near idle."""


def test_tui_imports_router_imports_store_and_never_back() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=_ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


_VERSION = """
import tui.cli
sys.argv = ["butler", "--version"]
try:
    tui.cli.main()
except SystemExit as done:
    assert not done.code
"""


@pytest.mark.parametrize("program", ["import tui.cli", _VERSION], ids=["import", "--version"])
def test_starting_loads_nothing_slow(program: str) -> None:
    report = "print('\\n' + json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", f"import json, sys\n{program}\n{report}"],
        cwd=_ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    loaded = json.loads(done.stdout.splitlines()[-1])
    assert "tui.cli" in loaded
    assert sorted(_SLOW.keys() & loaded) == []


def test_everything_that_is_installed_is_pinned() -> None:
    pins = {}
    for line in (_ROOT / "constraints.txt").read_text().splitlines():
        if not line.startswith("#"):
            pin = re.fullmatch(r"([\w.-]+)==([\w.]+)", line)
            assert pin, f"not an exact pin: {line}"
            name, version = pin.groups()
            pins[_canonical(name)] = version
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"].values()
    wanted = [*project["project"]["dependencies"], *(line for group in groups for line in group)]
    names = {_canonical(re.split(r"[^\w.-]", line)[0]) for line in wanted}
    assert names - pins.keys() == set()
    model, version = SMOLLM2.requirement.split("==")
    assert pins[_canonical(model)] == version


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
