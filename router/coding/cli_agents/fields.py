"""Reading JSON of somebody else's making: what is not there, or not as expected, counts as absent.

The programs change what they tell from month to month; only what is used here is looked at.
"""

from typing import TypeAlias, cast

import msgspec

Table: TypeAlias = dict[str, object]

_decoder = msgspec.json.Decoder()


def decoded(line: bytes) -> Table | None:
    """The object on a line; `None` if there is none."""
    try:
        value: object = _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return cast(Table, value) if isinstance(value, dict) else None


def table(of: Table, name: str) -> Table:
    value = of.get(name)
    return cast(Table, value) if isinstance(value, dict) else {}


def tables(of: Table, name: str) -> list[Table]:
    value = of.get(name)
    items = cast(list[object], value) if isinstance(value, list) else []
    return [cast(Table, item) for item in items if isinstance(item, dict)]


def text(of: Table, name: str) -> str:
    value = of.get(name)
    return value if isinstance(value, str) else ""


def texts(of: Table, name: str) -> list[str]:
    value = of.get(name)
    items = cast(list[object], value) if isinstance(value, list) else []
    return [item for item in items if isinstance(item, str)]


def number(of: Table, name: str) -> float | None:
    """A finite number from 0 on."""
    value = of.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < float("inf") else None


def count(of: Table, name: str) -> int:
    return int(number(of, name) or 0)


def readable(line: bytes, limit: int = 200) -> str:
    """A line for the log or a sentence: one line, short, harmless."""
    words = line[: 4 * limit].decode("utf-8", "replace").split()
    return "".join(c if c.isprintable() else "�" for c in " ".join(words))[:limit]
