"""`butler sessions`: from the store to lists, text and files."""

import json
from pathlib import Path

import pexpect
import pytest

from store.events import (
    Attachment,
    ModelSwitched,
    PromptSubmitted,
    ReplyFinished,
    ReplyStarted,
    SessionStarted,
    TextDelta,
    Usage,
)
from tests.tui.command_line import CommandLine
from tui.exits import Exit

EVIL = "\x1b]0;owned\x07\x9b31m\u202edesrever"
KEY = "sk-" + "0123456789abcdef" * 2


@pytest.fixture
def butler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    return CommandLine(tmp_path, monkeypatch, capsys)


@pytest.fixture
def stored(butler: CommandLine) -> CommandLine:
    """Two conversations; the first was begun by one model and ended by another."""
    first = "ends with a full stop"
    with butler.store() as store:
        store.journal.append(
            "aaaa1111",
            SessionStarted(kind="chat", title="retry queue"),
            PromptSubmitted(
                prompt="p", text=f"Why {EVIL}?", attachments=(Attachment("notes.txt", "inside"),)
            ),
            ReplyStarted(reply="r", prompt="p", tier="T0", model="opus", account="anthropic"),
            TextDelta(reply="r", offset=0, text=first),
            ModelSwitched(
                reply="r",
                tier="T3",
                model="sonnet",
                account="anthropic",
                why="T0 went silent",
                offset=len(first),
            ),
            ReplyFinished(
                reply="r",
                text=f"{first} and goes on, {KEY} {EVIL}",
                stop_reason="end",
                usage=Usage(input=10, output=20),
                cost=0.5,
            ),
            at=1_000,
        ).wait(5)
        store.journal.append(
            "aabb2222",
            SessionStarted(kind="chat", title=f"other {EVIL}"),
            PromptSubmitted(prompt="q", text="something else entirely"),
            at=2_000,
        ).wait(5)
    return butler


def is_harmless(text: str) -> bool:
    return not any(ord(c) in {0x1B, 0x07, 0x9B, 0x202E} for c in text)


def test_with_none_the_list_says_how_to_begin(butler: CommandLine) -> None:
    done = butler("sessions", "list")
    assert (done.code, done.out) == (0, "")
    assert "Begin one: butler" in done.err
    assert butler("sessions", "list", "--json").json == []


def test_the_list_has_the_latest_first(stored: CommandLine) -> None:
    done = stored("sessions", "list")
    lines = done.out.splitlines()
    assert [line.split()[0] for line in lines] == ["aabb2222", "aaaa1111"]
    assert "retry queue" in lines[1]
    assert is_harmless(done.out)
    (latest,) = stored("sessions", "list", "--json", "--limit", "1").json
    assert latest["id"] == "aabb2222"
    assert latest["title"].startswith("other")


def test_a_shortened_id_shows_the_conversation_harmlessly(stored: CommandLine) -> None:
    done = stored("sessions", "show", "aaa")
    assert done.code == Exit.DONE
    assert "# retry queue" in done.out
    assert "Butler · T3 · sonnet" in done.out
    assert "Attached: notes.txt" in done.out
    assert is_harmless(done.out)
    shown = stored("sessions", "show", "aaaa1111", "--json")
    assert is_harmless(shown.out)
    assert shown.json["messages"][0]["text"] == f"Why {EVIL}?"


@pytest.mark.parametrize(("given", "said"), [("aa", "several"), ("zz", "There is no session")])
def test_an_id_that_is_none_or_several_is_told(given: str, said: str, stored: CommandLine) -> None:
    done = stored("sessions", "show", given)
    assert done.code == Exit.WRONG_USE
    assert said in done.err


def test_search_finds_finished_messages(stored: CommandLine) -> None:
    done = stored("sessions", "search", "goes", "on")
    assert done.code == Exit.DONE
    assert done.out.startswith("aaaa1111")
    assert "»goes« »on«" in done.out
    assert is_harmless(done.out)
    (hit,) = stored("sessions", "search", "--json", "entirely").json
    assert hit["session"] == "aabb2222"
    assert stored("sessions", "search", '"unclosed AND (').out == ""


def test_export_has_the_text_without_seams_keys_or_control_characters(
    stored: CommandLine,
) -> None:
    done = stored("sessions", "export", "aaaa")
    assert "ends with a full stop and goes on" in done.out
    assert "went silent" not in done.out
    assert KEY not in done.out
    assert is_harmless(done.out)
    said = stored("sessions", "export", "aaaa", "--format", "json")
    assert is_harmless(said.out)
    assert EVIL in said.json["messages"][1]["text"]
    assert KEY not in said.out


def test_export_as_lines_is_the_journal(stored: CommandLine) -> None:
    lines = stored("sessions", "export", "aaaa", "--format", "jsonl").json_lines
    kinds = [line["type"] for line in lines]
    assert kinds[0] == "session-started"
    assert kinds[-1] == "reply-finished"
    assert [line["seq"] for line in lines] == sorted(line["seq"] for line in lines)


def test_export_goes_to_a_file_by_its_ending_and_replaces_none(stored: CommandLine) -> None:
    file = stored.workspace / "talk.json"
    assert stored("sessions", "export", "aaaa", "-o", str(file)).code == Exit.DONE
    assert json.loads(file.read_text("utf-8"))["session"]["title"] == "retry queue"
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text("mine")
    done = stored("sessions", "export", "aaaa", "-o", str(file))
    assert done.code == Exit.WRONG_USE
    assert "--force" in done.err
    assert file.read_text() == "mine"
    assert stored("sessions", "export", "aaaa", "-o", str(file), "--force").code == Exit.DONE
    missing = str(stored.workspace / "no" / "talk.md")
    assert "can't be written" in stored("sessions", "export", "aaaa", "-o", missing).err


def test_delete_without_a_terminal_needs_a_yes(stored: CommandLine) -> None:
    done = stored("sessions", "delete", "aaaa")
    assert done.code == Exit.WRONG_USE
    assert "--yes" in done.err
    assert stored("sessions", "delete", "aaaa", "--yes").code == Exit.DONE
    assert stored("sessions", "show", "aaaa").code == Exit.WRONG_USE
    assert stored("sessions", "show", "aabb").code == Exit.DONE


def test_delete_asks_on_a_terminal(stored: CommandLine) -> None:
    asking = stored.on_terminal("sessions", "delete", "aaaa")
    asking.expect("Delete aaaa1111 “retry queue”.*y/N")
    asking.sendline("n")
    asking.expect("Nothing was deleted")
    asking.expect(pexpect.EOF)
    asking.close()
    assert asking.exitstatus == Exit.DECLINED
    assert stored("sessions", "show", "aaaa").code == Exit.DONE
