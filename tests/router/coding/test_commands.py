"""Commands as a session runs them: asked about, run for real, cut short, told."""

import asyncio
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router.calls import Acted
from router.coding.commands import Allowed, Commands
from router.coding.contract import Question, Stop
from router.coding.sandbox import Sandbox
from store.events import ApprovalGiven


def _answer(question: Question, choice: str, reason: str = "") -> ApprovalGiven:
    digest = hashlib.sha256(question.shown.encode()).hexdigest()
    return ApprovalGiven(approval="1", digest=digest, choice=choice, reason=reason)


class User:
    """Answers what is asked, and remembers it."""

    def __init__(self, *choices: str, reason: str = "") -> None:
        self.choices = list(choices)
        self.reason = reason
        self.asked: list[Question] = []

    async def ask(self, question: Question) -> ApprovalGiven:
        self.asked.append(question)
        return _answer(question, self.choices.pop(0) if self.choices else "reject", self.reason)


def _bare() -> Sandbox:
    return Sandbox({"PATH": os.environ["PATH"], "HOME": "/nonexistent"})


def _commands(
    root: Path,
    user: User,
    *,
    timeout: float = 20,
    answers: Sequence[tuple[str, str]] = (),
    sandbox: Sandbox | None = None,
) -> Commands:
    allowed = Allowed.from_answers(answers)
    return Commands(
        root, ask=user.ask, sandbox=sandbox or _bare(), timeout=timeout, allowed=allowed
    )


async def _run(root: Path, command: str, *, limit: float = 20) -> Acted:
    return await _commands(root, User("approve"), timeout=limit).run(command, "c1")


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110  (another process's files)
            await asyncio.sleep(0.01)


def _alive(file: Path) -> bool:
    """Whether the process whose number a file holds still runs."""
    try:
        return psutil.Process(int(file.read_text())).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


# --- asking --------------------------------------------------------------------------------------


async def test_it_is_shown_in_full_and_run_as_shown(tmp_path: Path) -> None:
    user = User("approve")
    acted = await _commands(tmp_path, user).run("echo one\necho two | tr o 0; pwd >&2", "c7")
    (question,) = user.asked
    assert question.shown == "echo one⏎\necho two | tr o 0; pwd >&2"
    assert question.kind == "command"
    assert question.call == "c7"
    assert question.choices == ("approve", "reject", "stop")
    assert str(tmp_path) in question.detail
    assert "NOT sandboxed" in question.detail
    assert "several commands in one" in question.detail
    assert not acted.failed
    assert acted.text.startswith("Exit code 0 after ")
    assert acted.text.endswith(f"\none\ntw0\n{tmp_path}")


async def test_nothing_runs_before_the_answer_or_after_a_no(tmp_path: Path) -> None:
    user = User("reject", reason="use the Makefile")
    acted = await _commands(tmp_path, user).run("touch ran", "c1")
    assert acted.failed
    assert acted.text == "The user rejected this command: use the Makefile"
    assert not (tmp_path / "ran").exists()


async def test_an_approval_of_something_else_runs_nothing(tmp_path: Path) -> None:
    async def ask(question: Question) -> ApprovalGiven:
        return ApprovalGiven(approval="1", digest="0" * 64, choice="approve")

    commands = Commands(tmp_path, ask=ask, sandbox=_bare(), timeout=5, allowed=Allowed())
    assert (await commands.run("touch ran", "c1")).failed
    assert not (tmp_path / "ran").exists()


async def test_rejecting_all_stops_the_session(tmp_path: Path) -> None:
    with pytest.raises(Stop, match="enough"):
        await _commands(tmp_path, User("stop", reason="enough")).run("touch ran", "c1")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("", "no command"),
        (" \n", "no command"),
        ("echo \0", "NUL"),
        ("echo \ud800", "surrogate"),
        ("echo " + "x" * 9000, "8,192"),
    ],
)
async def test_what_cannot_be_shown_is_refused_unasked(
    tmp_path: Path, command: str, said: str
) -> None:
    user = User("approve")
    acted = await _commands(tmp_path, user).run(command, "c1")
    assert acted.failed
    assert said in acted.text
    assert user.asked == []


# --- always --------------------------------------------------------------------------------------


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    return tmp_path


async def test_always_holds_for_that_program_and_subcommand(repository: Path) -> None:
    user = User("always")
    commands = _commands(repository, user)
    assert not (await commands.run("git status", "c1")).failed
    assert user.asked[0].choices == ("approve", "always", "reject", "stop")
    assert "git status" in user.asked[0].detail
    assert not (await commands.run("git status --short -- .", "c2")).failed
    assert len(user.asked) == 1
    assert (await commands.run("git log", "c3")).failed
    assert len(user.asked) == 2


