"""Whether a configuration hangs together: what no single value can tell."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from router.checking import did_you_mean
from router.config import PROGRAMS, Account, Config, ModelRef, Wire, program_of
from router.layers import KeyPath, dotted
from store.events import Tier


class Fault(NamedTuple):
    path: KeyPath
    """The value that is to blame."""
    text: str
    about: KeyPath = ()
    """What else it speaks of: if that is known to be wrong, this is only a consequence."""


CLOUD: Final[frozenset[Wire]] = frozenset({"anthropic", "openai", "google"})
"""Wires that lead to their service, unless a `base_url` leads elsewhere."""


_ACCOUNTS: Final = tuple(f"cli:{program}" for program in PROGRAMS)
_PROGRAMS: Final = ", ".join(_ACCOUNTS)


def faults(config: Config) -> Iterator[Fault]:
    """What contradicts something else."""
    for name, account in config.accounts.items():
        yield from _of_account(name, account)
    yield from _of_tiers(config)
    for key in config.models:
        yield from _of_model(key, config)
    for number, budget in enumerate(config.budgets):
        if budget.account is not None:
            yield from _undefined(budget.account, config, ("budgets", number, "account"))
    yield from _of_time_zone(config.time_zone)


def _of_account(name: str, account: Account) -> Iterator[Fault]:
    path: KeyPath = ("accounts", name)
    if account.wire == "cli" or program_of(name) is not None:
        yield from _of_program(name, account, path)
        return
    if not name or "/" in name:
        yield Fault(path, f"{dotted(path)} can't be an account's name: it must have no slash.")
    yield from _of_base_url(account, path)
    yield from _of_key(account.key, (*path, "key"))
    if account.wire != "embedded":
        for setting in ("gguf", "context"):
            if getattr(account, setting) is not None:
                text = f'{dotted((*path, setting))} is only for accounts with wire = "embedded".'
                yield Fault((*path, setting), text)


def _of_program(name: str, account: Account, path: KeyPath) -> Iterator[Fault]:
    """A program has its own login, settings and address: there is nothing to say of it."""
    if program_of(name) not in PROGRAMS:
        text = f'{dotted(path)}: wire = "cli" is only for the accounts {_PROGRAMS}.'
        yield Fault(path, text)
    elif account != Account(wire="cli"):
        text = f'{dotted(path)} can hold only wire = "cli": {program_of(name)} has its own login.'
        yield Fault(path, text)


def _of_base_url(account: Account, path: KeyPath) -> Iterator[Fault]:
    where = (*path, "base_url")
    if account.base_url is None:
        if account.wire == "openai-chat":
            text = f"{dotted(path)} has no base_url; a server that speaks openai-chat needs one"
            yield Fault(path, f'{text}, such as "http://localhost:8000/v1".')
    elif account.wire == "embedded":
        yield Fault(where, f"{dotted(where)} is wrong here: the embedded model has no address.")
    elif not is_address(account.base_url):
        yield Fault(where, f'{dotted(where)} must be an address like "https://host:port/v1".')


def is_address(text: str) -> bool:
    """Whether a text can be a base URL: http or https, a host, and no password in it."""
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises if it is no number
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and not parts.password


def _of_key(where: str | None, path: KeyPath) -> Iterator[Fault]:
    if where in {None, "keyring", "file", "none"}:
        return
    if not re.fullmatch(r"env:[A-Za-z_][A-Za-z0-9_]*", where or ""):
        text = f'{dotted(path)} must say where the key is: "env:NAME", "keyring", "file", "none"'
        yield Fault(path, f"{text}; if it holds the key itself, take it out and run butler init.")


def _of_tiers(config: Config) -> Iterator[Fault]:
    for tier, refs in config.tiers.items():
        for number, ref in enumerate(refs):
            path: KeyPath = ("tiers", tier, number)
            if program_of(ref.account) is not None:
                yield from _of_program_in(tier, ref, config, path)
                continue
            yield from _undefined(ref.account, config, path)
            if tier == "T4":
                yield from _of_local(ref, config, path)


def _of_program_in(tier: Tier, ref: ModelRef, config: Config, path: KeyPath) -> Iterator[Fault]:
    program = program_of(ref.account)
    if program not in PROGRAMS:
        hint = did_you_mean(ref.account, _ACCOUNTS)
        yield Fault(path, f"{dotted(path)} is {ref.account}{hint}; there are: {_PROGRAMS}.")
    elif tier != "T1":
        text = f"{dotted(path)} is {ref.account}, which runs coding sessions only; it must be in"
        yield Fault(path, f"{text} tiers.T1.")
    elif ref.account not in config.accounts:
        text = f"{dotted(path)} is {ref.account}, which works with your own login: a checkout is"
        yield Fault(path, f"{text} not trusted with that; put it into tiers.T1 of your own file.")


def _of_local(ref: ModelRef, config: Config, path: KeyPath) -> Iterator[Fault]:
    account = config.accounts.get(ref.account)
    if account and account.wire in CLOUD and account.base_url is None:
        text = f"{dotted(path)} is {ref}, in the cloud, but private prompts go to T4; it must be"
        yield Fault(path, f"{text} a model of ollama, embedded, or an account with a base_url.")


def _of_model(key: str, config: Config) -> Iterator[Fault]:
    path: KeyPath = ("models", key)
    try:
        ref = ModelRef.parse(key)
    except ValueError:
        yield Fault(path, f'{dotted(path)} must be named [models."account/model"].')
    else:
        if str(ref) != key:
            yield Fault(path, f'{dotted(path)} must be named [models."{ref}"].')
        yield from _undefined(ref.account, config, path)


def _undefined(account: str, config: Config, path: KeyPath) -> Iterator[Fault]:
    if account in config.accounts:
        return
    hint = did_you_mean(account, config.accounts)
    known = ", ".join(config.accounts)
    text = f"{dotted(path)} names the account {account!r}{hint}; there are: {known}."
    yield Fault(path, text, about=("accounts", account))


def _of_time_zone(name: str) -> Iterator[Fault]:
    if name == "local":
        return
    from zoneinfo import ZoneInfo, available_timezones

    try:
        _ = ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        hint = did_you_mean(name, available_timezones())
        text = f'time_zone is {name!r}{hint}; it must be "local" or a name like "Europe/Berlin".'
        yield Fault(("time_zone",), text)
