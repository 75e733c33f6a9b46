"""Butler's command line as a script or a person uses it."""

import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pexpect
import pytest

from router.places import Places
from store.opening import Store
from tests.servers.llmock import Llmock
from tui.cli import run

COMMAND = (sys.executable, "-c", "from tui.cli import main; main()")
KEYS = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY")
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def json_lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


class CommandLine:
    """One user with one BUTLER_HOME, standing in a workspace of their own."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.home = folder / "home"
        self.workspace = folder / "workspace"
        self.workspace.mkdir()
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        for name in [name for name in os.environ if name.startswith("BUTLER_")] + [*KEYS]:
            monkeypatch.delenv(name, raising=False)
        # Nothing listens on port 9 of this machine: no test finds somebody's Ollama.
        monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")
        monkeypatch.setenv("BUTLER_HOME", str(self.home))
        monkeypatch.setenv("TEST_KEY", "sk-test-0123456789abcdef")
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        monkeypatch.chdir(self.workspace)

    @property
    def places(self) -> Places:
        return Places.find({"BUTLER_HOME": str(self.home)})

    def setenv(self, name: str, value: str) -> None:
        self._monkeypatch.setenv(name, value)

    def configure(self, text: str) -> None:
        """Write the user's file."""
        self.home.mkdir(mode=0o700, exist_ok=True)
        _ = self.places.config_file.write_text(text, "utf-8")
        self.places.config_file.chmod(0o600)

    def configure_for(self, service: Llmock, more: str = "") -> None:
        """Point every cloud account at a mock service, and the local tier too."""
        accounts = [
            f'[accounts.{wire}]\nbase_url = "{service.base_url(wire)}"\nkey = "env:TEST_KEY"\n'
            for wire in ("anthropic", "openai", "google")
        ]
        local = service.base_url("openai-chat")
        self.configure(
            "".join(accounts)
            + f'[accounts.home]\nwire = "openai-chat"\nbase_url = "{local}"\nkey = "none"\n'
            '[tiers]\nT4 = ["home/local-model"]\n'
            '[models."anthropic/claude-opus-5-5"]\nprice = { input = 4, output = 20 }\n'
            '[models."anthropic/claude-sonnet-5-5"]\nprice = { input = 2, output = 10 }\n'
            "[limits]\nconnect = 2\nfirst_token = 5\nfirst_token_local = 5\nsilence = 1\n" + more
        )

    def __call__(self, *arguments: str, stdin: str | bytes = "") -> Ended:
        """Run a command in this process, with no terminal."""
        data = stdin.encode() if isinstance(stdin, str) else stdin
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), "utf-8"))
        _ = self._capsys.readouterr()
        code = run(arguments)
        out, err = self._capsys.readouterr()
        return Ended(code, out, err)

    def start(self, *arguments: str, **how: Any) -> "subprocess.Popen[bytes]":
        """Start a command in a process of its own, with pipes."""
        pipe = subprocess.PIPE
        how = {"stdin": subprocess.DEVNULL, "stdout": pipe, "stderr": pipe} | how
        return subprocess.Popen([*COMMAND, *arguments], **how)

    def on_terminal(self, *arguments: str) -> "pexpect.spawn[str]":
        """Start a command on a terminal of its own."""
        command, *rest = COMMAND
        return pexpect.spawn(command, [*rest, *arguments], encoding="utf-8", timeout=20)

    def store(self) -> Store:
        return Store.open(self.places.data)
