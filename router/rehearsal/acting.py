"""How so small a model plays a large one: a request cut down to what it can answer sensibly.

It gets lost in a longer conversation and follows no instruction to go on where another stopped, so
it is given the last question only, and an answer to continue is handed to it as begun.
"""

from typing import Any, Final, TypeAlias

from router.context import CONTINUE

Body: TypeAlias = dict[str, Any]

_TOOLS: Final = ("tools", "tool_choice", "parallel_tool_calls")
"""It can't call any, and the list of them alone is longer than what it can read."""
_READ: Final = 4_000
"""Characters of a question."""
_SYSTEM: Final = "You are a helpful assistant."
"""What it was trained with."""


def played(account: str, body: Body) -> Body:
    """The body of a request to the account's wire, as the small model gets it."""
    turns: str = "input" if account == "responses" else "messages"
    asked = [turn for turn in body[turns] if turn["role"] != "system"]
    asked = asked[-3:-1] if len(asked) > 2 and _says(asked[-1], CONTINUE) else asked[-1:]
    changed: Body = {**body, "temperature": 0}
    for name in _TOOLS:
        changed.pop(name, None)
    if account == "messages":
        changed["system"] = _SYSTEM
    elif account == "responses":
        changed["instructions"] = _SYSTEM
    else:
        asked = [{"role": "system", "content": _SYSTEM}, *asked]
    changed[turns] = [_short(turn) for turn in asked]
    return changed


def _short(turn: Body) -> Body:
    """As much of a long one as the small model can read."""
    content = turn["content"]
    if isinstance(content, str):
        return {**turn, "content": content[:_READ]}
    blocks: list[Body] = content
    return {**turn, "content": [_cut(block) for block in blocks]}


def _cut(block: Body) -> Body:
    return {**block, "text": block["text"][:_READ]} if "text" in block else block


def _says(turn: Body, text: str) -> bool:
    content = turn["content"]
    return content == text if isinstance(content, str) else content[0].get("text") == text
