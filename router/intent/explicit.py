"""Words by which the user says what a prompt is: they win over everything else."""

import re
from typing import Final

from router.intent.decision import Kind

KINDS: Final[dict[str, Kind]] = {
    "code": "coding",
    "plan": "direct",
    "sum": "summarization",
    "research": "deep_research",
    "image": "image_generation",
    "speak": "audio",
    "local": "direct",
    "agent": "direct",
}
REASONS: Final = {
    "code": "you said /code: the specialist writes it",
    "plan": "you said /plan: the orchestrator plans before anything is written",
    "sum": "you said /sum: background work",
    "research": "you said /research: the orchestrator looks into it",
    "image": "you said /image: the image skill",
    "speak": "you said /speak: the audio skill",
    "local": "you said /local: it is answered on this machine",
    "agent": "you said /agent: your own agent does it",
}
# A path such as /code/main.py is no word: something else than a space follows.
_WORD: Final = re.compile(rf"\s*/({'|'.join(KINDS)})(?=\s|$)\s*", re.IGNORECASE)


def split(prompt: str) -> tuple[str, str]:
    """The explicit word a prompt begins with, without its slash, and what follows it.

    The word is empty, and the prompt whole, where there is none.
    """
    match = _WORD.match(prompt)
    return (match[1].lower(), prompt[match.end() :]) if match else ("", prompt)


def without_word(prompt: str) -> str:
    """The prompt as a model reads it: the explicit word was for us."""
    return split(prompt)[1]
