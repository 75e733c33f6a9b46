"""`butler` by itself: opens the dashboard."""

import gc
import os
import sys
from typing import NamedTuple, cast

from router.loading import load
from router.places import Places
from store.events import Tier
from tui.commands.surroundings import find_places, find_workspace, keys_remark, opened_store
from tui.exits import CommandFailed, Exit
from tui.options import Options


class Wish(NamedTuple):
    """The flags of `butler`."""

    session: str | None = None
    resume: bool = False
    tier: str | None = None
    model: str | None = None
    private: bool = False
    theme: str | None = None
    no_mouse: bool = False


def open_app(wish: Wish) -> int:
    """Open the dashboard and return its exit code.

    Raises:
        CommandFailed: there is no terminal to open it on.
        SessionNotFound, SessionAmbiguous: it is not known which conversation is meant.
    """
    need_terminal("To ask from a script: butler ask")
    places = find_places()
    if wish.session is not None:
        # Told before the screen opens: afterwards the sentence would be wiped away with it.
        wish = wish._replace(session=find_session(wish.session, places))
    # Nothing of what is made until the screen stands is garbage; to look for some would take a
    # tenth of the start. The app turns it on again.
    gc.disable()
    # Textual reads it when it is imported. While answers stream, a key that was typed just after a
    # frame is shown with the next one: at Textual's usual 60 that is the larger part of its way.
    _ = os.environ.setdefault("TEXTUAL_FPS", "240")
    options = options_for(wish, places)
    from tui.app import run

    return run(options)


def find_session(id_or_prefix: str, places: Places) -> str:
    """The whole id of a conversation.

    Raises:
        SessionNotFound, SessionAmbiguous: there is none, or several.
    """
    with opened_store(places) as store:
        return store.sessions.get(id_or_prefix).id


def need_terminal(instead: str) -> None:
    """
    Raises:
        CommandFailed: input or output is no terminal.
    """
    for stream, name in ((sys.stdin, "input"), (sys.stdout, "output")):
        if stream is None or not stream.isatty():  # pyright: ignore[reportUnnecessaryComparison]
            text = f"The dashboard needs a terminal, and the standard {name} is none. {instead}"
            raise CommandFailed(text, Exit.WRONG_USE)


def options_for(wish: Wish, places: Places) -> Options:
    """Everything the screen starts from. A configuration with mistakes doesn't keep it shut."""
    overrides: dict[str, object] = {}
    if wish.theme is not None:
        overrides["ui.theme"] = wish.theme
    if wish.no_mouse:
        overrides["ui.mouse"] = False
    workspace = find_workspace()
    config, mistakes = load(
        places, environ=os.environ, project=workspace, overrides=overrides, lenient=True
    )
    if about_keys := keys_remark(places):
        mistakes.append(about_keys)
    return Options(
        places=places,
        config=config,
        mistakes=tuple(mistakes),
        workspace=workspace,
        session=wish.session,
        resume_last=wish.resume,
        tier=cast(Tier | None, wish.tier),
        model=wish.model,
        private=wish.private,
        theme=config.ui.theme,
        mouse=config.ui.mouse,
    )
