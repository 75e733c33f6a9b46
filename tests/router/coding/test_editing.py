"""Edits and patches: what matches, what does not, and what is said then."""

import difflib
import os
import random
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.coding.confinement import PathProblem
from router.coding.differences import difference
from router.coding.editing import NoMatch, edited
from router.coding.patching import PatchProblem, applied, parse
from router.coding.textfiles import Proposed, TextFile, load, make

TEXT = "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\n"


def file_of(text: str) -> TextFile:
    return TextFile(path="a.txt", text=text, stamp=(0, 0, 0))


def patched(patch: str, text: str | None = TEXT) -> str | None:
    (file,) = parse(patch)
    return applied(file, text)


# --- exact match -------------------------------------------------------------------------------


def test_text_is_replaced_where_it_is_once_or_everywhere() -> None:
    assert edited(file_of(TEXT), "two\n", "2\n", everywhere=False) == TEXT.replace("two", "2")
    assert edited(file_of("x x x"), "x", "yy", everywhere=True) == "yy yy yy"


def test_several_matches_are_told_with_their_lines() -> None:
    with pytest.raises(NoMatch, match=r"3 times in a\.txt, at lines 1, 3, 4"):
        edited(file_of("x\ny\nx\nx\n"), "x", "z", everywhere=False)


def test_what_is_not_there_is_told_with_the_nearest_lines() -> None:
    with pytest.raises(NoMatch, match=r"2: def total\(items\):"):
        edited(file_of("import x\ndef total(items):\n"), "def total(item):", "", everywhere=False)


def test_a_nearest_line_that_holds_a_secret_is_withheld() -> None:
    text = "token = 'ghp_" + "a1B2" * 9 + "'\n"
    with pytest.raises(NoMatch) as told:
        edited(file_of(text), "token = 'ghp_a1B2a1B2a1B2a1B2a1B2a1B2'", "", everywhere=False)
    assert "withheld" in str(told.value)
    assert "a1B2a1B2" not in str(told.value)


@pytest.mark.parametrize(("old", "new"), [("", "x"), ("one", "one")])
def test_an_edit_that_says_nothing_is_refused(old: str, new: str) -> None:
    with pytest.raises(NoMatch):
        edited(file_of(TEXT), old, new, everywhere=False)


def test_a_replacement_that_would_fill_the_memory_is_refused() -> None:
    with pytest.raises(NoMatch, match="grow beyond"):
        edited(file_of("a" * 1_000_000), "a", "b" * 1_000_000, everywhere=True)


# --- patches -----------------------------------------------------------------------------------


def test_hunks_are_found_by_their_context_where_the_figures_are_wrong() -> None:
    patch = (
        "--- a/a.txt\n+++ b/a.txt\n@@ -40,9 +40,1 @@\n two\n-three\n+3\n four\n"
        "@@ ... @@\n seven\n-eight\n+8\n"
    )
    assert patched(patch) == "one\ntwo\n3\nfour\nfive\nsix\nseven\n8\n"


def test_lines_in_several_places_are_not_guessed_at() -> None:
    patch = "--- a/a.txt\n+++ b/a.txt\n@@ -9 +9 @@\n-x\n+y\n"
    with pytest.raises(PatchProblem, match=r"several places \(1, 3\)"):
        patched(patch, "x\nz\nx\n")
    assert patched(patch.replace("-9 +9", "-3 +3"), "x\nz\nx\n") == "x\nz\ny\n"


def test_context_that_is_not_there_is_told_with_the_nearest_lines() -> None:
    with pytest.raises(PatchProblem, match="3: three"):
        patched("--- a/a.txt\n+++ b/a.txt\n@@ -3 +3 @@\n-threee\n+3\n")


def test_files_are_created_and_deleted() -> None:
    assert patched("--- /dev/null\n+++ b/a.txt\n@@ -0,0 +1,2 @@\n+a\n+b\n", None) == "a\nb\n"
    assert patched("--- a/a.txt\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-a\n-b\n", "a\nb\n") is None
    assert patched("--- a/a.txt\n+++ /dev/null\n", "a\nb\n") is None
    with pytest.raises(PatchProblem, match="not all of its lines"):
        patched("--- a/a.txt\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n", "a\nb\n")
    with pytest.raises(PatchProblem, match="already"):
        patched("--- /dev/null\n+++ b/a.txt\n@@ -0,0 +1 @@\n+a\n", "b\n")


def test_a_missing_newline_at_the_end_is_kept_added_and_taken_away() -> None:
    head = "--- a/a.txt\n+++ b/a.txt\n"
    mark = "\\ No newline at end of file\n"
    assert patched(f"{head}@@ -1,2 +1,2 @@\n-a\n+A\n b\n", "a\nb") == "A\nb"
    assert patched(f"{head}@@ -1 +1 @@\n-b\n{mark}+b\n", "b") == "b\n"
    assert patched(f"{head}@@ -1 +1 @@\n-b\n+b\n{mark}", "b\n") == "b"


def test_a_removed_line_of_dashes_is_no_header() -> None:
    patch = "--- a/a.sql\n+++ b/a.sql\n@@ -1,2 +1 @@\n--- old comment\n select\n"
    assert patched(patch, "-- old comment\nselect\n") == "select\n"


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        ("no patch at all", "no file in the patch"),
        ("*** Begin Patch\n*** Update File: a", "not supported"),
        ("diff --git a/a b/b\nrename from a\nrename to b\n", "renaming is not supported"),
        ("new file mode 120000\n--- /dev/null\n+++ b/a\n@@ -0,0 +1 @@\n+/etc\n", "link"),
        ("--- a/a\n+++ b/c\n@@ -1 +1 @@\n-a\n+b\n", "differ"),
        ('--- "a/a"\n+++ "b/a"\n@@ -1 +1 @@\n-a\n+b\n', "without quotes"),
        ("--- a/a\n+++ b/a\n", "no hunks"),
        ("--- a/a\n+++ b/a\n@@ -1 +1 @@\n a\n", "changes nothing"),
        ("@@ -1 +1 @@\n-a\n+b\n", "without `--- a/"),
    ],
)
def test_what_is_no_patch_of_text_is_refused_in_words(patch: str, said: str) -> None:
    with pytest.raises(PatchProblem, match=said):
        parse(patch)


