"""Every fault on every wire at every moment: an answer or a plain sentence, and honest books.

Run `python -m tools.fault_matrix` for the table of outcomes, which is kept in docs.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from router.config import Account, Config, ModelRef, ModelSettings, Price, TimeLimits, Wire
from router.reading import open_view
from router.view import Message
from store.events import (
    HealthChanged,
    ToolCalled,
    UsageReleased,
    UsageReserved,
    UsageSettled,
)
from tests.router.fault_matrix import CALL, DAY, FAULTS, LIMIT, WIRES, Cell, cells
from tests.router.fault_stages import MODEL, TASK, OnLlmock, Stage, staged
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
    spoil,
)
from tests.servers.aimock import Aimock
from tests.servers.llmock import Llmock
from tools import fault_matrix as table

CELLS = list(cells())
EVERY_FAULT = [
    own[turn % len(own)]
    for turn, fault in enumerate(FAULTS)
    if (own := [cell for cell in CELLS if cell.fault is fault])
]
"""Each row once, on a wire of its own choice."""
USAGE = {"name": "usage_status", "arguments": {}}
NEXT = {"T3": SONNET, "T4": LOCAL}
PATIENT = TimeLimits(connect=2, first_token=20, first_token_local=20, silence=20)
FAULTY = ModelRef("faulty", MODEL)
PROMPT = "hello there"
REST = " and the rest, as the next one tells it"


@pytest.fixture
def aimock(cell: Cell, request: pytest.FixtureRequest) -> Aimock | None:
    """Started only where a cell needs it."""
    return request.getfixturevalue("aimock_service") if cell.server == "aimock" else None


@pytest.fixture
async def stage(cell: Cell, llmock_service: Llmock, aimock: Aimock | None) -> AsyncIterator[Stage]:
    async with staged(cell, llmock_service, aimock) as stage:
        yield stage


def house_of(cell: Cell, stage: Stage, llmock: Llmock) -> Config:
    """The usual house, but that its first choice is on the cell's wire and stage."""
    config = configuration(llmock, limits=_limits(cell))
    settings = ModelSettings(price=Price(input=4, output=20), tools=cell.fault.moment == CALL)
    account = Account(wire=cell.wire, base_url=stage.base_url, key="env:TEST_KEY")
    others = ("T2", "T3", "T4") if cell.next == "T3" else ("T4",)
    return replace(
        config,
        accounts=config.accounts | {"faulty": account},
        tiers={"T0": (FAULTY,), **{tier: config.tiers[tier] for tier in others}},
        models=config.models | {str(FAULTY): settings},
    )


def _limits(cell: Cell) -> TimeLimits:
    """Short is only the one that the cell is about: whoever is well may take its time."""
    if cell.fault.name != "stall":
        return PATIENT
    return replace(PATIENT, **{"silence" if cell.heard else "first_token": LIMIT})


def test_the_page_shows_these_outcomes() -> None:
    page = Path(__file__).parents[2] / "docs" / "fault-matrix.md"
    assert page.read_text("utf-8") == table.page(), "run: python -m tools.fault_matrix --write"


@pytest.mark.parametrize("cell", CELLS, ids=str)
async def test_the_next_tier_answers(
    cell: Cell, stage: Stage, llmock_service: Llmock, tmp_path: Path
) -> None:
    model = NEXT[cell.next]
    llmock_service.script(reply(REST, model))
    async with open_house(house_of(cell, stage, llmock_service), tmp_path) as house:
        answer = await house.say(PROMPT)
        await house.engine.idle(house.session)
        await stage.fired()
        told_as_it_was(cell, answer)
        kept(house)
        booked_once(cell, house, answer)
        rests_as_specified(cell, house)
    assert asked_of(llmock_service)[-1] == model
    if isinstance(stage, OnLlmock):
        assert stage.findings() == []


@pytest.mark.parametrize("cell", EVERY_FAULT, ids=str)
async def test_or_a_plain_sentence_when_nobody_can(
    cell: Cell, stage: Stage, llmock_service: Llmock, tmp_path: Path
) -> None:
    llmock_service.script(fail(529, SONNET), fail(500, FLASH), fail(500, LOCAL))
    async with open_house(house_of(cell, stage, llmock_service), tmp_path) as house:
        answer = await house.say(PROMPT)
        await house.engine.idle(house.session)
        await stage.fired()
        kept(house)
        booked_once(cell, house, answer)
    assert answer.state == "failed"
    others = "T3, T2, T4" if cell.next == "T3" else "T4"
    others = f", {others}" if cell.told == "overloaded" else f" {cell.told}; {others}"
    assert answer.problem == (
        f"No tier could answer (T0{others} overloaded). Your prompt is kept; run: butler doctor"
    )
    assert bool(answer.text.length) == cell.fault.seam, "what had come is kept"


