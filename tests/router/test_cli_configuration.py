"""Programs on the PATH in the tier list: what may stand where, who is ready, who is never asked."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from router.catalogue import Catalogue
from router.checks import check_tiers
from router.config import Account, Config, ModelRef
from router.connections import Connections
from router.loading import ConfigError, load
from router.opening import open_services, prepare
from router.places import Places
from router.policy import Ask, Facts, Refusal, candidates
from router.policy_table import shipped
from router.providers.base import BadRequest
from router.tiers_report import tiers_report
from store.events import Band
from store.opening import Store
from tests.router.house import CODEX, OPUS, asked_of, configuration, open_house, ref, reply
from tests.servers.llmock import Llmock

CLAUDE = ModelRef("cli:claude", "default")

Write = Callable[[str], Places]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes the user's file."""

    def user_file(text: str) -> Places:
        places = Places.find({"BUTLER_HOME": str(tmp_path / "home")})
        places.config_file.parent.mkdir(exist_ok=True)
        places.config_file.write_text(text, "utf-8")
        return places

    return user_file


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    folder.mkdir()
    return folder


def mistake(places: Places, project: Path | None = None, **environ: str) -> str:
    with pytest.raises(ConfigError) as raised:
        load(places, environ=environ, project=project)
    (only,) = raised.value.mistakes
    return str(only).replace(str(places.config_file), "FILE")


# --- the file -----------------------------------------------------------------------------------


def test_a_program_needs_no_account_and_is_labelled(write: Write) -> None:
    config = load(write('[tiers]\nT1 = ["cli:claude", "cli:codex/gpt-6.2-sol"]'), environ={})
    assert config.tiers["T1"] == (CLAUDE, ModelRef("cli:codex", "gpt-6.2-sol"))
    assert config.accounts["cli:claude"] == Account(wire="cli")
    assert [config.settings(r).label for r in config.tiers["T1"]] == [
        "claude (CLI)",
        "codex gpt-6.2-sol (CLI)",
    ]


def test_without_one_in_the_tiers_there_is_no_such_account(write: Write) -> None:
    config = load(write(""), environ={})
    assert not [name for name in config.accounts if name.startswith("cli:")]


def test_the_environment_may_name_one(write: Write) -> None:
    assert load(write(""), environ={"BUTLER_T1": "cli:claude"}).tiers["T1"] == (CLAUDE,)


@pytest.mark.parametrize("tier", ["T0", "T2", "T3", "T4"])
def test_a_program_may_stand_in_t1_only(write: Write, tier: str) -> None:
    assert mistake(write(f'[tiers]\n{tier} = ["cli:codex/x"]')) == (
        f"FILE:2: tiers.{tier}[0] is cli:codex, which runs coding sessions only; "
        "it must be in tiers.T1."
    )


def test_an_unknown_program_is_named_with_those_there_are(write: Write) -> None:
    assert mistake(write('[tiers]\nT1 = ["cli:cluade"]')) == (
        "FILE:2: tiers.T1[0] is cli:cluade (did you mean cli:claude?); "
        "there are: cli:claude, cli:codex."
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            '[accounts."cli:foo"]\nwire = "cli"',
            'accounts."cli:foo": wire = "cli" is only for the accounts cli:claude, cli:codex.',
        ),
        (
            '[accounts.lab]\nwire = "cli"',
            'accounts.lab: wire = "cli" is only for the accounts cli:claude, cli:codex.',
        ),
        (
            '[accounts."cli:claude"]\nwire = "cli"\nkey = "env:KEY"',
            'accounts."cli:claude" can hold only wire = "cli": claude has its own login.',
        ),
        (
            '[tiers]\nT1 = ["cli:claude"]\n[models."cli:claude"]\ncheaper = true',
            'models."cli:claude" must be named [models."cli:claude/default"].',
        ),
        ('[tiers]\nT1 = ["cli:claude/"]', "tiers.T1[0] is 'cli:claude/'; it must be a model"),
    ],
)
def test_mistakes_say_what_is_allowed(write: Write, text: str, sentence: str) -> None:
    assert sentence in mistake(write(text))


