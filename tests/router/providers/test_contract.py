"""What every wire does when all goes well."""

import asyncio
import json

import pytest

from router.providers.base import HeadersReceived, Text
from tests.router.providers.asking import WEATHER, asking, hear
from tests.router.providers.conftest import ON_LLMOCK, Opener, Service


async def test_text_comes_in_pieces_and_ends_in_one_done(service: Service, opened: Opener) -> None:
    service.reply("Hello from the other side of the wire.")
    heard = await hear(await opened(service.wire, service.base_url), asking())
    assert heard.text == "Hello from the other side of the wire."
    assert sum(isinstance(chunk, Text) for chunk in heard.chunks) > 1
    assert heard.done.stop_reason == "end"
    assert service.attempts() == 1


async def test_headers_come_first_in_lower_case(service: Service, opened: Opener) -> None:
    service.reply("Hello.")
    heard = await hear(await opened(service.wire, service.base_url), asking())
    assert isinstance(heard.chunks[0], HeadersReceived)
    assert len(heard.headers) == 1
    headers = heard.headers[0].headers
    assert "content-type" in headers
    assert all(name == name.lower() for name in headers)


@pytest.mark.parametrize("wire", ON_LLMOCK)  # aimock counts none; test_usage.py has Ollama's
async def test_tokens_are_counted(service: Service, opened: Opener) -> None:
    service.reply("Hello from the other side of the wire.")
    request = asking("Tell me something that is long enough to be some tokens.")
    usage = (await hear(await opened(service.wire, service.base_url), request)).done.usage
    assert not usage.estimated
    assert usage.input > 5
    assert usage.output > 5


async def test_a_tool_call_comes_whole(service: Service, opened: Opener) -> None:
    service.call_tool("get_weather", {"city": "São Paulo"})
    model = await opened(service.wire, service.base_url)
    heard = await hear(model, asking("Weather in São Paulo?", tools=(WEATHER,)))
    [call] = heard.calls
    assert call.name == "get_weather"
    assert call.call
    assert json.loads(call.arguments) == {"city": "São Paulo"}
    assert heard.done.stop_reason == "tool-calls"


async def test_streams_run_side_by_side_on_one_model(service: Service, opened: Opener) -> None:
    model = await opened(service.wire, service.base_url)
    for _ in range(4):
        service.reply("The same for all.")
    heard = await asyncio.gather(*(hear(model, asking(f"Number {n}.")) for n in range(4)))
    assert [one.text for one in heard] == ["The same for all."] * 4
    assert service.attempts() == 4


@pytest.mark.parametrize("wire", ON_LLMOCK)  # test_requests.py has Ollama's
async def test_models_are_listed_by_id(service: Service, opened: Opener) -> None:
    ids = await (await opened(service.wire, service.base_url)).models()
    assert ids
    assert all(name and not name.startswith("models/") for name in ids)
