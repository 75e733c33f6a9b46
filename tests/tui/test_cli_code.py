"""`butler code`: a coding task from a shell, by a script and by a person at a terminal."""

import asyncio
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pexpect
import pytest

from router.engine import Engine
from router.loading import load
from store.events import ApprovalAsked, Entry, FileChanged, PlanCompared, ToolCalled
from tests.router.coding.test_cli_agents_desk import INIT, RESULT, environment
from tests.router.coding.test_desk import PLAN, call, script_plan
from tests.router.house import CODEX, FLASH, LOCAL, OPUS, SONNET, asked_of, reply
from tests.servers.llmock import Llmock
from tests.tui.command_line import CommandLine
from tui.coding import File, Result
from tui.coding_output import TextTeller
from tui.coding_questions import Decision, Wishes, beforehand, chosen, options
from tui.exits import Exit

SECRET = "Is ghp_" + "a1B2" * 9 + " valid?"
KEYS = {
    *("session", "task", "state", "asked", "text", "plan", "number", "estimate", "alternatives"),
    *("files", "refused", "workspace", "branch", "tier", "model", "tokens", "cost", "elapsed_ms"),
    *("failure", "error"),
}


def configuration(service: Llmock, *, tools: bool = True) -> str:
    """Five tiers on one mock service, as in `tests.router.house`, as a user would write it."""
    wires = {"anthropic": "anthropic", "openai": "openai", "google": "google", "other": "anthropic"}
    tiers = {
        "T0": f"anthropic/{OPUS}",
        "T1": f"openai/{CODEX}",
        "T2": f"google/{FLASH}",
        "T3": f"other/{SONNET}",
        "T4": f"home/{LOCAL}",
    }
    lines = ["[limits]", "connect = 2", "first_token = 5", "first_token_local = 5", "[tiers]"]
    lines += [f'{tier} = ["{model}"]' for tier, model in tiers.items()]
    for name, wire in (wires | {"home": "openai-chat"}).items():
        key = "none" if name == "home" else "env:TEST_KEY"
        lines += [f"[accounts.{name}]", f'wire = "{wire}"', f'key = "{key}"']
        lines += [f'base_url = "{service.base_url(wire)}"']
    for model in tiers.values():
        lines += [f'[models."{model}"]', "price = { input = 2, output = 10 }"]
        lines += [f"tools = {json.dumps(tools)}"]
    return "\n".join(lines)


@pytest.fixture
def butler(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    llmock_service: Llmock,
) -> CommandLine:
    """In a small git repository."""
    made = CommandLine(tmp_path, monkeypatch, capsys)
    made.configure(configuration(llmock_service))
    (made.workspace / "sum.py").write_text("print(1 - 2)\n")
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "first"]):
        git(made.workspace, *words)
    return made


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    ran = subprocess.run(
        ["git", *who, *words], cwd=folder, check=True, capture_output=True, text=True
    )
    return ran.stdout


def mended() -> dict[str, Any]:
    return call("write_file", path="sum.py", content="print(1 + 2)\n")


def command(text: str) -> dict[str, Any]:
    return call("run_command", command=text)


def names(butler: CommandLine) -> list[str]:
    return sorted(path.name for path in butler.workspace.iterdir())


def theirs(butler: CommandLine) -> str:
    """The user's file."""
    return (butler.workspace / "sum.py").read_text()


def sent(service: Llmock) -> str:
    return json.dumps([r["body"] for r in service.requests() if r["method"] == "POST"])


# --- by a script ---------------------------------------------------------------------------------


