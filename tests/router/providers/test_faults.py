"""The fault table: each row on every wire, and that the server really did it.

llmock speaks for Anthropic, OpenAI and Gemini, aimock for Ollama. `test_raw_faults.py` has the rows
that neither of them can show.
"""

import asyncio
import socket
from collections.abc import Iterator

import pytest

from router.providers.base import (
    BadKey,
    BadRequest,
    BrokenStream,
    ContextTooLong,
    Failure,
    Overloaded,
    QuotaSpent,
    RateLimited,
    TimedOut,
    Unreachable,
)
from router.providers.connection import Wire
from tests.router.providers.asking import Heard, asking, hear
from tests.router.providers.conftest import (
    KEY,
    ON_LLMOCK,
    WIRES,
    Opener,
    Service,
    StreamFault,
)
from tests.servers.scripted import Scripted

STATUSES: tuple[tuple[int, type[Failure]], ...] = (
    (400, BadRequest),
    (401, BadKey),
    (402, QuotaSpent),
    (403, BadKey),
    (404, BadRequest),
    (408, TimedOut),
    (413, ContextTooLong),
    (429, RateLimited),
    (500, Overloaded),
    (503, Overloaded),
    (504, Overloaded),
    (529, Overloaded),
)
BREAKS: tuple[tuple[StreamFault, type[Failure]], ...] = (
    ("cut", BrokenStream),
    ("truncate", BrokenStream),
    ("malformed", BrokenStream),
    ("stall", TimedOut),
)


@pytest.mark.parametrize(("status", "kind"), STATUSES)
async def test_a_status_becomes_a_failure(
    service: Service, opened: Opener, status: int, kind: type[Failure]
) -> None:
    service.fail(status, "the reason")
    model = await opened(service.wire, service.base_url, account="work")
    with pytest.raises(Failure) as caught:
        await hear(model, asking())
    assert type(caught.value) is kind
    assert service.attempts() == 1, "an SDK retried by itself"
    assert [fault.endswith(str(status)) for fault in service.faults()] == [True]
    sentence = str(caught.value)
    assert "work" in sentence
    assert f"HTTP {status}" in sentence
    assert "the reason" in sentence
    assert KEY not in sentence


async def test_the_wait_is_told(service: Service, opened: Opener) -> None:
    service.fail(429, retry_after=7200)
    with pytest.raises(RateLimited) as caught:
        await hear(await opened(service.wire, service.base_url), asking())
    assert caught.value.retry_after == pytest.approx(7200)
    assert "2 h" in str(caught.value)


@pytest.mark.parametrize(
    ("wire", "fault", "kind"),
    [
        (wire, fault, kind)
        for wire in WIRES
        for fault, kind in BREAKS
        if (wire, fault) != ("ollama", "truncate")  # in test_raw_faults.py: aimock only cuts
    ],
)
async def test_a_stream_breaks(
    service: Service, opened: Opener, fault: StreamFault, kind: type[Failure]
) -> None:
    service.spoil(fault)
    model = await opened(service.wire, service.base_url, silence=0.4)
    heard = Heard()
    with pytest.raises(Failure) as caught:
        await asyncio.wait_for(hear(model, asking(), heard), 20)
    assert type(caught.value) is kind
    assert len(service.faults()) == 1, "the fault did not happen"
    if service.wire != "ollama" or fault == "cut":
        assert heard.text, "what had come before was lost"


@pytest.mark.parametrize("wire", ON_LLMOCK)
async def test_the_same_model_works_after_a_broken_stream(service: Service, opened: Opener) -> None:
    service.spoil("cut")
    model = await opened(service.wire, service.base_url)
    with pytest.raises(BrokenStream):
        await hear(model, asking("First."))
    service.reply("All is well.")
    assert (await hear(model, asking("Second."))).text == "All is well."


@pytest.fixture
def nobody_listens() -> Iterator[str]:
    """A port that is taken and refuses connections."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


async def test_no_server(wire: Wire, opened: Opener, nobody_listens: str) -> None:
    model = await opened(wire, nobody_listens)
    with pytest.raises(Unreachable) as caught:
        await hear(model, asking())
    assert "No connection" in str(caught.value)
    with pytest.raises(Unreachable):
        await model.models()


async def test_no_tls_where_it_should_be(wire: Wire, scripted: Scripted, opened: Opener) -> None:
    address = scripted.url.replace("http:", "https:")
    with pytest.raises(Unreachable, match="TLS fails"):
        await hear(await opened(wire, address), asking())


@pytest.mark.parametrize("wire", ON_LLMOCK)
async def test_a_listing_fails_like_a_stream(service: Service, opened: Opener) -> None:
    service.fail(401, "the reason")
    with pytest.raises(BadKey):
        await (await opened(service.wire, service.base_url)).models()


@pytest.mark.parametrize(
    "words",
    [
        "prompt is too long: 210000 tokens > 200000 maximum",
        "This model's maximum context length is 8192 tokens. However, you asked for 9000.",
        "The input token count (2000000) exceeds the maximum number of tokens allowed (1048576).",
        "request (9000 tokens) exceeds the available context size (4096 tokens), try increasing it",
    ],
)
async def test_a_full_window_is_no_bad_request(
    service: Service, opened: Opener, words: str
) -> None:
    service.fail(400, words)
    with pytest.raises(ContextTooLong):
        await hear(await opened(service.wire, service.base_url), asking())
    assert len(service.faults()) == 1
