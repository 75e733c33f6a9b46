"""Old tool calls in few words: what they were, and how much of them is left out."""

from typing import Final, cast

import msgspec

from router.providers.base import ToolCallPart, ToolResultPart

SHORT: Final = 240
"""Bytes up to which a text stays as it is."""

_TARGET: Final = 60
"""Characters of what a call was about."""

_TELLING: Final = ("path", "pattern", "command", "question")
"""Arguments that say best what a call was about."""

_LONGEST: Final = 2000
"""Bytes that arguments may have once their long texts are out."""


def sound(made: ToolCallPart) -> ToolCallPart:
    """The call with arguments that every wire takes: some servers look into those of old calls
    and refuse what is no JSON object."""
    try:
        msgspec.json.decode(made.arguments, type=dict[str, object])
    except (msgspec.DecodeError, RecursionError):
        wrong = {"invalid_json": made.arguments} if made.arguments else {}
        return msgspec.structs.replace(made, arguments=msgspec.json.encode(wrong).decode())
    return made


def result(call: ToolCallPart, returned: ToolResultPart) -> ToolResultPart:
    """A line that says what the result was of: `read_file src/app.py: 12 kB left out`."""
    size = _bytes(returned.text)
    if size <= SHORT:
        return returned
    what = " ".join(part for part in (call.name[:_TARGET], _target(call)) if part)
    line = f"{what}: {_shown(size)} left out"
    return msgspec.structs.replace(returned, text=line)


def call(made: ToolCallPart) -> ToolCallPart:
    """The call without the long texts among its arguments."""
    if _bytes(made.arguments) <= SHORT:
        return made
    shorter = {name: _shorter(value) for name, value in _arguments(made).items()}
    arguments = msgspec.json.encode(shorter).decode()
    if _bytes(arguments) > _LONGEST:
        left_out = {"left_out": _shown(_bytes(made.arguments))}
        arguments = msgspec.json.encode(left_out).decode()
    return msgspec.structs.replace(made, arguments=arguments)


def cut(returned: ToolResultPart, size: int) -> ToolResultPart:
    """The beginning and the end of a result, about `size` bytes together."""
    data = returned.text.encode("utf-8", "replace")
    if len(data) <= size:
        return returned
    half = size // 2
    head = data[:half].decode("utf-8", "ignore")
    tail = data[-half:].decode("utf-8", "ignore") if half else ""
    text = f"{head}\n[… {_shown(len(data) - 2 * half)} left out …]\n{tail}"
    return msgspec.structs.replace(returned, text=text)


def _shorter(value: object) -> object:
    if isinstance(value, str) and _bytes(value) > SHORT:
        return f"[{_shown(_bytes(value))} left out]"
    return value


def _target(made: ToolCallPart) -> str:
    """What it was about: a path, a pattern, a command, else its first text."""
    given = _arguments(made)
    values = [*(given.get(name) for name in _TELLING), *given.values()]
    texts = (value for value in values if isinstance(value, str))
    words = " ".join(next(texts, "")[: 4 * _TARGET].split())
    return words if len(words) <= _TARGET else words[: _TARGET - 1] + "…"


def _arguments(made: ToolCallPart) -> dict[str, object]:
    try:
        return msgspec.json.decode(made.arguments or "{}", type=dict[str, object])
    except (msgspec.DecodeError, RecursionError):
        return cast(dict[str, object], {})


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def _shown(size: int) -> str:
    return f"{size} B" if size < 1000 else f"{size / 1000:.0f} kB"
