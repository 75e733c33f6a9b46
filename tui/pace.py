"""When to repaint: the first change at once, then at most twenty times a second."""

import asyncio
from collections.abc import Callable
from typing import Final

GAP: Final = 0.05
"""Seconds between two repaints."""


class Pace:
    """Calls `paint` for one or more `wanted`, never sooner than `GAP` after the last time."""

    def __init__(self, paint: Callable[[], None], gap: float = GAP) -> None:
        self._paint = paint
        self._gap = gap
        self._last = float("-inf")
        self._timer: asyncio.TimerHandle | None = None

    def wanted(self) -> None:
        if self._timer is not None:
            return
        loop = asyncio.get_running_loop()
        wait = self._last + self._gap - loop.time()
        if wait <= 0:
            self._now()
        else:
            self._timer = loop.call_later(wait, self._now)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _now(self) -> None:
        self._timer = None
        self._last = asyncio.get_running_loop().time()
        self._paint()
