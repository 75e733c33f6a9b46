"""Time limits on a stream: until its first token, and between tokens."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import cast

from router.providers.base import Chunk, HeadersReceived, TimedOut


async def limited(
    stream: AsyncIterator[Chunk], first: float, silence: float
) -> AsyncGenerator[Chunk, None]:
    """The stream's chunks, closed when the reader is done with it.

    Raises:
        TimedOut: nothing came for `first` seconds before the first token (headers are none), or
            for `silence` seconds after it.
        Failure: whatever the stream raised.
    """
    began = False
    async with aclosing(cast(AsyncGenerator[Chunk, None], stream)) as chunks:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + first
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    chunk = await anext(chunks)
            except StopAsyncIteration:
                return
            except TimeoutError:
                said = (
                    f"went silent for {silence:g} s" if began else f"said nothing for {first:g} s"
                )
                raise TimedOut(said) from None
            yield chunk
            if not isinstance(chunk, HeadersReceived):
                began = True
            if began:
                deadline = loop.time() + silence
