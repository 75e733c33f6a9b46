"""The rehearsal: its script leads through every band and back, and nothing of it stays."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from router.asking import Prompt
from router.config import Account
from router.context import CONTINUE
from router.providers import Connection, open_model
from router.providers.base import Done, Message, Overloaded, Request, Text, TextPart
from router.rehearsal import Step, coding, configuration, perform, sheltered, staged
from router.rehearsal.conditions import FAULTS, USED, Conditions
from router.rehearsal.script import CODING
from router.rehearsal.service import Service, Upstream
from router.view import House, View
from store.events import (
    ApprovalAsked,
    BandChanged,
    ModelSwitched,
    PlanCompared,
    ReplyFailed,
    ReplyStarted,
    ToolReturned,
)
from tests.router.house import House as Keyboard
from tests.router.house import open_house
from tests.servers.llmock import Llmock

SECONDS = 12
"""Of the budget's window and of the subscription's."""


class Player:
    """Sends the script's prompts through the engine, without a screen."""

    def __init__(self, keyboard: Keyboard) -> None:
        self._keyboard = keyboard
        self.agreed: list[str] = []

    @property
    def house(self) -> House:
        return self._keyboard.view.house

    @property
    def asked(self) -> bool:
        return bool(self._approvals())

    def _approvals(self) -> list[ApprovalAsked]:
        children = self._keyboard.children.values()
        return [asked for view in children for asked in view.approvals]

    async def play(self, step: Step) -> None:
        if step is not CODING:
            await self._keyboard.say(step.text, tier=step.tier)
            return
        await self._keyboard.engine.submit(self._keyboard.session, Prompt(text=step.text))
        await self._keyboard.until(lambda view: self.asked or _ended(view))

    async def agree(self) -> None:
        asked = self._approvals()[0]
        self.agreed.append(asked.kind)
        choice = "apply" if asked.kind == "changes" else "approve"
        await self._keyboard.engine.decide(asked.approval, choice)
        await self._keyboard.until(
            lambda view: asked not in self._approvals() and (self.asked or _ended(view))
        )

    async def until(self, seen: Callable[[House], bool]) -> None:
        def shows(view: View) -> bool:
            return seen(view.house)

        await self._keyboard.until(shows)


def _ended(view: View) -> bool:
    return bool(view.tasks) and all(task.ended_at for task in view.tasks)


def llmock_plays(server: Llmock) -> Upstream:
    return Upstream(server.url, "any-key", {"messages": "/anthropic"})


@asynccontextmanager
async def service(
    server: Llmock, conditions: Conditions | None = None
) -> AsyncIterator[tuple[Service, Conditions]]:
    conditions = conditions or Conditions(SECONDS)

    async def model() -> Upstream:
        return llmock_plays(server)

    async with Service(model, conditions, stroke=0) as running:
        yield running, conditions


@pytest.fixture(scope="module", autouse=True)
def _sdks_are_loaded() -> None:
    """Before anything is timed: the rehearsal's window is short in a test."""
    for name in ("anthropic", "openai"):
        assert import_module(name)


# --- the arc ------------------------------------------------------------------------------------