def test_a_task_is_done_in_a_copy_and_nothing_is_applied_unasked(
    butler: CommandLine, llmock_service: Llmock
) -> None:
    llmock_service.script(mended(), reply("The sum is \x1b]0;owned\x07mended.", CODEX))
    done = butler("code", "--no-plan", "fix", "the", "sum")
    assert (done.code, done.out) == (Exit.DONE, "The sum is ␛]0;owned␇mended.\n")
    assert theirs(butler) == "print(1 - 2)\n"
    lines = done.err.splitlines()
    assert lines[0].startswith("— a worktree on branch butler/fix-the-sum-")
    assert lines[1:4] == [f"— T1 · {CODEX}", "▸ write_file sum.py", "✎ sum.py +1 −1"]
    assert "edit  sum.py  +1  −1  not yet applied" in lines
    assert re.fullmatch(r"Your files are as they were\. .*: butler --session \w{8}", lines[-2])
    assert re.fullmatch(rf"T1 · {CODEX} · 0:\d\d · \d+ tokens · \$\S+ · session \w{{8}}", lines[-1])


def test_a_command_is_not_run_where_nobody_can_be_asked(
    butler: CommandLine, llmock_service: Llmock
) -> None:
    llmock_service.script(command("touch ran.txt"), mended(), reply("Done.", CODEX))
    done = butler("code", "--no-plan", "--apply", "--output-format", "json", "fix it")
    assert (done.code, done.err) == (Exit.DONE, "")
    assert done.json["refused"] == ["touch ran.txt"]
    assert [file["path"] for file in done.json["files"]] == ["sum.py"]
    assert "Nobody is here to approve it" in sent(llmock_service)
    assert names(butler) == [".git", "sum.py"]


def test_commands_run_and_changes_are_applied_where_it_was_said(
    butler: CommandLine, llmock_service: Llmock
) -> None:
    llmock_service.script(
        mended(), command("touch ran.txt\necho broken; exit 3"), reply("Done.", CODEX)
    )
    done = butler("code", "--no-plan", "--yes-commands", "--apply", "fix it")
    assert done.code == Exit.DONE
    assert theirs(butler) == "print(1 + 2)\n"
    assert (butler.workspace / "ran.txt").exists()
    assert "    touch ran.txt⏎\n    echo broken; exit 3\n" in done.err, "in full, though unasked"
    assert re.search(r"    Exit code 3 after .*\n    broken\n", done.err)
    assert "applied" in done.err
    assert "--yes-commands" not in done.err
    assert len(git(butler.workspace, "branch").splitlines()) == 1, "nothing is left behind"


def test_a_plan_waits_where_nobody_can_be_asked_and_goes_on_later(
    butler: CommandLine, llmock_service: Llmock
) -> None:
    script_plan(llmock_service, mended(), reply("Done.", CODEX))
    done = butler("code", "--plan", "--apply", "make it idempotent")
    assert done.code == Exit.DECLINED
    assert done.out.startswith("# Idempotent queue\n")
    assert "mend sum.py" in done.out
    assert re.search(r"— 2: T\d · .* would: ", done.err)
    assert "The plan waits for your approval" in done.err
    assert "write_file" not in done.err
    found = re.search(r"butler --session (\w{8})", done.err)
    assert found is not None
    assert asyncio.run(_approved_later(butler, found[1])) == "changes"
    assert theirs(butler) == "print(1 - 2)\n", "what --apply said was of that time"


async def _approved_later(butler: CommandLine, session: str) -> str:
    """Approve what is open, as the dashboard would; what is asked next."""
    with butler.store() as store:
        config = load(butler.places, environ=os.environ)
        async with Engine(config, store, butler.places, workspace=butler.workspace) as engine:
            view = await engine.open(session)
            child = await engine.open(view.tasks[0].session)
            async with engine.subscribe(child.session) as entries, asyncio.timeout(20):
                await engine.decide(child.approvals[0].approval, "approve")
                async for batch in entries:
                    for entry in batch:
                        if isinstance(entry.event, ApprovalAsked):
                            return entry.event.kind
    raise AssertionError("nothing was asked")


