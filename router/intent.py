"""What a prompt asks for. First form: explicit words and plain requests to summarise.

The decision is about intent; which tier serves it is the policy's matter.
"""

import re
from typing import Final, Literal, TypeAlias

import msgspec

Kind: TypeAlias = Literal["direct", "summarization"]
Executor: TypeAlias = Literal["orchestrator", "background"]


class Decision(msgspec.Struct, frozen=True):
    kind: Kind
    executor: Executor
    confidence: float
    """0–1."""
    reason: str
    """For a person to read."""


_REQUEST: Final = re.compile(
    r"""^\s*(?:hey[,\s]+|butler[,:\s]+|please\s+|can\s+you\s+|could\s+you\s+|would\s+you\s+|kindly\s+)*
        (?:please\s+)?
        (?P<verb>summari[sz]e|sum\s+up|condense|tl;?\s?dr)\b(?P<rest>.*)""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_NOUN: Final = re.compile(
    r"^\s*(?:please\s+)?(?:give|write|make)\s+(?:me\s+)?an?\s+(?:\w+\s+){0,2}summary\s+of\b",
    re.IGNORECASE,
)
_LEAST: Final = 200
"""Characters from which a text is worth a session of its own; below, the answer in the chat is
there sooner than a tab could be opened."""


def decide(prompt: str, *, attached: bool = False) -> Decision:
    """Decide from a prompt's words. `attached`: it comes with a file or a pasted text."""
    request = _REQUEST.match(prompt) or _NOUN.match(prompt)
    asked_for = bool(re.search(r"\bin the background\b", prompt, re.IGNORECASE))
    if request and (attached or asked_for or len(prompt) >= _LEAST):
        word = request.groupdict().get("verb") or "summary"
        return Decision(
            "summarization",
            "background",
            0.95,
            f"“{' '.join(word.split())}” with a text to work on: background work, not the chat's",
        )
    return Decision("direct", "orchestrator", 0.9, "a conversation is the orchestrator's")
