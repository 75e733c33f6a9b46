"""`butler doctor`: what is ready, what is missing, and the command that mends it."""

import asyncio
import locale
import os
import platform
import shutil
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import click
import msgspec

from router.asking import TierCheck
from router.config import Account
from router.keys import find_key, needs_key
from router.loading import Loaded, read
from router.places import Places, is_open
from store.errors import StoreError
from store.health import StoreHealth
from store.opening import Store
from tui import figures
from tui.commands.surroundings import find_places, find_workspace, keys_remark
from tui.exits import Exit
from tui.log import logging_to
from tui.output import say, say_json, table

PACKAGES: Final = (
    "modelbutler",
    "textual",
    "anthropic",
    "openai",
    "google-genai",
    "ollama",
    "xllamacpp",
    "msgspec",
    "sqlite-utils",
    "keyring",
)
TERMINAL: Final = (
    "TERM",
    "COLORTERM",
    "TERM_PROGRAM",
    "NO_COLOR",
    "TMUX",
    "STY",
    "SSH_TTY",
)


class Report(msgspec.Struct, kw_only=True):
    ready: bool
    """Some tier can answer."""
    tiers: list[TierCheck]
    keys: dict[str, str]
    """Where each account's key was found, or `none needed`, or `missing`. Never a key."""
    model_file: str | None
    """The embedded model's file; `None` if it has yet to be fetched."""
    mistakes: list[str]
    """In the configuration and with the places, a sentence each."""
    store: StoreHealth | None
    store_problem: str = ""
    places: dict[str, str]
    versions: dict[str, str]
    terminal: dict[str, str]


@click.command()
@click.option("--online", is_flag=True, help="Ask the services too. It costs no tokens.")
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def doctor(*, online: bool, as_json: bool) -> int:
    """Say which tiers are ready, what is missing, and the command that mends it.

    Exit codes: 0 all is well, 1 the store is not, 2 the configuration has mistakes, 3 no tier
    can answer.
    """
    report = examine(find_places(), online=online)
    if as_json:
        say_json(report)
    else:
        say(_text(report))
    if not report.ready:
        return Exit.NO_TIER
    if report.mistakes:
        return Exit.WRONG_USE
    return Exit.FAILED if report.store_problem or _unsound(report.store) else Exit.DONE


def examine(places: Places, *, online: bool) -> Report:
    """Look at everything. Reads the whole store."""
    loaded = read(places, environ=os.environ, project=find_workspace())
    problems = [*loaded.sentences(), *filter(None, [keys_remark(places)]), *_open_places(places)]
    health, problem = _store(places)
    with logging_to(places):
        tiers = asyncio.run(_tiers(loaded, places, online=online))
    return Report(
        ready=any(tier.ready for tier in tiers),
        tiers=tiers,
        keys={name: _key(name, a, places) for name, a in loaded.config.accounts.items()},
        model_file=_model_file(places),
        mistakes=problems,
        store=health,
        store_problem=problem,
        places=_places(places),
        versions=_versions(),
        terminal=_terminal(),
    )


def _store(places: Places) -> tuple[StoreHealth | None, str]:
    try:
        with Store.open(places.data) as store:
            return store.health(), " ".join(store.notices)
    except StoreError as error:
        return None, str(error)


async def _tiers(loaded: Loaded, places: Places, *, online: bool) -> list[TierCheck]:
    """Ask an engine, on a store of its own: one that can't be opened must not hide the rest."""
    from router.engine import Engine

    with (
        tempfile.TemporaryDirectory(prefix="butler-doctor-") as folder,
        Store.open(Path(folder)) as store,
    ):
        async with Engine(loaded.config, store, places, workspace=Path(folder)) as engine:
            return await engine.check(online=online)


def _key(name: str, account: Account, places: Places) -> str:
    key = find_key(name, account, os.environ, places)
    if key is not None:
        return key.source
    return "missing" if needs_key(account) else "none needed"


def _model_file(places: Places) -> str | None:
    from router.providers.embedded import find_gguf

    found = find_gguf(places.data)
    return str(found) if found else None


def _open_places(places: Places) -> list[str]:
    """Folders and files of Butler's that others on this machine may look into."""
    own = (places.data, places.state, *(() if places.portable else (places.config,)))
    shut = [(path, "700") for path in own] + [(places.config_file, "600")]
    return [
        f"{path} can be read by others: chmod {mode} '{path}'"
        for path, mode in shut
        if path.exists() and is_open(path)
    ]


def _places(places: Places) -> dict[str, str]:
    return {
        "configuration": str(places.config_file),
        "keys": str(places.keys_file),
        "store": str(places.data),
        "log": str(places.log_file),
    }


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "system": platform.platform(terse=True)}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def _terminal() -> dict[str, str]:
    size = shutil.get_terminal_size()
    facts = {name: os.environ[name] for name in TERMINAL if name in os.environ}
    return {
        "terminal": "yes" if sys.stdin.isatty() and sys.stdout.isatty() else "no",
        "size": f"{size.columns}×{size.lines}",
        "encoding": locale.getpreferredencoding(do_setlocale=False),
        **facts,
    }


# --- for a person -------------------------------------------------------------------------------


def _text(report: Report) -> str:
    parts = {
        "Tiers": table([_tier(tier) for tier in report.tiers]),
        "To mend": "\n".join(f"  {sentence}" for sentence in report.mistakes),
        "Keys": _pairs(report.keys),
        "Embedded model": f"  {report.model_file or 'is fetched on first use (98 MB)'}",
        "Store": _store_text(report),
        "Places": _pairs(report.places),
        "Versions": _pairs(report.versions),
        "Terminal": _pairs(report.terminal),
    }
    return "\n\n".join(f"{title}\n{body}" for title, body in parts.items() if body)


def _tier(tier: TierCheck) -> tuple[str, ...]:
    remedy = f"→ {tier.remedy}" if tier.remedy else ""
    ready = "● ready" if tier.ready else "✗ not ready"
    return (f"  {tier.tier}", ready, f"{tier.account}/{tier.model}", f"{tier.detail} {remedy}")


def _pairs(values: dict[str, str]) -> str:
    return table([(f"  {name}", value) for name, value in values.items()])


def _store_text(report: Report) -> str:
    health = report.store
    lines = [report.store_problem] if report.store_problem else []
    if health is not None:
        lines.append(
            f"{figures.counted(health.sessions, 'session')}, "
            f"{figures.counted(health.events, 'event')}, {figures.size(health.size)}, "
            f"SQLite {health.sqlite_version}, schema {health.schema}"
        )
        lines += health.problems or ["sound"]
        lines += [f"a damaged store is kept as {path}" for path in health.set_aside]
    return "\n".join(f"  {line}" for line in lines)


def _unsound(health: StoreHealth | None) -> bool:
    return health is None or not health.sound
