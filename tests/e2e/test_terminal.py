"""The main job, as a person does it: open, type, read, be interrupted, come back."""

import os
import signal
from pathlib import Path

import psutil
import pytest

from tests.e2e.terminal import Terminal, butler

ASK = "What is the capital of France?"


def answered(screen: str) -> bool:
    """Whether the local model's answer to the question stands below it."""
    return "Paris" in screen and "via T4" in screen


@pytest.mark.timeout(120)
def test_a_question_typed_is_answered_by_the_local_model_and_survives_a_kill(
    tmp_path: Path,
) -> None:
    with butler(tmp_path) as terminal:
        terminal.until("Local only")
        terminal.type(ASK + "\r")
        terminal.until(answered, 60)
        children = psutil.Process(terminal.pid).children(recursive=True)
        os.kill(terminal.pid, signal.SIGKILL)
        gone, alive = psutil.wait_procs(children, timeout=10)
        assert gone
        assert not alive, "the model outlived the program"
    with butler(tmp_path, "--continue") as terminal:
        screen = terminal.until(answered)
        assert ASK in screen
        quit_by_keys(terminal)


def quit_by_keys(terminal: Terminal) -> None:
    terminal.type("/quit\r")
    assert terminal.ended() == 0


@pytest.mark.timeout(120)
def test_a_narrow_terminal_and_one_that_changes_its_size(tmp_path: Path) -> None:
    with butler(tmp_path, columns=80, rows=24) as terminal:
        terminal.until("Local only")
        terminal.type("hello")
        terminal.until("hello")
        terminal.resize(120, 40)
        terminal.until(lambda screen: "Tasks" in screen and "hello" in screen)
        terminal.resize(20, 6)
        terminal.until(lambda screen: "small" in screen)
        terminal.resize(80, 24)
        terminal.until("hello")


@pytest.mark.timeout(60)
def test_escape_sequences_that_are_pasted_are_shown_and_not_obeyed(tmp_path: Path) -> None:
    with butler(tmp_path) as terminal:
        terminal.until("Local only")
        before = len(terminal.raw)
        terminal.type("\x1b[200~red \x1b]0;owned\x07 text\x1b[201~")
        terminal.until("text")
        assert b"\x1b]0;owned" not in terminal.raw[before:]


@pytest.mark.timeout(60)
def test_bytes_that_are_no_text_are_shown_harmlessly(tmp_path: Path) -> None:
    with butler(tmp_path) as terminal:
        terminal.until("Local only")
        terminal.send(b"caf\xff\xfe still here")
        terminal.until("still here")
        quit_after_clearing(terminal)


@pytest.mark.timeout(60)
def test_an_alt_chord_types_nothing_into_the_prompt(tmp_path: Path) -> None:
    with butler(tmp_path) as terminal:
        terminal.until("Local only")
        typed = ""
        for chord, letter in (("\x1ba", "k"), ("\x1b1", "l"), ("\x1br", "m")):
            typed += letter
            terminal.type(chord + letter)
            terminal.until(f"❯ {typed}\n")


def quit_after_clearing(terminal: Terminal) -> None:
    terminal.type("\x03\x03")
    assert terminal.ended() == 0
