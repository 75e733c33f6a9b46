"""Coding sessions of many steps, opened again: what stands apart from messages is still there."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

from router.reading import OPENING, open_view
from store.events import (
    AnyEvent,
    Plan,
    PlanCompared,
    PlanProposed,
    ReplyFinished,
    ReplyStarted,
    SessionStarted,
    TextDelta,
    ToolCalled,
    ToolReturned,
    WorkspaceOpened,
)
from store.opening import Store

STEPS = 3 * OPENING


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path) as store:
        yield store


def step(number: int) -> Iterator[AnyEvent]:
    reply, call = f"r{number}", f"c{number}"
    yield ReplyStarted(reply=reply, prompt="p", tier="T2", model="m", account="a")
    yield TextDelta(reply=reply, offset=0, text="I look.")
    yield ToolCalled(reply=reply, call=call, name="read_file", arguments="{}")
    yield ToolReturned(reply=reply, call=call, text="what was in it")
    yield ReplyFinished(reply=reply, text="I look.", stop_reason="tool")


def test_workspace_and_plan_outlive_the_messages_they_came_with(store: Store) -> None:
    opened = WorkspaceOpened(kind="copy", folder="/work/w", source="/home/me/shop")
    plan = PlanProposed(id="1", plan=Plan(title="An outbox", approach="A table"), text="# Plan")
    other = PlanCompared(number=2, tier="T3", model="n", title="A queue", text="# Other")
    first = SessionStarted(kind="code", title="Orders", workspace="/home/me/shop")
    _ = store.journal.append("code", first, opened, plan, other)
    _ = store.journal.append("code", *chain.from_iterable(map(step, range(STEPS)))).wait(30)
    view = open_view(store, "code")
    assert (view.workspace_opened, view.plan, view.alternatives) == (opened, plan, (other,))
    assert len(view.messages) == OPENING
    assert view.earlier == STEPS - OPENING
    assert view.messages[-1].tools[-1].result == "what was in it"
