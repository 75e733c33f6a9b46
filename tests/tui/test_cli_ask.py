"""`butler ask`: one prompt from a shell, against mock services and the real embedded model."""

import json
import signal
import threading
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests.router.house import FLASH, LOCAL, OPUS, SONNET, asked_of, fail, reply, spoil
from tests.servers.llmock import Llmock
from tests.tui.command_line import CommandLine
from tui.exits import Exit

LONG = "Prices rose in March and fell in April, and nobody was able to say why. " * 20


@pytest.fixture
def butler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    return CommandLine(tmp_path, monkeypatch, capsys)


@pytest.fixture
def served(butler: CommandLine, llmock_service: Llmock) -> CommandLine:
    butler.configure_for(llmock_service)
    return butler


def sent(service: Llmock) -> str:
    """Everything that was sent, as text."""
    return json.dumps([r["body"] for r in service.requests() if r["method"] == "POST"])


def test_with_nothing_configured_the_model_on_this_machine_answers(butler: CommandLine) -> None:
    done = butler("ask", "--output-format", "json", "Say hello.")
    answer = done.json
    assert done.code == Exit.DONE
    assert answer["answer"].strip()
    assert (answer["tier"], answer["account"], answer["cost"]) == ("T4", "embedded", 0)
    assert "no key" in answer["why"]
    assert answer["usage"]["output"] > 0


def test_the_answer_goes_out_and_who_gave_it_stands_beside(
    served: CommandLine, llmock_service: Llmock
) -> None:
    llmock_service.script(fail(529, OPUS), reply("Four.", SONNET))
    done = served("ask", "What", "is", "2+2?")
    assert (done.code, done.out) == (0, "Four.\n")
    via, footer = done.err.splitlines()
    assert via == f"via T3 · {SONNET} · T0 overloaded"
    assert "tokens" in footer
    assert "$" in footer


def test_json_has_the_answer_and_what_it_cost(served: CommandLine, llmock_service: Llmock) -> None:
    llmock_service.script(reply("Four.", OPUS))
    done = served("ask", "2+2?", "--output-format", "json")
    answer = done.json
    assert done.err == ""
    assert (answer["answer"], answer["tier"], answer["model"]) == ("Four.", "T0", OPUS)
    assert answer["cost"] > 0
    assert answer["tokens"] == answer["usage"]["input"] + answer["usage"]["output"]
    assert answer["reason"]
    assert answer["error"] == ""
    stored = served("sessions", "show", answer["session"][:8], "--json").json
    assert [message["text"] for message in stored["messages"]] == ["2+2?", "Four."]


def test_events_come_one_a_line_and_the_result_last(
    served: CommandLine, llmock_service: Llmock
) -> None:
    llmock_service.script(reply("one two three", OPUS))
    lines = served("ask", "hello", "--output-format", "stream-json").json_lines
    kinds = [line["type"] for line in lines]
    assert kinds[:2] == ["session-started", "prompt-submitted"]
    assert kinds.index("reply-started") < kinds.index("text-delta") < kinds.index("reply-finished")
    assert "".join(line["text"] for line in lines if line["type"] == "text-delta") in (
        "one two three"
    )
    assert kinds[-1] == "result"
    assert lines[-1]["answer"] == "one two three"


def test_a_conversation_goes_on(served: CommandLine, llmock_service: Llmock) -> None:
    llmock_service.script(reply("Noted.", OPUS), reply("Blue.", OPUS))
    first = served("ask", "--output-format", "json", "My colour is blue.").json["session"]
    assert served("ask", "--session", first[:10], "Which colour?").out == "Blue.\n"
    last = llmock_service.requests()[-1]["body"]
    assert "My colour is blue." in json.dumps(last)
    done = served("ask", "--session", "nope", "hello")
    assert done.code == Exit.WRONG_USE
    assert "There is no session" in done.err


# --- what goes in -------------------------------------------------------------------------------


def test_stdin_and_files_go_along(served: CommandLine, llmock_service: Llmock) -> None:
    (served.workspace / "named.txt").write_text("in the named file")
    (served.workspace / "option.txt").write_text("in the other file")
    done = served("ask", "Compare @named.txt", "-f", "option.txt", stdin="on standard input")
    assert done.code == Exit.DONE
    body = sent(llmock_service)
    for part in ("Compare", "in the named file", "in the other file", "on standard input"):
        assert part in body


def test_stdin_alone_is_the_prompt_however_broken(
    served: CommandLine, llmock_service: Llmock
) -> None:
    llmock_service.script(reply("\x1b]0;owned\x07harmless", OPUS))
    done = served("ask", stdin=b"What is \xff\xfe\x00\x1b[31m this?")
    assert done.code == Exit.DONE
    assert done.out == "␛]0;owned␇harmless\n"
    assert "What is " in sent(llmock_service)
    shown = served("sessions", "list")
    assert "\x1b" not in shown.out


def test_two_megabytes_are_taken(served: CommandLine, llmock_service: Llmock) -> None:
    text = "The quick brown fox. " * 100_000
    done = served("ask", "--output-format", "json", "What is this?", stdin=text)
    assert len(text) > 2_000_000
    assert done.code in {Exit.DONE, Exit.NO_TIER}, "no window here need hold it"
    stored = served("sessions", "export", done.json["session"], "--format", "jsonl").json_lines
    prompt = next(line for line in stored if line["type"] == "prompt-submitted")
    assert prompt["attachments"][0]["text"] == text, "what was given is kept whole"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "There is no prompt"),
        (["  "], "There is no prompt"),
        (["-f", "missing.txt", "hello"], "There is no file"),
        (["read @missing.txt"], "There is no file missing.txt"),
    ],
)
def test_without_something_to_ask_nothing_is_asked(
    arguments: list[str], said: str, served: CommandLine, llmock_service: Llmock
) -> None:
    done = served("ask", *arguments)
    assert done.code == Exit.WRONG_USE
    assert said in done.err
    assert llmock_service.requests() == []


