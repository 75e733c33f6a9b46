"""`butler workspaces`: folders of coding sessions that are still there."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

import click

from tui import figures
from tui.commands.surroundings import find_places, opened_store
from tui.exits import CommandFailed, Exit
from tui.output import printed, remark, say, say_json, table

if TYPE_CHECKING:
    from router.coding.leftovers import Leftover
    from store.opening import Store

SHORT = 8
Format = Literal["text", "json"]
_FORMAT = click.option(
    "--output-format", "format_", type=click.Choice(["text", "json"]), default="text"
)


@click.group(invoke_without_command=True)
@_FORMAT
@click.pass_context
def workspaces(ctx: click.Context, *, format_: Format) -> int:
    """List the workspaces of coding sessions that are still there."""
    if ctx.invoked_subcommand is not None:
        return Exit.DONE
    with opened_store(find_places()) as store:
        found = asyncio.run(_found(store))
    if format_ == "json":
        say_json([_fields(one) for one in found])
    elif found:
        now = _now()
        say(table([_cells(one, now) for one in found], right=(3,)))
    else:
        remark("There are no workspaces.")
    return Exit.DONE


@workspaces.command()
@click.argument("ids", nargs=-1, metavar="[ID]…")
@click.option("--all", "everything", is_flag=True, help="All of them.")
@click.option("--force", is_flag=True, help="With changes that are in none of your files.")
@_FORMAT
def clean(ids: tuple[str, ...], *, everything: bool, force: bool, format_: Format) -> int:
    """Remove workspaces of sessions that have ended, if all their changes are settled.

    Without ID and --all it removes what it may and leaves the rest.

    Example: butler workspaces clean 3f2a --force
    """
    if ids and everything:
        raise CommandFailed("Give IDs or --all, not both.", Exit.WRONG_USE)
    if force and not ids and not everything:
        raise CommandFailed("What is to be forced? Name it, or add --all.", Exit.WRONG_USE)
    with opened_store(find_places()) as store:
        refused = asyncio.run(_clean(store, [*map(printed, ids)], force=force, format_=format_))
    return Exit.DECLINED if refused and (ids or everything) else Exit.DONE


async def _found(store: "Store") -> "list[Leftover]":
    from router.coding.leftovers import leftovers

    return await leftovers(store, find_places().data / "workspaces")


async def _clean(store: "Store", ids: Sequence[str], *, force: bool, format_: Format) -> bool:
    """Whether anything was refused."""
    found = await _found(store)
    wanted = [_one_of(found, name) for name in ids] if ids else found
    removed, refused = list[str](), list[dict[str, str]]()
    for one in dict.fromkeys(wanted):
        reason = await _removed(store, one, force=force)
        if reason:
            refused.append({"id": one.session, "reason": reason})
        else:
            removed.append(one.session)
        if format_ == "text":
            remark(f"{one.session[:SHORT]} stays: {reason}." if reason else _gone(one))
    if format_ == "json":
        say_json({"removed": removed, "refused": refused})
    elif not wanted:
        remark("There are no workspaces.")
    return bool(refused)


async def _removed(store: "Store", one: "Leftover", *, force: bool) -> str:
    """Why not; empty if it is removed."""
    from router.coding.leftovers import StillRuns, clean
    from router.coding.workspace import WorkspaceProblem

    if one.reason_to_stay and not force:
        return f"{one.reason_to_stay} (--force removes it all the same)"
    try:
        await clean(store, one)
    except StillRuns:
        return "its session is open in another Butler; close it there"
    except WorkspaceProblem as problem:
        return str(problem).removesuffix(".")
    return ""


def _one_of(found: "Iterable[Leftover]", name: str) -> "Leftover":
    fitting = [one for one in found if name and one.session.startswith(name)]
    exact = [one for one in fitting if one.session == name]
    match exact or fitting:
        case [one]:
            return one
        case []:
            text = f"There is no workspace “{name}”. `butler workspaces` shows them all."
        case several:
            names = ", ".join(one.session for one in several[:4])
            text = f"“{name}” fits several workspaces ({names}); give more letters."
    raise CommandFailed(text, Exit.WRONG_USE)


def _gone(one: "Leftover") -> str:
    return f"{one.session[:SHORT]} is removed, {figures.size(one.size)}."


def _cells(one: "Leftover", now: int) -> tuple[str, ...]:
    return (
        one.session[:SHORT],
        one.kind,
        one.state,
        figures.size(one.size),
        figures.ago(one.at, now),
        _standing(one),
        one.title or "untitled",
        one.branch,
        str(one.folder),
    )


def _standing(one: "Leftover") -> str:
    if one.gone:
        return "folder is gone"
    if one.kept:
        return "kept"
    if one.problem:
        return "changes unknown"
    return f"{figures.counted(len(one.unsettled), 'change')} not settled" if one.unsettled else ""


def _fields(one: "Leftover") -> dict[str, object]:
    return {
        "id": one.session,
        "title": one.title,
        "kind": one.kind,
        "state": one.state,
        "folder": str(one.folder),
        "source": one.opened.source if one.opened else "",
        "branch": one.branch,
        "size": one.size,
        "created_at": one.at,
        "unsettled": one.unsettled,
        "kept": one.kept,
        "gone": one.gone,
        "problem": one.problem,
    }


def _now() -> int:
    return int(time.time() * 1000)
