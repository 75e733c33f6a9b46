"""How long we wait for a model, and how long we leave one alone."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from router.health import after
from router.providers.base import (
    BadKey,
    BadRequest,
    Chunk,
    Done,
    Failure,
    HeadersReceived,
    Missing,
    Overloaded,
    QuotaSpent,
    RateLimited,
    Refused,
    Text,
    TimedOut,
    Unreachable,
)
from router.waiting import limited
from store.events import Usage

DONE = Done(stop_reason="end", usage=Usage())


async def read(stream: AsyncGenerator[Chunk, None], **limits: float) -> list[Chunk]:
    return [chunk async for chunk in limited(stream, **limits)]


async def test_headers_alone_are_no_first_token() -> None:
    closed = asyncio.Event()

    async def silent() -> AsyncGenerator[Chunk, None]:
        try:
            yield HeadersReceived({})
            await asyncio.Event().wait()
        finally:
            closed.set()

    with pytest.raises(TimedOut, match=r"said nothing for 0\.02 s"):
        await read(silent(), first=0.02, silence=9)
    assert closed.is_set()


async def test_silence_after_the_first_token_is_told_as_such() -> None:
    async def stalling() -> AsyncGenerator[Chunk, None]:
        yield Text("a")
        await asyncio.Event().wait()

    with pytest.raises(TimedOut, match=r"went silent for 0\.02 s"):
        await read(stalling(), first=9, silence=0.02)


async def test_a_stream_that_talks_is_left_alone() -> None:
    async def talking() -> AsyncGenerator[Chunk, None]:
        for _ in range(5):
            await asyncio.sleep(0)
            yield Text("a")
        yield DONE

    assert len(await read(talking(), first=5, silence=5)) == 6


async def test_a_reader_that_is_cancelled_closes_the_stream() -> None:
    began, closed = asyncio.Event(), asyncio.Event()

    async def endless() -> AsyncGenerator[Chunk, None]:
        try:
            yield Text("a")
            began.set()
            await asyncio.Event().wait()
        finally:
            closed.set()

    task = asyncio.create_task(read(endless(), first=9, silence=9))
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert closed.is_set()


@pytest.mark.parametrize(
    ("failure", "times", "state", "seconds"),
    [
        (Overloaded("x"), 1, "cooling", 30),
        (Overloaded("x"), 2, "cooling", 60),
        (Overloaded("x"), 9, "cooling", 300),
        (Unreachable("x"), 1, "cooling", 5),
        (Unreachable("x"), 3, "cooling", 60),
        (RateLimited("x", retry_after=90), 1, "cooling", 90),
        (RateLimited("x", retry_after=2), 1, "cooling", 30),
        (QuotaSpent("x", retry_after=7200), 1, "exhausted", 7200),
        (BadKey("x"), 1, "off", None),
        (Missing("x"), 1, "missing", None),
    ],
)
def test_a_failure_says_how_long_to_leave_a_model_alone(
    failure: Failure, times: int, state: str, seconds: float | None
) -> None:
    verdict = after(failure, times, 0)
    assert verdict is not None
    assert verdict.state == state
    assert verdict.until == (None if seconds is None else seconds * 1000)


@pytest.mark.parametrize("failure", [Refused("x"), BadRequest("x")])
def test_what_is_our_own_fault_does_not_make_a_model_sick(failure: Failure) -> None:
    assert after(failure, 1, 0) is None
