"""`butler usage`: what binds, what is to come, and being told once."""

import json
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from router.config import Account, Config
from store.events import Gauge, GaugeChanged, HealthChanged, Tier, Usage, UsageSettled
from store.opening import Store
from tests.tui.command_line import CommandLine
from tui import forecasts
from tui.exits import Exit

MINUTE = 60_000
HOUR = 60 * MINUTE
BUDGET = "time_zone = 'UTC'\n[[budgets]]\nwindow = '24h'\nlimit = 1\n"


@pytest.fixture
def butler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    return CommandLine(tmp_path, monkeypatch, capsys)


def now() -> int:
    return time.time_ns() // 1_000_000


def spend(store: Store, cost: float | None, *, ago: int = 0, tier: Tier = "T2", **who: str) -> None:
    settled = UsageSettled(
        **{
            "reservation": f"{time.monotonic_ns()}",
            "account": "google",
            "tier": tier,
            "model": "flash",
            "kind": "chat",
            "usage": Usage(input=1000),
            "cost": cost,
            **who,
        }
    )
    store.journal.append("s", settled, at=now() - ago).wait(10)


def reported(percent: float, resets_in: int, window: str = "week") -> GaugeChanged:
    gauge = Gauge(
        account="anthropic",
        window=window,
        percent=percent,
        source="provider",
        measured_at=now() - 40_000,
        resets_at=now() + resets_in,
    )
    return GaugeChanged(gauge=gauge)


# --- what binds ----------------------------------------------------------------------------------


def test_it_names_what_binds_and_when_that_resets(butler: CommandLine) -> None:
    with butler.store() as store:
        week = reported(92.0, 2 * HOUR + MINUTE + 1000)
        store.journal.append(None, week, reported(1.0, HOUR, "5h")).wait(10)
    lines = butler("usage").out.splitlines()
    assert lines[0].split() == ["Band", "cheaper-only", "·", "92", "%"]
    assert "anthropic · week (provider, 4" in lines[1]
    assert "resets in 2 h 01 m (" in lines[2]
    report = butler("usage", "--json").json
    assert (report["band"], report["binds"]) == ("cheaper-only", "anthropic/*/week/provider")
    first = report["gauges"][0]
    assert 0 < first["resets_in"] < 3 * HOUR
    assert 40_000 <= first["age"] < 60_000


def test_a_band_is_left_when_its_window_is_over_though_nothing_has_run(butler: CommandLine) -> None:
    with butler.store() as store:
        store.journal.append(None, reported(97.0, -1000)).wait(10)
    report = butler("usage", "--json").json
    assert (report["band"], report["percent"]) == ("normal", None)
    assert [gauge["percent"] for gauge in report["gauges"]] == [None], "unknown, not 0"
    text = butler("usage").out
    assert "0 %" not in text
    assert "97 %" not in text
    assert " ? " in text
    assert "not since its reset" in text


def test_an_account_that_nobody_measures_is_unknown(butler: CommandLine) -> None:
    used = HealthChanged(account="openai", model="gpt-4o", state="ready")
    with butler.store() as store:
        store.journal.append(None, used).wait(10)
    (gauge,) = butler("usage", "--json").json["gauges"]
    assert (gauge["account"], gauge["percent"], gauge["source"]) == ("openai", None, "unknown")
    line = next(line for line in butler("usage").out.splitlines() if line.startswith("openai"))
    assert "?" in line
    assert "%" not in line


def test_what_has_no_price_makes_a_budget_a_lower_bound(butler: CommandLine) -> None:
    butler.configure(BUDGET)
    with butler.store() as store:
        spend(store, 0.25)
        spend(store, None)
    text = butler("usage").out
    assert "$0.25+ of $1.00" in text
    assert "1 call unpriced" in text


# --- what was used -------------------------------------------------------------------------------


