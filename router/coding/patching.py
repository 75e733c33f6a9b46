"""Unified diffs as models write them: read, located by their context, applied to text.

Models miscount: the figures of a hunk are taken as hints, its lines as what is meant. That is why
neither a strict parser nor `git apply` reads them.
"""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from router.coding.differences import lines_of
from router.coding.editing import nearest

_FILES: Final = 200
_HUNKS: Final = 500
_RANGES: Final = re.compile(r"@@ -(\d{1,9})(?:,(\d{1,9}))? \+\d{1,9}(?:,\d{1,9})? @@")
_UNSUPPORTED: Final = (
    ("rename ", "renaming"),
    ("copy ", "copying"),
    ("old mode ", "changing the mode of a file"),
    ("new file mode 12", "making a link"),
    ("new file mode 16", "adding a submodule"),
    ("GIT binary patch", "binary content"),
    ("Binary files ", "binary content"),
    ("*** Begin Patch", "this format"),
)


class PatchProblem(Exception):  # noqa: N818  (told to a model, which can mend it)
    """A patch that can't be applied. The message says where, why, and what is allowed."""


class Hunk(msgspec.Struct, frozen=True):
    line: int
    """Of the patch, for messages."""
    start: int | None
    """Line of the file it says it is at, from 0; `None` if it doesn't say."""
    rows: tuple[tuple[str, str], ...]
    """Sign and line, with its end."""

    def side(self, sign: str) -> list[str]:
        return [text for mark, text in self.rows if mark in (" ", sign)]


class FilePatch(msgspec.Struct, frozen=True):
    path: str
    created: bool
    deleted: bool
    executable: bool
    hunks: tuple[Hunk, ...]


# --- reading it --------------------------------------------------------------------------------


def parse(patch: str) -> list[FilePatch]:
    """The files of a unified diff; what stands around them is passed over.

    Raises:
        PatchProblem: it is none, or wants what is not supported.
    """
    lines = [line.removesuffix("\r") for line in patch.split("\n")]
    files: list[FilePatch] = []
    executable = False
    at = 0
    while at < len(lines):
        line = lines[at]
        for start, what in _UNSUPPORTED:
            if line.startswith(start):
                raise PatchProblem(
                    f"Line {at + 1}: {what} is not supported; give a unified diff of text files."
                )
        if _is_head(lines, at):
            file, at = _file(lines, at, executable=executable)
            files.append(file)
            executable = False
            continue
        if line.startswith("@@"):
            raise PatchProblem(f"Line {at + 1}: a hunk without `--- a/…` and `+++ b/…` before it.")
        executable = executable or line.startswith("new file mode 1007")
        at += 1
    if not files:
        raise PatchProblem("There is no file in the patch: each begins with `--- a/…`, `+++ b/…`.")
    if len(files) > _FILES:
        raise PatchProblem(f"The patch has more than {_FILES} files; apply it in parts.")
    if sum(len(file.hunks) for file in files) > _HUNKS:
        raise PatchProblem(f"The patch has more than {_HUNKS} hunks; apply it in parts.")
    return files


def _is_head(lines: Sequence[str], at: int) -> bool:
    return lines[at].startswith("--- ") and at + 1 < len(lines) and lines[at + 1].startswith("+++ ")


def _file(lines: Sequence[str], at: int, *, executable: bool) -> tuple[FilePatch, int]:
    old, new = _name(lines[at], at), _name(lines[at + 1], at + 1)
    path = _path(old, new, at)
    head, at = at, at + 2
    hunks: list[Hunk] = []
    while at < len(lines) and lines[at].startswith("@@"):
        hunk, at = _hunk(lines, at)
        hunks.append(hunk)
    if not hunks and new != "/dev/null" and old != "/dev/null":
        raise PatchProblem(f"Line {head + 1}: {path} has no hunks.")
    file = FilePatch(path, old == "/dev/null", new == "/dev/null", executable, tuple(hunks))
    return file, at


def _name(line: str, at: int) -> str:
    name = line[4:].partition("\t")[0].rstrip()
    if name.startswith('"'):
        raise PatchProblem(f"Line {at + 1}: write paths without quotes.")
    return name


def _path(old: str, new: str, at: int) -> str:
    plain_old = old.removeprefix("a/")
    plain_new = new.removeprefix("b/")
    if old == new == "/dev/null":
        raise PatchProblem(f"Line {at + 1}: both sides are /dev/null.")
    if old == "/dev/null":
        return plain_new
    if new == "/dev/null":
        return plain_old
    if old == new:
        return old
    if plain_old == plain_new:
        return plain_new
    raise PatchProblem(
        f"Line {at + 1}: {old} and {new} differ. Renaming is not supported: delete the one, "
        "create the other."
    )


