"""`butler config`: found, shown, checked, edited."""

from pathlib import Path

import pytest

from tests.tui.command_line import CommandLine
from tui.exits import Exit


@pytest.fixture
def butler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    return CommandLine(tmp_path, monkeypatch, capsys)


def test_the_path_is_said_before_the_file_exists(butler: CommandLine) -> None:
    done = butler("config", "path")
    assert (done.code, done.out) == (0, f"{butler.home}/config.toml\n")


def test_each_value_is_shown_with_where_it_comes_from(butler: CommandLine) -> None:
    butler.configure('\n[limits]\nconnect = 3\n\n[accounts.openai]\nkey = "env:MY_KEY"\n')
    (butler.workspace / ".butler.toml").write_text('[tiers]\nT2 = ["openai/gpt-4o"]\n')
    butler.setenv("BUTLER_THEME", "nord")
    butler.setenv("MY_KEY", "sk-never-to-be-shown-0123456789")
    done = butler("config", "show")
    rows = {line.split("=")[0].strip(): line for line in done.out.splitlines()}
    assert done.code == Exit.DONE
    assert rows["limits.connect"].endswith(f"# {butler.home}/config.toml:3")
    assert rows["tiers.T2"].endswith(f"# {butler.workspace}/.butler.toml:2")
    assert rows["ui.theme"].endswith("# $BUTLER_THEME")
    assert rows["limits.silence"].endswith("# default")
    assert "sk-never" not in done.out
    shown = butler("config", "show", "--json").json
    assert shown["values"]["limits.connect"] == {"value": 3.0, "from": "user"}
    assert shown["values"]["sessions.parallel"] == {"value": 4, "from": "default"}
    assert shown["files"] == [f"{butler.home}/config.toml", f"{butler.workspace}/.butler.toml"]


def test_check_names_every_mistake_and_ends_with_2(butler: CommandLine) -> None:
    assert butler("config", "check").code == Exit.DONE
    butler.configure('[ui]\ntheme = "butler-drak"\nbell = 1\n[limts]\n')
    done = butler("config", "check")
    assert done.code == Exit.WRONG_USE
    assert done.out == ""
    said = done.err.splitlines()
    assert len(said) == 3
    assert ":3: ui.bell is 1; it must be true or false." in said[0]
    assert ":4: there is no limts (did you mean limits?)" in said[1]
    assert "'butler-drak' (did you mean butler-dark?)" in said[2]
    butler.configure('[ui]\ntheme = "butler-light"\n')
    done = butler("config", "check")
    assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize("command", [["ask", "hi"], ["usage"]])
def test_a_wrong_file_stops_what_could_spend_or_mislead(
    command: list[str], butler: CommandLine
) -> None:
    butler.configure("[[budgets]]\nwindow = 'day'\nlimit = 0\n")
    done = butler(*command)
    assert done.code == Exit.WRONG_USE
    assert "budgets[0].limit is 0" in done.err


def test_edit_makes_the_file_opens_the_editor_and_checks(
    butler: CommandLine, tmp_path: Path
) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nprintf "[ui]\\nthem = 1\\n" >> "$1"\n')
    editor.chmod(0o755)
    butler.setenv("VISUAL", str(editor))
    done = butler("config", "edit")
    assert done.code == Exit.WRONG_USE
    assert "there is no ui.them (did you mean theme?)" in done.err
    assert butler.places.config_file.stat().st_mode & 0o777 == 0o600
    assert "# [[budgets]]" in butler.places.config_file.read_text("utf-8")
