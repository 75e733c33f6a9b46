"""How others would do it: who is asked, at the same time, and what is told of each."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from router.coding import comparing
from router.coding.comparing import compare, sketched
from router.coding.contract import Assignment
from router.config import Account, Coding, Config, ModelRef
from store.events import (
    Band,
    BandChanged,
    PlanCompared,
    PlannedFile,
    ReplyStarted,
    UsageReleased,
    UsageReserved,
    UsageSettled,
)
from tests.router.coding.working import Workshop, open_workshop
from tests.router.house import (
    CODEX,
    FLASH,
    LOCAL,
    OPUS,
    SONNET,
    asked_of,
    configuration,
    fail,
    ref,
    reply,
)
from tests.servers.llmock import Llmock
from tests.servers.scripted import sse

SKETCH = """**Outbox table**
Approach: Write messages with the data, send them later.
Trade-off: One more table.
Risk: The sender falls behind.
Files: src/outbox.py (new), src/queue.py, tests/test_outbox.py (new)
"""

SEEN = "src/\n  queue.py\n"


async def compared(
    shop: Workshop, without: str | None = OPUS, work: Assignment | None = None
) -> tuple[PlanCompared, ...]:
    planner = ref(without) if without else None
    return await compare(shop.services, work or shop.work(), SEEN, without=planner, say=shop.say)


def sketching(service: Llmock, count: int) -> Config:
    return configuration(service, coding=Coding(sketches=count))


async def test_two_others_sketch_and_each_is_told_with_what_it_cost(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    llmock_service.script(reply(SKETCH, CODEX), reply("Broker acks\nApproach: Let it.", SONNET))
    async with open_workshop(configuration(llmock_service), tmp_path) as shop:
        found = await compared(shop)
        told = await shop.of(PlanCompared)
        settled = await shop.of(UsageSettled)
        replies = await shop.of(ReplyStarted)
    assert [(one.number, one.tier, one.model) for one in found] == [
        (2, "T1", CODEX),
        (3, "T3", SONNET),
    ]
    assert sorted(told, key=lambda one: one.number) == list(found)
    assert found[0].title == "Outbox table"
    assert found[0].text.startswith("Approach: Write messages")
    assert not any(one.failed for one in found)
    assert {(one.kind, one.model) for one in settled} == {("sketch", CODEX), ("sketch", SONNET)}
    assert sorted(one.cost for one in settled) == sorted(one.cost or 0 for one in found)
    assert replies == []  # no part of the transcript
    estimates = [one.estimate for one in found if one.estimate]
    assert [(one.tier, one.model) for one in estimates] == [("T1", CODEX)] * 2
    assert all(0 < one.low < one.high for one in estimates)
    assert estimates[0].high > estimates[1].high  # three files against none named


async def test_they_are_given_the_task_and_the_listing_and_no_tools(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    async with open_workshop(
        configuration(llmock_service, tools=True, coding=Coding(sketches=1)), tmp_path
    ) as shop:
        await compared(shop)
    [request] = llmock_service.requests()
    assert "tools" not in request["body"]
    assert "Mend the sum." in str(request["body"])
    assert "queue.py" in str(request["body"])


async def test_one_that_fails_is_told_beside_the_one_that_arrives(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    llmock_service.script(fail(529, SONNET), reply(SKETCH, CODEX))
    async with open_workshop(configuration(llmock_service), tmp_path) as shop:
        arrived, failed = await compared(shop)
        told = await shop.of(PlanCompared)
    assert (arrived.failed, arrived.title) == ("", "Outbox table")
    assert (failed.number, failed.model, failed.failed) == (3, SONNET, "overloaded")
    assert failed.text == failed.title == ""
    assert {one.number for one in told} == {2, 3}
    assert asked_of(llmock_service).count(SONNET) == 1  # nobody stands in for it


@pytest.mark.parametrize(
    ("sketches", "band", "asked"),
    [
        (2, "normal", {CODEX, SONNET}),
        (2, "prefer-cheaper", {CODEX}),
        (2, "cheaper-only", set[str]()),
        (5, "normal", {CODEX, SONNET, FLASH}),
        (5, "prefer-cheaper", {CODEX, SONNET, FLASH}),
        (3, "cheaper-only", {CODEX}),
        (5, "background-only", set[str]()),
        (5, "local-only", set[str]()),
        (0, "normal", set[str]()),
    ],
)
async def test_fewer_are_asked_as_the_band_tightens(
    llmock_service: Llmock, tmp_path: Path, sketches: int, band: Band, asked: set[str]
) -> None:
    async with open_workshop(sketching(llmock_service, sketches), tmp_path) as shop:
        shop.services.keeper.show(BandChanged(before="normal", after=band, percent=80))
        found = await compared(shop)
    assert set(asked_of(llmock_service)) == asked
    assert {one.model for one in found} == asked


@pytest.mark.parametrize("planner", [OPUS, SONNET, CODEX, FLASH])
async def test_the_planner_does_not_compare_with_itself(
    llmock_service: Llmock, tmp_path: Path, planner: str
) -> None:
    async with open_workshop(sketching(llmock_service, 5), tmp_path) as shop:
        await compared(shop, planner)
    asked = asked_of(llmock_service)
    assert planner not in asked
    assert set(asked) == {OPUS, SONNET, CODEX, FLASH} - {planner}
    assert len(asked) == 3  # each once


async def test_another_account_comes_before_another_model_of_the_same(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    config = sketching(llmock_service, 2)
    sibling = ModelRef("openai", "gpt-6.2-mini")
    same = ModelRef("other", OPUS)  # the planner's model, on another quota: no other opinion
    tiers = config.tiers | {"T1": (ref(CODEX), sibling), "T3": (same, ref(SONNET))}
    async with open_workshop(replace(config, tiers=tiers), tmp_path) as shop:
        found = await compared(shop)
    assert [one.model for one in found] == [CODEX, SONNET]


@pytest.mark.parametrize("case", ["private", "planned at home", "programs"])
async def test_nobody_is_asked_where_nobody_may_be(
    llmock_service: Llmock, tmp_path: Path, case: str
) -> None:
    config = sketching(llmock_service, 5)
    if case == "programs":
        config = replace(config, tiers={"T1": (ModelRef("cli:claude", "opus"),)})
    async with open_workshop(config, tmp_path) as shop:
        if case == "programs":
            shop.services.keeper.ready |= {"cli:claude"}
        work = replace(shop.work(), private=case == "private")
        found = await compared(shop, LOCAL if case == "planned at home" else OPUS, work)
        told = await shop.of(PlanCompared)
    assert (found, told, asked_of(llmock_service)) == ((), [], [])


@dataclass
class Gate:
    url: str
    came: asyncio.Queue[None]


@asynccontextmanager
async def gate(parties: int) -> AsyncIterator[Gate]:
    """A service that answers nobody before so many requests stand before it."""
    came: asyncio.Queue[None] = asyncio.Queue()
    everybody = asyncio.Barrier(parties)
    told: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": {"content": "Together\nApproach: at once."}}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    ]
    body = sse(*({"id": "1", "object": "chat.completion.chunk", **one} for one in told))
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            came.put_nowait(None)
            await everybody.wait()
            writer.write(head + body + b"data: [DONE]\n\n")
            await writer.drain()
        except asyncio.BrokenBarrierError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield Gate(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", came)
    finally:
        await everybody.abort()
        server.close()


def behind(config: Config, url: str) -> Config:
    account = Account(wire="openai-chat", base_url=url, key="env:TEST_KEY")
    return replace(config, accounts=config.accounts | {"openai": account, "other": account})


async def test_they_sketch_at_the_same_time(llmock_service: Llmock, tmp_path: Path) -> None:
    async with (
        gate(2) as service,
        open_workshop(behind(configuration(llmock_service), service.url), tmp_path) as shop,
        asyncio.timeout(10),
    ):
        found = await compared(shop)
    assert [(one.title, one.failed) for one in found] == [("Together", "")] * 2


async def test_one_that_takes_too_long_is_told_as_failed(
    llmock_service: Llmock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "_SECONDS", 0.2)
    async with (
        gate(3) as service,
        open_workshop(behind(configuration(llmock_service), service.url), tmp_path) as shop,
    ):
        found = await compared(shop)
        settled = await shop.of(UsageSettled)
        released = await shop.of(UsageReleased)
    assert [one.failed for one in found] == ["took longer than 0.2 s"] * 2
    assert len([*settled, *released]) == 2


async def test_cancelling_ends_them_and_settles_what_they_took(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    async with (
        gate(3) as service,
        open_workshop(behind(configuration(llmock_service), service.url), tmp_path) as shop,
    ):
        task = asyncio.create_task(compared(shop))
        await service.came.get()
        await service.came.get()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        told = await shop.of(PlanCompared)
        reserved = await shop.of(UsageReserved)
        ended = [*await shop.of(UsageSettled), *await shop.of(UsageReleased)]
    assert told == []
    assert len(reserved) == 2
    assert {one.reservation for one in ended} == {one.reservation for one in reserved}


async def test_what_a_sketch_says_is_bounded_and_visible(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    evil = "T\x1b[2Jitle" + "x" * 500 + "\n" + "\n".join(f"\u202eline {n}" for n in range(400))
    llmock_service.script(reply(evil, CODEX), reply("", SONNET))
    async with open_workshop(configuration(llmock_service), tmp_path) as shop:
        found, empty = await compared(shop)
    assert len(found.title) <= 80
    assert found.title.startswith("T␛[2Jitle")
    assert "\u202e" not in found.text
    assert len(found.text.splitlines()) == 8
    assert empty.failed  # never an empty column


def test_a_sketch_is_a_plan_for_whoever_chooses_it() -> None:
    title, _, text = SKETCH.partition("\n")
    plan = sketched(PlanCompared(number=2, tier="T1", model=CODEX, title=title, text=text))
    assert plan.approach == "Write messages with the data, send them later."
    assert plan.tradeoffs == "One more table."
    assert plan.risks == ("The sender falls behind.",)
    assert plan.files == (
        PlannedFile("src/outbox.py", "new"),
        PlannedFile("src/queue.py", "edit"),
        PlannedFile("tests/test_outbox.py", "new"),
    )


def test_a_sketch_that_keeps_to_no_form_is_kept_whole() -> None:
    compared = PlanCompared(number=2, tier="T1", model="m", title="T", text="One.\n\nTwo: three.")
    assert sketched(compared).approach == "One.\n\nTwo: three."
