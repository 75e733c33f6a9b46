"""Replay: any point of the past is the fold of what came before it."""

import random

import pytest

from router.fold import fold_all
from router.view import View
from store.events import (
    ConfigurationApplied,
    Entry,
    PromptSubmitted,
    ReplyFinished,
    ReplyStarted,
    SessionAnnounced,
    SessionStarted,
    SessionStateChanged,
    TextDelta,
)
from tests.tui import scenes
from tests.tui.conftest import on_screen, options_in, until
from tui.app import ReplayApp
from tui.player import LONGEST_WAIT, Player
from tui.screens.replay import ReplayScreen

START = scenes.NOW


def recorded() -> list[Entry]:
    """Two questions, and a summary in between that was spawned and announced."""
    events: list[tuple[str | None, object]] = [
        ("chat", SessionStarted(kind="chat", title="rivers")),
        (None, ConfigurationApplied(tiers=scenes.TIERS)),
        ("chat", PromptSubmitted(prompt="p1", text="which river is long?")),
        ("chat", ReplyStarted(reply="r1", prompt="p1", tier="T0", model="m", account="a")),
    ]
    words = [f"word{number} " for number in range(500)]
    at = 0
    for word in words:
        events.append(("chat", TextDelta(reply="r1", offset=at, text=word)))
        at += len(word)
    events += [
        ("chat", ReplyFinished(reply="r1", text="".join(words), stop_reason="end")),
        ("kid", SessionStarted(kind="summarize", title="nile.md", parent="chat", task="sum it")),
        ("kid", SessionStateChanged(state="running")),
        ("kid", ReplyStarted(reply="k1", prompt="", tier="T2", model="m", account="a")),
        ("kid", ReplyFinished(reply="k1", text="It flows north.", stop_reason="end")),
        ("kid", SessionStateChanged(state="done")),
        (
            "chat",
            SessionAnnounced(
                child="kid",
                kind="summarize",
                title="nile.md",
                state="done",
                result="It flows north.",
                elapsed_ms=1,
                tokens=2,
            ),
        ),
        ("chat", PromptSubmitted(prompt="p2", text="and the second?")),
    ]
    return [
        Entry(number, START + number * 100, session, event)  # type: ignore[arg-type]
        for number, (session, event) in enumerate(events, 1)
    ]


def test_every_place_is_the_fold_of_what_came_before_in_whatever_order_it_is_reached() -> None:
    entries = recorded()
    player = Player("chat", entries)
    places = [*range(0, len(entries) + 1, 13), len(entries)]
    random.shuffle(places)
    for place in places:
        player.seek(place)
        assert player.deck.main == fold_all(View(session="chat"), entries[:place])


def test_children_are_played_too() -> None:
    player = Player("chat", recorded())
    player.seek(10**9)
    assert player.ended
    kid = player.deck.get("kid")
    assert kid is not None
    assert str(kid.messages[-1].text) == "It flows north."


def test_messages_are_stepped_through_in_both_directions() -> None:
    player = Player("chat", recorded())
    seen: list[int] = []
    for _ in range(5):
        player.to_message(1)
        seen.append(player.at)
    back: list[int] = []
    for _ in range(4):
        player.to_message(-1)
        back.append(player.at)
    ends = seen[-1]
    assert ends == len(player.entries)
    assert seen == sorted(seen)
    assert back == [*reversed(seen[:-1]), 0][-4:]


def test_long_silences_are_cut_short() -> None:
    first, second = recorded()[:2]
    player = Player("chat", [first, Entry(2, first.at + 3_600_000, None, second.event)])
    player.step(1)
    assert player.wait() == LONGEST_WAIT


@pytest.mark.parametrize("entries", [[], recorded()[:1]], ids=["nothing", "a beginning"])
def test_next_to_nothing_can_be_replayed(entries: list[Entry]) -> None:
    player = Player("chat", entries)
    player.step(5)
    player.to_message(-1)
    assert player.length == 0


async def test_the_screen_plays_steps_and_says_plainly_that_it_is_the_past(tmp_path) -> None:  # type: ignore[no-untyped-def]
    player = Player("chat", recorded())
    app = ReplayApp(options_in(tmp_path), player)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = app.screen
        assert isinstance(screen, ReplayScreen)
        assert "REPLAY" in on_screen(app)
        assert not screen.query("#prompt")
        await pilot.press("space", "home")
        assert "which river" not in on_screen(app)
        await pilot.press("n")
        await until(pilot, lambda: "which river is long?" in on_screen(app))
        assert "and the second?" not in on_screen(app)
        await pilot.press("end")
        await until(pilot, lambda: "and the second?" in on_screen(app))
        await pilot.press("p", "left")
        await until(pilot, lambda: "and the second?" not in on_screen(app))
        assert not screen.playing
        await pilot.press("9", "space")
        assert "×9" in on_screen(app)
        await until(pilot, lambda: player.ended)
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running or app._exit)
