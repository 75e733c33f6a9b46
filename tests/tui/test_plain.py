"""What needs no screen: figures, commands, attachments, drafts, the clipboard, history, pace."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from store.events import Attachment
from tui import clipboard, figures
from tui.attachments import LARGEST, UnreadableFile, list_files, read_mentioned
from tui.completing import best
from tui.drafts import Draft, Drafts, take_over
from tui.editor import Edited, edit
from tui.history import History
from tui.pace import Pace
from tui.slash import Slash, matching, nearest, parse


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("/help", Slash("help", "")),
        ("  /SUM  @a.md and\nmore ", Slash("sum", "@a.md and\nmore")),
        ("/usr/bin/env", None),
        ("/etc", Slash("etc", "")),
        ("/ help", None),
        ("what is /help?", None),
        ("/research the moon", None),
    ],
)
def test_commands_are_told_from_text(text: str, read: Slash | None) -> None:
    assert parse(text) == read


@pytest.mark.parametrize(
    ("typed", "meant"), [("hlep", "help"), ("session", "sessions"), ("exprot", "export")]
)
def test_the_nearest_command_is_named(typed: str, meant: str) -> None:
    assert nearest(typed) == meant


def test_commands_complete_by_their_beginning_only() -> None:
    assert [command.name for command in matching("/se")] == ["sessions"]
    assert matching("/se x") == matching("se") == []


def test_figures_read_as_people_write_them() -> None:
    assert [figures.tokens(n) for n in (0, 999, 1_000, 2_750, 18_200, 999_499, 1_200_000)] == [
        "0", "999", "1k", "2.8k", "18k", "999k", "1.2M"
    ]  # fmt: skip
    assert [figures.money(m) for m in (None, 0, 0.0004, 0.004, 1.916)] == [
        "unpriced", "$0", "<$0.001", "$0.004", "$1.92"
    ]  # fmt: skip
    assert [figures.span(ms) for ms in (0, 59_999, 60_000, 4_200_000, 223_200_000)] == [
        "0 s", "59 s", "1 m", "1 h 10 m", "2 d 14 h"
    ]  # fmt: skip
    assert [figures.stopwatch(ms) for ms in (-5, 9_000, 761_000, 3_723_000)] == [
        "0:00", "0:09", "12:41", "1:02:03"
    ]  # fmt: skip


# --- attachments ---


def test_mentioned_files_are_read_once_and_lookalikes_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("alpha")
    (tmp_path / "with space.txt").write_text("beta")
    text = 'see @a.md, and @a.md again, @"with space.txt" but @property and me@example.com too'
    read = read_mentioned(text, tmp_path)
    assert read.pieces == (Attachment("a.md", "alpha"), Attachment("with space.txt", "beta"))


def test_files_that_can_not_be_attached_get_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\0\0")
    (tmp_path / "folder").mkdir()
    with (tmp_path / "huge.txt").open("wb") as huge:
        huge.truncate(LARGEST + 1)
    for name, says in {
        "gone.md": "There is no file",
        "picture.png": "binary",
        "folder": "is a folder",
        "huge.txt": "8.0 MB",
    }.items():
        with pytest.raises(UnreadableFile, match=says):
            read_mentioned(f"read @{name}", tmp_path)


def test_bytes_that_are_no_text_are_shown_as_such_and_told(tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes("café � ok".encode("latin-1", "replace") + b"\xff")
    read = read_mentioned("@latin.txt", tmp_path)
    assert "caf�" in read.pieces[0].text
    assert read.remark == "latin.txt is not all UTF-8: 2 bytes are shown as �."


def test_files_to_complete_leave_out_what_git_ignores(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    for name in ("src/queue.py", "README.md", ".hidden/x", "node_modules/y"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    assert list_files(tmp_path) == ["README.md", "src/queue.py"]
    assert best("que", list_files(tmp_path)) == ["src/queue.py"]
    assert best("raedme", list_files(tmp_path)) == ["README.md"]


# --- drafts ---


async def test_a_draft_is_written_after_a_moment_and_taken_over_when_its_program_is_gone(
    tmp_path: Path,
) -> None:
    told: list[str] = []
    drafts = Drafts(tmp_path / "state", told.append)
    draft = Draft("half", (Attachment("pasted", "x" * 1000),))
    drafts.keep(Draft("ha"))
    drafts.keep(draft)
    await drafts.close()
    (path,) = (tmp_path / "state").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    path.rename(path.with_name("draft-999999999.json"))
    assert take_over(tmp_path / "state") == draft
    drafts.keep(Draft())
    await drafts.close()
    assert list((tmp_path / "state").iterdir()) == []
    assert told == []


def test_the_draft_of_a_living_program_is_left_to_it(tmp_path: Path) -> None:
    (tmp_path / f"draft-{os.getppid()}.json").write_text('{"text": "not yours"}')
    (tmp_path / "draft-999999999.json").write_text("broken")
    assert take_over(tmp_path) == Draft()


async def test_a_draft_that_can_not_be_written_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("in the way")
    told: list[str] = []
    drafts = Drafts(tmp_path / "state", told.append)
    drafts.keep(Draft("x"))
    await drafts.close()
    await drafts.close()
    assert len(told) == 1
    assert "lives only on the screen" in told[0]


# --- the rest ---


def test_history_walks_back_and_returns_to_the_draft() -> None:
    history = History()
    history.add_older(["one", "two"])
    history.add("three")
    assert [history.walk(-1, text) for text in ("new", "three", "two")] == ["three", "two", "one"]
    assert history.walk(-1, "one") is None
    assert history.walk(1, "one") == "two"
    assert history.walk(1, "two") == "three"
    assert history.walk(1, "three") == "new"
    assert history.walk(1, "new") is None
    assert history.walk(-1, "edited") == "three"


async def test_the_first_change_is_painted_at_once_and_a_flood_is_not_painted_each() -> None:
    painted: list[float] = []
    loop = asyncio.get_running_loop()
    pace = Pace(lambda: painted.append(loop.time()), gap=0.05)
    for _ in range(100):
        pace.wanted()
    assert len(painted) == 1
    await asyncio.sleep(0.12)
    assert len(painted) == 2
    assert painted[1] - painted[0] >= 0.049


def test_code_blocks_are_found_without_their_fences() -> None:
    text = "a\n```py\nx = 1\n```\n~~~\n```\nnested\n```\n~~~\n```sh\nopen"
    assert clipboard.code_blocks(text) == ["x = 1", "```\nnested\n```", "open"]


def test_the_clipboard_program_fits_the_desktop(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("wl-copy", "xsel"):
        program = tmp_path / name
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    assert clipboard.command({"WAYLAND_DISPLAY": "w", "DISPLAY": ":0"}) == ["wl-copy"]
    assert clipboard.command({"DISPLAY": ":0"}) == ["xsel", "--clipboard", "--input"]
    assert clipboard.command({}) is None


async def test_copying_hands_the_text_to_the_program(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "xclip"
    program.write_text(f"#!/bin/sh\nexec /bin/cat > {tmp_path}/copied\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    await clipboard.copy("grüße")
    assert (tmp_path / "copied").read_text() == "grüße"


def test_the_editor_s_text_comes_back_and_its_failure_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = tmp_path / "ed it"
    script.write_text('#!/bin/sh\nprintf "more\\n" >> "$1"\n')
    script.chmod(0o755)
    monkeypatch.setenv("VISUAL", f"'{script}'")
    assert edit("some\n") == Edited("some\nmore")
    monkeypatch.setenv("VISUAL", "false")
    assert edit("x") == Edited("x", "false ended with code 1: the prompt is as it was.")
    monkeypatch.setenv("VISUAL", "/nowhere/ed")
    assert "set $VISUAL" in edit("x").problem
