"""Fixtures for all tests: the servers that stand in for the real services."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.servers.aimock import Aimock, aimock_server
from tests.servers.llmock import Llmock, llmock_server
from tests.servers.scripted import Scripted, scripted_server


@pytest.fixture(scope="session")
def _llmock_process() -> Iterator[Llmock]:
    with llmock_server() as server:
        yield server


@pytest.fixture(scope="session")
def _aimock_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aimock]:
    with aimock_server(tmp_path_factory.mktemp("aimock")) as server:
        yield server


@pytest.fixture
def llmock_service(_llmock_process: Llmock) -> Llmock:
    """llmock, with nothing queued and nothing remembered."""
    _llmock_process.reset()
    return _llmock_process


@pytest.fixture
def aimock_service(_aimock_process: Aimock) -> Aimock:
    """aimock, with no fixtures and nothing remembered."""
    _aimock_process.reset()
    return _aimock_process


@pytest_asyncio.fixture
async def scripted() -> AsyncIterator[Scripted]:
    """A server that sends the bytes it is told to."""
    async with scripted_server() as server:
        yield server