_TEXT = st.lists(
    st.sampled_from(["a", "b", "c", "", "\x0c", "é", "- x", "+ y", "-- z"]), max_size=30
)


@settings(max_examples=200, deadline=None)
@given(old=_TEXT, new=_TEXT, ends=st.tuples(st.booleans(), st.booleans()))
def test_our_diffs_are_patches_that_give_the_new_text(
    old: list[str], new: list[str], ends: tuple[bool, bool]
) -> None:
    before = "\n".join(old) + "\n" * ends[0]
    after = "\n".join(new) + "\n" * ends[1]
    found = difference("a.txt", before, after)
    if before == after:
        assert (found.added, found.removed) == (0, 0)
    else:
        assert patched(found.diff, before) == after


def test_a_diff_agrees_with_pythons_own() -> None:
    after = TEXT.replace("two\n", "2\n").replace("eight\n", "8\nnine\n")
    own = difflib.unified_diff(TEXT.splitlines(True), after.splitlines(True), "a/x", "b/x", n=3)
    found = difference("x", TEXT, after)
    assert [line[0] for line in found.diff.splitlines()] == [line[0] for line in own if line]
    assert (found.added, found.removed) == (3, 2)


def test_texts_made_to_be_slow_are_compared_and_searched_quickly() -> None:
    numbers = random.Random(1)
    old = "".join(f"{numbers.randrange(3)}\n" for _ in range(30_000))
    new = "".join(f"{numbers.randrange(3)}\n" for _ in range(30_000))
    began = time.process_time()
    assert difference("x", old, new).added
    rows = "".join(" \n" for _ in range(100_000))
    with pytest.raises(PatchProblem):
        patched(f"--- a/x\n+++ b/x\n@@ -1 +1 @@\n{rows}-q\n+r\n", "\n" * 1_000_000)
    assert time.process_time() - began < 10


# --- files -------------------------------------------------------------------------------------


def change(root: Path, path: str, after: str | None) -> Proposed:
    real, before = load(root, path)
    return Proposed(path=real, before=before, after=after)


def test_line_ends_mode_and_mark_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "run.bat"
    file.write_bytes(b"\xef\xbb\xbfa\r\nb\r\n")
    file.chmod(0o750)
    make(tmp_path, [change(tmp_path, "run.bat", "a\nc\n")])
    assert file.read_bytes() == b"\xef\xbb\xbfa\r\nc\r\n"
    assert file.stat().st_mode & 0o777 == 0o750


def test_mixed_line_ends_stay_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a\r\nb\nc\r\n")
    _, before = load(tmp_path, "a")
    assert before is not None
    after = edited(before, "c\n", "d\ne\n", everywhere=False)
    make(tmp_path, [Proposed(path="a", before=before, after=after)])
    assert (tmp_path / "a").read_bytes() == b"a\r\nb\nd\r\ne\r\n"


def test_a_file_that_changed_meanwhile_is_left_alone_and_so_are_the_others(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    changes = [change(tmp_path, "a", "A"), change(tmp_path, "b", "B"), change(tmp_path, "c", "C")]
    (tmp_path / "b").write_text("the user's")
    with pytest.raises(PathProblem, match="b: it has changed meanwhile"):
        make(tmp_path, changes)
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {
        "a": "a",
        "b": "the user's",
    }


def test_when_the_disk_refuses_half_way_everything_is_as_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    changes = [change(tmp_path, "a", "A"), change(tmp_path, "n", "N"), change(tmp_path, "b", None)]

    def refuse(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    original = os.unlink

    def unlink(path: str, *, dir_fd: int | None = None) -> None:
        if path == "b":
            refuse()
        original(path, dir_fd=dir_fd)

    monkeypatch.setattr(os, "unlink", unlink)
    with pytest.raises(PathProblem, match="Input/output"):
        make(tmp_path, changes)
    monkeypatch.undo()
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"a": "a", "b": "b"}


def test_a_link_put_in_a_files_place_is_not_written_through(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "a").write_text("a")
    proposed = change(root, "a", "A")
    (tmp_path / "outside").write_text("outside")
    (root / "a").unlink()
    (root / "a").symlink_to(tmp_path / "outside")
    with pytest.raises(PathProblem):
        make(root, [proposed])
    assert (tmp_path / "outside").read_text() == "outside"


def test_a_hard_link_to_outside_is_replaced_not_written_through(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "outside").write_text("outside")
    (root / "a").hardlink_to(tmp_path / "outside")
    make(root, [change(root, "a", "changed")])
    assert (root / "a").read_text() == "changed"
    assert (tmp_path / "outside").read_text() == "outside"


@pytest.mark.parametrize("content", [b"a\0b", b"\xff\xfeab", b"caf\xe9"])
def test_what_is_not_utf8_text_is_not_changed(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(PathProblem, match=r"binary|not UTF-8"):
        load(tmp_path, "a")


def test_a_read_only_file_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "a").chmod(0o444)
    with pytest.raises(PathProblem, match="read-only"):
        load(tmp_path, "a")
