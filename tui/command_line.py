"""The command line. Every command is loaded when it is called."""

from importlib import import_module
from typing import Final

import click

from tui.exits import Exit

COMMANDS: Final = {
    "ask": "Ask one thing and print the answer.",
    "code": "Have code written in a copy of this folder, and apply it.",
    "sessions": "List, show, search, export and delete conversations.",
    "replay": "Watch a conversation as it happened.",
    "route": "Explain what a prompt is taken for, and who would serve it.",
    "usage": "Show what was used: gauges, forecasts, tokens and cost.",
    "tiers": "Show how each tier's models stand: health, limits, prices.",
    "workspaces": "List and clean the folders of coding sessions.",
    "config": "Find, show, check and edit the configuration.",
    "init": "Set up accounts and keys.",
    "doctor": "Say which tiers are ready, what is missing and how to mend it.",
}
"""Each in a module of its name, kept here so that `butler --help` loads none of them."""

EPILOG: Final = (
    "Exit codes: 0 done, 1 failed, 2 wrong use or configuration, 3 no tier could answer, "
    "4 declined, 5 a usage mark is passed, 130 interrupted."
)


class _Commands(click.Group):
    """A group that knows its commands by name and imports the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        found = getattr(import_module(f"tui.commands.{cmd_name}"), cmd_name)
        return found if isinstance(found, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            raise click.UsageError(_unknown(name), ctx)
        if ctx.params.keys() & _given(ctx):
            raise click.UsageError(f"Put the options behind the command: butler {name} …", ctx)
        return super().resolve_command(ctx, args)


def _given(ctx: click.Context) -> set[str]:
    """Names of the parameters that stood on the command line."""
    source = click.core.ParameterSource.COMMANDLINE
    return {name for name in ctx.params if ctx.get_parameter_source(name) is source}


def _unknown(name: str) -> str:
    from rapidfuzz import process

    best = process.extractOne(name, list(COMMANDS), score_cutoff=60)
    if best:
        return f"There is no command {name!r}. Did you mean {best[0]!r}?"
    return f"There is no command {name!r}. To ask something: butler ask {name!r}"


def _print_version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    from importlib.metadata import PackageNotFoundError, version

    try:
        click.echo(f"butler {version('modelbutler')}")
    except PackageNotFoundError:
        click.echo("butler (run from its sources, not installed)")
    ctx.exit()


@click.group(
    cls=_Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EPILOG,
)
@click.option(
    "--session", metavar="ID", help="Open this conversation; the start of its id will do."
)
@click.option("--continue", "resume", is_flag=True, help="Open the latest conversation here.")
@click.option("--tier", type=click.Choice(["T0", "T1", "T2", "T3", "T4"]), help="Pin a tier.")
@click.option("--model", metavar="ACCOUNT/MODEL", help="Pin a model.")
@click.option("--private", is_flag=True, help="Only the local tier sees what is typed.")
@click.option("--theme", metavar="NAME", help="Colours, such as butler-light.")
@click.option("--no-mouse", is_flag=True, help="Leave the mouse to the terminal.")
@click.option("--demo", is_flag=True, help="Watch a rehearsal; needs no keys, keeps nothing.")
@click.option(
    "-V",
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)
@click.pass_context
def cli(
    ctx: click.Context,
    *,
    session: str | None,
    resume: bool,
    tier: str | None,
    model: str | None,
    private: bool,
    theme: str | None,
    no_mouse: bool,
    demo: bool,
) -> int:
    """Chat with several AI models and keep an eye on what they cost.

    Without a command it opens the dashboard.
    """
    if ctx.invoked_subcommand is not None:
        return Exit.DONE
    if demo:
        return _rehearse(ctx, theme, mouse=not no_mouse)
    from tui.commands.opening import Wish, open_app

    if session and resume:
        raise click.UsageError("Give --session or --continue, not both.")
    return open_app(Wish(session, resume, tier, model, private, theme, no_mouse))


def _rehearse(ctx: click.Context, theme: str | None, *, mouse: bool) -> int:
    if others := _given(ctx) - {"demo", "theme", "no_mouse"}:
        named = ", ".join(
            f"--{'continue' if name == 'resume' else name}" for name in sorted(others)
        )
        raise click.UsageError(f"A rehearsal has a house of its own: it takes no {named}.")
    from tui.rehearsal.opening import open_rehearsal

    return open_rehearsal(theme, mouse=mouse)
