"""An unanswered card is there again, and only what needs the user is opened for it."""

from pathlib import Path

import pytest

from store.events import (
    AnyEvent,
    ApprovalAsked,
    PromptSubmitted,
    SessionStarted,
    SessionStateChanged,
)
from store.opening import Store
from tests.servers.scripted import Scripted
from tests.tui import coding_scenes as coding
from tests.tui.conftest import home_config, on_screen, running, until

WAITS = SessionStateChanged(state="waiting", reason="plan ready")


def left_behind(folder: Path, children: dict[str, tuple[AnyEvent, ...]]) -> None:
    """A store as a program left it: a chat, and what it had spawned."""
    with Store.open(folder / "home" / "data") as store:

        def write(session: str, *events: AnyEvent) -> None:
            _ = store.journal.append(session, *events).wait(5)

        write(
            "chat",
            SessionStarted(kind="chat", workspace=str(folder)),
            PromptSubmitted(prompt="p1", text="mend the queue"),
        )
        for name, events in children.items():
            started = SessionStarted(kind="code", title=f"{name} task", parent="chat", plan=True)
            write(name, started, *events)


def planned(asked: ApprovalAsked) -> tuple[AnyEvent, ...]:
    return (*coding.alternatives(), coding.proposed(), asked, WAITS)


@pytest.fixture
def scripted() -> Scripted:
    return Scripted(port=1)


async def test_the_card_of_a_child_is_there_again(tmp_path: Path, scripted: Scripted) -> None:
    done = (SessionStateChanged(state="done"),)
    left_behind(tmp_path, {"waits": planned(coding.plan_asked()), "ended": done})
    async with running(tmp_path, home_config(scripted), resume_last=True) as (app, pilot):
        await until(pilot, lambda: "asked by code waits task" in on_screen(app))
        assert app.chat.card.asked == coding.plan_asked()
        assert "An outbox table" in app.chat.card.body.text
        assert set(app.chat.deck.views) == {"chat", "waits"}
        assert "est. $0.18–0.30, T1" in on_screen(app)


async def test_a_child_that_is_not_held_is_loaded_when_it_asks(
    tmp_path: Path, scripted: Scripted
) -> None:
    left_behind(tmp_path, {"waits": planned(coding.plan_asked())})
    async with running(tmp_path, home_config(scripted), resume_last=True) as (app, pilot):
        await until(pilot, lambda: app.chat.card.display)
        app.live.deck.drop("waits")
        app.live.on_change()
        await until(pilot, lambda: not app.chat.card.display)
        again = coding.command_asked()
        _ = app.live.engine.store.journal.append("waits", again)
        await until(pilot, lambda: app.chat.card.display)
        shown = [one.asked for one in app.live.deck.asking("waits")]
        assert shown == [coding.plan_asked(), again]
