"""The policy table: which tiers serve which work in which band. Read from data, never code."""

from functools import cache
from importlib.resources import files
from typing import Literal, TypeAlias

import msgspec

from store.events import Band, Tier

Work: TypeAlias = Literal["main", "code", "background"]


class Cell(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One work in one band."""

    tiers: tuple[Tier, ...]
    critical: tuple[Tier, ...] | None = None
    confirmed: tuple[Tier, ...] | None = None
    by_price: bool = False
    cheaper_only: bool = False


class AccountLadder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Per cent of an account's fullest gauge from which it serves less, and nothing."""

    reserve: float
    spent: float


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """See `router/data/policy.toml`, which documents each field."""

    ladder: Literal["house", "account"]
    hysteresis: float
    thresholds: dict[Band, float]
    account: AccountLadder
    sketches: dict[Band, int]
    rows: dict[Work, dict[Band, Cell]]


@cache
def shipped() -> Policy:
    text = files("router").joinpath("data/policy.toml").read_bytes()
    return msgspec.toml.decode(text, type=Policy)
