"""What the child's port may do wrong, shown by a server that sends what it is told to."""

import asyncio
import json

import pytest

from router.providers.base import (
    BrokenStream,
    Chunk,
    Done,
    Failure,
    Message,
    OpaquePart,
    Overloaded,
    Reasoning,
    Request,
    Text,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    Unreachable,
)
from router.providers.embedded.loopback import Port
from store.events import Usage
from tests.servers.scripted import Script, Scripted

_ASK = Request(model="", messages=(Message("user", (TextPart("Hello"),)),), max_output_tokens=64)
_USAGE = {
    "choices": [],
    "usage": {
        "prompt_tokens": 20,
        "completion_tokens": 7,
        "prompt_tokens_details": {"cached_tokens": 12},
    },
}


def delta(finish: str | None = None, **said: str | None) -> dict[str, object]:
    return {"choices": [{"index": 0, "delta": said, "finish_reason": finish}]}


def sse(*events: dict[str, object] | str) -> bytes:
    lines = [e if isinstance(e, str) else f"data: {json.dumps(e)}" for e in events]
    return "".join(f"{line}\n\n" for line in lines).encode()


_DONE = "data: [DONE]"
_WHOLE = sse(delta(content=None), delta(content="Hi"), delta("stop"), _USAGE, _DONE)


async def stream(scripted: Scripted, request: Request = _ASK) -> list[Chunk]:
    port = Port(scripted.url, "the-key", "m")
    try:
        return [chunk async for chunk in port.stream(request)]
    finally:
        await port.aclose()


async def test_an_answer_with_everything_in_it(scripted: Scripted) -> None:
    scripted.play(
        Script(
            sse(
                ": a comment, to keep the connection open",
                delta(content=None),
                delta(reasoning_content="Hm."),
                delta(content=""),
                delta(content="Hello"),
                delta("length"),
                _USAGE,
                _DONE,
            )
        )
    )
    assert await stream(scripted) == [
        Reasoning("Hm."),
        Text("Hello"),
        # It stopped short of the 64 tokens that were allowed: the window was full.
        Done(stop_reason="context-full", usage=Usage(input=8, cache_read=12, output=7)),
    ]
    assert scripted.visits[0].headers["authorization"] == "Bearer the-key"


async def test_what_it_is_sent(scripted: Scripted) -> None:
    scripted.play(Script(_WHOLE))
    messages = (
        Message("user", (TextPart("one"), TextPart("two"))),
        Message("assistant", (OpaquePart("x", "{}"), ToolCallPart("1", "read", '{"a":1}'))),
        Message("user", (ToolResultPart("1", "read", "text of the file"),)),
    )
    await stream(scripted, Request(model="", messages=messages, system="Be brief."))
    sent = scripted.visits[0].json
    assert sent["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "one\n\ntwo"},
        {"role": "assistant", "content": 'read({"a":1})'},
        {"role": "user", "content": "read: text of the file"},
    ]
    assert sent["max_tokens"] == 4096
    assert sent["temperature"] == 0


@pytest.mark.parametrize(
    ("script", "failure", "sentence"),
    [
        (Script(sse(delta(content="Hi")), ending="cut"), BrokenStream, "broke off"),
        (Script(sse(delta(content="Hi"))), BrokenStream, "broke off"),
        (Script(sse(delta(content="Hi"), _USAGE, _DONE)), BrokenStream, "broke off"),
        (Script(sse(delta("stop"), _USAGE, _DONE)), BrokenStream, "empty"),
        (Script(sse("data: {not json")), BrokenStream, "can't be read"),
        (Script(sse('data: {"choices": 3}')), BrokenStream, "can't be read"),
        (Script(b"<html>"), BrokenStream, "broke off"),
        (
            Script(sse(delta(content="Hi"), {"error": {"message": "out of memory"}})),
            Overloaded,
            "out of memory",
        ),
        (Script(b"Bad Gateway", status=502), Overloaded, "502"),
    ],
)
async def test_faults(
    scripted: Scripted, script: Script, failure: type[Failure], sentence: str
) -> None:
    scripted.play(script)
    with pytest.raises(failure, match=sentence) as caught:
        await stream(scripted)
    assert type(caught.value) is failure


async def test_what_happens_after_the_end_does_not_matter(scripted: Scripted) -> None:
    scripted.play(Script(_WHOLE, ending="cut"))
    assert isinstance((await stream(scripted))[-1], Done)


async def test_nobody_there(unused_tcp_port: int) -> None:
    with pytest.raises(Unreachable):
        await stream(Scripted(port=unused_tcp_port))


async def test_cancelling_hangs_up(scripted: Scripted) -> None:
    scripted.play(Script(sse(delta(content="Hi")), ending="hang"))
    waiting = asyncio.create_task(stream(scripted))
    await scripted.visited.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.wait_for(scripted.visits[0].gone.wait(), 2)
