"""Whether code that is asked for is worth a plan first."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from router.intent.decision import Complexity

_REQUIREMENTS: Final = 4
"""Points of a list from which it describes more than one file."""
_BUILDS: Final = ("v_make", "v_write", "v_want", "v_code", "v_move")
_SMALLER: Final = frozenset({"first:v_mend", "first:q_how", "first:q_why", "head:o_code"})
"""Signs of something smaller than the application that is named."""


class Size(NamedTuple):
    complexity: Complexity
    why: str


def size(signals: Mapping[str, str], bullets: int) -> Size:
    """Judge from the signals of a request for code."""
    if "has:m_scope" in signals:
        return Size("complex", f"across files (“{signals['has:m_scope']}”)")
    if "has:v_move" in signals and {"has:o_app", "v_move>o_tech"} & signals.keys():
        return Size("complex", f"a change across files (“{signals['has:v_move']}”)")
    application = next((s for verb in _BUILDS if (s := signals.get(f"{verb}>o_app"))), "")
    if application and not _SMALLER & signals.keys():
        return Size("complex", f"more than one file (“{signals.get('head:o_app', application)}”)")
    if bullets >= _REQUIREMENTS and "shape:much-code" not in signals:
        return Size("complex", f"{bullets} requirements")
    return Size("quick", "one file or a small change")