def test_json_has_the_plan_the_files_and_where_they_are_kept(
    butler: CommandLine, llmock_service: Llmock
) -> None:
    script_plan(llmock_service, mended(), reply("As planned.", CODEX))
    done = butler("code", "--plan", "--yes-plan", "--keep", "--output-format", "json", "mend it")
    told = done.json
    assert (done.code, done.err) == (Exit.DONE, "")
    assert set(told) == KEYS
    assert (told["state"], told["asked"], told["error"]) == ("done", "", "")
    assert (told["text"], told["tier"], told["model"]) == ("As planned.", "T1", CODEX)
    assert told["plan"].startswith("# Idempotent queue\n")
    assert [other["number"] for other in told["alternatives"]] == [2, 3]
    (file,) = told["files"]
    assert (file["path"], file["change"], file["settled"]) == ("sum.py", "edit", "kept")
    assert "+print(1 + 2)" in file["diff"]
    assert git(butler.workspace, "show", f"{told['branch']}:sum.py") == "print(1 + 2)\n"
    assert theirs(butler) == "print(1 - 2)\n"
    row = butler("sessions", "show", told["session"], "--json")
    assert row.code == Exit.DONE
    assert told["cost"] > 0
    assert told["tokens"] > 0


def test_events_of_chat_and_work_come_one_a_line_and_the_result_last(
    butler: CommandLine, llmock_service: Llmock
) -> None:
    llmock_service.script(mended(), reply("Done.", CODEX))
    lines = butler("code", "--no-plan", "--output-format", "stream-json", "fix it").json_lines
    result = lines[-1]
    assert result["type"] == "result"
    assert set(result) == KEYS | {"type"}
    assert result["asked"] == "changes"
    kinds = [line["type"] for line in lines]
    wanted = ["prompt-submitted", "workspace-opened", "tool-called", "changes-ready"]
    assert sorted(wanted, key=kinds.index) == wanted
    assert {line["session"] for line in lines} == {result["session"], result["task"]}


def test_what_comes_on_stdin_goes_along_and_another_folder_may_be_meant(
    butler: CommandLine, llmock_service: Llmock, tmp_path: Path
) -> None:
    other = tmp_path / "elsewhere"
    other.mkdir()
    llmock_service.script(call("write_file", path="new.txt", content="1\n"), reply("Done.", CODEX))
    done = butler("code", "--no-plan", "--apply", "--workspace", str(other), "do", stdin="a trace")
    assert done.code == Exit.DONE, done.err
    assert (other / "new.txt").read_text() == "1\n"
    assert not (butler.workspace / "new.txt").exists()
    assert "a trace" in sent(llmock_service)
    assert done.err.startswith("— a copy of the folder")


def test_a_copy_is_kept_in_its_folder(butler: CommandLine, llmock_service: Llmock) -> None:
    empty = butler.home.parent / "empty"
    empty.mkdir()
    llmock_service.script(call("write_file", path="new.txt", content="1\n"), reply("Done.", CODEX))
    done = butler("code", "--no-plan", "--keep", "--workspace", str(empty), "do it")
    found = re.search(r"^Kept in (.*)$", done.err, re.MULTILINE)
    assert found is not None, done.err
    assert (Path(found[1]) / "new.txt").read_text() == "1\n"
    assert list(empty.iterdir()) == []


def test_a_program_on_the_path_can_be_pinned(butler: CommandLine, llmock_service: Llmock) -> None:
    butler.configure(
        configuration(llmock_service).replace('T1 = ["', 'T1 = ["cli:claude", "')
        + '\n[accounts."cli:claude"]\nwire = "cli"\n'
    )
    wrote = {"write": {"path": "sum.py", "text": "print(1 + 2)\n"}}
    played = environment(butler.home, INIT, wrote, {"say": RESULT})
    for name, value in played.items():
        butler.setenv(name, value)
    done = butler("code", "--no-plan", "--model", "cli:claude", "--apply", "fix the sum")
    assert done.code == Exit.DONE, done.err
    assert theirs(butler) == "print(1 + 2)\n"
    assert llmock_service.requests() == [], "no model was asked"


def test_a_question_of_the_model_is_left_to_it_where_nobody_can_be_asked(
    butler: CommandLine, llmock_service: Llmock
) -> None:
    llmock_service.script(call("ask_user", question="Which one?"), reply("The red one.", CODEX))
    done = butler("code", "--no-plan", "colour it")
    assert (done.code, done.out) == (Exit.DONE, "The red one.\n")
    assert "Nobody is at the keyboard" in sent(llmock_service)


