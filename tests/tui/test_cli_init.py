"""`butler init`: keys tried and kept, a commented file, nothing lost."""

from pathlib import Path

import pexpect
import pytest

from router.loading import load
from tests.servers.llmock import Llmock
from tests.tui.command_line import CommandLine
from tui.exits import Exit

KEY = "sk-" + "0123456789abcdef" * 2


@pytest.fixture
def butler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    return CommandLine(tmp_path, monkeypatch, capsys)


def pointing_at(service: Llmock) -> str:
    return f'# mine\n[accounts.openai]\nbase_url = "{service.base_url("openai")}" # keep\n'


def test_without_a_terminal_it_asks_for_a_yes(butler: CommandLine) -> None:
    done = butler("init")
    assert done.code == Exit.WRONG_USE
    assert "--yes" in done.err
    assert not butler.places.config_file.exists()


def test_it_writes_a_commented_file_that_changes_nothing(butler: CommandLine) -> None:
    shipped = load(butler.places, environ={})
    assert butler("init", "--yes").code == Exit.DONE
    file = butler.places.config_file
    assert file.stat().st_mode & 0o777 == 0o600
    assert load(butler.places, environ={}) == shipped
    uncommented = "\n".join(
        line.removeprefix("# ")
        for line in file.read_text("utf-8").splitlines()
        if line.startswith("# ") and (" = " in line or line.startswith("# ["))
    )
    butler.configure(uncommented)
    assert butler("config", "check").code == Exit.DONE, "what the comments show is right"


def test_a_key_is_tried_and_kept_where_only_the_user_reads(
    butler: CommandLine, llmock_service: Llmock
) -> None:
    butler.configure(pointing_at(llmock_service))
    done = butler("init", "--openai-key-stdin", stdin=f"{KEY}\n")
    assert (done.code, done.err) == (0, "")
    assert "works" in done.out
    assert KEY not in done.out
    keys = butler.places.keys_file
    assert KEY in keys.read_text("utf-8")
    assert keys.stat().st_mode & 0o777 == 0o600
    assert butler.places.config_file.read_text("utf-8") == pointing_at(llmock_service)
    assert butler("doctor", "--json").json["keys"]["openai"] == "file"


def test_a_key_the_service_refuses_is_not_kept(butler: CommandLine, llmock_service: Llmock) -> None:
    butler.configure(pointing_at(llmock_service))
    llmock_service.script({"type": "fail", "status": 401, "times": None})
    done = butler("init", "--openai-key-stdin", stdin=f"{KEY}\n")
    assert done.code == Exit.FAILED
    assert "key" in done.err
    assert KEY not in done.err
    assert not butler.places.keys_file.exists()


def test_a_key_that_cannot_be_tried_is_kept_and_that_is_said(butler: CommandLine) -> None:
    butler.configure('[accounts.openai]\nbase_url = "http://127.0.0.1:9/v1"\n')
    done = butler("init", "--openai-key-stdin", stdin=KEY)
    assert done.code == Exit.DONE
    assert "could not be tried" in done.out
    assert KEY in butler.places.keys_file.read_text("utf-8")
    assert butler("init", "--google-key-stdin", stdin="\n").code == Exit.WRONG_USE


def test_what_stands_in_the_file_stays(butler: CommandLine) -> None:
    mine = '# my notes\n[ui]\ntheme = "nord" # dark\n\n[[budgets]]\nwindow = "day"\nlimit = 3\n'
    butler.configure(mine)
    done = butler(
        "init",
        "--yes",
        "--no-check",
        *("--server", "http://127.0.0.1:9/v1", "--server-model", "org/qwen"),
        *("--budget", "20"),
    )
    assert done.code == Exit.DONE
    text = butler.places.config_file.read_text("utf-8")
    assert text.startswith(mine.rstrip("\n"))
    config = load(butler.places, environ={})
    assert [(b.window, b.limit) for b in config.budgets] == [("day", 3), ("month", 20)]
    assert list(map(str, config.tiers["T4"])) == ["server/org/qwen", "embedded/smollm2"]
    assert butler("init", "--yes", "--budget", "30").code == Exit.DONE
    budgets = load(butler.places, environ={}).budgets
    assert [(b.window, b.limit) for b in budgets] == [("day", 3), ("month", 30)]


def test_a_broken_file_is_not_touched(butler: CommandLine) -> None:
    butler.configure("[ui\n")
    done = butler("init", "--yes", "--budget", "5")
    assert done.code == Exit.FAILED
    assert "butler config check" in done.err
    assert butler.places.config_file.read_text("utf-8") == "[ui\n"


def test_a_server_gives_its_first_model_or_its_absence_is_told(
    butler: CommandLine, llmock_service: Llmock
) -> None:
    url = llmock_service.base_url("openai-chat")
    assert butler("init", "--yes", "--server", url).code == Exit.DONE
    first = load(butler.places, environ={}).tiers["T4"][0]
    assert first.account == "server"
    done = butler("init", "--yes", "--server", "http://127.0.0.1:9/v1")
    assert done.code == Exit.FAILED
    assert "--no-check" in done.err
    assert butler("init", "--yes", "--server", "localhost").code == Exit.WRONG_USE


def test_on_a_terminal_it_asks_for_the_least_and_never_shows_a_key(
    butler: CommandLine, llmock_service: Llmock
) -> None:
    butler.setenv("GEMINI_API_KEY", KEY)
    butler.configure(pointing_at(llmock_service))
    asked = butler.on_terminal("init")
    asked.expect("Anthropic key: ")
    asked.sendline("")
    asked.expect("OpenAI key: ")
    asked.sendline(KEY)
    asked.expect(r"OpenAI: works, \d+ models; kept in .*keys.toml")
    shown = asked.before + asked.after
    asked.expect("Google Gemini: a key is there already .env:GEMINI_API_KEY")
    asked.expect("its URL: ")
    asked.sendline("")
    asked.expect("in US dollars: ")
    asked.sendline("12,50")
    asked.expect("Add this to .*config.toml")
    asked.sendline("y")
    asked.expect("Open the dashboard: butler")
    asked.expect(pexpect.EOF)
    asked.close()
    assert asked.exitstatus == Exit.DONE
    assert KEY not in shown
    assert load(butler.places, environ={}).budgets[0].limit == 12.5
    assert "# keep" in butler.places.config_file.read_text("utf-8")


def test_a_budget_that_is_no_number_is_refused_before_anything_is_written(
    butler: CommandLine,
) -> None:
    ran = butler("init", "--yes", "--budget", "nan")
    assert ran.code == Exit.WRONG_USE
    assert "a number above 0" in ran.err
    assert not butler.places.config_file.exists()
