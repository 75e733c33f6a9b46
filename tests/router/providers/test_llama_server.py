"""Three wires against llama.cpp's server and a real model: protocol, not wit."""

from collections.abc import Iterator

import pytest

from router.providers import Wire
from router.providers.base import BadKey, ContextTooLong
from tests.router.providers.asking import asking, hear
from tests.router.providers.conftest import Opener
from tests.servers.llama import KEY, llama_server

pytestmark = pytest.mark.parametrize("wire", ["openai-chat", "openai", "anthropic"])


@pytest.fixture(scope="module")
def llama() -> Iterator[str]:
    with llama_server() as url:
        yield url


def _address(wire: Wire, llama: str) -> str:
    return llama if wire == "anthropic" else f"{llama}/v1"


async def test_real_tokens(wire: Wire, llama: str, opened: Opener) -> None:
    model = await opened(wire, _address(wire, llama), key=KEY)
    heard = await hear(model, asking("What is the capital of France?", system="Be brief."))
    assert heard.text
    assert heard.done.stop_reason in {"end", "length"}
    usage = heard.done.usage
    assert usage.input + usage.cache_read > 10
    assert 0 < usage.output <= 64


async def test_a_prompt_longer_than_the_window(wire: Wire, llama: str, opened: Opener) -> None:
    model = await opened(wire, _address(wire, llama), key=KEY)
    with pytest.raises(ContextTooLong):
        await hear(model, asking("word " * 600))


async def test_a_wrong_key(wire: Wire, llama: str, opened: Opener) -> None:
    model = await opened(wire, _address(wire, llama), key="another-key-altogether")
    with pytest.raises(BadKey):
        await hear(model, asking())
