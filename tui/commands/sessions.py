"""`butler sessions`: conversations as a list, as text, as files."""

import sys
import time
from pathlib import Path

import click

from router.exporting import Format, as_json, export, messages
from store.opening import Store
from store.sessions import SessionRow
from tui import figures
from tui.commands.surroundings import find_places, opened_store
from tui.exits import CommandFailed, Exit
from tui.output import harmless, json_harmless, printed, remark, say, say_as_is, say_json, table

SHORT = 8
"""Characters of an id that lists show; more are asked for only where they are needed."""


@click.group()
def sessions() -> None:
    """List, show, search, export and delete conversations.

    An ID may be cut short as long as it stays unique.
    """


@sessions.command("list")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--all", "everything", is_flag=True, help="Spawned ones too.")
@click.option("--json", "as_json_", is_flag=True, help="As a JSON array.")
def list_(*, limit: int, everything: bool, as_json_: bool) -> int:
    """List conversations, the latest first."""
    with opened_store(find_places()) as store:
        rows = store.sessions.list(limit=limit, parents_only=not everything)
    if as_json_:
        say_json(rows)
    elif rows:
        say(table([_cells(row) for row in rows], right=(2, 3)))
    else:
        remark("There are no conversations yet. Begin one: butler")
    return Exit.DONE


@sessions.command()
@click.argument("id_", metavar="ID")
@click.option("--json", "as_json_", is_flag=True, help="As one JSON object.")
def show(id_: str, *, as_json_: bool) -> int:
    """Print a conversation."""
    with opened_store(find_places()) as store:
        if as_json_:
            row = store.sessions.get(id_)
            said = [as_json(message) for message in messages(store, row.id)]
            say_json({"session": row, "messages": said})
        else:
            for piece in export(store, id_, "md"):
                say(piece.removesuffix("\n"))
    return Exit.DONE


@sessions.command()
@click.argument("words", nargs=-1, required=True)
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1_000))
@click.option("--json", "as_json_", is_flag=True, help="As a JSON array.")
def search(words: tuple[str, ...], *, limit: int, as_json_: bool) -> int:
    """Find messages that hold all WORDS; the last may be the beginning of one.

    Example: butler sessions search retry queue
    """
    with opened_store(find_places()) as store:
        hits = store.sessions.search(printed(" ".join(words)), limit=limit)
    if as_json_:
        say_json(hits)
    elif hits:
        now = _now()
        rows = [
            (h.session[:SHORT], figures.ago(h.at, now), h.role, _marked(h.snippet)) for h in hits
        ]
        say(table(rows))
    else:
        remark("No message holds that.")
    return Exit.DONE


@sessions.command("export")
@click.argument("id_", metavar="ID")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["md", "json", "jsonl"]),
    help="Default: what FILE ends with, else md. jsonl has every event of the journal.",
)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE")
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
def export_(id_: str, *, format_: Format | None, output: Path | None, force: bool) -> int:
    """Write a conversation to FILE, or to the standard output.

    Example: butler sessions export 3f2a -o talk.md
    """
    if output is not None and output.exists() and not force:
        raise CommandFailed(f"{output} exists: name another, or add --force.", Exit.WRONG_USE)
    chosen = format_ or _format_of(output)
    # Also in a file: somebody will show it on a terminal.
    shown = harmless if chosen == "md" else json_harmless
    with opened_store(find_places()) as store:
        pieces = (shown(piece) for piece in export(store, id_, chosen))
        if output is None:
            for piece in pieces:
                say_as_is(piece)
        else:
            _write(output, "".join(pieces))
    return Exit.DONE


@sessions.command()
@click.argument("id_", metavar="ID")
@click.option("--yes", is_flag=True, help="Don't ask.")
def delete(id_: str, *, yes: bool) -> int:
    """Delete a conversation and what it spawned. What it used stays counted."""
    with opened_store(find_places()) as store:
        row = store.sessions.get(id_)
        if not yes and not _agreed(store, row):
            remark("Nothing was deleted.")
            return Exit.DECLINED
        gone = store.sessions.delete(row.id)
    remark(f"Deleted {figures.counted(gone, 'conversation')}.")
    return Exit.DONE


def _agreed(store: Store, row: SessionRow) -> bool:
    if not sys.stdin.isatty():
        text = "There is no terminal to ask on: add --yes to delete it."
        raise CommandFailed(text, Exit.WRONG_USE)
    children = len(store.sessions.children(row.id))
    also = f" and {figures.counted(children, 'session')} it spawned" if children else ""
    title = printed(row.title) or "untitled"
    count = figures.counted(row.messages, "message")
    return click.confirm(f"Delete {row.id[:SHORT]} “{title}” ({count}){also}?", err=True)


def _cells(row: SessionRow) -> tuple[str, ...]:
    marks = " ".join(["private"] * row.private + ["waits for you"] * row.waiting)
    state = "" if row.state == "open" else row.state
    return (
        row.id[:SHORT],
        figures.ago(row.updated_at, _now()),
        figures.counted(row.messages, "message"),
        figures.tokens(row.tokens),
        figures.money(row.cost) if row.tokens else "",
        " ".join(filter(None, (state, marks))),
        row.title or "untitled",
    )


def _marked(snippet: str) -> str:
    return snippet.replace("\x02", "»").replace("\x03", "«").replace("\n", " ")


def _format_of(output: Path | None) -> Format:
    endings: dict[str, Format] = {".json": "json", ".jsonl": "jsonl"}
    return endings.get(output.suffix, "md") if output else "md"


def _write(output: Path, text: str) -> None:
    try:
        output.touch(mode=0o600)
        _ = output.write_text(text, "utf-8")
    except OSError as error:
        raise CommandFailed(f"{output} can't be written ({error.strerror}).") from error


def _now() -> int:
    return int(time.time() * 1000)