def _hunk(lines: Sequence[str], at: int) -> tuple[Hunk, int]:
    head = at
    ranges = _RANGES.match(lines[at])
    rows: list[tuple[str, str]] = []
    at += 1
    while at < len(lines) and not lines[at].startswith("@@") and not _is_head(lines, at):
        line = lines[at]
        if line.startswith("\\"):
            _without_end(rows)
        elif line[:1] in {" ", "+", "-"}:
            rows.append((line[0], f"{line[1:]}\n"))
        elif not line:
            rows.append(("", "\n"))  # an empty line of context that lost its blank, or none at all
        else:
            break  # `diff --git …` of the next file, or prose
        at += 1
    start, count = (int(ranges[1]), int(ranges[2] or 1)) if ranges else (None, None)
    rows = _without_blank_end(rows, count)
    if not any(sign in "+-" for sign, _ in rows):
        raise PatchProblem(f"Line {head + 1}: the hunk changes nothing.")
    first = None if start is None else start if count == 0 else max(start - 1, 0)
    return Hunk(head + 1, first, tuple(rows)), at


def _without_end(rows: list[tuple[str, str]]) -> None:
    """`\\ No newline at end of file`, said of the line before."""
    if rows:
        sign, text = rows[-1]
        rows[-1] = (sign, text.removesuffix("\n"))


def _without_blank_end(rows: list[tuple[str, str]], count: int | None) -> list[tuple[str, str]]:
    """Empty lines at the end of a hunk are more often the end of the text than context."""
    old = sum(sign != "+" for sign, _ in rows)
    while rows and rows[-1][0] == "" and (count is None or old > count):
        rows.pop()
        old -= 1
    return [(sign or " ", text) for sign, text in rows]


# --- applying it -------------------------------------------------------------------------------


def applied(file: FilePatch, before: str | None) -> str | None:
    """The text after the patch; `None` when it deletes the file.

    Raises:
        PatchProblem: the patch is not for this text.
    """
    if file.created and before:
        raise PatchProblem(f"{file.path}: the patch creates it, but there is such a file already.")
    if not file.created and before is None:
        raise PatchProblem(f"{file.path}: there is no such file to patch.")
    text = before or ""
    if file.deleted and not file.hunks:
        return None
    after = _patched(file, text)
    if not file.deleted:
        return after
    if after:
        raise PatchProblem(
            f"{file.path}: the patch deletes it, but not all of its lines. Read it again, or give "
            "the two header lines without hunks."
        )
    return None


def _patched(file: FilePatch, text: str) -> str:
    lines = lines_of(text)
    out: list[str] = []
    done = 0
    for hunk in file.hunks:
        old = hunk.side("-")
        at = _locate(file, hunk, lines, old, done)
        out += lines[done:at]
        out += _with_end(lines[at : at + len(old)], hunk)
        done = at + len(old)
        if done < len(lines) and out and not out[-1].endswith("\n"):
            out[-1] += "\n"
    rest = lines[done:]
    if rest and out and not out[-1].endswith("\n"):
        out[-1] += "\n"
    return "".join(out + rest)


def _with_end(found: list[str], hunk: Hunk) -> list[str]:
    """The new lines. Where the file's last line has no end and the patch left that unsaid, the
    context keeps the file's manner."""
    new = hunk.side("+")
    unsaid = bool(found) and not found[-1].endswith("\n") and hunk.rows[-1][0] == " "
    if unsaid and new:
        new[-1] = new[-1].removesuffix("\n")
    return new


def _locate(file: FilePatch, hunk: Hunk, lines: list[str], old: list[str], done: int) -> int:
    where = f"{file.path}, hunk at line {hunk.line} of the patch"
    if not old:
        start = hunk.start if hunk.start is not None else 0 if not lines else -1
        if done <= start <= len(lines):
            return start
        raise PatchProblem(f"{where}: no context says where it belongs; give lines around it.")
    if hunk.start is not None and hunk.start >= done and _is_at(lines, old, hunk.start):
        return hunk.start
    found = _all(lines, old, done)
    if len(found) == 1:
        return found[0]
    if found:
        at = ", ".join(str(number + 1) for number in found[:20])
        raise PatchProblem(f"{where}: its lines are in several places ({at}); give more context.")
    raise PatchProblem(
        f"{where}: its context and removed lines are not in the file in that order. "
        + nearest("".join(lines), "".join(old))
    )


def _all(lines: list[str], old: list[str], done: int) -> list[int]:
    """Places where the lines stand, from `done` on, 21 at most. Searched as one text: that stays
    linear however often lines repeat."""
    body = "\n" + "".join(lines)
    wanted = "\n" + "".join(old).removesuffix("\n")
    found: list[int] = []
    line, counted = 0, 0
    at = body.find(wanted)
    while at >= 0 and len(found) <= 20:
        line += body.count("\n", counted, at)
        counted = at
        whole = body[at + len(wanted) : at + len(wanted) + 1] in {"", "\n"}
        if whole and line >= done and line + len(old) <= len(lines):
            found.append(line)
        at = body.find(wanted, at + 1)
    return found


def _is_at(lines: list[str], old: list[str], at: int) -> bool:
    here = lines[at : at + len(old)]
    if here == old:
        return True
    # Whether the last line of a file has an end is seldom seen: the text decides.
    ends = at + len(old) == len(lines) and here[:-1] == old[:-1]
    return ends and here[-1].removesuffix("\n") == old[-1].removesuffix("\n")
