"""`butler init`: accounts and keys, with as few questions as will do."""

import asyncio
import math
import os
import sys
from typing import Final

import click

from router.checking_in import models_of
from router.config import Account, Config
from router.consistency import CLOUD, is_address
from router.keyrings import backend
from router.keys import Home, find_key, store_key
from router.loading import load
from router.places import Places, write_private
from router.providers.base import BadKey, Failure
from router.setup import SERVER, Choices, compose
from tui.commands.surroundings import find_places, keys_remark
from tui.exits import CommandFailed, Exit
from tui.output import remark, say

NAMES: Final = {"anthropic": "Anthropic", "openai": "OpenAI", "google": "Google Gemini"}
_TRIES: Final = 3


def _finite(
    _context: click.Context, _option: click.Parameter, dollars: float | None
) -> float | None:
    """A range holds "nan", which no comparison tells from a number."""
    if dollars is not None and not math.isfinite(dollars):
        raise click.BadParameter("it must be a number above 0, such as 20.")
    return dollars


@click.command()
@click.option(
    "--anthropic-key-stdin", "from_stdin", flag_value="anthropic", help="Read that key from stdin."
)
@click.option("--openai-key-stdin", "from_stdin", flag_value="openai", help="Likewise.")
@click.option("--google-key-stdin", "from_stdin", flag_value="google", help="Likewise.")
@click.option("--keys-in", type=click.Choice(["keyring", "file"]), help="Where keys are kept.")
@click.option("--server", metavar="URL", help="An OpenAI-compatible server of your own, for T4.")
@click.option("--server-model", metavar="NAME", help="Its model; the first it offers if left out.")
@click.option(
    "--budget",
    metavar="DOLLARS",
    type=click.FloatRange(0, min_open=True),
    callback=_finite,
    help="The most to be spent in a month.",
)
@click.option("--no-check", is_flag=True, help="Don't try whether keys and server work.")
@click.option("--yes", is_flag=True, help="Ask nothing.")
def init(
    *,
    from_stdin: str | None,
    keys_in: Home | None,
    server: str | None,
    server_model: str | None,
    budget: float | None,
    no_check: bool,
    yes: bool,
) -> int:
    """Set up accounts and keys. Everything may be left out; run it again at any time.

    Keys go to the keyring, or to a file that only you can read. The configuration is a commented
    TOML file; one that exists is added to, never replaced.

    \b
    Examples:
      butler init
      pass anthropic | butler init --anthropic-key-stdin
      butler init --yes --server http://localhost:8000/v1 --budget 20
    """
    quiet = yes or from_stdin is not None
    if not quiet and not sys.stdin.isatty():
        text = "There is no terminal to ask on: add --yes, and say what to set (--help lists it)."
        raise CommandFailed(text, Exit.WRONG_USE)
    places = find_places()
    config, mistakes = load(places, environ=os.environ, lenient=True)
    for sentence in filter(None, [*mistakes, keys_remark(places)]):
        remark(f"butler: {sentence}")
    setup = _Setup(places, config, keys_in, check=not no_check, quiet=quiet)
    setup.keys(from_stdin)
    setup.file(setup.choices(server, server_model, budget))
    say("Open the dashboard: butler        See what is ready: butler doctor")
    return Exit.DONE


