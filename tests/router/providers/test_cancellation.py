"""Leaving a stream closes its connection: seen from the server, on every wire."""

import asyncio
from collections.abc import AsyncGenerator
from typing import cast

import pytest

from router.providers import Wire
from router.providers.base import Chunk, Model, Text
from tests.router.providers.asking import asking, hear
from tests.router.providers.conftest import Opener
from tests.servers.scripted import Script, Scripted
from tests.servers.speech import SPEECH

SOON = 20.0


async def _until_text(model: Model, came: asyncio.Event) -> None:
    async for chunk in model.stream(asking()):
        if isinstance(chunk, Text):
            came.set()


async def test_cancelling_in_mid_stream(wire: Wire, scripted: Scripted, opened: Opener) -> None:
    scripted.play(Script(SPEECH[wire].opening, ending="hang"))
    came = asyncio.Event()
    task = asyncio.create_task(_until_text(await opened(wire, scripted.url), came))
    await asyncio.wait_for(came.wait(), SOON)
    [visit] = scripted.visits
    assert not visit.gone.is_set()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(visit.gone.wait(), SOON)


async def test_cancelling_before_the_first_byte(
    wire: Wire, scripted: Scripted, opened: Opener
) -> None:
    scripted.play(Script(ending="mute"))
    task = asyncio.create_task(hear(await opened(wire, scripted.url), asking()))
    await asyncio.wait_for(scripted.visited.wait(), SOON)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(scripted.visits[0].gone.wait(), SOON)


async def test_closing_the_iterator(wire: Wire, scripted: Scripted, opened: Opener) -> None:
    scripted.play(Script(SPEECH[wire].opening, ending="hang"))
    model = await opened(wire, scripted.url)
    stream = cast(AsyncGenerator[Chunk, None], model.stream(asking()))
    async for chunk in stream:
        if isinstance(chunk, Text):
            break
    await stream.aclose()
    await asyncio.wait_for(scripted.visits[0].gone.wait(), SOON)


async def test_a_time_limit_around_a_stream(wire: Wire, scripted: Scripted, opened: Opener) -> None:
    scripted.play(Script(SPEECH[wire].opening, ending="hang"))
    model = await opened(wire, scripted.url)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await hear(model, asking())
    await asyncio.wait_for(scripted.visits[0].gone.wait(), SOON)


async def test_the_model_goes_on_working(wire: Wire, scripted: Scripted, opened: Opener) -> None:
    scripted.play(Script(SPEECH[wire].opening, ending="hang"), Script(SPEECH[wire].whole))
    model = await opened(wire, scripted.url)
    came = asyncio.Event()
    task = asyncio.create_task(_until_text(model, came))
    await asyncio.wait_for(came.wait(), SOON)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (await hear(model, asking())).text == "Hello"


async def test_closing_the_model_closes_its_idle_connections(
    wire: Wire, scripted: Scripted, opened: Opener
) -> None:
    scripted.play(Script(SPEECH[wire].whole))
    model = await opened(wire, scripted.url)
    await hear(model, asking())
    await model.aclose()
    await asyncio.wait_for(scripted.deserted(), SOON)
