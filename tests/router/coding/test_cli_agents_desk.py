"""A coding session done by a program on the PATH, from the prompt to the user's files."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from router.asking import Prompt
from router.config import Account, Config, ModelRef
from store.events import Note
from tests.router.coding.shop import FAKE
from tests.router.house import CODEX, configuration, open_house, ref, reply
from tests.servers.llmock import Llmock

CLAUDE = ModelRef("cli:claude", "default")
INIT = {"say": {"type": "system", "subtype": "init", "model": "claude-opus-5-5"}}
RESULT: dict[str, Any] = {
    "type": "result",
    "is_error": False,
    "result": "The sum is mended.",
    "total_cost_usd": 0.25,
    "usage": {"input_tokens": 100, "output_tokens": 20},
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "sum.py").write_text("print(1 - 2)\n", "utf-8")
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "first"]):
        subprocess.run([*git, *words], cwd=folder, check=True)
    return folder


def with_claude(service: Llmock) -> Config:
    config = configuration(service, tools=True)
    return replace(
        config,
        accounts=config.accounts | {"cli:claude": Account(wire="cli")},
        tiers=config.tiers | {"T1": (CLAUDE, ref(CODEX))},
    )


def environment(folder: Path, *part: dict[str, Any]) -> dict[str, str]:
    program = folder / "bin" / "claude"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\n{FAKE.read_text('utf-8')}", "utf-8")
    program.chmod(0o755)
    (folder / "part.json").write_text(json.dumps(part), "utf-8")
    return {
        "PATH": f"{program.parent}:/usr/bin:/bin",
        "FAKE_PART": str(folder / "part.json"),
        "FAKE_CALLED": str(folder / "called.json"),
    }


async def test_what_a_program_wrote_waits_to_be_applied(
    llmock_service: Llmock, tmp_path: Path, project: Path
) -> None:
    wrote = {"write": {"path": "sum.py", "text": "print(1 + 2)\n"}}
    environ = environment(tmp_path, INIT, wrote, {"say": RESULT})
    config = with_claude(llmock_service)
    async with open_house(config, tmp_path / "home", environ, workspace=project) as house:
        prompt = Prompt(text="/code fix the sum in sum.py", plan=False)
        await house.engine.submit(house.session, prompt)
        view = await house.until_child(
            lambda view: any(a.kind == "changes" for a in view.approvals)
        )
        assert (project / "sum.py").read_text("utf-8") == "print(1 - 2)\n"
        assert [file.path for file in view.changes.files] == ["sum.py"]
        (answer,) = [m for m in view.messages if m.role == "butler"]
        assert (answer.account, answer.model, answer.cost) == (
            "cli:claude",
            "claude-opus-5-5",
            0.25,
        )
        await house.engine.decide(view.approvals[0].approval, "apply")
        await house.until_child(lambda view: view.state == "done")
    assert (project / "sum.py").read_text("utf-8") == "print(1 + 2)\n"
    assert "fix the sum" in json.loads(Path(environ["FAKE_CALLED"]).read_text("utf-8"))["stdin"]
    assert llmock_service.requests() == [], "no model was asked"


@pytest.mark.parametrize(
    ("status", "said"),
    [(529, "529 Overloaded"), (413, "Prompt is too long"), (401, "Please /login")],
)
async def test_where_a_program_fails_the_next_candidate_goes_on(
    llmock_service: Llmock, tmp_path: Path, project: Path, status: int, said: str
) -> None:
    llmock_service.script(reply("Nothing to mend.", CODEX))
    failed = RESULT | {"is_error": True, "api_error_status": status, "result": said}
    environ = environment(tmp_path, INIT, {"say": failed}, {"exit": 1})
    config = with_claude(llmock_service)
    async with open_house(config, tmp_path / "home", environ, workspace=project) as house:
        prompt = Prompt(text="/code fix the sum in sum.py", plan=False)
        await house.engine.submit(house.session, prompt)
        view = await house.until_child(lambda view: view.state in ("done", "failed"))
        assert view.state == "done"
        assert str(view.messages[-1].text) == "Nothing to mend."
        notes = [e.event.text for e in house.entries if isinstance(e.event, Note)]
    assert [note for note in notes if note.startswith("claude stopped: ") and said in note]
