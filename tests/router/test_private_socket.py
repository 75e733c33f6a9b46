"""What is private enters no request that leaves the machine: watched at the socket itself.

A wiretap stands between Butler and every cloud account and keeps each byte that goes out; the local
tier has a way of its own.
"""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from msgspec.structs import replace

from router.config import Config
from router.engine import Prompt, SpawnTask
from store.events import Attachment
from tests.router.house import (
    FLASH,
    LOCAL,
    OPUS,
    SONNET,
    House,
    asked_of,
    configuration,
    fail,
    open_house,
    reply,
)
from tests.servers.llmock import Llmock

WORD = "nightingale-7731"
"""What must not go out. The local model repeats it in its answers, as models do."""
OPEN = "a-word-for-everybody"
NOTES = Attachment("notes.txt", f"The bird is called {WORD}. " * 20)
SECRET = "use AKIAQWERTYUIOPASDFGH please"


class Wiretap:
    """Passes everything on and keeps what went out."""

    def __init__(self, target: str) -> None:
        self._target = urlsplit(target)
        self._sent = bytearray()
        self._open: set[asyncio.Task[None]] = set()
        self.url = ""

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["Wiretap"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        self.url = f"http://{host}:{port}"
        try:
            yield self
        finally:
            server.close()
            for task in self._open:
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)

    def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._pass_on(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _pass_on(self, ours: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        theirs, out = await asyncio.open_connection(self._target.hostname, self._target.port)
        try:
            await asyncio.gather(self._copy(ours, out, self._sent), self._copy(theirs, back, None))
        finally:
            out.close()
            back.close()

    async def _copy(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, kept: bytearray | None
    ) -> None:
        with suppress(ConnectionError):  # either side may hang up when it likes
            while data := await source.read(65536):
                if kept is not None:
                    kept += data
                sink.write(data)
                await sink.drain()
        sink.close()

    def saw(self, word: str) -> bool:
        """Whether a word went out, plain or in any dress that a wire might give it."""
        plain = word.encode()
        dresses = {plain, quote(word, safe="").encode(), plain.hex().encode()}
        dresses |= {base64.b64encode(b"x" * pad + plain)[4:-4] for pad in range(3)}
        return any(dress in self._sent for dress in dresses)


@pytest.fixture
async def wiretap(llmock_service: Llmock) -> AsyncIterator[Wiretap]:
    async with Wiretap(llmock_service.url).listening() as wiretap:
        yield wiretap


@pytest.fixture
def config(llmock_service: Llmock, wiretap: Wiretap) -> Config:
    """The usual house, every cloud account behind the wiretap."""
    config = configuration(llmock_service)
    behind = {
        name: replace(
            account, base_url=(account.base_url or "").replace(llmock_service.url, wiretap.url)
        )
        for name, account in config.accounts.items()
        if name != "home"
    }
    return replace(config, accounts=config.accounts | behind)


@pytest.fixture
async def house(config: Config, llmock_service: Llmock, tmp_path: Path) -> AsyncIterator[House]:
    llmock_service.script({**reply(f"I remember {WORD}.", LOCAL), "times": None})
    async with open_house(config, tmp_path) as house:
        yield house


async def nothing_leaked(house: House, wiretap: Wiretap) -> None:
    """After one more public prompt, which takes all the history with it that may go out."""
    answer = await house.say(f"what about {OPEN}?")
    assert answer.tier != "T4"
    assert wiretap.saw(OPEN), "the wiretap is not where the requests go"
    assert not wiretap.saw(WORD)


async def test_a_private_prompt_and_its_answer(house: House, wiretap: Wiretap) -> None:
    assert (await house.say(f"my word is {WORD}", private=True)).tier == "T4"
    await nothing_leaked(house, wiretap)


async def test_a_private_prompt_when_home_is_ill(
    house: House, wiretap: Wiretap, llmock_service: Llmock
) -> None:
    llmock_service.script(fail(500, LOCAL))
    answer = await house.say(f"my word is {WORD}", private=True)
    assert answer.state == "failed"
    assert asked_of(llmock_service) == [LOCAL]
    await nothing_leaked(house, wiretap)


async def test_what_a_local_answer_makes_of_it_later(
    house: House, wiretap: Wiretap, llmock_service: Llmock
) -> None:
    """The prompt is not private, but the local model that answers it has heard what was."""
    await house.say(f"my word is {WORD}", private=True)
    later = await house.say("what did I say?", tier="T4")
    assert WORD in str(later.text)
    llmock_service.script(*(fail(529, model) for model in (OPUS, SONNET, FLASH)))
    fallen = await house.say("and again?")
    assert fallen.tier == "T4"
    assert WORD in str(fallen.text)
    async with asyncio.timeout(10):
        await house.say(f"to {OPEN}", tier="T1")
    assert wiretap.saw(OPEN)
    assert not wiretap.saw(WORD)


async def test_a_private_summary_its_title_and_its_announcement(
    house: House, wiretap: Wiretap
) -> None:
    task = SpawnTask(
        task=f"Condense what is said of {WORD}",
        parent=house.session,
        attachments=(NOTES,),
        private=True,
    )
    child = await house.engine.spawn(task)
    view = await house.until(lambda view: view.messages and view.messages[-1].child == child)
    assert WORD in str(view.messages[-1].text)
    await house.engine.idle(child)
    await house.engine.retry(child)
    await house.engine.idle(child)
    await nothing_leaked(house, wiretap)


async def test_a_private_request_to_summarise(house: House, wiretap: Wiretap) -> None:
    await house.engine.submit(
        house.session, Prompt(text="Summarize this", attachments=(NOTES,), private=True)
    )
    await house.until(lambda view: view.messages[-1].role == "announcement")
    await nothing_leaked(house, wiretap)


async def test_a_secret_that_stays_at_home(house: House, wiretap: Wiretap) -> None:
    await house.engine.submit(house.session, Prompt(text=f"{SECRET} for {WORD}"))
    view = await house.until(lambda view: view.approvals)
    await house.engine.decide(view.approvals[0].approval, "approve")
    await house.engine.idle(house.session)
    await nothing_leaked(house, wiretap)
    assert not wiretap.saw("AKIAQWERTYUIOPASDFGH")


async def test_a_long_conversation_that_is_condensed(
    config: Config, wiretap: Wiretap, llmock_service: Llmock, tmp_path: Path
) -> None:
    """Half of it private, in turns, so that any piece that is condensed has some of it."""
    key = f"anthropic/{OPUS}"
    small = replace(config.models[key], context=1500, max_output=200)
    config = replace(config, models=config.models | {key: small})
    llmock_service.script({**reply(f"I remember {WORD}.", LOCAL), "times": None})
    async with open_house(config, tmp_path) as house:
        for number in range(4):
            await house.say(f"{number}: {WORD} " + "hum " * 60, private=True)
            await house.say(f"{number}: remember?", tier="T4")
            llmock_service.script(reply("word " * 150, OPUS))
            await house.say(f"{number}: " + "hum " * 60)
        assert FLASH in asked_of(llmock_service), "nothing was condensed"
        await nothing_leaked(house, wiretap)


async def test_after_a_restart_and_in_a_fork(
    config: Config, wiretap: Wiretap, llmock_service: Llmock, tmp_path: Path
) -> None:
    llmock_service.script({**reply(f"I remember {WORD}.", LOCAL), "times": None})
    async with open_house(config, tmp_path) as house:
        await house.say(f"my word is {WORD}", private=True)
        await house.say("what did I say?", tier="T4")
        session = house.session
    async with open_house(config, tmp_path) as house:
        for opened in (session, await house.engine.fork(session)):
            await house.engine.open(opened)
            await house.engine.submit(opened, Prompt(text=f"what about {OPEN}?"))
            await house.engine.idle(opened)
    assert asked_of(llmock_service).count(OPUS) == 2
    assert wiretap.saw(OPEN)
    assert not wiretap.saw(WORD)