def test_use_is_told_apart_as_asked(butler: CommandLine) -> None:
    butler.configure("time_zone = 'UTC'\n")
    with butler.store() as store:
        spend(store, 0.5, kind="title")
        spend(store, 1.5, tier="T0", account="anthropic", model="opus")
        spend(store, 4.0, ago=30 * 24 * HOUR, kind="old")
    text = butler("usage").out
    for title in ("Tier", "Model", "Work", "Day"):
        assert title in text.splitlines()
    assert "title" in text
    assert "old" not in text
    by = butler("usage", "--days", "40", "--by", "kind", "--by", "account").out
    assert "The last 40 days" in by
    assert "old" in by
    assert "Account" in by
    assert "Tier" not in by
    days = butler("usage", "--json", "--days", "40").json["periods"]["days"]
    assert days["total"]["cost"] == 6.0
    assert days["by_account"]["anthropic"]["cost"] == 1.5
    assert len(days["by_day"]) == 2


@pytest.mark.parametrize(
    "arguments", [["--days", "0"], ["--by", "planet"], ["--every", "0"], ["--dayz", "3"]]
)
def test_wrong_use_is_answered_with_code_2(arguments: list[str], butler: CommandLine) -> None:
    done = butler("usage", *arguments)
    assert (done.code, done.out) == (Exit.WRONG_USE, "")
    assert arguments[0] in done.err or "--days" in done.err


def test_days_begin_where_the_user_lives(butler: CommandLine) -> None:
    """Two places a day apart never have the same date."""
    with butler.store() as store:
        spend(store, 1.0)
    found: list[Any] = []
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        butler.configure(f"time_zone = '{zone}'\n")
        found.append(butler("usage", "--json").json["periods"]["days"]["by_day"])
    assert all(len(days) == 1 for days in found)
    assert found[0].keys() != found[1].keys()


# --- what is to come -----------------------------------------------------------------------------


def test_a_steady_pace_gets_a_range(butler: CommandLine) -> None:
    butler.configure(BUDGET)
    with butler.store() as store:
        for back in range(20):
            spend(store, 0.04, ago=back * 24 * MINUTE + MINUTE)
    text = butler("usage").out
    assert "next    cheaper-only in " in text
    assert "Forecast" in text
    (gauge,) = butler("usage", "--json").json["gauges"]
    made = gauge["forecast"]
    assert made["next_band"] == "cheaper-only"
    assert made["made_at"] < made["next"]["earliest"] < made["next"]["latest"]
    assert made["next"]["latest"] < made["made_at"] + 3 * HOUR


def test_few_samples_get_none(butler: CommandLine) -> None:
    butler.configure(BUDGET)
    with butler.store() as store:
        for back in range(3):
            spend(store, 0.04, ago=back * 24 * MINUTE + MINUTE)
    assert "? after 3 samples; it takes 8" in butler("usage").out
    made = butler("usage", "--json").json["gauges"][0]["forecast"]
    assert (made["samples"], made["next"], made["full"]) == (3, None, None)


@pytest.mark.parametrize(
    ("earliest", "latest", "said"),
    [
        (70 * MINUTE, 110 * MINUTE, "cheaper-only in 1 h 10–1 h 50"),
        (30 * MINUTE, 50 * MINUTE, "cheaper-only in 30 m–50 m"),
        (0, 50 * MINUTE, "cheaper-only within 50 m"),
        (70 * MINUTE, None, "cheaper-only in 1 h 10 or later"),
        (None, None, "cheaper-only unlikely before "),
    ],
)
def test_a_range_in_words(earliest: int | None, latest: int | None, said: str) -> None:
    from store.events import ForecastChanged, Foreseen

    made = ForecastChanged(
        gauge="g",
        made_at=0,
        until=5 * HOUR,
        samples=9,
        next_band="cheaper-only",
        next=Foreseen(level=90.0, earliest=earliest, latest=latest),
    )
    assert forecasts.next_band(made, 0).startswith(said)
    assert forecasts.next_band(made, 5 * HOUR) == "", "what is over is not to come"


# --- being told ----------------------------------------------------------------------------------


def test_a_script_is_told_once_for_each_mark(butler: CommandLine) -> None:
    butler.configure(BUDGET)
    codes: list[int] = []
    for cost in (0.1, 0.15, 0.0, 0.7):
        with butler.store() as store:
            spend(store, cost)
        codes += [butler("usage", "--alert").code, butler("usage", "--alert").code]
    assert codes == [0, 0, 5, 0, 0, 0, 5, 0]