async def test_the_script_leads_through_every_band_and_back(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    local = Account(wire="openai-chat", base_url=llmock_service.base_url("openai-chat"), key="none")
    async with service(llmock_service) as (running, conditions):
        config = configuration(running.url, local, f"{SECONDS}s")
        project = tmp_path / "pages"
        project.mkdir()
        coding.lay_out(project)
        environ = {"PATH": os.environ["PATH"]}
        async with open_house(config, tmp_path, environ, workspace=project) as keyboard:
            player = Player(keyboard)
            await perform(player, pace=0.2)
            view, events = keyboard.view, [entry.event for entry in keyboard.entries]

    bands = [event.after for event in events if isinstance(event, BandChanged)]
    climb = [after for before, after in pairwise(["", *bands]) if after != before]
    assert climb[:5] == [
        "normal",
        "prefer-cheaper",
        "cheaper-only",
        "background-only",
        "local-only",
    ]
    assert view.house.band == "normal"

    assert player.agreed == ["plan", "command", "changes"]
    assert {e.title for e in events if isinstance(e, PlanCompared)} == {
        "Use math.ceil",
        "Use divmod",
    }
    ran = [e.text for e in events if isinstance(e, ToolReturned)][-1]
    assert "Exit code 0" in ran
    assert "OK" in ran
    assert "-(-items // size)" in (project / "pages.py").read_text()
    announced = next(str(m.text) for m in view.messages if m.role == "announcement")
    assert "All tests pass." in announced

    assert {fault for _, fault in conditions.happened} == {"", *FAULTS.values()}
    answered = [event for event in events if isinstance(event, ReplyStarted)]
    assert {event.tier for event in answered} == {"T0", "T1", "T2", "T3", "T4"}
    assert [event.tier for event in answered if event.why == "T0 overloaded"] == ["T3"]
    seams = [event for event in events if isinstance(event, ModelSwitched)]
    assert [(seam.tier, seam.why) for seam in seams] == [("T2", "T3 broke off")]
    assert seams[0].offset > 0
    assert not [event for event in events if isinstance(event, ReplyFailed)]
    assert answered[-1].tier != "T4", "a service answers again"

    wires = {request["path"].rsplit("/v1", 1)[-1] for request in llmock_service.requests()}
    assert {"/messages", "/responses", "/chat/completions"} <= wires


# --- the service --------------------------------------------------------------------------------


def test_the_subscription_fills_up_and_begins_anew() -> None:
    now = 1000.0
    conditions = Conditions(60, lambda: now)

    def used() -> str:
        headers = conditions.act("rehearsal-medium").headers
        assert headers["anthropic-ratelimit-unified-5h-reset"] == str(int(now) + 60)
        return headers["anthropic-ratelimit-unified-5h-utilization"]

    assert [used() for _ in range(5)] == [*map(str, USED), str(USED[-1])]
    now += 60
    assert used() == str(USED[0])
    assert conditions.act("rehearsal-background").headers == {}


async def test_an_overload_reaches_the_sdk_as_the_services_own(llmock_service: Llmock) -> None:
    async with service(llmock_service) as (running, _):
        model = await open_model(wire(running.url, "messages", "anthropic"))
        assert await said(model, "rehearsal-large")
        with pytest.raises(Overloaded, match="HTTP 529"):
            await said(model, "rehearsal-large")
        await model.aclose()


async def test_what_is_no_request_gets_no_answer_and_hurts_nobody(llmock_service: Llmock) -> None:
    async with service(llmock_service) as (running, _):
        port = int(running.url.rsplit(":", 1)[1])
        for nonsense in (b"\x16\x03\x01\r\n\r\n", b"POST /x HTTP/1.1\r\n\r\n", b"GET\r\n\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(nonsense)
            assert await reader.read() == b""
            writer.close()
        model = await open_model(wire(running.url, "responses", "openai"))
        assert await said(model, "rehearsal-code")
        await model.aclose()


# --- with the real model ------------------------------------------------------------------------


async def test_the_local_model_plays_every_wire_and_leaves_nothing(tmp_path: Path) -> None:
    before = set(psutil.Process().children(recursive=True))
    async with staged(tmp_path) as rehearsal:
        config, home = rehearsal.config, rehearsal.places.config
        assert home.is_dir()
        for tier in ("T0", "T1", "T2"):
            ref = config.tiers[tier][0]
            account = config.accounts[ref.account]
            assert account.key == "none"
            model = await open_model(
                Connection(wire=account.wire, account=ref.account, base_url=account.base_url)
            )
            assert "Paris" in await said(model, ref.model, ASK, ("assistant", "The capital of"), GO)
            await model.aclose()
        assert len(set(psutil.Process().children(recursive=True)) - before) == 1
    assert not home.exists()
    assert set(psutil.Process().children(recursive=True)) <= before
    assert not list(tmp_path.iterdir())


ASK = ("user", "What is the capital of France?")
GO = ("user", CONTINUE)


def test_no_key_and_no_proxy_comes_into_a_rehearsal() -> None:
    environ = {
        "ANTHROPIC_API_KEY": "sk-1",
        "ANTHROPIC_CUSTOM_HEADERS": "x: y",
        "OPENAI_BASE_URL": "https://gateway.example",
        "MISTRAL_API_KEY": "sk-2",
        "GITHUB_TOKEN": "t",
        "https_proxy": "http://proxy.example",
        "BUTLER_T4": "lab/m",
        "OLLAMA_HOST": "elsewhere",
        "PATH": "/bin",
        "TERM": "xterm",
    }
    assert sheltered(environ) == {"PATH": "/bin", "TERM": "xterm"}


def wire(url: str, account: str, name: str) -> Connection:
    root = "" if account == "messages" else "/v1"
    return Connection(wire=name, account=account, base_url=f"{url}/{account}{root}")


async def said(model, name: str, *turns: tuple[str, str]) -> str:
    messages = tuple(Message(role, (TextPart(text),)) for role, text in turns or (ASK,))
    request = Request(model=name, messages=messages, system="Be brief.", max_output_tokens=24)
    chunks = [chunk async for chunk in model.stream(request)]
    assert isinstance(chunks[-1], Done)
    return "".join(chunk.text for chunk in chunks if isinstance(chunk, Text))