@pytest.mark.parametrize("wire", [wire for wire in WIRES if wire != "ollama"])
async def test_an_executed_tool_keeps_its_result(
    wire: Wire, llmock_service: Llmock, tmp_path: Path
) -> None:
    """The model breaks off when it has the result: the next one goes on with it, and the tool is
    not called again."""
    llmock_service.script(
        {"type": "reply", "tool_calls": [USAGE], "match": {"model": OPUS}},
        # The first stream ends before its thirtieth event.
        reply("word " * 40, OPUS),
        {**spoil("disconnect", OPUS, after=30), "times": 2},
        reply(REST, SONNET),
    )
    config = configuration(llmock_service, tools=True, limits=PATIENT)
    account = Account(wire=wire, base_url=llmock_service.base_url(wire), key="env:TEST_KEY")
    config = replace(config, accounts=config.accounts | {"anthropic": account})
    async with open_house(config, tmp_path) as house:
        answer = await house.say("how much have I used?")
        calls = [e.event for e in house.entries if isinstance(e.event, ToolCalled)]
    assert asked_of(llmock_service) == [OPUS, OPUS, SONNET]
    assert len(calls) == 1
    assert llmock_service.requests()[1]["fault"] == "stream:disconnect@30"
    assert str(answer.text).startswith("word")
    assert str(answer.text).endswith(REST)
    assert "band: normal" in str(llmock_service.requests()[-1]["body"]["messages"])


def told_as_it_was(cell: Cell, answer: Message) -> None:
    fault = cell.fault
    text = str(answer.text)
    model = NEXT[cell.next]
    assert (answer.state, answer.tier, answer.model) == ("finished", cell.next, model)
    assert text.endswith(REST)
    assert TASK[:12] not in text
    if fault.seam:
        partial = text.removesuffix(REST)
        assert partial
        [seam] = answer.seams
        assert seam.offset == len(partial)
        assert seam.text == f"T0 {cell.told}: continued by {cell.next} · {model}"
    else:
        assert (text, answer.seams) == (REST, ())
        assert answer.why == f"T0 {cell.told}"


def kept(house: House) -> None:
    """The prompt, here and on disk; and nothing was done by half."""
    view = open_view(house.engine.store, house.session)
    assert [str(m.text) for m in view.messages if m.role == "user"] == [PROMPT]
    assert view.messages == house.view.messages
    assert not [e for e in house.entries if isinstance(e.event, ToolCalled)]
    assert house.engine.store.sessions.children(house.session) == []


def booked_once(cell: Cell, house: House, answer: Message) -> None:
    events = [entry.event for entry in house.entries]
    reserved = [e.reservation for e in events if isinstance(e, UsageReserved)]
    settled = [e for e in events if isinstance(e, UsageSettled)]
    released = [e.reservation for e in events if isinstance(e, UsageReleased)]
    assert sorted([*(e.reservation for e in settled), *released]) == sorted(reserved)
    assert len(set(reserved)) == len(reserved)
    ledger = house.engine.store.ledger
    assert ledger.reserved().requests == 0
    used = ledger.used(since=0)
    assert used.requests == len(settled)
    assert used.tokens == sum(e.usage.total for e in settled)
    assert answer.usage is not None
    assert answer.usage.total == used.tokens
    assert used.cost == pytest.approx(answer.cost)
    first = [e.usage for e in settled if e.model == MODEL]
    assert bool(first) == cell.booked
    if first:
        partial = str(answer.text).removesuffix(REST)
        assert first[0].input > 0
        assert first[0].output >= len(partial) // 3, "less than was seen of it"


def rests_as_specified(cell: Cell, house: House) -> None:
    fault = cell.fault
    changes = [
        (entry.at, entry.event)
        for entry in house.entries
        if isinstance(entry.event, HealthChanged) and entry.event.model == MODEL
    ]
    if fault.health == "unknown":
        assert changes == []
        return
    at, last = changes[-1]
    assert (last.state, last.reason) == (fault.health, fault.reason)
    if cell.rest is None:
        assert last.until is None
        return
    assert last.until is not None
    rest = (last.until - at) / 1000
    if cell.rest == DAY:
        assert 0 < rest <= 25 * 3600
    else:
        assert rest == pytest.approx(cell.rest, abs=1)
    [well] = (h for key, h in house.view.house.health.items() if key.endswith(NEXT[cell.next]))
    assert well.state == "ready"