class _Setup:
    def __init__(
        self, places: Places, config: Config, keys_in: Home | None, *, check: bool, quiet: bool
    ) -> None:
        self._places = places
        self._config = config
        self._keys_in: Home | None = keys_in
        self._check = check
        self._quiet = quiet

    # --- keys ---

    def keys(self, from_stdin: str | None) -> None:
        if from_stdin is not None:
            self._take(from_stdin, self._config.accounts[from_stdin], sys.stdin.readline().strip())
            return
        if self._quiet:
            return
        say(f"Keys are kept in {self._home()}. Enter alone skips a question.")
        for name in NAMES:
            self._ask_for_key(name, self._config.accounts[name])

    def _home(self) -> str:
        if self._keys_in != "file" and not self._places.portable and backend(os.environ):
            return f"the keyring ({backend(os.environ)})"
        return f"{self._places.keys_file}, which only you can read"

    def _ask_for_key(self, name: str, account: Account) -> None:
        known = find_key(name, account, os.environ, self._places)
        if known is not None:
            say(f"{NAMES[name]}: a key is there already ({known.source}).")
            return
        for _ in range(_TRIES):
            text: str = click.prompt(
                f"{NAMES[name]} key", default="", show_default=False, hide_input=True, err=True
            )
            if not text.strip():
                return
            try:
                self._take(name, account, text.strip())
            except BadKey as failure:
                remark(f"butler: {failure}")
            else:
                return

    def _take(self, name: str, account: Account, text: str) -> None:
        """Keep a key, if it works or nobody can tell.

        Raises:
            BadKey: the service refuses it. It is not kept.
        """
        if not text:
            raise CommandFailed(f"There was no {NAMES[name]} key to read.", Exit.WRONG_USE)
        said = "not tried"
        if self._check and account.wire in CLOUD:
            said = self._try(name, account, text)
        home = store_key(name, text, self._places, os.environ, home=self._keys_in)
        where = "the keyring" if home == "keyring" else str(self._places.keys_file)
        say(f"{NAMES[name]}: {said}; kept in {where}.")

    def _try(self, name: str, account: Account, key: str) -> str:
        try:
            models = asyncio.run(models_of(name, account, key))
        except BadKey:
            raise
        except Failure as failure:
            return f"could not be tried ({failure})"
        return f"works, {len(models)} models"

    # --- the file ---

    def choices(
        self, server: str | None, server_model: str | None, budget: float | None
    ) -> Choices:
        if server is None and not self._quiet:
            server = self._asked("An OpenAI-compatible server of your own, its URL")
        if server is not None and not is_address(server):
            text = f"{server!r} is no address: it must look like http://localhost:8000/v1."
            raise CommandFailed(text, Exit.WRONG_USE)
        if server is not None and server_model is None:
            server_model = self._model_of(server)
        if budget is None and not self._quiet and not self._config.budgets:
            budget = self._asked_amount("The most to be spent in a month, in US dollars")
        return Choices(server=server, server_model=server_model, budget=budget)

    def _model_of(self, server: str) -> str:
        """The model to use of a server: the first it offers, or what the user says."""
        account = Account(wire="openai-chat", base_url=server, key="none")
        try:
            models = asyncio.run(models_of(SERVER, account, None)) if self._check else []
        except Failure as failure:
            if self._quiet:
                text = f"{failure} To set it up all the same: --no-check"
                raise CommandFailed(text) from failure
            remark(f"butler: {failure}")
            models = []
        if models and (self._quiet or len(models) == 1):
            return models[0]
        named = None if self._quiet else self._asked("Its model", models[0] if models else "")
        if named is None:
            raise CommandFailed("Which model? Add --server-model NAME.", Exit.WRONG_USE)
        return named

    def file(self, choices: Choices) -> None:
        """Write the configuration file if there is none, or add the choices to it."""
        path = self._places.config_file
        if not path.exists():
            write_private(path, compose(choices))
            say(f"Wrote {path}.")
            return
        if not choices:
            say(f"{path} stays as it is.")
            return
        text = compose(choices, path.read_text("utf-8"), file=path)
        if self._quiet or click.confirm(f"Add this to {path}?", default=True, err=True):
            write_private(path, text)
            say(f"Added to {path}.")

    def _asked(self, question: str, default: str = "") -> str | None:
        answer: str = click.prompt(question, default=default, show_default=bool(default), err=True)
        return answer.strip() or None

    def _asked_amount(self, question: str) -> float | None:
        while (answer := self._asked(question)) is not None:
            try:
                amount = float(answer.removeprefix("$").replace(",", "."))
            except ValueError:
                amount = 0.0
            if 0 < amount < float("inf"):
                return amount
            remark("butler: That must be a number above 0, such as 20.")
        return None
