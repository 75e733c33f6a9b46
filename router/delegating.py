"""Which prompts are work for a session of their own, and what that session is asked to do."""

import re
from typing import Final

from router import intent
from router.asking import EngineError, Prompt, SpawnTask
from router.intent.explicit import without_word
from store.events import Attachment, SessionKind

_LONG: Final = 200
"""Characters from which a text is worth a session of its own; below, the answer in the chat is
there sooner than a tab could be opened."""
_ASIDE: Final = re.compile(r"\bin the background\b", re.IGNORECASE)


def is_background(prompt: Prompt, decision: intent.Decision) -> bool:
    """Whether background work brings a text, or is asked for aside, and so gets its own session.
    The rest is answered in the chat, by the same background tier."""
    if decision.executor != "background" or decision.kind != "summarization":
        return False
    text = without_word(prompt.text)
    asked = decision.word == "sum" or bool(_ASIDE.search(text))
    return asked or bool(prompt.attachments) or len(text) >= _LONG


def is_coding(decision: intent.Decision) -> bool:
    return decision.executor == "specialist" or decision.word == "plan"


def background(parent: str, prompt: Prompt) -> SpawnTask:
    return _task(parent, prompt, "summarize", without_word(prompt.text))


def coding(parent: str, prompt: Prompt, decision: intent.Decision) -> SpawnTask:
    """Larger work is planned first, and whatever the user said /plan to."""
    plan = decision.word == "plan" or decision.complexity == "complex"
    plan = plan if prompt.plan is None else prompt.plan
    return _task(parent, prompt, "code", without_word(prompt.text), plan=plan)


def agent(parent: str, prompt: Prompt) -> SpawnTask:
    """`/agent NAME task`.

    Raises:
        EngineError: the name or the task is missing.
    """
    name, *task = without_word(prompt.text).split(maxsplit=1) or [""]
    if not name or not (task or prompt.attachments):
        raise EngineError("Name an agent and what it is to do: /agent NAME TASK")
    return _task(parent, prompt, "agent", "".join(task), agent=name)


def _task(
    parent: str,
    prompt: Prompt,
    kind: SessionKind,
    text: str,
    *,
    plan: bool = False,
    agent: str = "",
) -> SpawnTask:
    return SpawnTask(
        task=text,
        title=_title(kind, text, prompt.attachments),
        kind=kind,
        attachments=prompt.attachments,
        parent=parent,
        tier=prompt.tier,
        model=prompt.model,
        private=prompt.private,
        plan=plan,
        agent=agent,
    )


def _title(kind: SessionKind, text: str, attachments: tuple[Attachment, ...]) -> str:
    """A summary is named after what is summarised, other work after what is asked."""
    if attachments and (kind == "summarize" or not text.strip()):
        return attachments[0].name
    return title_of(text)


TITLE = 48
"""Characters of a title."""


def title_of(text: str) -> str:
    """The first words of a text, for a list."""
    words = " ".join(text[:400].split())
    return words if len(words) <= TITLE else words[: TITLE - 1].rstrip() + "…"