def test_looking_takes_no_alert_away(butler: CommandLine) -> None:
    butler.configure(BUDGET)
    with butler.store() as store:
        spend(store, 0.85)
    for _ in range(2):
        report = butler("usage", "--json").json
        assert report["should_alert"]
        assert [alert["threshold"] for alert in report["alerts"]] == [80]
    done = butler("usage", "--json", "--alert")
    assert (done.code, done.json["should_alert"]) == (Exit.THRESHOLD, True)
    assert "all accounts · 24h has passed 80 %: 85 %" in done.err
    done = butler("usage", "--json", "--alert")
    assert (done.code, done.json["should_alert"], done.json["alerts"]) == (Exit.DONE, False, [])


def test_of_many_scripts_at_once_one_is_told(butler: CommandLine) -> None:
    butler.configure(BUDGET)
    with butler.store() as store:
        spend(store, 0.85)
    running = [butler.start("usage", "--alert", "--json") for _ in range(4)]
    ended = [(process.communicate(timeout=60), process.returncode) for process in running]
    assert sorted(code for _, code in ended) == [0, 0, 0, 5]
    assert sum(json.loads(out)["should_alert"] for (out, _), _ in ended) == 1


# --- watching ------------------------------------------------------------------------------------


def test_watching_through_a_pipe_prints_a_line_for_each_change(butler: CommandLine) -> None:
    butler.configure(BUDGET)
    with butler.store() as store:
        spend(store, 0.25)
        with butler.start("usage", "--watch", "--every", "0.2") as process:
            assert process.stdout is not None
            first = process.stdout.readline().decode()
            assert "normal · 25 % · all accounts · 24h" in first
            spend(store, 0.60)
            assert "prefer-cheaper · 85 %" in process.stdout.readline().decode()
            process.send_signal(signal.SIGINT)
            rest, problems = process.communicate(timeout=20)
    assert (process.returncode, rest, problems.strip()) == (Exit.INTERRUPTED, b"", b"")


def test_watching_can_wait_for_a_mark(butler: CommandLine) -> None:
    butler.configure(BUDGET)
    with butler.store() as store:
        later = threading.Timer(0.5, spend, (store, 0.5))
        later.start()
        done = butler("usage", "--watch", "--alert", "--every", "0.2", "--json")
        later.join()
    assert done.code == Exit.THRESHOLD
    assert [line["should_alert"] for line in done.json_lines] == [False, True]


def test_watching_on_a_terminal_stays_in_its_place(butler: CommandLine) -> None:
    butler.configure(BUDGET)
    with butler.store() as store:
        spend(store, 0.25)
        watched = butler.on_terminal("usage", "--watch", "--every", "0.2")
        watched.expect("25 %")
        spend(store, 0.60)
        watched.expect(r"\x1b\[1A.*85 %")
        watched.sendintr()
        watched.expect(r"\x1b\[\?25h")
        watched.wait()
    assert watched.exitstatus == Exit.INTERRUPTED


def test_it_loads_no_sdk_and_no_price_list(butler: CommandLine) -> None:
    import subprocess
    import sys

    program = (
        "import sys; from tui.cli import run; run(['usage'])\n"
        "heavy = {'genai_prices', 'anthropic', 'openai', 'google.genai', 'textual', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_configuration_without_a_zone_takes_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import datetime

    from router.zones import zone_of

    config = Config(accounts={"a": Account(wire="openai")}, tiers={})
    monkeypatch.setenv("TZ", "Europe/Berlin")
    zone = zone_of(config)
    offsets = {datetime(2026, month, 1, tzinfo=zone).utcoffset() for month in (1, 7)}
    assert len(offsets) == 2, "it knows summer from winter"
    monkeypatch.setenv("TZ", "Nowhere/At-All")
    assert datetime(2026, 1, 1, tzinfo=zone_of(config)).utcoffset() is not None
