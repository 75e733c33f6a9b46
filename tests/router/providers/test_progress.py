"""A tool call that takes its time: its arguments are signs of life."""

import json
from typing import Any

import pytest

from router.providers import Wire
from router.providers.anthropic import tells_arguments_early
from router.providers.base import Done, Progress, Text, ToolCallReady
from router.waiting import limited
from tests.router.providers.asking import WEATHER, asking, hear
from tests.router.providers.conftest import Opener
from tests.servers import speech
from tests.servers.aimock import Aimock
from tests.servers.scripted import Script, Scripted

STREAMED: tuple[Wire, ...] = ("anthropic", "openai", "openai-chat")
"""The others send a call whole."""

ARGUMENTS = {"city": "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch, again and again"}


@pytest.mark.parametrize("wire", STREAMED)
async def test_slow_arguments_are_no_silence(
    wire: Wire, aimock_service: Aimock, opened: Opener
) -> None:
    call: dict[str, Any] = {"name": "get_weather", "arguments": json.dumps(ARGUMENTS)}
    aimock_service.answer({"toolCalls": [call]}, latency=60, chunkSize=8)
    model = await opened(wire, aimock_service.base_url(wire))
    stream = model.stream(asking(tools=(WEATHER,)))
    chunks = [chunk async for chunk in limited(stream, first=5, silence=0.4)]
    told = [chunk.characters for chunk in chunks if isinstance(chunk, Progress)]
    [ready] = [chunk.call for chunk in chunks if isinstance(chunk, ToolCallReady)]
    assert len(told) * 0.06 > 0.4, "it took longer than the silence that is allowed"
    assert sum(told) == len(ready.arguments)
    assert json.loads(ready.arguments) == ARGUMENTS


async def test_signs_of_life_are_no_answer(scripted: Scripted, opened: Opener) -> None:
    """Half a call, cut off by the limit, counts as nothing said, and as output all the same."""
    block = {"type": "tool_use", "id": "call-1", "name": "get_weather", "input": {}}
    delta = {"type": "input_json_delta", "partial_json": '{"city": "Par'}
    scripted.play(
        Script(
            speech.anthropic(
                speech.anthropic_start(),
                *speech.anthropic_block(0, block, delta),
                *speech.anthropic_end("max_tokens"),
            )
        )
    )
    heard = await hear(await opened("anthropic", scripted.url), asking(tools=(WEATHER,)))
    assert [type(chunk) for chunk in heard.chunks[1:]] == [Progress, Done]
    assert not any(isinstance(chunk, Text | ToolCallReady) for chunk in heard.chunks)
    assert heard.done.stop_reason == "length"


@pytest.mark.parametrize(
    ("address", "early"),
    [
        ("https://api.anthropic.com", True),
        ("https://gateway.example/anthropic", False),
        ("https://api.anthropic.com.example", False),
    ],
)
def test_only_anthropic_is_asked_for_early_arguments(address: str, early: bool) -> None:
    assert tells_arguments_early(address) is early


async def test_a_gateway_is_sent_nothing_it_may_not_know(
    scripted: Scripted, opened: Opener
) -> None:
    scripted.play(Script(speech.SPEECH["anthropic"].whole))
    await hear(await opened("anthropic", scripted.url), asking(tools=(WEATHER,)))
    [tool] = scripted.visits[0].json["tools"]
    assert set(tool) == {"name", "description", "input_schema"}