async def test_always_holds_over_a_restart_and_an_approval_does_not(repository: Path) -> None:
    user = User()
    answers = [("git status", "always"), ("git log -3", "approve"), ("curl x | sh", "always")]
    commands = _commands(repository, user, answers=answers)
    assert not (await commands.run("git status -s", "c1")).failed
    assert user.asked == []
    for command in ("git log", "curl x | sh"):
        assert (await commands.run(command, "c2")).failed
    assert [question.shown for question in user.asked] == ["git log", "curl x | sh"]


HOSTILE = [
    "git status; rm -rf x",
    "git status && curl http://127.0.0.1/",
    "git status | sh",
    "git  status\nrm -rf x",
    "git status & rm x",
    "git status > .bashrc",
    "git status $(rm x)",
    "git status `rm x`",
    'git status "$(rm x)"',
    "git -c core.pager=evil status",
    "git --exec-path=. status",
    "GIT_EXTERNAL_DIFF=evil git status",
    "git push",
    "git\tstatus",
    "git status\u202e",
    "git\u00a0status",
    "gіt status",
    "./git status",
    "/tmp/git status",
    "git status ../..",
    "git status --git-dir=x",
    "\\git status",
    "git status #",
    "git status\r",
    "'git status'",
]


@pytest.mark.parametrize("command", HOSTILE)
async def test_what_only_looks_like_an_allowed_command_is_asked_about(
    repository: Path, command: str
) -> None:
    user = User()
    commands = _commands(repository, user, answers=[("git status", "always")])
    assert (await commands.run(command, "c1")).failed
    assert len(user.asked) == 1


@pytest.mark.parametrize(
    "command",
    [
        "git diff --ext-diff",
        "git diff --ext-d",
        "git diff --output=x",
        "git diff --outp x",
        "git diff --no-index /etc/passwd x",
        "git -c diff.external=evil diff",
    ],
)
async def test_an_allowed_program_does_not_get_its_dangerous_options(
    repository: Path, command: str
) -> None:
    user = User()
    await _commands(repository, user, answers=[("git diff", "always")]).run(command, "c1")
    assert len(user.asked) == 1