# --- how it ends ---------------------------------------------------------------------------------


def test_unfinished_work_is_never_applied(butler: CommandLine, llmock_service: Llmock) -> None:
    butler.configure(configuration(llmock_service) + "\n[coding]\nsteps = 1\n")
    llmock_service.script(mended())
    done = butler("code", "--no-plan", "--apply", "--output-format", "json", "fix it")
    assert done.code == Exit.FAILED
    assert (done.json["state"], done.json["asked"]) == ("failed", "changes")
    assert "1" in done.json["error"]
    assert [file["settled"] for file in done.json["files"]] == [""]
    assert (Path(done.json["workspace"]) / "sum.py").read_text() == "print(1 + 2)\n"
    assert theirs(butler) == "print(1 - 2)\n"


def test_when_no_tier_can_answer_that_is_code_3(
    butler: CommandLine, llmock_service: Llmock
) -> None:
    llmock_service.script({"type": "fail", "status": 500, "times": None})
    done = butler("code", "--no-plan", "fix it")
    assert (done.code, done.out) == (Exit.NO_TIER, "")
    assert "No tier could answer" in done.err
    assert "git merge" not in done.err, "there is nothing to merge"


def test_a_model_without_tools_answers_in_words_and_that_is_a_failure(
    butler: CommandLine, llmock_service: Llmock
) -> None:
    butler.configure(configuration(llmock_service, tools=False))
    llmock_service.script(reply("def add(a, b): ...", CODEX))
    done = butler("code", "write a function that adds")
    assert (done.code, done.out) == (Exit.FAILED, "def add(a, b): ...\n")
    assert done.err.count("no file is written") == 1
    assert "butler doctor" in done.err


def test_private_work_stays_here_and_a_pin_against_it_is_declined(
    butler: CommandLine, llmock_service: Llmock
) -> None:
    llmock_service.script(
        call("write_file", LOCAL, path="a.txt", content="a\n"), reply("Done.", LOCAL)
    )
    assert butler("code", "--no-plan", "--private", "--apply", "mine").code == Exit.DONE
    assert set(asked_of(llmock_service)) == {LOCAL}
    done = butler("code", "--private", "--tier", "T0", "mine")
    assert done.code == Exit.DECLINED
    assert "T4" in done.err
    assert set(asked_of(llmock_service)) == {LOCAL}


def test_a_secret_is_not_sent_where_nobody_can_be_asked(
    butler: CommandLine, llmock_service: Llmock
) -> None:
    done = butler("code", SECRET)
    assert done.code == Exit.DECLINED
    assert "butler code --private" in done.err
    assert asked_of(llmock_service) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], 'There is no prompt: butler code "your task"'),
        (["--workspace", "missing", "do it"], "'missing' does not exist"),
        (["--apply", "--keep", "do it"], "Either --apply or --keep"),
        (["-f", "missing.txt", "do it"], "There is no file"),
    ],
)
def test_wrong_use_begins_nothing(
    arguments: list[str], said: str, butler: CommandLine, llmock_service: Llmock
) -> None:
    done = butler("code", *arguments)
    assert (done.code, done.out) == (Exit.WRONG_USE, "")
    assert said in done.err
    assert llmock_service.requests() == []


def test_apply_overwrites_nothing_that_changed_meanwhile(
    butler: CommandLine, llmock_service: Llmock
) -> None:
    llmock_service.script(
        mended(),
        call("write_file", path="new.txt", content="1\n"),
        command("sleep 0.5"),
        reply("Done.", CODEX),
    )
    with butler.start("code", "--no-plan", "--yes-commands", "--apply", "fix it") as process:
        assert process.stderr is not None
        seen = b""
        while b"run_command" not in seen:
            line = process.stderr.readline()
            assert line, seen.decode()
            seen += line
        (butler.workspace / "sum.py").write_text("print('mine')\n")
        said = process.stderr.read().decode()
        assert process.wait(20) == Exit.FAILED, said
    assert theirs(butler) == "print('mine')\n"
    assert (butler.workspace / "new.txt").read_text() == "1\n", "the rest is applied"
    assert re.search(r"sum\.py .* conflict", said)
    assert "Nothing was overwritten" in said


