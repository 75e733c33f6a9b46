"""`butler tiers`: who would answer, who rests and how long yet, and what it costs."""

import time
from pathlib import Path
from typing import Any

import pytest

from store.events import (
    ConfigurationApplied,
    Gauge,
    GaugeChanged,
    HealthChanged,
    ModelInfo,
    TierInfo,
)
from tests.tui.command_line import CommandLine
from tui.exits import Exit

HOUR = 3_600_000
HOUSE = """
time_zone = "Asia/Tokyo"
[accounts.anthropic]
key = "env:TEST_KEY"
[accounts.openai]
key = "env:TEST_KEY"
[accounts.mine]
wire = "openai-chat"
base_url = "http://127.0.0.1:9"
key = "none"
[tiers]
T0 = ["anthropic/claude-opus-5-5"]
T1 = ["openai/gpt-6.2-sol", "mine/big-one"]
T2 = []
T3 = ["google/gemini-3.8-flash"]
[models."openai/gpt-6.2-sol"]
label = "Sol"
price = { input = 9, output = 30 }
"""


@pytest.fixture
def butler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    command_line = CommandLine(tmp_path, monkeypatch, capsys)
    command_line.configure(HOUSE)
    return command_line


def now() -> int:
    return time.time_ns() // 1_000_000


def model(butler: CommandLine, name: str) -> Any:
    found = butler("tiers", "--json").json["models"]
    return next(each for each in found if each["model"] == name)


def line(butler: CommandLine, start: str) -> str:
    return next(line for line in butler("tiers").out.splitlines() if line.startswith(start))


def test_it_shows_every_tier_in_the_order_of_trying(butler: CommandLine) -> None:
    done = butler("tiers")
    assert (done.code, done.err) == (Exit.DONE, "")
    assert [line[:2] for line in done.out.splitlines()[1:]] == ["T0", "T1", "T1", "T2", "T3", "T4"]
    assert "no model is set up as background" in line(butler, "T2")
    assert "T1  ○ untried  openai/gpt-6.2-sol" in done.out


def test_prices_are_the_users_then_the_lists_then_unknown(butler: CommandLine) -> None:
    sol = model(butler, "gpt-6.2-sol")
    assert (sol["price"]["input"], sol["blended"], sol["cheaper"]) == (9, 14.25, False)
    assert model(butler, "claude-opus-5-5")["price"]["output"] == 20
    assert (model(butler, "big-one")["price"], model(butler, "big-one")["cheaper"]) == (None, False)
    assert "unpriced" in next(row for row in butler("tiers").out.splitlines() if "big-one" in row)
    assert "free" in line(butler, "T4")
    assert "$4 / $20" in line(butler, "T0")


def test_a_resting_model_says_why_and_how_long_yet(butler: CommandLine) -> None:
    rests = HealthChanged(
        account="anthropic",
        model="claude-opus-5-5",
        state="cooling",
        reason="overloaded",
        until=now() + 2 * HOUR + 30_000,
        failures=3,
    )
    with butler.store() as store:
        store.journal.append(None, rests).wait(10)
    found = model(butler, "claude-opus-5-5")
    assert (found["state"], found["failures"]) == ("cooling", 3)
    assert 2 * HOUR < found["left"] <= 2 * HOUR + 30_000
    text = line(butler, "T0")
    assert "◐ cooling" in text
    assert "2 h 00 m left, until" in text
    assert "overloaded · 3 failures in a row" in text


def test_a_rest_that_is_over_is_told_as_such(butler: CommandLine) -> None:
    over = HealthChanged(
        account="anthropic", model="claude-opus-5-5", state="cooling", until=now() - 1, failures=1
    )
    with butler.store() as store:
        store.journal.append(None, over).wait(10)
    assert model(butler, "claude-opus-5-5")["left"] == 0
    assert "the next request tries it" in line(butler, "T0")


def test_times_are_those_of_the_configured_zone(butler: CommandLine) -> None:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    until = now() + 90 * 60_000
    rests = HealthChanged(
        account="anthropic", model="claude-opus-5-5", state="cooling", until=until
    )
    with butler.store() as store:
        store.journal.append(None, rests).wait(10)
    there = datetime.fromtimestamp(until / 1000, ZoneInfo("Asia/Tokyo"))
    assert f"{there:%H:%M}" in line(butler, "T0")


def test_what_the_user_said_is_shown_as_that(butler: CommandLine) -> None:
    said = HealthChanged(
        account="google", model="gemini-3.8-flash", state="off", reason="as you said", by_user=True
    )
    with butler.store() as store:
        store.journal.append(None, said).wait(10)
    assert model(butler, "gemini-3.8-flash")["by_user"]
    assert "as you said" in line(butler, "T3")


def test_a_key_that_came_or_went_since_is_noticed(butler: CommandLine) -> None:
    gone = HealthChanged(account="google", model="gemini-3.8-flash", state="ready")
    came = HealthChanged(account="openai", model="gpt-6.2-sol", state="missing", reason="no key")
    with butler.store() as store:
        store.journal.append(None, gone, came).wait(10)
    assert model(butler, "gemini-3.8-flash")["state"] == "missing"
    assert model(butler, "gpt-6.2-sol")["state"] == "unknown"
    assert "no key" in line(butler, "T3")


def test_an_accounts_fullest_gauge_stands_with_each_of_its_models(butler: CommandLine) -> None:
    gauges = [
        Gauge(
            account="anthropic",
            window=window,
            percent=percent,
            source="provider",
            measured_at=now(),
            resets_at=now() + HOUR + 500,
        )
        for window, percent in (("5h", 12.0), ("week", 84.0))
    ]
    with butler.store() as store:
        store.journal.append(None, *(GaugeChanged(gauge=gauge) for gauge in gauges)).wait(10)
    assert model(butler, "claude-opus-5-5")["percent"] == 84.0
    assert model(butler, "gpt-6.2-sol")["percent"] is None
    assert "84 %" in line(butler, "T0")
    assert "account resets in 1 h 00 m" in line(butler, "T0")
    assert "?" in line(butler, "T1")


def test_an_ollama_that_was_found_stands_before_the_embedded_model(butler: CommandLine) -> None:
    found = ModelInfo(model="llama9", account="ollama")
    own = ModelInfo(model="smollm2", account="embedded")
    applied = ConfigurationApplied(tiers=(TierInfo(tier="T4", role="local", models=(found, own)),))
    with butler.store() as store:
        store.journal.append(None, applied).wait(10)
    local = [m for m in butler("tiers", "--json").json["models"] if m["tier"] == "T4"]
    assert [each["model"] for each in local] == ["llama9", "smollm2"]
    assert local[0]["price"]["input"] == 0
