"""Configuration: which source wins, and what is said of each mistake."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from router.config import ModelRef
from router.loading import ConfigError, load, read
from router.places import Places

Write = Callable[[str], Places]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes the user's file."""

    def user_file(text: str) -> Places:
        places = Places.find({"BUTLER_HOME": str(tmp_path / "home")})
        places.config_file.parent.mkdir(exist_ok=True)
        _ = places.config_file.write_text(text, "utf-8")
        return places

    return user_file


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A checkout with a folder in it, where the user stands."""
    (tmp_path / "checkout" / ".git").mkdir(parents=True)
    inner = tmp_path / "checkout" / "src" / "deep"
    inner.mkdir(parents=True)
    return inner


def mistakes(places: Places, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        _ = load(places, environ=environ)
    lines = str(raised.value).splitlines()
    assert all(line.endswith(".") for line in lines), "whole sentences"
    return [line.replace(f"{places.config_file}", "FILE") for line in lines]


# --- what applies -------------------------------------------------------------------------------


def test_with_nothing_configured_every_tier_has_its_default(tmp_path: Path) -> None:
    config = load(Places.find({"BUTLER_HOME": str(tmp_path)}), environ={})
    assert [f"{tier} {ref}" for tier, ref in config.ladder()] == [
        "T0 anthropic/claude-opus-5-5",
        "T1 openai/gpt-6.2-sol",
        "T2 google/gemini-3.8-flash",
        "T3 anthropic/claude-sonnet-5-5",
        "T3 openai/gpt-4o",
        "T4 embedded/smollm2",
    ]
    price = config.settings(ModelRef("openai", "gpt-6.2-sol")).price
    assert price is not None
    assert (price.input, price.output) == (2, 10)
    assert {account.wire for account in config.accounts.values()} >= {"anthropic", "embedded"}


def test_flag_before_environment_before_project_before_user_before_default(
    write: Write, project: Path
) -> None:
    places = write('[limits]\nconnect = 1\nsilence = 1\n[ui]\ntheme = "user"\nmouse = false')
    _ = (project.parents[1] / ".butler.toml").write_text("[limits]\nsilence = 2\n")
    environ = {"BUTLER_THEME": "environment", "BUTLER_MOUSE": "on", "BUTLER_PARALLEL": "2"}
    loaded = read(places, environ=environ, project=project, overrides={"ui.theme": "flag"})
    config = loaded.config
    assert loaded.sentences() == []
    assert (config.limits.first_token, config.limits.connect, config.limits.silence) == (30, 1, 2)
    assert (config.ui.theme, config.ui.mouse, config.sessions.parallel) == ("flag", True, 2)
    assert loaded.origins["limits", "connect"] == "user"
    assert loaded.origins["limits", "silence"] == "project"
    assert loaded.origins["ui", "mouse"] == "environment"
    assert loaded.origins["ui", "theme"] == "flag"
    assert loaded.origins["tiers", "T0"] == "default"


def test_tables_are_merged_and_lists_replaced(write: Write) -> None:
    places = write(
        '[accounts.openai]\nbase_url = "https://gateway/v1"\n'
        '[accounts.lan]\nwire = "openai-chat"\nbase_url = "http://lan:8000/v1"\n'
        '[tiers]\nT3 = ["lan/org/model-7b"]\n'
        '[[budgets]]\nwindow = "day"\nlimit = 5\n'
    )
    config = load(places, environ={"BUTLER_T2": "openai/a, openai/b"})
    assert config.accounts["openai"].wire == "openai"
    assert config.accounts["openai"].base_url == "https://gateway/v1"
    assert config.tiers["T3"] == (ModelRef("lan", "org/model-7b"),)
    assert config.tiers["T2"] == (ModelRef("openai", "a"), ModelRef("openai", "b"))
    assert config.tiers["T0"], "the others stay as shipped"
    assert [(b.window, b.limit, b.unit) for b in config.budgets] == [("day", 5.0, "usd")]


# --- a checkout is not trusted ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('[accounts.openai]\nbase_url = "https://evil"', "accounts"),
        ('[accounts.evil]\nwire = "openai-chat"\nbase_url = "https://evil"', "accounts"),
        ('[accounts.openai]\nkey = "env:AWS_SECRET"', "accounts"),
        ('[[budgets]]\nwindow = "day"\nlimit = 1000000', "budgets"),
        ('[models."openai/gpt-4o"]\nprice = { input = 0, output = 0 }', "models"),
        ('[tiers]\nT4 = ["openai/gpt-4o"]', "tiers.T4"),
    ],
)
def test_a_project_may_not_lead_prompts_keys_or_money_elsewhere(
    text: str, key: str, project: Path, tmp_path: Path
) -> None:
    _ = (project / ".butler.toml").write_text(text)
    places = Places.find({"BUTLER_HOME": str(tmp_path / "home")})
    shipped = load(places, environ={})
    loaded = read(places, environ={}, project=project)
    (sentence, *_) = loaded.sentences()
    assert f"a project's file may not set {key}" in sentence
    assert str(project / ".butler.toml") in sentence
    assert loaded.config.accounts == shipped.accounts
    assert loaded.config.budgets == shipped.budgets
    assert loaded.config.models == shipped.models
    assert loaded.config.tiers["T4"] == shipped.tiers["T4"]
    with pytest.raises(ConfigError):
        _ = load(places, environ={}, project=project)


def test_the_project_ends_at_the_root_of_its_repository(project: Path, tmp_path: Path) -> None:
    places = Places.find({"BUTLER_HOME": str(tmp_path / "home")})
    _ = (tmp_path / ".butler.toml").write_text("[limits]\nconnect = 9\n")
    assert load(places, environ={}, project=project).limits.connect == 5
    (project.parents[1] / ".git").rmdir()
    assert load(places, environ={}, project=project).limits.connect == 5, "no repository"
    assert load(places, environ={}, project=tmp_path).limits.connect == 9, "the workspace itself"


# --- mistakes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("typo = 1", "FILE:1: there is no typo; known are: accounts, budgets,"),
        ("[limts]", "FILE:1: there is no limts (did you mean limits?)"),
        (
            "[limits]\n\nconect = 3",
            "FILE:3: there is no limits.conect (did you mean connect?); limits knows: connect,",
        ),
        (
            '[accounts.x]\nwire = "antropic"',
            "FILE:2: accounts.x.wire is 'antropic' (did you mean anthropic?); it must be one of",
        ),
        ("[accounts.x]\n", "FILE:1: accounts.x has no wire; it must be one of anthropic,"),
        (
            '[accounts.x]\nwire = "openai-chat"',
            "FILE:1: accounts.x has no base_url; a server that speaks openai-chat needs one",
        ),
        (
            '[accounts.openai]\nbase_url = "localhost:80"',
            "FILE:2: accounts.openai.base_url must be an address like",
        ),
        (
            '[accounts.openai]\ngguf = "x.gguf"',
            'FILE:2: accounts.openai.gguf is only for accounts with wire = "embedded".',
        ),
        (
            '[tiers]\nT0 = [\n  "openai/a",\n  "opnai/b",\n]',
            "FILE:2: tiers.T0[1] names the account 'opnai' (did you mean openai?); there are:",
        ),
        ('[tiers]\nT0 = "openai/a"', "FILE:2: tiers.T0 is 'openai/a'; it must be a list in [ ]."),
        ('[tiers]\nT0 = ["gpt"]', "FILE:2: tiers.T0[0] is 'gpt'; it must be a model as"),
        ("[tiers]\nT7 = []", "FILE:2: there is no tiers.T7"),
        ('[tiers]\nT4 = ["openai/gpt-4o"]', "FILE:2: tiers.T4[0] is openai/gpt-4o, in the cloud"),
        ("[limits]\nconnect = -1", "FILE:2: limits.connect is -1; it must be a number of seconds"),
        ("[limits]\nsilence = nan", "FILE:2: limits.silence is nan; it must be a number of"),
        ("[sessions]\nparallel = 2.5", "FILE:2: sessions.parallel is 2.5; it must be a whole"),
        ('[ui]\nmouse = "yes"', "FILE:2: ui.mouse is 'yes'; it must be true or false."),
        ("ui = 3", "FILE:1: ui is 3; it must be a table."),
        ('time_zone = "Europe/Berln"', "FILE:1: time_zone is 'Europe/Berln' (did you mean Europe/"),
        ('[[budgets]]\nwindow = "day"', "FILE:1: budgets[0] has no limit; it must be a number"),
        (
            '[[budgets]]\nwindow = "day"\nlimit = 1\n[[budgets]]\nwindow = "year"\nlimit = 0',
            "FILE:5: budgets[1].window is 'year'; it must be day, week, month, or a rolling",
        ),
        ('[[budgets]]\nwindow = "0m"\nlimit = 1', "FILE:2: budgets[0].window is '0m'; it must be"),
        ('[[budgets]]\nwindow = "5 h"\nlimit = 1', "FILE:2: budgets[0].window is '5 h'; it must"),
        (
            '[[budgets]]\nwindow = "day"\nlimit = 1\naccount = "x"',
            "FILE:4: budgets[0].account names the account 'x'",
        ),
        (
            "[models.gpt]\ncontext = 100",
            'FILE:1: models.gpt must be named [models."account/model"]',
        ),
        (
            '[models."openai/x"]\nprice = { input = 1 }',
            'FILE:2: models."openai/x".price has no output; it must be US dollars per million',
        ),
        ("a = 1\nb = \n", "FILE:2: this is not TOML (column 5): Invalid value."),
        ("[ui]\n[ui]\n", "FILE:2: this is not TOML"),
        ('x = "\x1b[31m"', "FILE:1: this is not TOML"),
    ],
)
def test_a_mistake_names_file_line_key_and_what_is_allowed(
    text: str, said: str, write: Write
) -> None:
    (first, *_) = mistakes(write(text))
    assert first.startswith(said)
    assert "\x1b" not in first


def test_every_mistake_is_named_once_in_the_order_of_the_file(write: Write) -> None:
    found = mistakes(
        write(
            '[ui]\nbel = true\ntheme = 3\n[accounts.x]\nwire = "y"\n'
            '[tiers]\nT0 = ["x/m"]\nT1 = ["z/m"]\n'
        )
    )
    assert [line.split(": ")[0] for line in found] == ["FILE:2", "FILE:3", "FILE:5", "FILE:8"]


def test_a_mistake_in_a_variable_names_the_variable(write: Write) -> None:
    found = mistakes(write(""), BUTLER_MOUSE="perhaps", BUTLER_T0="gpt-4o", BUTLER_PARALLEL="0")
    assert [line.split(": ")[0] for line in found] == [
        "$BUTLER_MOUSE",
        "$BUTLER_PARALLEL",
        "$BUTLER_T0",
    ]


def test_a_key_written_into_the_file_is_not_repeated(write: Write) -> None:
    key = "sk-ant-0123456789abcdefghijklmnop"
    found = mistakes(write(f'[accounts.openai]\nkey = "{key}"\n[ui]\ntheme = 1\n[x]\n"{key}" = 1'))
    assert "env:NAME" in found[0]
    assert "butler init" in found[0]
    odd = mistakes(write(f'[limits]\nconnect = "{key}"'))
    assert key not in " ".join(found + odd)


def test_files_that_cannot_be_read_are_named(write: Write, tmp_path: Path) -> None:
    places = write("")
    _ = places.config_file.write_bytes(b'[ui]\ntheme = "\xff\xfe"\n')
    assert mistakes(places) == ["FILE:2: this line is not UTF-8; save the file as UTF-8."]
    places.config_file.unlink()
    places.config_file.mkdir()
    assert mistakes(places)[0].startswith("FILE: it can't be read (Is a directory)")
    assert load(Places.find({"BUTLER_HOME": str(tmp_path / "none")}), environ={})


def test_windows_files_with_a_byte_order_mark_are_read(write: Write) -> None:
    places = write("")
    _ = places.config_file.write_bytes(b'\xef\xbb\xbf[ui]\r\ntheme = "x"\r\n')
    assert load(places, environ={}).ui.theme == "x"


@pytest.mark.parametrize("page", ["configuration.md"])
def test_the_examples_of_the_documentation_are_right(page: str, write: Write) -> None:
    text = (Path(__file__).parents[2] / "docs" / page).read_text("utf-8")
    examples = re.findall(r"^```toml\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert len(examples) > 5
    server = '\n[accounts.lab]\nwire = "openai-chat"\nbase_url = "http://lab/v1"\n'
    for example in examples:
        with_server = example if "[accounts.lab]" in example else example + server
        assert read(write(with_server), environ={}).sentences() == []


# --- going on nevertheless ----------------------------------------------------------------------


def test_lenient_keeps_what_is_right(write: Write) -> None:
    places = write('[limits]\nconnect = "x"\nsilence = 7\n[ui]\nthem = "x"\n')
    config, sentences = load(places, environ={}, lenient=True)
    assert (config.limits.connect, config.limits.silence) == (5, 7)
    assert config.tiers["T0"]
    assert len(sentences) == 2


@pytest.mark.parametrize(
    "text",
    [
        '[accounts.openai]\nbase_ur = "https://gateway"\n[tiers]\nT4 = ["openai/x"]',
        '[[budgets]]\nwindow = "dy"\nlimit = 5',
        '[tiers]\nT0 = ["openai/x"\n',
    ],
)
def test_lenient_sends_nothing_out_when_it_cannot_tell_where_or_how_much(
    text: str, write: Write
) -> None:
    """A mistyped gateway must not turn into the public service, a mistyped budget into none."""
    config, sentences = load(write(text), environ={}, lenient=True)
    assert config.ladder() == [("T4", ModelRef("embedded", "smollm2"))]
    assert "only the local tier" in sentences[-1]
