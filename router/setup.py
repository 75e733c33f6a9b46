"""The configuration file that `butler init` writes: commented, and added to without losing any of
what stands in it."""

from pathlib import Path
from typing import Any, Final

import msgspec
import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.toml_document import TOMLDocument

from router.config import Budget

SERVER: Final = "server"
"""The account of an OpenAI-compatible server that was given at set-up."""

LOCAL: Final = "embedded/smollm2"

TEMPLATE: Final = """\
# Butler's configuration. Only what differs from the default has to stand here.
#   butler config check   names every mistake in this file
#   butler config show    what applies, and where each value comes from
# Keys are not kept here: butler init puts them into the keyring, or into a file of their own.

# --- First what stands in no table ---------------------------------------------------------------
# time_zone = "local"            # or a name such as "Europe/Berlin": where days begin
# instructions = ""              # added to what the orchestrator is told

# --- Which models, in order of preference --------------------------------------------------------
# T0 orchestrator, T1 code, T2 background, T3 fallback, T4 local (private prompts stay there).
#
# [tiers]
# T0 = ["anthropic/claude-opus-5-5"]
# T1 = ["openai/gpt-6.2-sol"]
# T2 = ["google/gemini-3.8-flash"]
# T3 = ["anthropic/claude-sonnet-5-5", "openai/gpt-4o"]
# T4 = ["embedded/smollm2"]

# --- Whose quota a model draws on ----------------------------------------------------------------
# wire: anthropic, openai, openai-chat (vLLM, llama.cpp, gateways), google, ollama or embedded.
# key: where the key is, never the key: "env:NAME", "keyring", "file" or "none".
#
# [accounts.gateway]
# wire = "openai-chat"
# base_url = "https://gateway.example/v1"
# key = "env:GATEWAY_KEY"

# --- What may be spent ---------------------------------------------------------------------------
# window: 5h, day, week or month. unit: usd, tokens or requests. Without an account it counts all.
#
# [[budgets]]
# window = "month"
# limit = 20
# unit = "usd"

# --- The rest ------------------------------------------------------------------------------------
# [limits]                       # seconds
# connect = 5
# first_token = 30
# silence = 30
#
# [ui]
# theme = "butler-dark"
# mouse = true
"""


class SetupError(Exception):
    """The file can't be added to. The message is a sentence for the user."""


class Choices(msgspec.Struct, frozen=True, kw_only=True):
    """What the user wants to stand in the file."""

    server: str | None = None
    """Base URL of an OpenAI-compatible server of one's own."""
    server_model: str | None = None
    budget: float | None = None
    """US dollars a month, over all accounts."""

    def __bool__(self) -> bool:
        return bool(self.server or self.budget)


def compose(choices: Choices, existing: str | None = None, *, file: Path | None = None) -> str:
    """The text of the file: a new one, or `existing` with the choices added.

    Raises:
        SetupError: `existing` is not TOML, or holds something else in their place.
    """
    try:
        document = tomlkit.parse(TEMPLATE if existing is None else existing)
        _add(document, choices)
    except (TOMLKitError, TypeError, AttributeError) as error:
        raise SetupError(
            f"{file or 'The configuration'} can't be added to; mend it first: butler config check"
        ) from error
    return tomlkit.dumps(document)


def _add(document: TOMLDocument, choices: Choices) -> None:
    if choices.server:
        account = _table(_table(document, "accounts"), SERVER)
        account.update({"wire": "openai-chat", "base_url": choices.server})
        if choices.server_model:
            # Private prompts go to T4: to one's own server before the small model.
            tiers = _table(document, "tiers")
            others = (ref for ref in tiers.get("T4", [LOCAL]) if not ref.startswith(f"{SERVER}/"))
            tiers["T4"] = [f"{SERVER}/{choices.server_model}", *others]
    if choices.budget:
        _add_budget(document, Budget(window="month", limit=choices.budget))


def _add_budget(document: TOMLDocument, budget: Budget) -> None:
    """Put the budget in, or in the place of the one over the same accounts and time."""
    if "budgets" not in document:
        document.add(tomlkit.nl())
        document.add("budgets", tomlkit.aot())
    budgets: Any = document["budgets"]
    entry: Any = next((known for known in budgets if _is_like(known, budget)), None)
    if entry is None:
        entry = tomlkit.table()
        budgets.append(entry)
    limit = int(budget.limit) if budget.limit.is_integer() else budget.limit
    entry.update({"window": budget.window, "limit": limit, "unit": budget.unit})


def _is_like(known: Any, budget: Budget) -> bool:
    return known.get("window") == budget.window and not known.keys() & {"account", "model"}


def _table(parent: Any, name: str) -> Any:
    if name not in parent:
        parent[name] = tomlkit.table(is_super_table=name == "accounts")
    return parent[name]
