"""`butler`: the way in. By itself it opens the dashboard, without the command line's machinery."""

import sys
from collections.abc import Sequence
from typing import NoReturn

from tui.exits import Exit


def run(arguments: Sequence[str]) -> int:
    """Run one command line; its exit code. Never raises, and never shows a traceback."""
    _make_streams_forgiving()
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except (Exception, SystemExit) as error:  # noqa: BLE001 (the last resort: told and logged)
        from tui.faults import report

        return report(error)


def _run(arguments: Sequence[str]) -> int:
    if arguments:
        from tui.command_line import cli

        return int(cli.main(list(arguments), prog_name="butler", standalone_mode=False) or 0)
    from tui.commands.opening import Wish, open_app

    return open_app(Wish())


def _make_streams_forgiving() -> None:
    """A terminal that can't show a character gets a `?` for it, not a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]


def main() -> NoReturn:
    sys.exit(run(sys.argv[1:]))
