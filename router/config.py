"""What the user configures, as validated structs. `router.loading` makes them from TOML.

Every default here is the shipped behaviour; a user's file only says what differs. A constraint's
description ends the sentence "it must be …" that a mistake in the file is answered with.
"""

from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from store.events import TIERS, Tier, Window

Wire: TypeAlias = Literal[
    "anthropic", "openai", "openai-chat", "google", "ollama", "embedded", "cli"
]

Seconds: TypeAlias = Annotated[
    float, Meta(gt=0, le=86400, description="a number of seconds above 0, at most 86400")
]
Dollars: TypeAlias = Annotated[
    float, Meta(ge=0, le=1e6, description="US dollars per million tokens, 0 or more")
]
Tokens: TypeAlias = Annotated[
    int, Meta(ge=16, le=100_000_000, description="a whole number of tokens, at least 16")
]
Amount: TypeAlias = Annotated[
    float, Meta(gt=0, le=1e15, description="a number above 0, in the budget's unit")
]
SmallCount: TypeAlias = Annotated[int, Meta(ge=1, le=64, description="a whole number from 1 to 64")]

Steps: TypeAlias = Annotated[int, Meta(ge=1, le=1000, description="a whole number from 1 to 1000")]
Megabytes: TypeAlias = Annotated[
    int, Meta(ge=1, le=100_000, description="a whole number of megabytes, at least 1")
]

ROLES: dict[Tier, str] = {
    "T0": "orchestrator",
    "T1": "code",
    "T2": "background",
    "T3": "fallback",
    "T4": "local",
}


PROGRAMS: Final = ("claude", "codex")
"""Coding agents of the user's own that can be run, by the names they have on the PATH."""

_PROGRAM: Final = "cli:"
DEFAULT_MODEL: Final = "default"
"""Stands for whatever model a program chooses by itself."""


def program_of(account: str) -> str | None:
    """The program behind an account called `cli:…`; `None` for every other account."""
    return account.removeprefix(_PROGRAM) if account.startswith(_PROGRAM) else None


def lacking(account: str) -> str:
    """What an account that is not ready lacks."""
    return "no key" if program_of(account) is None else "not on the PATH"


class Account(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One quota: an API key, a subscription, or a server of one's own."""

    wire: Wire
    base_url: str | None = None
    """`None` is the service's own address (or what its SDK's environment variable says)."""
    key: str | None = None
    """Where the key is, never the key: `env:NAME`, `keyring`, `file`, or `none` for a server that
    asks for none. `None` tries the wire's usual variables, then the keyring, then the file."""
    gguf: str | None = None
    """Embedded only: a model file instead of the shipped one."""
    context: Tokens | None = None
    """Embedded only: tokens of context to allocate."""


class Price(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """US dollars per million tokens. A missing cache price counts as the input price."""

    input: Dollars
    output: Dollars
    cache_read: Dollars | None = None
    cache_write: Dollars | None = None


class ModelSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the tables of prices and windows don't know about one `account/model`."""

    label: str = ""
    context: Tokens | None = None
    max_output: Tokens | None = None
    price: Price | None = None
    cheaper: bool | None = None
    """Overrides the comparison of prices with the orchestrator's."""
    tools: bool | None = None


class ModelRef(msgspec.Struct, frozen=True):
    """`account/model`: a model together with whose quota it draws on."""

    account: str
    model: str

    def __str__(self) -> str:
        return f"{self.account}/{self.model}"

    @classmethod
    def parse(cls, text: str) -> "ModelRef":
        """Split at the first slash; model names may hold more of them. A program (`cli:claude`)
        needs no model.

        Raises:
            ValueError: there is no slash, or nothing on one side of it.
        """
        account, slash, model = text.partition("/")
        if program_of(account) and not slash:
            return cls(account, DEFAULT_MODEL)
        if not (account and slash and model):
            raise ValueError(f"{text!r} is not of the form account/model")
        return cls(account, model)


class Budget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A limit the user set."""

    window: Window
    limit: Amount
    unit: Literal["usd", "tokens", "requests"] = "usd"
    account: str | None = None
    """`None` counts all accounts together."""
    model: str | None = None


class TimeLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Seconds."""

    connect: Seconds = 5.0
    first_token: Seconds = 30.0
    first_token_local: Seconds = 120.0
    silence: Seconds = 30.0


class Sessions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    parallel: SmallCount = 4
    """Spawned sessions that run at once; the rest wait in line."""
    timeout: Seconds = 900.0
    """Seconds a spawned session may take, once it runs."""
    max_output: Tokens = 8192
    """Tokens one answer may have, lowered to what the model allows."""


class Coding(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a coding session may take before it stops by itself and says so."""

    steps: Steps = 60
    """Answers of the model, each with the tools it calls."""
    cost: Annotated[float, Meta(ge=0, le=1e6, description="US dollars, 0 for no limit")] = 2.0
    timeout: Seconds = 3600.0
    """Seconds of work, not counting what it waits for the user."""
    command_timeout: Seconds = 120.0
    """Seconds a command may run."""
    copy_limit: Megabytes = 200
    """A folder that is no git repository is copied if it has no more than this."""
    sketches: Annotated[int, Meta(ge=0, le=5, description="a whole number from 0 to 5")] = 2
    """Other models that say how they would tackle a plan, in normal times."""


class Ui(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    theme: str = "butler-dark"
    mouse: bool = True
    bell: bool = True


class Config(msgspec.Struct, frozen=True, kw_only=True):
    accounts: dict[str, Account]
    tiers: dict[Tier, tuple[ModelRef, ...]]
    models: dict[str, ModelSettings] = msgspec.field(default_factory=dict)
    """By `account/model`."""
    budgets: tuple[Budget, ...] = ()
    time_zone: str = "local"
    """IANA name, or `local`: where days, weeks and months begin."""
    limits: TimeLimits = TimeLimits()
    sessions: Sessions = Sessions()
    coding: Coding = Coding()
    ui: Ui = Ui()
    instructions: str = ""
    """Added to the orchestrator's system prompt."""

    def settings(self, ref: ModelRef) -> ModelSettings:
        said = self.models.get(str(ref), ModelSettings())
        program = program_of(ref.account)
        if program is None or said.label:
            return said
        named = "" if ref.model == DEFAULT_MODEL else f" {ref.model}"
        return replace(said, label=f"{program}{named} (CLI)")

    def ladder(self) -> list[tuple[Tier, ModelRef]]:
        return [(tier, ref) for tier in TIERS for ref in self.tiers.get(tier, ())]
