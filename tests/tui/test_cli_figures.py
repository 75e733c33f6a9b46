"""`butler usage` and `butler doctor`: figures and findings."""

import json
import time
from pathlib import Path

import pytest

from store.events import Gauge, GaugeChanged, Tier, Usage, UsageSettled
from tests.servers.llmock import Llmock
from tests.tui.command_line import CommandLine
from tui.exits import Exit

SECRET = "sk-" + "0123456789abcdef" * 2


@pytest.fixture
def butler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    return CommandLine(tmp_path, monkeypatch, capsys)


def settled(name: str, tier: Tier, tokens: int, cost: float | None) -> UsageSettled:
    return UsageSettled(
        reservation=name,
        account="anthropic",
        tier=tier,
        model=f"model-{tier}",
        kind="chat",
        usage=Usage(input=tokens),
        cost=cost,
    )


def test_usage_of_nothing_claims_nothing(butler: CommandLine) -> None:
    done = butler("usage")
    assert done.code == Exit.DONE
    assert "no limit known" in done.out
    assert "%" not in done.out
    assert butler("usage", "--json").json["gauges"] == []


def test_usage_has_each_limit_with_source_age_and_reset_and_sums(butler: CommandLine) -> None:
    now = int(time.time() * 1000)
    butler.configure("[[budgets]]\nwindow = 'month'\nlimit = 10\n")
    reported = Gauge(
        account="anthropic",
        window="5h",
        percent=62.0,
        source="provider",
        measured_at=now - 120_000,
        resets_at=now + 3_600_000,
    )
    over = Gauge(
        account="anthropic",
        window="week",
        percent=99.0,
        source="provider",
        measured_at=now - 10**9,
        resets_at=now - 1,
    )
    with butler.store() as store:
        store.journal.append(None, GaugeChanged(gauge=reported), GaugeChanged(gauge=over))
        store.journal.append(
            "s", settled("a", "T0", 3000, 2.5), settled("b", "T2", 500, None), at=now
        ).wait(5)
    text = butler("usage").out
    provider = next(line for line in text.splitlines() if line.startswith("anthropic"))
    assert "provider" in provider
    assert "5h" in provider
    assert "62 %" in provider
    assert "2 m ago" in provider
    assert "resets" in provider
    assert "99 %" not in text, "its window is over"
    assert "25 %" in next(line for line in text.splitlines() if "$2.50+ of $10.00" in line)
    assert "unpriced" in text
    figures = butler("usage", "--json").json
    month = figures["periods"]["month"]
    assert month["total"]["tokens"] == 3500
    assert month["by_tier"]["T0"]["cost"] == 2.5
    assert month["by_tier"]["T2"]["cost"] is None, "unknown, not nothing"
    assert month["by_model"]["model-T2"]["unpriced"] == 1


def test_doctor_says_what_is_missing_and_what_mends_it(butler: CommandLine) -> None:
    butler.setenv("OPENAI_API_KEY", SECRET)
    done = butler("doctor", "--json")
    report = done.json
    tiers = {(tier["tier"], tier["account"]): tier for tier in report["tiers"]}
    assert done.code == Exit.DONE
    assert not tiers["T0", "anthropic"]["ready"]
    assert tiers["T0", "anthropic"]["remedy"] == "butler init"
    assert tiers["T1", "openai"]["ready"]
    assert tiers["T4", "embedded"]["ready"]
    assert report["keys"]["openai"] == "env:OPENAI_API_KEY"
    assert report["keys"]["anthropic"] == "missing"
    assert report["store"]["problems"] == []
    assert report["versions"]["textual"][0].isdigit()
    assert report["places"]["configuration"] == f"{butler.home}/config.toml"
    assert SECRET not in done.out
    text = butler("doctor").out
    assert "→ butler init" in text
    assert SECRET not in text


def test_doctor_asks_the_services_if_it_may(butler: CommandLine, llmock_service: Llmock) -> None:
    butler.configure_for(llmock_service)
    with_server = butler("doctor", "--online", "--json").json["tiers"]
    assert {tier["account"] for tier in with_server} == {"anthropic", "openai", "google", "home"}
    details = {tier["detail"] for tier in with_server}
    assert all(detail == "answers" or "offers no" in detail for detail in details)
    butler.configure(
        '[accounts.anthropic]\nbase_url = "http://127.0.0.1:9"\nkey = "none"\n'
        '[tiers]\nT0 = ["anthropic/x"]\nT1 = []\nT2 = []\nT3 = []\nT4 = []\n'
    )
    done = butler("doctor", "--online", "--json")
    assert done.code == Exit.NO_TIER
    assert not done.json["ready"]


def test_doctor_finds_mistakes_open_files_and_a_damaged_store(butler: CommandLine) -> None:
    butler.configure("[ui]\nthem = 1\n")
    butler.places.config_file.chmod(0o644)
    butler.places.data.mkdir()
    (butler.places.data / "butler.db").write_bytes(b"this is no database at all" * 500)
    done = butler("doctor", "--json")
    assert done.code == Exit.WRONG_USE
    mistakes = "\n".join(done.json["mistakes"])
    assert "there is no ui.them" in mistakes
    assert "chmod 600" in mistakes
    assert ".damaged-" in done.json["store_problem"]
    (kept,) = butler.places.data.glob("*.damaged-*")
    assert str(kept) in done.json["store_problem"]
    assert json.dumps(str(kept))[1:-1] in done.out
