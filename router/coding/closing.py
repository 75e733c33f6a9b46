"""When the work has ended: what changed is shown, and nothing of it is the user's yet."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from router.coding.contract import Halt, Question, Report
from router.coding.obeyed import obeyed
from router.coding.visible import visible
from store.events import ChangedFile, ChangesReady

if TYPE_CHECKING:
    from router.coding.desk import Desk

log = logging.getLogger(__name__)

_NAMED: Final = 8
"""Files that a sentence names."""


async def close(desk: "Desk", report: Report) -> Halt:
    """Show what changed and ask what is to become of it. Without changes it is the end."""
    changes = await desk.workspace.changes()
    if not changes:
        if report.state == "done":
            await desk.workspace.close()
        return Halt(report=report)
    ready = ChangesReady(files=changes, text=report.text)
    asked = question(changes)
    done = report.state == "done"
    text = f"{report.text}\n\n{counted(changes)}: apply, keep or discard them.".strip()
    if done:
        await desk.put(asked, f"changes ready: {counted(changes)}", ready)
    else:
        await desk.put(asked, "", ready)
    return Halt(report=replace(report, text=text), waits=done)


async def ask_again(desk: "Desk") -> Halt:
    """The program ended between the user's decision and what it was about: ask once more, for
    applying twice does no harm."""
    left, ready = set(desk.record.unsettled()), desk.record.changes
    files = [file for file in ready.files if file.path in left] if ready else []
    await desk.put(question(files), f"changes ready: {counted(files)}")
    return Halt(waits=True)


async def leave(desk: "Desk") -> None:
    """Tell what a session that was called off has changed, without asking about it."""
    if not desk.is_open:
        return
    changes = await desk.workspace.changes()
    if changes:
        desk.say(ChangesReady(files=changes))


def question(changes: Sequence[ChangedFile], conflicts: Sequence[str] = ()) -> Question:
    lines = [_line(file) for file in changes]
    detail = "Your files are as they were until you apply it."
    if conflicts:
        detail = (
            "Not applied, for your files have changed in the same places: "
            f"{_listed(conflicts)}. Nothing was overwritten: look at the diff, then apply "
            "again, keep the branch and merge it yourself, or discard it."
        )
    special = obeyed(file.path for file in changes if file.change != "delete")
    if special:
        detail += f"\nRead these first, for programs obey what is in them: {_listed(special)}."
    return Question(
        kind="changes",
        question=f"{counted(changes)}. Apply to your files?",
        shown="\n".join(lines),
        detail=detail,
        choices=("apply", "keep", "discard"),
    )


def _line(file: ChangedFile) -> str:
    return f"{_sign(file)} {visible(file.path, keep='')}  +{file.added} −{file.removed}"


def _listed(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
    return ", ".join(visible(path, keep="") for path in paths[:_NAMED]) + more


def counted(changes: Sequence[ChangedFile]) -> str:
    """`3 files +20 −4`."""
    plural = "" if len(changes) == 1 else "s"
    added, removed = sum(f.added for f in changes), sum(f.removed for f in changes)
    return f"{len(changes)} file{plural} +{added} −{removed}"


def _sign(file: ChangedFile) -> str:
    return {"new": "new   ", "edit": "edit  ", "delete": "delete"}[file.change]
