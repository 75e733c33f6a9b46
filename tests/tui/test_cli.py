"""The command line as a whole: what it loads, what it says of wrong use, how it ends."""

import json
import stat
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from tests.tui.command_line import COMMAND, ROOT, CommandLine
from tui.command_line import COMMANDS
from tui.commands.opening import Wish, options_for
from tui.exits import Exit


@pytest.fixture
def butler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    return CommandLine(tmp_path, monkeypatch, capsys)


@pytest.mark.parametrize("argument", ["--version", "--help"])
def test_what_needs_nothing_loads_nothing_but_click(argument: str) -> None:
    program = (
        "import sys, json; before = set(sys.modules)\n"
        f"from tui.cli import run; run([{argument!r}])\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(json.dumps(sorted(new - set(sys.stdlib_module_names))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert set(json.loads(done.stdout.splitlines()[-1])) <= {"click", "tui"}
    assert "butler" in done.stdout


def test_every_command_has_help(butler: CommandLine) -> None:
    for name in COMMANDS:
        done = butler(name, "--help")
        assert (done.code, done.err) == (0, "")
        assert f"Usage: butler {name}" in done.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sesions"], "Did you mean 'sessions'?"),
        (["what", "is", "love"], "butler ask 'what'"),
        (["--tier", "T2", "ask", "hi"], "butler ask …"),
        (["--demo", "--continue", "--tier", "T0"], "takes no --continue, --tier"),
        (["ask", "--tier", "T9", "hi"], "'T9' is not one of"),
        (["ask", "--sesion", "x", "hi"], "--session"),
        (["sessions", "lst"], "list"),
        (["--session", "a", "--continue"], "not both"),
    ],
)
def test_wrong_use_gets_a_sentence_and_code_2(
    arguments: list[str], said: str, butler: CommandLine
) -> None:
    done = butler(*arguments)
    assert done.code == Exit.WRONG_USE
    assert said in done.err
    assert "Traceback" not in done.err
    assert done.out == ""


@pytest.mark.parametrize("arguments", [[], ["--private"], ["replay", "abc"]])
def test_without_a_terminal_the_dashboard_says_what_to_use_instead(
    arguments: list[str], butler: CommandLine
) -> None:
    done = butler(*arguments)
    assert done.code == Exit.WRONG_USE
    assert "needs a terminal" in done.err
    assert "butler" in done.err.partition("needs a terminal")[2]


def test_a_defect_is_logged_privately_and_told_in_a_sentence(
    butler: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "sk-" + "0123456789abcdef" * 2

    def broken(*_: object, **__: object) -> None:
        raise KeyError(f"no {secret} here")

    monkeypatch.setattr("tui.commands.usage.usage_report", broken)
    done = butler("usage")
    log = butler.places.log_file
    assert done.code == Exit.FAILED
    assert len(done.err.splitlines()) == 1
    assert str(log) in done.err
    assert "KeyError" in log.read_text("utf-8")
    assert "Traceback" in log.read_text("utf-8")
    assert secret not in log.read_text("utf-8") + done.err
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert stat.S_IMODE(log.parent.stat().st_mode) == 0o700


def test_a_reader_that_has_enough_ends_a_command_quietly(butler: CommandLine) -> None:
    with butler.start("config", "show") as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(20) == Exit.DONE
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_a_store_of_a_newer_version_is_named(butler: CommandLine) -> None:
    import sqlite3

    butler.store().close()
    with sqlite3.connect(butler.places.data / "butler.db") as connection:
        _ = connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) "
            "VALUES ('butler', 'from-the-future', '')"
        )
    connection.close()
    done = butler("sessions", "list")
    assert done.code == Exit.FAILED
    assert "from-the-future" in done.err
    assert "upgrade" in done.err


def test_a_home_that_cannot_be_written_is_named(butler: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    butler.setenv("BUTLER_HOME", str(tmp_path / "file" / "below"))
    done = butler("sessions", "list")
    assert done.code == Exit.FAILED
    assert "BUTLER_HOME" in done.err


def test_the_dashboard_opens_in_spite_of_mistakes_and_hears_of_them(butler: CommandLine) -> None:
    butler.configure('[ui]\ntheme = "butler-light"\nmous = false\n')
    butler.places.keys_file.write_text("")
    butler.places.keys_file.chmod(0o644)
    options = options_for(Wish(tier="T2", no_mouse=True, private=True), butler.places)
    assert options.theme == "butler-light"
    assert not options.mouse
    assert (options.tier, options.private, options.workspace) == ("T2", True, butler.workspace)
    assert len(options.mistakes) == 2
    assert "mous" in options.mistakes[0]
    assert "keys.toml" in options.mistakes[1]


def test_arguments_that_are_no_utf8_are_harmless(butler: CommandLine) -> None:
    done = subprocess.run(
        [*COMMAND, b"sessions", b"search", b"\xff\x1b[31mred"], capture_output=True, timeout=30
    )
    assert done.returncode == Exit.DONE
    assert b"\x1b" not in done.stdout + done.stderr


@pytest.mark.parametrize("arguments", [["--session", "nope"], ["replay", "nope"]])
def test_a_conversation_that_is_not_there_is_told_before_the_screen_opens(
    arguments: list[str], butler: CommandLine
) -> None:
    terminal = butler.on_terminal(*arguments)
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == Exit.WRONG_USE
    assert "There is no session" in terminal.before
    assert "\x1b[?1049h" not in terminal.before
