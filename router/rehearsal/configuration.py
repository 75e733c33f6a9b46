"""The house of the rehearsal: four pretended models over three wires, and the real local one."""

from typing import Final

from router.config import (
    Account,
    Budget,
    Config,
    ModelRef,
    ModelSettings,
    Price,
    Sessions,
    Wire,
)
from router.rehearsal import coding
from store.events import Tier, Window

WINDOW: Final = 120
"""Seconds in which the budget's requests count."""
REQUESTS: Final = 8 + coding.REQUESTS
_OUTPUT: Final = 64
"""Tokens of an answer: short, so that the next band is never far."""
CONTEXT: Final = 2048
"""Tokens that the small model reads."""
_CONTEXT: Final = 32_000
"""Tokens that its parts are said to read: planning needs some room."""
_LOCAL_CONTEXT: Final = 384
"""Tokens of T4, which reads its conversation anew: a long one would keep the audience waiting."""

_WIRES: Final[dict[str, Wire]] = {
    "messages": "anthropic",
    "responses": "openai",
    "completions": "openai-chat",
}
ROOTS: Final = {"messages": "", "responses": "/v1", "completions": "/v1"}
"""Where the base URL of a wire's SDK ends."""
_CAST: Final[dict[Tier, tuple[str, str, float, float]]] = {
    "T0": ("messages", "rehearsal-large", 4.0, 20.0),
    "T1": ("responses", "rehearsal-code", 2.0, 10.0),
    "T2": ("completions", "rehearsal-background", 1.0, 4.0),
    "T3": ("messages", "rehearsal-medium", 0.5, 2.0),
}
"""Account, model, and its pretended price for a million tokens in and out. The fallback is the
cheapest, so that it goes on answering when only what is cheaper than T0 may."""


def configuration(url: str, local: Account, window: Window = f"{WINDOW}s") -> Config:
    """The configuration, as a user might write it.

    Args:
        url: where the rehearsal's service listens.
        local: the account of T4.
        window: of the budget over all accounts.
    """
    refs: dict[Tier, ModelRef] = {tier: ModelRef(*who[:2]) for tier, who in _CAST.items()}
    refs["T4"] = ModelRef("local", "smollm2")
    tiers: dict[Tier, tuple[ModelRef, ...]] = {tier: (ref,) for tier, ref in refs.items()}
    return Config(
        accounts={
            **{
                name: Account(wire=wire, base_url=f"{url}/{name}{ROOTS[name]}", key="none")
                for name, wire in _WIRES.items()
            },
            "local": local,
        },
        tiers=tiers,
        models={str(refs[tier]): _settings(tier) for tier in refs},
        budgets=(Budget(window=window, limit=REQUESTS, unit="requests"),),
        sessions=Sessions(max_output=_OUTPUT),
    )


def _settings(tier: Tier) -> ModelSettings:
    if tier == "T4":
        return ModelSettings(label="SmolLM2 135M", max_output=_OUTPUT, context=_LOCAL_CONTEXT)
    _, _, given, taken = _CAST[tier]
    price = Price(input=given, output=taken)
    return ModelSettings(context=_CONTEXT, max_output=_OUTPUT, price=price, tools=True)
