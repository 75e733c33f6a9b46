"""How far the model is from its first answer."""

from collections.abc import Callable
from typing import Literal, TypeAlias

import msgspec


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    stage: Literal["fetching", "starting", "ready"]
    done: int = 0
    """Bytes that have arrived, while it is being fetched."""
    total: int = 0
    """Bytes that are expected, while it is being fetched; 0 when there are none to count."""

    def __str__(self) -> str:
        if self.stage == "fetching":
            return f"fetching the local model · {self.done / 1e6:.0f} of {self.total / 1e6:.0f} MB"
        return "starting the local model" if self.stage == "starting" else "local model ready"


Report: TypeAlias = Callable[[Progress], None]