# Spaces alone change nothing; whatever else is added with one of these is another command.
_ADDED = st.builds(
    "".join,
    st.tuples(
        st.text("abc/-. ", max_size=6),
        st.sampled_from([*";&|<>$`(){}*?[]#!\\\n\r\t~\x00\x1b\u202e\u200b\u00a0\u2028"]),
        st.text(st.characters(codec="utf-8"), max_size=12),
    ),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(allowed=st.sampled_from(["git status", "ls -l", "make test", "pytest"]), added=_ADDED)
async def test_whatever_a_shell_would_act_upon_is_never_run_unasked(
    tmp_path: Path, allowed: str, added: str
) -> None:
    user = User()
    commands = _commands(tmp_path, user, answers=[(allowed, "always")])
    for command in (allowed + added, added + allowed):
        acted = await commands.run(command, "c1")
        assert acted.failed
        assert user.asked or "NUL" in acted.text
        user.asked.clear()


# --- running -------------------------------------------------------------------------------------


async def test_a_failure_is_told_with_its_exit_code(tmp_path: Path) -> None:
    acted = await _run(tmp_path, "echo broken >&2; exit 3")
    assert acted.failed
    assert acted.text.startswith("Exit code 3 after ")
    assert acted.text.endswith("broken")
    assert "SIGSEGV" in (await _run(tmp_path, "kill -SEGV $$")).text


async def test_output_is_bounded_and_both_ends_are_kept(tmp_path: Path) -> None:
    acted = await _run(tmp_path, "echo first; head -c 20000000 /dev/zero | tr '\\0' x; echo last")
    assert len(acted.text) < 20_000
    assert "first" in acted.text
    assert acted.text.endswith("last")
    assert "[… 19,983,627 bytes left out …]" in acted.text


async def test_endless_output_ends_with_the_time_limit(tmp_path: Path) -> None:
    acted = await _run(tmp_path, "yes", limit=0.5)
    assert acted.failed
    assert "time limit" in acted.text
    assert "bytes left out" in acted.text
    assert len(acted.text) < 20_000


async def test_escape_sequences_in_the_output_are_shown(tmp_path: Path) -> None:
    acted = await _run(tmp_path, "printf '\\033]0;title\\007\\033[2J\\342\\200\\256done\\377'")
    assert acted.text.endswith("␛]0;title␇␛[2J⟨U+202E⟩done\ufffd")


async def test_a_line_that_looks_like_a_secret_is_withheld(tmp_path: Path) -> None:
    (tmp_path / "conf").write_text("region = eu\nkey = AKIAQWERTYUIOPASDFGH\n")
    told = await _run(tmp_path, "cat conf")
    assert "region = eu" in told.text
    assert "AKIAQWERTYUIOPASDFGH" not in told.text
    assert "line withheld" in told.text


async def test_nobody_answers_what_it_asks(tmp_path: Path) -> None:
    acted = await _run(tmp_path, "read answer || echo nobody; test -t 0 || echo no terminal")
    assert acted.text.endswith("nobody\nno terminal")


_DETACHED = "(setsid sh -c 'echo $$ > detached; exec sleep 300' &) ; sleep 300 & echo $! > behind; "


async def test_the_time_limit_ends_whatever_it_started(tmp_path: Path) -> None:
    command = _DETACHED + "sh -c 'echo $$ > child; sleep 300; true'"
    acted = await _run(tmp_path, command, limit=1.0)
    assert "time limit" in acted.text
    assert not any(_alive(tmp_path / name) for name in ("detached", "behind", "child"))


async def test_what_goes_on_in_the_background_is_dead_when_the_result_is_there(
    tmp_path: Path,
) -> None:
    command = _DETACHED + "until [ -s detached ]; do sleep 0.01; done; echo started"
    acted = await _run(tmp_path, command)
    assert acted.text.endswith("started")
    assert not _alive(tmp_path / "detached")
    assert not _alive(tmp_path / "behind")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere such a one lives on")
@pytest.mark.parametrize("then", ["true", "sleep 300"])
async def test_a_daemon_that_has_shed_group_and_environment_is_dead_as_well(
    tmp_path: Path, then: str
) -> None:
    daemon = "env -i setsid sh -c 'echo $$ > daemon; sleep 4; echo late > late.txt'"
    started = "until [ -s daemon ]; do sleep .01; done"
    await _run(tmp_path, f"{daemon} & {started}; {then}", limit=1.0)
    assert not _alive(tmp_path / "daemon")
    assert not (tmp_path / "late.txt").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is no reaper")
@pytest.mark.parametrize("number", ["KILL", "TERM", "STOP"])
async def test_a_command_that_turns_against_its_reaper_leaves_nothing(
    tmp_path: Path, number: str
) -> None:
    started = "until [ -s detached ]; do sleep .01; done"
    hit = f"test $PPID = {os.getpid()} || kill -{number} $PPID; sleep 300"
    async with asyncio.timeout(5):
        await _run(tmp_path, f"{_DETACHED}{started}; {hit}", limit=1.0)
    assert not any(_alive(tmp_path / name) for name in ("detached", "behind"))


async def test_it_starts_as_if_butler_had_started_it(tmp_path: Path) -> None:
    acted = await _run(tmp_path, "env | cut -d= -f1 | sort; trap; yes | head -n 1; exit 139")
    assert acted.text.startswith("Exit code 139 after ")
    names = {"PATH", "HOME", "TERM", "NO_COLOR", "CI", "PAGER", "PWD", "BUTLER_COMMAND"}
    assert "LC_CTYPE" not in acted.text
    assert names <= set(acted.text.splitlines())
    assert acted.text.endswith("\ny")


async def test_cancelling_ends_it_before_the_cancellation_goes_on(tmp_path: Path) -> None:
    command = _DETACHED + "sleep 300"
    task = asyncio.create_task(_run(tmp_path, command))
    files = [tmp_path / "detached", tmp_path / "behind"]
    await _until(lambda: all(file.exists() and file.read_text().strip() for file in files))
    assert all(_alive(file) for file in files)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not any(_alive(file) for file in files)


@pytest.mark.skipif(not shutil.which("bwrap"), reason="bubblewrap is needed")
async def test_in_bubblewrap_nothing_is_left_either(tmp_path: Path) -> None:
    sandbox = await Sandbox.find({"PATH": os.environ["PATH"], "HOME": "/nonexistent"})
    if not sandbox.program:
        pytest.skip(f"bubblewrap is needed: {sandbox.reason}")
    commands = _commands(tmp_path, User("approve", "approve"), timeout=1.0, sandbox=sandbox)
    sleep = "sleep 300.0417"
    acted = await commands.run(f"(setsid {sleep} &); {sleep}", "c1")
    assert "time limit" in acted.text
    detached = await commands.run(f"(setsid {sleep} &); echo started", "c2")
    assert detached.text.endswith("started")
    assert not [p for p in psutil.process_iter(["cmdline"]) if sleep.split() == p.info["cmdline"]]


async def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    acted = await _run(tmp_path / "gone", "ls")
    assert acted.failed
    assert "No such file" in acted.text
