"""`butler replay`: a past conversation on the same screen."""

import click

from tui.commands.opening import Wish, find_session, need_terminal, options_for
from tui.commands.surroundings import find_places


@click.command()
@click.argument("session")
@click.option("--theme", metavar="NAME", help="Colours, such as butler-light.")
@click.option("--no-mouse", is_flag=True, help="Leave the mouse to the terminal.")
def replay(session: str, *, theme: str | None, no_mouse: bool) -> int:
    """Watch SESSION as it happened. The start of its id will do.

    Nothing is sent and nothing changes. Space plays and pauses, the arrows step, digits set the
    speed, q leaves.

    Example: butler replay 3f2a
    """
    need_terminal("To read it: butler sessions show")
    places = find_places()
    found = find_session(session, places)
    from tui.app import run_replay

    return run_replay(options_for(Wish(theme=theme, no_mouse=no_mouse), places), found)