# --- by a person ---------------------------------------------------------------------------------

ASKED = re.escape("butler --session ") + r"\w{8}\r\n> $"
"""All of a question stands there, and is waited for."""


def test_a_command_and_the_changes_are_asked_about(
    butler: CommandLine, llmock_service: Llmock
) -> None:
    llmock_service.script(
        mended(),
        command("touch first.txt"),
        command("touch second.txt"),
        reply("Done.", CODEX),
    )
    person = butler.on_terminal("code", "--no-plan", "fix the sum")
    person.sendline("a")  # before anything is asked: it must decide nothing
    person.expect("Run this command")
    person.expect("touch first.txt")
    person.expect("It runs ")
    person.expect(ASKED)
    for wrong, told in (
        ("yes", "'yes' is no answer here"),
        ("", "Type one of these: a, s, r, x, l"),
    ):
        person.sendline(wrong)
        person.expect(told)
        person.expect("> $")
    person.sendline("rej")
    person.expect("Why")
    person.sendline("not that one")
    person.expect("touch second.txt")
    person.expect(ASKED)
    person.sendline("a")
    person.expect("Apply to your files")
    person.expect(ASKED)
    person.sendline("diff")
    person.expect(re.escape("+print(1 + 2)"))
    person.expect("> $")
    (butler.workspace / "sum.py").write_text("print('mine')\n")
    person.sendline("apply")
    person.expect("Nothing was overwritten")
    person.expect(ASKED)
    person.sendline("v")
    person.expect(re.escape("print('mine')"))
    person.expect("> $")
    person.sendline("d")
    person.expect("for good")
    person.sendline("yes")
    person.expect(pexpect.EOF)
    person.close()
    assert person.exitstatus == Exit.DONE
    assert names(butler) == [".git", "second.txt", "sum.py"]
    assert theirs(butler) == "print('mine')\n"
    assert "not that one" in sent(llmock_service)


def test_a_plan_is_chosen_edited_sent_back_and_left_for_later(
    butler: CommandLine, llmock_service: Llmock, tmp_path: Path
) -> None:
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nprintf '\\n## Notes\\n\\nAnd a test.\\n' >> \"$1\"\n")
    editor.chmod(0o755)
    butler.setenv("VISUAL", str(editor))
    script_plan(llmock_service, call("propose_plan", OPUS, **PLAN | {"approach": "an outbox"}))
    person = butler.on_terminal("code", "--plan", "make it idempotent")
    person.expect("ack after commit")
    person.expect("Approve it")
    person.expect(r"2 +instead: (\w+)")
    assert isinstance(person.match, re.Match)
    title = person.match[1]
    person.expect(ASKED)
    person.sendline("2")
    person.expect(f"# {title}")
    person.expect("the orchestrator's own plan")
    person.expect(ASKED)
    person.sendline("e")
    person.expect("as edited")
    person.expect("And a test")
    person.expect(ASKED)
    person.sendline("r")
    person.expect("Why")
    person.sendline("acks are lost then")
    person.expect("an outbox")
    person.expect(ASKED)
    person.sendeof()
    person.expect("The plan waits for your approval")
    person.expect(pexpect.EOF)
    person.close()
    assert person.exitstatus == Exit.DECLINED
    assert "acks are lost then" in sent(llmock_service)
    assert theirs(butler) == "print(1 - 2)\n"


def test_an_interrupted_question_is_open_and_what_was_written_is_kept(
    butler: CommandLine, llmock_service: Llmock
) -> None:
    llmock_service.script(mended(), command("touch ran.txt"))
    person = butler.on_terminal("code", "--no-plan", "--output-format", "json", "fix the sum")
    person.expect(ASKED)
    person.sendintr()
    told: dict[str, str] = {}
    for key in ("session", "state", "workspace"):
        person.expect(rf'"{key}": "([^"]+)"')
        assert isinstance(person.match, re.Match)
        told[key] = person.match[1]
    person.expect(pexpect.EOF)
    person.close()
    assert person.exitstatus == Exit.INTERRUPTED
    assert told["state"] == "interrupted"
    assert (Path(told["workspace"]) / "sum.py").read_text() == "print(1 + 2)\n"
    assert asyncio.run(_approved_later(butler, told["session"])) == "changes"


