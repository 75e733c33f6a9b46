"""`butler route`: what a prompt is taken for, one by one and in a batch."""

import json
from pathlib import Path

import pytest

from tests.servers.llmock import Llmock
from tests.tui.command_line import CommandLine
from tui.exits import Exit


@pytest.fixture
def butler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    return CommandLine(tmp_path, monkeypatch, capsys)


def lines(*prompts: str) -> str:
    return "".join(f"{json.dumps({'id': str(n), 'prompt': p})}\n" for n, p in enumerate(prompts))


def test_a_batch_has_a_line_for_each_prompt(butler: CommandLine) -> None:
    prompts = ["Write a Python script to parse JSON", "hello", "draw a cat", "/local hello"]
    done = butler("route", "--batch", stdin=lines(*prompts))
    assert (done.code, done.err) == (Exit.DONE, "")
    rows = done.json_lines
    assert [row["id"] for row in rows] == ["0", "1", "2", "3"]
    assert [row["kind"] for row in rows] == ["coding", "direct", "image_generation", "direct"]
    assert [row["executor"] for row in rows] == [
        "specialist",
        "orchestrator",
        "image",
        "orchestrator",
    ]
    assert [row["tier"] for row in rows] == ["T1", "T0", None, "T4"]
    for row in rows:
        assert set(row) == {"id", "kind", "executor", "tier", "confidence", "reason", "micros"}
        assert 0 <= row["confidence"] <= 1
        assert row["reason"]
        assert row["micros"] >= 0


def test_a_batch_opens_no_store_and_needs_no_configuration(butler: CommandLine) -> None:
    butler.configure("this is no TOML")
    done = butler("route", "--batch", stdin=lines("hello"))
    assert done.code == Exit.DONE
    assert [path.name for path in butler.home.iterdir()] == [butler.places.config_file.name]


def test_a_batch_tells_of_the_intent_whatever_keys_there_are(
    butler: CommandLine, llmock_service: Llmock
) -> None:
    stdin = lines("fix the failing test", "check my mail", "read this aloud")

    def told() -> list[tuple[str, str, str]]:
        rows = butler("route", "--batch", stdin=stdin).json_lines
        return [(row["kind"], row["executor"], row["tier"]) for row in rows]

    without = told()
    butler.configure_for(llmock_service)
    assert told() == without


def test_broken_lines_are_named_and_the_rest_is_done(butler: CommandLine) -> None:
    stdin = (
        b'{"id": "a", "prompt": "hello"}\n'
        b"not JSON\n"
        b'{"id": "b"}\n'
        b'{"id": "c", "prompt": 7}\n'
        b"\xff\xfe\n"
        b"\n"
        b'{"id": 9, "prompt": "check my mail", "more": "is left alone"}'
    )
    done = butler("route", "--batch", stdin=stdin)
    assert done.code == Exit.WRONG_USE
    assert [row["id"] for row in done.json_lines] == ["a", 9]
    told = done.err.splitlines()
    assert [line.split(" is left out")[0] for line in told] == [
        f"butler: line {number}" for number in (2, 3, 4, 5)
    ]
    assert "`prompt`" in told[1]
    assert all('{"id": "…", "prompt": "…"}' in line for line in told)


def test_a_batch_answers_each_line_as_it_comes(butler: CommandLine) -> None:
    process = butler.start("route", "--batch", stdin=-1)
    assert process.stdin
    assert process.stdout
    with process:
        for number in range(2):
            process.stdin.write(lines("hello").replace('"0"', str(number)).encode())
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["id"] == number
    assert process.returncode == Exit.DONE


def test_what_a_prompt_says_never_steers_the_terminal(butler: CommandLine) -> None:
    stdin = lines("draw \x1b]0;owned\x07 a\u202e cat")
    done = butler("route", "--batch", stdin=stdin)
    assert done.json_lines[0]["executor"] == "image"
    assert not {"\x1b", "\x07", "\u202e"} & set(done.out)


def test_an_explanation_has_decision_band_gauges_candidates_and_cost(
    butler: CommandLine, llmock_service: Llmock
) -> None:
    butler.configure_for(llmock_service, "[[budgets]]\nwindow = 'day'\nlimit = 5\n")
    done = butler("route", "write", "a function that adds two numbers")
    assert done.code == Exit.DONE
    assert "coding, quick → specialist (T1)" in done.out
    assert "a request for code, one file" in done.out
    assert "normal" in done.out
    assert "all accounts" in done.out
    assert "T4" in done.out
    served = [line for line in done.out.splitlines() if "would serve it" in line]
    assert [line.split()[0] for line in served] == ["T1"]
    assert llmock_service.requests() == []


def test_each_candidate_says_why_it_was_passed_over(butler: CommandLine) -> None:
    report = butler("route", "--json", "hello there").json
    assert report["decision"]["executor"] == "orchestrator"
    assert report["tier"] == "T0"
    reasons = {c["tier"]: c["passed_over"] for c in report["candidates"]}
    assert reasons["T0"] == "no key"
    assert reasons["T4"] == ""
    assert report["candidates"][-1]["at_most"] == 0
    assert report["input"] > 0
    assert report["gauges"] == []


def test_a_skill_has_no_tier(butler: CommandLine) -> None:
    report = butler("route", "--json", "draw a cat").json
    assert (report["tier"], report["candidates"]) == (None, [])
    assert "image skill" in butler("route", "draw a cat").out


def test_a_prompt_may_come_from_the_standard_input(butler: CommandLine) -> None:
    assert butler("route", "--json", stdin="draw a cat").json["decision"]["executor"] == "image"


@pytest.mark.parametrize("arguments", [("route",), ("route", "--batch", "hello")])
def test_wrong_use_is_a_sentence(butler: CommandLine, arguments: tuple[str, ...]) -> None:
    done = butler(*arguments)
    assert done.code == Exit.WRONG_USE
    assert done.err
    assert "Traceback" not in done.err
