"""What can be decided about a prompt."""

from typing import Final, Literal, TypeAlias

import msgspec

from store.events import Tier

Kind: TypeAlias = Literal[
    "coding",
    "summarization",
    "heartbeat",
    "deep_research",
    "image_generation",
    "audio",
    "direct",
]
Detail: TypeAlias = Literal["", "bulk", "format", "convert"]
"""What a summarization is when it is another kind of work on text."""
Complexity: TypeAlias = Literal["quick", "complex"]
Executor: TypeAlias = Literal["orchestrator", "specialist", "background", "image", "audio"]

EXECUTORS: Final[dict[Kind, Executor]] = {
    "coding": "specialist",
    "summarization": "background",
    "heartbeat": "background",
    "deep_research": "orchestrator",
    "image_generation": "image",
    "audio": "audio",
    "direct": "orchestrator",
}
TIERS: Final[dict[Executor, Tier | None]] = {
    "orchestrator": "T0",
    "specialist": "T1",
    "background": "T2",
    "image": None,
    "audio": None,
}
"""The tier an executor stands for. Skills have models of their own."""


class Decision(msgspec.Struct, frozen=True):
    kind: Kind
    executor: Executor
    """Of the kind, or the orchestrator where the confidence is too low to act on."""
    confidence: float
    """0–1: how likely the executor is right, 1 where the user said the word. Where nothing was
    likely enough and the orchestrator is to decide: how likely the best guess was."""
    reason: str
    """For a person to read. It quotes the prompt: what shows it must make it harmless."""
    complexity: Complexity | None = None
    """Of coding: whether it is worth a plan first."""
    detail: Detail = ""
    word: str = ""
    """The explicit word, such as `plan` of `/plan`; empty when the prompt was classified."""

    @property
    def tier(self) -> Tier | None:
        return "T4" if self.word == "local" else TIERS[self.executor]