def test_a_checkout_does_not_bring_in_the_users_login(write: Write, checkout: Path) -> None:
    (checkout / ".butler.toml").write_text('[tiers]\nT1 = ["cli:claude"]', "utf-8")
    said = mistake(write(""), checkout)
    assert "tiers.T1[0] is cli:claude, which works with your own login" in said
    assert "put it into tiers.T1 of your own file" in said


def test_a_checkout_may_choose_what_the_user_has_brought_in(write: Write, checkout: Path) -> None:
    (checkout / ".butler.toml").write_text('[tiers]\nT1 = ["cli:claude/opus"]', "utf-8")
    places = write('[tiers]\nT1 = ["cli:claude"]')
    assert load(places, environ={}, project=checkout).tiers["T1"] == (
        ModelRef("cli:claude", "opus"),
    )


# --- ready --------------------------------------------------------------------------------------


def with_claude(llmock_service: Llmock) -> Config:
    config = configuration(llmock_service)
    return replace(
        config,
        accounts=config.accounts | {"cli:claude": Account(wire="cli")},
        tiers=config.tiers | {"T1": (CLAUDE, ref(CODEX))},
    )


def install(folder: Path, name: str = "claude") -> dict[str, str]:
    """A program of that name, and the environment in which it is found."""
    program = folder / "bin" / name
    program.parent.mkdir(exist_ok=True)
    program.write_text("#!/bin/sh\nexit 1\n", "utf-8")
    program.chmod(0o755)
    return {"PATH": str(program.parent)}