def test_a_secret_is_asked_about_on_a_terminal(butler: CommandLine, llmock_service: Llmock) -> None:
    llmock_service.script(reply("Nothing to write.", LOCAL))
    person = butler.on_terminal("code", "--no-plan", SECRET)
    person.expect("This looks like a secret")
    person.expect("a +approve +only the local tier sees it")
    person.expect(ASKED)
    person.sendline("a")
    person.expect("Nothing to write")
    person.expect(pexpect.EOF)
    person.close()
    assert person.exitstatus == Exit.DONE
    assert set(asked_of(llmock_service)) == {LOCAL}


def asked(kind: str, *choices: str) -> ApprovalAsked:
    return ApprovalAsked(
        approval="x", kind=kind, question="?", shown="?", digest="", choices=choices
    )


def test_each_choice_has_a_key_and_any_beginning_will_do() -> None:
    offered = options(asked("command", "approve", "always", "reject", "stop"), Result(session="1"))
    assert [one.key for one in offered] == ["a", "s", "r", "x", "l"]
    found = {
        said: chosen(said, offered)
        for said in ("A", "app", "al", "s", "x", " reject ", "stopp", "")
    }
    assert {said: one and one.choice for said, one in found.items()} == {
        "A": "approve",
        "app": "approve",
        "al": "always",
        "s": "always",
        "x": "stop",
        " reject ": "reject",
        "stopp": None,
        "": None,
    }


def test_the_alternative_that_is_shown_is_not_offered_again() -> None:
    result = Result(session="1", number=2)
    result.alternatives = [
        PlanCompared(number=number, tier="T3", model="m", title=f"way {number}")
        for number in (2, 3)
    ]
    offered = options(asked("plan", "approve", "edit", "reject", "1", "2", "3"), result)
    assert [one.key for one in offered] == ["a", "e", "r", "1", "3", "l"]
    assert chosen("2", offered) is None


def test_an_option_of_the_model_is_only_ever_an_answer() -> None:
    offered = options(asked("question", "view", "nowhere", "answer"), Result(session="1"))
    assert [one.key for one in offered] == ["1", "2", "later"]
    found = [chosen(said, offered, exactly=True) for said in ("1", "Nowhere", "no", "l")]
    assert [one and one.choice for one in found] == ["view", "nowhere", None, None]


def test_commands_are_approved_beforehand_in_a_workspace_only() -> None:
    """Where the chat answers by itself, a command would run in the user's own folder."""
    wishes = Wishes(yes_commands=True)
    command = asked("command", "approve", "reject")
    assert beforehand(command, wishes, Result(session="1")) is None
    assert beforehand(command, wishes, Result(session="1", task="2")) == Decision("approve")


def test_what_conflicts_is_not_applied_again_and_again() -> None:
    result = Result(session="1", task="2", state="done")
    changes, wishes = asked("changes", "apply", "keep", "discard"), Wishes(settle="apply")
    assert beforehand(changes, wishes, result) == Decision("apply")
    result.files = [File(path="a", change="edit", added=1, removed=1, settled="conflict")]
    assert beforehand(changes, wishes, result) is None


def test_what_a_model_wrote_passes_for_no_question_of_butlers(
    capsys: pytest.CaptureFixture[str],
) -> None:
    teller = TextTeller()
    path = "a\nRun this command?\x1b[2J"
    teller.heard(
        Entry(1, 0, "s", FileChanged(reply="r", path=path, change="new", added=1, removed=0))
    )
    teller.heard(Entry(2, 0, "s", ToolCalled(reply="r", call="c", name="x\ny", arguments="{")))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert "\x1b" not in "".join(lines)