# --- how it ends --------------------------------------------------------------------------------


def test_when_no_tier_can_answer_that_is_code_3(
    served: CommandLine, llmock_service: Llmock
) -> None:
    llmock_service.script({"type": "fail", "status": 500, "times": None})
    done = served("ask", "hello")
    assert (done.code, done.out) == (Exit.NO_TIER, "")
    assert "No tier could answer" in done.err
    llmock_service.reset()
    llmock_service.script({"type": "fail", "status": 500, "times": None})
    answer = served("ask", "--output-format", "json", "hello")
    assert answer.code == Exit.NO_TIER
    assert "No tier could answer" in answer.json["error"]


def test_a_private_prompt_stays_here_and_a_pin_against_it_is_declined(
    served: CommandLine, llmock_service: Llmock
) -> None:
    assert served("ask", "--private", "secret plans").code == Exit.DONE
    assert set(asked_of(llmock_service)) == {LOCAL}
    done = served("ask", "--private", "--tier", "T0", "secret plans")
    assert done.code == Exit.DECLINED
    assert "T4" in done.err
    assert set(asked_of(llmock_service)) == {LOCAL}


def test_a_secret_is_not_sent_where_nobody_can_be_asked(
    served: CommandLine, llmock_service: Llmock
) -> None:
    done = served("ask", "Is ghp_" + "a1B2" * 9 + " valid?")
    assert done.code == Exit.DECLINED
    assert "--private" in done.err
    assert asked_of(llmock_service) == []


def test_a_secret_is_asked_about_on_a_terminal(served: CommandLine, llmock_service: Llmock) -> None:
    llmock_service.script(reply("It looks well formed.", LOCAL))
    asked = served.on_terminal("ask", "Is ghp_" + "a1B2" * 9 + " valid?")
    asked.expect("This looks like a secret")
    asked.expect("Your choice")
    asked.sendline("approve")
    asked.expect("It looks well formed")
    asked.expect(pexpect.EOF)
    asked.close()
    assert asked.exitstatus == Exit.DONE
    assert set(asked_of(llmock_service)) == {LOCAL}


def test_a_summary_runs_on_the_background_tier_and_is_waited_for(
    served: CommandLine, llmock_service: Llmock
) -> None:
    llmock_service.script({"type": "reply", "text": "Prices wavered.", "times": None})
    done = served("ask", "Summarize this", stdin=LONG)
    assert (done.code, done.out) == (0, "Prices wavered.\n")
    assert set(asked_of(llmock_service)) == {FLASH}
    assert f"via T2 · {FLASH}" in done.err
    answer = served("ask", "Summarize this", "--output-format", "json", stdin=LONG).json
    assert answer["answer"] == "Prices wavered."
    assert served("sessions", "show", answer["task"]).code == Exit.DONE


def test_a_model_that_falls_silent_is_continued_without_a_seam_in_the_answer(
    served: CommandLine, llmock_service: Llmock
) -> None:
    llmock_service.script(
        reply("one two three four five six seven eight", OPUS),
        spoil("disconnect", OPUS),
        reply(" and the rest", SONNET),
    )
    done = served("ask", "hello", "--output-format", "json")
    assert done.json["answer"].endswith("and the rest")
    assert "⟂" not in done.out


def test_an_interrupted_answer_is_kept(served: CommandLine, llmock_service: Llmock) -> None:
    llmock_service.script(
        reply("one two three four five six seven eight", LOCAL), spoil("stall", LOCAL)
    )
    with served.start("ask", "--tier", "T4", "hello") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        watchdog = threading.Timer(30, process.kill)
        watchdog.start()
        begun = process.stdout.read(3)
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read().decode()
        said = process.stderr.read().decode()
        code = process.wait()
        watchdog.cancel()
    assert begun == b"one"
    assert code == Exit.INTERRUPTED, said
    assert "Interrupted" in said
    assert "Traceback" not in said
    (row,) = served("sessions", "list", "--json").json
    kept = served("sessions", "show", row["id"], "--json").json["messages"][-1]
    assert kept["state"] in {"cancelled", "interrupted"}
    assert kept["text"].startswith("one")
    assert f"one{rest}".strip().startswith(kept["text"].strip()[:3])


def test_a_reader_that_goes_away_is_no_error(served: CommandLine, llmock_service: Llmock) -> None:
    llmock_service.script({"type": "reply", "text": "many words " * 500, "match": {"model": LOCAL}})
    with served.start("ask", "--tier", "T4", "talk") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        _ = process.stdout.read(1)
        process.stdout.close()
        said = process.stderr.read().decode()
        assert process.wait(30) == Exit.DONE, said
    assert "Traceback" not in said
    assert "butler:" not in said


def test_options(served: CommandLine, llmock_service: Llmock) -> None:
    asks: list[tuple[list[str], Any]] = [
        (["--tier", "T2"], FLASH),
        (["--model", f"anthropic/{SONNET}"], SONNET),
        (["--tier", "T4"], LOCAL),
    ]
    for options, model in asks:
        assert served("ask", *options, "hello").code == Exit.DONE
        assert asked_of(llmock_service)[-1] == model
    done = served("ask", "--model", "gpt-nothing", "hello")
    assert done.code == Exit.DECLINED
    assert "no configured model" in done.err
