"""Opening a connection: what can't work is said at once, and nothing is loaded before its time."""

import subprocess
import sys

import pytest

from router.providers import Connection, Wire, open_model
from router.providers.base import BadKey, BadRequest, Missing
from tests.router.providers.asking import asking, hear
from tests.router.providers.conftest import KEY, ON_LLMOCK
from tests.servers.scripted import Script, Scripted
from tests.servers.speech import SPEECH


@pytest.mark.parametrize("wire", ON_LLMOCK)
async def test_no_key(wire: Wire) -> None:
    with pytest.raises(BadKey, match="butler init"):
        await open_model(Connection(wire=wire, account="work"))


@pytest.mark.parametrize("key", ["sk-\nnewline", "“sk-quoted”", "schlüssel", "sk-\x00", " sk "])
async def test_a_key_that_no_header_can_carry(wire: Wire, key: str) -> None:
    with pytest.raises(BadKey) as caught:
        await open_model(Connection(wire=wire, account="work", key=key))
    assert "work" in str(caught.value)
    assert key.strip() not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    ["ftp://host/v1", "http://", "http://host:99999/v1", "http://[::1/v1", "http://ho st/", ""],
)
async def test_an_address_that_is_none(wire: Wire, address: str) -> None:
    with pytest.raises(BadRequest) as caught:
        await open_model(Connection(wire=wire, account="work", base_url=address, key=KEY))
    assert "work" in str(caught.value)
    assert "http://127.0.0.1:8080/v1" in str(caught.value)


@pytest.mark.parametrize("headers", [{"X-Ü": "a"}, {"X-A": "line\nbreak"}, {"": "a"}])
async def test_a_header_that_is_none(wire: Wire, headers: dict[str, str]) -> None:
    with pytest.raises(BadRequest, match="header"):
        await open_model(Connection(wire=wire, key=KEY, headers=headers))


@pytest.mark.parametrize("wire", ["openai-chat", "ollama", "google", "anthropic"])
async def test_a_server_of_ones_own_needs_no_key(wire: Wire, scripted: Scripted) -> None:
    scripted.play(Script(SPEECH[wire].whole))
    model = await open_model(Connection(wire=wire, base_url=scripted.url))
    assert (await hear(model, asking())).text == "Hello"
    await model.aclose()


async def test_ollamas_host_may_lack_its_scheme(scripted: Scripted) -> None:
    scripted.play(Script(SPEECH["ollama"].whole))
    address = scripted.url.removeprefix("http://")
    model = await open_model(Connection(wire="ollama", base_url=address))
    assert (await hear(model, asking())).text == "Hello"
    await model.aclose()


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("", "/v1beta/models/"),
        ("/v1", "/v1/models/"),
        ("/v1beta", "/v1beta/models/"),
        ("/gate/v1alpha/", "/gate/v1alpha/models/"),
    ],
)
async def test_geminis_version_may_end_the_address(
    scripted: Scripted, address: str, path: str
) -> None:
    scripted.play(Script(SPEECH["google"].whole))
    model = await open_model(Connection(wire="google", base_url=scripted.url + address, key=KEY))
    await hear(model, asking())
    await model.aclose()
    assert scripted.visits[0].head.split()[1].startswith(path)


def test_a_connection_never_prints_its_key() -> None:
    connection = Connection(
        wire="openai",
        base_url="https://user:hunter2@host:8443/v1?key=abc",
        key=KEY,
        headers={"authorization": "Bearer hidden"},
    )
    for shown in (repr(connection), str(connection), connection.name):
        assert not any(secret in shown for secret in (KEY, "hunter2", "abc", "hidden"))
    assert connection.where == "host:8443"


def _python(program: str) -> str:
    """What a fresh interpreter prints."""
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


def test_no_sdk_is_loaded_before_its_first_use() -> None:
    program = """
import sys
import router.providers, router.providers.failures, router.providers.answer
sdks = {"anthropic", "openai", "google.genai", "ollama", "httpx", "httpx2", "pydantic"}
print(sorted(sdks & set(sys.modules)))
"""
    assert _python(program) == "[]"


@pytest.mark.parametrize(
    ("wire", "module", "package"),
    [
        ("anthropic", "anthropic", "anthropic"),
        ("openai", "openai", "openai"),
        ("openai-chat", "openai", "openai"),
        ("google", "google.genai", "google-genai"),
        ("ollama", "ollama", "ollama"),
    ],
)
def test_an_sdk_that_is_not_installed(wire: Wire, module: str, package: str) -> None:
    program = f"""
import asyncio, sys
sys.modules[{module!r}] = None  # how Python itself marks what can't be imported
from router.providers import Connection, open_model
from router.providers.base import {Missing.__name__}
try:
    asyncio.run(open_model(Connection(wire={wire!r}, key="k")))
except Missing as failure:
    print(failure)
"""
    assert _python(program).endswith(f": pip install {package}")


def test_loading_an_sdk_leaves_the_event_loop_alone() -> None:
    program = """
import asyncio
from router.providers import Connection, open_model

async def main():
    loop = asyncio.get_running_loop()
    begun = before = loop.time()
    worst = 0.0
    opening = asyncio.create_task(open_model(Connection(wire="google", key="k")))
    while not opening.done():
        await asyncio.sleep(0.001)
        worst, before = max(worst, loop.time() - before), loop.time()
    await opening.result().aclose()
    print(worst / (before - begun))

asyncio.run(main())
"""
    # On the loop itself it would be 1; in a thread, what Python's lock takes.
    assert float(_python(program)) < 0.5
