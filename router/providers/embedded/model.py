"""The embedded model as a `Model`."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

from router.providers.base import BrokenStream, Chunk, Missing, Request, Unreachable
from router.providers.embedded.fetch import fetch
from router.providers.embedded.process import Child, Orders, check_engine
from router.providers.embedded.progress import Progress, Report
from router.providers.embedded.weights import SMOLLM2, Weights, check_gguf, find_gguf

if TYPE_CHECKING:
    from router.providers.embedded.loopback import Port


class EmbeddedModel:
    """A model on this machine that needs no server and no key.

    It is fetched and started when it is first needed, and started again if it dies. Everything
    happens on the event loop it is first used on.

    Args:
        gguf: a model file of the user's own, or `None` for the one Butler brings.
        folder: Butler's data directory; what is fetched goes to its `models` folder.
        log: where the engine's output goes.
        threads: threads that compute, or `None` for one less than there are physical cores.
        context: tokens that a request and its answer may have together.
        on_progress: told how far it is, on the event loop.
        weights: the model Butler brings.
    """

    def __init__(
        self,
        *,
        gguf: Path | None,
        folder: Path,
        log: Path,
        threads: int | None = None,
        context: int = 4096,
        on_progress: Report | None = None,
        weights: Weights = SMOLLM2,
    ) -> None:
        self.name = gguf.stem if gguf else weights.name
        self.context = context
        """Tokens that fit. Once it runs, never more than the model was trained for."""
        self._gguf = gguf
        self._folder = folder
        self._log = log
        self._threads = threads
        self._report: Report = on_progress or (lambda _: None)
        self._weights = weights
        self._running: tuple[Child, Port] | None = None
        self._starting: asyncio.Task[tuple[Child, Port]] | None = None
        self._closed = False

    async def ready(self) -> None:
        """Return when it can answer at once.

        Cancelling the wait stops neither a download nor the start: others may wait for them, and
        who asks next finds them further on.

        Raises:
            Missing: the model or its engine is not to be had; the sentence says what to do.
            BrokenStream: it died while it was loaded.
            Unreachable: `aclose` was called.
        """
        await self._run()

    async def stream(self, request: Request) -> AsyncGenerator[Chunk]:
        for again in (True, False):
            child, port = await self._run()
            try:
                async with aclosing(port.stream(request)) as chunks:
                    async for chunk in chunks:
                        yield chunk
                break
            except (BrokenStream, Unreachable) as failure:
                death = await child.death()
                if not death:
                    raise
                if again and isinstance(failure, Unreachable):
                    continue  # It died while it rested. Nothing was sent yet: start it anew.
                raise BrokenStream(
                    f"The local model stopped: {death}. It starts anew with the next request."
                ) from failure

    async def models(self) -> list[str]:
        """Its one model, if its file is here and its engine can be loaded. Starts nothing."""
        if self._gguf:
            await asyncio.to_thread(check_gguf, self._gguf)
        elif find_gguf(self._folder, self._weights) is None:
            raise Missing(
                f"The local model is not installed. Install it with: {self._weights.command}"
            )
        await check_engine()
        return [self.name]

    async def aclose(self) -> None:
        """End its process, and a download or start under way. It can't be used afterwards."""
        self._closed = True
        if self._starting:
            self._starting.cancel()
            await asyncio.wait([self._starting])
        await self._stop()

    async def _run(self) -> "tuple[Child, Port]":
        if self._closed:
            raise Unreachable("The local model has been closed.")
        if self._running and self._running[0].alive:
            return self._running
        if self._starting is None or self._starting.done():
            self._starting = asyncio.create_task(self._start())
            self._starting.add_done_callback(_look_at_outcome)
        starting = self._starting
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            me = asyncio.current_task()
            if starting.cancelled() and not (me and me.cancelling()):
                raise Unreachable("The local model has been closed.") from None
            raise

    async def _start(self) -> "tuple[Child, Port]":
        await self._stop()
        gguf = await self._file()
        self._report(Progress(stage="starting"))
        threads = self._threads or await asyncio.to_thread(_spare_cores)
        orders = Orders(gguf=gguf, name=self.name, threads=threads, context=self.context)
        importing = asyncio.create_task(asyncio.to_thread(_import_port))
        child = await Child.start(orders, self._log)
        port = (await importing)(child.url, child.key, self.name)
        self._running = child, port
        try:
            self.context = min(self.context, await port.context())
        except BaseException:
            await self._stop()
            raise
        self._report(Progress(stage="ready"))
        return child, port

    async def _stop(self) -> None:
        if self._running:
            child, port = self._running
            self._running = None
            await port.aclose()
            await child.close()

    async def _file(self) -> Path:
        if self._gguf:
            return await asyncio.to_thread(check_gguf, self._gguf)
        found = find_gguf(self._folder, self._weights)
        return found or await fetch(self._folder, self._weights, self._report)


def _look_at_outcome(starting: "asyncio.Task[tuple[Child, Port]]") -> None:
    """If everybody who waited has gone, nobody else will, and asyncio would complain."""
    if not starting.cancelled():
        starting.exception()


def _spare_cores() -> int:
    """One core stays free for the screen: with all of them the model is slower, too."""
    import psutil

    return max(1, (psutil.cpu_count(logical=False) or 1) - 1)


def _import_port() -> "type[Port]":
    from router.providers.embedded.loopback import Port

    return Port
