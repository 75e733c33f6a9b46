"""The user's own agents at the prompt and on the command line."""

from pathlib import Path

import pytest

from tests.tui import scenes
from tests.tui.command_line import CommandLine
from tests.tui.conftest import Shown, on_screen, until
from tests.tui.test_prompt import sent
from tui.exits import Exit
from tui.slash import Slash, parse

REVIEWER = "---\ndescription: Reads a change\ntier: T3\ntools: [read_file]\n---\nReview it.\n"


def put(project: Path, text: str = REVIEWER, name: str = "reviewer.md") -> Path:
    folder = project / ".butler" / "agents"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


def test_an_agents_task_is_a_prompt_and_its_name_alone_a_command() -> None:
    assert parse("/agent") == Slash("agent", "")
    assert parse("/agent reviewer look at it") is None
    assert parse("/code") is None


async def test_agent_alone_lists_them_and_what_is_wrong_with_their_files(
    shown: Shown, tmp_path: Path
) -> None:
    put(tmp_path)
    put(tmp_path, "---\ndescription: \x1b[2J\n---\n", "broken.md")
    async with shown(scenes.calm_view(), size=(200, 40)) as (app, pilot):
        await pilot.press(*"/agent", "enter")
        await until(pilot, lambda: "Your own agents" in on_screen(app))
        page = on_screen(app)
        assert "reviewer  Reads a change" in page
        assert "T3 · read_file · .butler/agents/reviewer.md" in page
        assert "line 2: special characters are not allowed" in page
        assert "/agent NAME TASK" in page
        assert sent(app) == []


async def test_with_a_name_and_a_task_it_is_sent(shown: Shown, tmp_path: Path) -> None:
    put(tmp_path)
    async with shown(scenes.calm_view()) as (app, pilot):
        await pilot.press(*"/agent reviewer look", "enter")
        assert sent(app) == ["/agent reviewer look"]


async def test_names_of_agents_are_completed(shown: Shown, tmp_path: Path) -> None:
    put(tmp_path)
    async with shown(scenes.calm_view()) as (app, pilot):
        await pilot.press(*"/agent r")
        await until(pilot, lambda: app.chat.prompt.completion.open)
        assert "Reads a change" in on_screen(app)
        await pilot.press("tab")
        assert app.chat.prompt.area.text == "/agent reviewer "


def test_config_check_names_mistakes_in_agents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    butler = CommandLine(tmp_path, monkeypatch, capsys)
    put(butler.workspace)
    assert butler("config", "check").code == Exit.DONE
    file = put(butler.workspace, REVIEWER.replace("T3", "T8"))
    done = butler("config", "check")
    assert done.code == Exit.WRONG_USE
    assert f"{file}, line 3: tier must be one of T0, T1, T2, T3, T4." in done.err
