"""`butler config`: find, show, check and edit the configuration."""

import os

import click

from router.layers import KeyPath, Layer, dotted
from router.loading import Loaded, read
from router.places import Places, write_private
from tui.commands.surroundings import find_places, find_workspace, keys_remark
from tui.exits import Exit
from tui.output import json_text, remark, say, say_json, table


@click.group()
def config() -> None:
    """Find, show, check and edit the configuration.

    A value is taken from the first of: a flag, the environment (BUTLER_…), the project's
    .butler.toml, your own file, the default.
    """


@config.command()
def path() -> int:
    """Print where your own file is, whether it exists or not."""
    say(str(find_places().config_file))
    return Exit.DONE


@config.command()
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def show(*, as_json: bool) -> int:
    """Print what applies, and where each value comes from. Keys are never shown."""
    loaded = _read(find_places())
    for sentence in loaded.sentences():
        remark(f"butler: {sentence}")
    if as_json:
        say_json(_as_json(loaded))
    else:
        say(table(_rows(loaded)))
    return Exit.WRONG_USE if loaded.mistakes else Exit.DONE


@config.command()
def check() -> int:
    """Name every mistake with its file, line and key, and what is allowed. Exit code 2 if any.

    The files of your own agents are checked, too.
    """
    places = find_places()
    loaded = _read(places)
    more = filter(None, [_theme_unknown(loaded), keys_remark(places)])
    sentences = [*loaded.sentences(), *more, *_agent_mistakes(places)]
    for sentence in sentences:
        remark(f"butler: {sentence}")
    if sentences:
        return Exit.WRONG_USE
    files = [layer.file for layer in loaded.layers if _is_users(layer)]
    say("\n".join(f"{file} is right." for file in files) or "There is no file: all is default.")
    return Exit.DONE


@config.command()
def edit() -> int:
    """Open your own file in $VISUAL or $EDITOR, then check it. Makes it if there is none."""
    places = find_places()
    if not places.config_file.exists():
        from router.setup import TEMPLATE

        write_private(places.config_file, TEMPLATE)
    click.edit(filename=str(places.config_file))
    loaded = _read(places)
    for sentence in loaded.sentences():
        remark(f"butler: {sentence}")
    return Exit.WRONG_USE if loaded.mistakes else Exit.DONE


def _read(places: Places) -> Loaded:
    return read(places, environ=os.environ, project=find_workspace())


def _agent_mistakes(places: Places) -> list[str]:
    from router.coding.agents import load

    _, mistakes = load(places, find_workspace())
    return mistakes


def _is_users(layer: Layer) -> bool:
    return layer.origin in {"user", "project"} and layer.file is not None and layer.file.exists()


def _rows(loaded: Loaded) -> list[tuple[str, str, str]]:
    return [
        (dotted(path), f"= {json_text(value)}", f"# {_source(loaded, path)}")
        for path, value in loaded.values().items()
    ]


def _as_json(loaded: Loaded) -> dict[str, object]:
    return {
        "values": {
            dotted(path): {"value": value, "from": loaded.origins.get(path, "default")}
            for path, value in loaded.values().items()
        },
        "files": [layer.file for layer in loaded.layers if _is_users(layer)],
        "mistakes": loaded.sentences(),
    }


def _source(loaded: Loaded, path: KeyPath) -> str:
    """File and line, variable or flag a value came from."""
    origin = loaded.origins.get(path, "default")
    if origin == "default":
        return origin
    layer = next(layer for layer in loaded.layers if layer.origin == origin)
    return layer.mistake(path, "").place


def _theme_unknown(loaded: Loaded) -> str:
    from textual.theme import BUILTIN_THEMES

    from router.checking import did_you_mean
    from tui.themes import OURS

    name = loaded.config.ui.theme
    known = [theme.name for theme in OURS] + list(BUILTIN_THEMES)
    if name in known:
        return ""
    return f"ui.theme is {name!r}{did_you_mean(name, known)}; there are: {', '.join(known)}."