def test_it_is_ready_once_the_program_is_on_the_path(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    config = with_claude(llmock_service)
    places = Places.find({"BUTLER_HOME": str(tmp_path)})
    assert "cli:claude" not in Connections(config, places, {"PATH": str(tmp_path)}).ready()
    assert "cli:claude" in Connections(config, places, install(tmp_path)).ready()


async def test_doctor_says_what_is_missing(llmock_service: Llmock, tmp_path: Path) -> None:
    config, places = with_claude(llmock_service), Places.find({"BUTLER_HOME": str(tmp_path)})
    environ = {"PATH": str(tmp_path / "bin"), "TEST_KEY": "sk-test-0123456789"}
    with Store.open(places.data) as store:

        async def line() -> tuple[bool, str, str]:
            services = open_services(config, store, places, tmp_path, environ)
            await prepare(services, environ)
            found = await check_tiers(services, online=False)
            await services.connections.aclose()
            only = next(check for check in found if check.account == "cli:claude")
            return only.ready, only.detail, only.remedy

        assert await line() == (False, "claude is not on the PATH", "install claude")
        install(tmp_path)
        assert await line() == (True, "has what it needs", "")


def test_tiers_show_it_unpriced_and_missing_where_it_is(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    config, places = with_claude(llmock_service), Places.find({"BUTLER_HOME": str(tmp_path)})
    with Store.open(places.data) as store:

        def row(path: str) -> tuple[str, str, object]:
            report = tiers_report(store, config, places, {"PATH": path})
            only = next(model for model in report.models if model.account == "cli:claude")
            assert only.label == "claude (CLI)"
            return only.state, only.reason, only.price

        assert row(str(tmp_path)) == ("missing", "not on the PATH", None)
        assert row(install(tmp_path)["PATH"]) == ("unknown", "", None)


# --- never asked as a model ---------------------------------------------------------------------


def facts(config: Config, band: Band = "normal") -> Facts:
    return Facts(
        band=band,
        now=0,
        health={},
        ready=frozenset(config.accounts),
        prices={str(r): Catalogue(config).blended(r) for _, r in config.ladder()},
    )


BANDS: tuple[Band, ...] = (
    "normal",
    "prefer-cheaper",
    "cheaper-only",
    "background-only",
    "local-only",
)


@pytest.mark.parametrize("band", BANDS)
@pytest.mark.parametrize("work", ["main", "code", "background"])
def test_only_a_coding_session_is_handed_to_a_program(
    llmock_service: Llmock, work: str, band: Band
) -> None:
    config = with_claude(llmock_service)
    asks = [Ask(work=work), Ask(work=work, critical=True, confirmed=True)]  # pyright: ignore[reportArgumentType]
    asks.append(Ask(work=work, private=True))  # pyright: ignore[reportArgumentType]
    for ask in asks:
        found = candidates(shipped(), config, ask, facts(config, band))
        assert all(c.passed_over for c in found if c.account == "cli:claude")


def test_a_coding_session_is_handed_to_it_first(llmock_service: Llmock) -> None:
    config = with_claude(llmock_service)
    ask = Ask(work="code", programs=True)
    first = candidates(shipped(), config, ask, facts(config))[0]
    assert (first.tier, first.account, first.passed_over) == ("T1", "cli:claude", "")
    tight = candidates(shipped(), config, ask, facts(config, "cheaper-only"))
    (claude,) = [c for c in tight if c.account == "cli:claude"]
    assert claude.passed_over == "not cheaper, cheaper-only", "its price is not known"


def test_a_pin_to_it_needs_no_name_of_a_model(llmock_service: Llmock) -> None:
    config = with_claude(llmock_service)
    ask = Ask(work="code", model="cli:claude", programs=True)
    (only,) = candidates(shipped(), config, ask, facts(config))
    assert (only.account, only.model) == ("cli:claude", "default")


def test_a_private_coding_session_is_not(llmock_service: Llmock) -> None:
    config = with_claude(llmock_service)
    ask = Ask(work="code", programs=True, private=True)
    assert {c.tier for c in candidates(shipped(), config, ask, facts(config))} == {"T4"}


def test_one_that_is_not_there_is_passed_over_with_the_reason(llmock_service: Llmock) -> None:
    config = with_claude(llmock_service)
    known = replace(facts(config), ready=frozenset({"openai"}))
    first = candidates(shipped(), config, Ask(work="code", programs=True), known)[0]
    assert first.passed_over == "not on the PATH"


def test_a_pin_to_it_in_the_chat_is_refused_with_the_way_out(llmock_service: Llmock) -> None:
    config = with_claude(llmock_service)
    with pytest.raises(Refusal, match=r"claude runs coding sessions only: begin one with /code"):
        candidates(shipped(), config, Ask(work="main", model="cli:claude/default"), facts(config))
    pinned = candidates(shipped(), config, Ask(work="main", tier="T1"), facts(config))
    assert [c.passed_over for c in pinned] == ["runs coding sessions only", ""]


async def test_no_connection_is_ever_opened_for_it(llmock_service: Llmock, tmp_path: Path) -> None:
    places = Places.find({"BUTLER_HOME": str(tmp_path)})
    connections = Connections(with_claude(llmock_service), places, install(tmp_path))
    with pytest.raises(BadRequest, match="claude works by itself only"):
        await connections.model("cli:claude")


async def test_a_chat_pinned_to_t1_is_answered_by_the_model_beside_it(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    llmock_service.script(reply("From the model."))
    config = with_claude(llmock_service)
    async with open_house(config, tmp_path, install(tmp_path)) as house:
        async with asyncio.timeout(20):
            answer = await house.say("hello there", tier="T1")
        assert (str(answer.text), answer.tier, answer.model) == ("From the model.", "T1", CODEX)
        refused = await house.say("hello again", model="cli:claude/default")
        assert "begin one with /code" in refused.problem
    assert asked_of(llmock_service) == [CODEX]
    assert OPUS not in asked_of(llmock_service)
