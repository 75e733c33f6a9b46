"""Tasks of the screen's own whose unexpected end somebody hears of."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


def watched(
    work: Coroutine[Any, Any, None], name: str, failed: Callable[[BaseException], None]
) -> asyncio.Task[None]:
    """Start `work`; tell `failed` if it ends with an exception. Keep the task: asyncio doesn't."""

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            failed(error)

    task = asyncio.create_task(work, name=name)
    task.add_done_callback(ended)
    return task
