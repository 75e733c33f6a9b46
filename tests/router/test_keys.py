"""Keys: found where they are, kept where nobody else reads, printed nowhere."""

import copy
import logging
import pickle
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

from router import keyrings
from router.config import Account
from router.keys import (
    Key,
    KeysError,
    find_key,
    forget_key,
    mend_keys_file,
    redact,
    store_key,
)
from router.places import Places

ANTHROPIC = Account(wire="anthropic")
SECRET = "sk-ant-api03-0123456789abcdefghij"
ASKED = {"PYTHON_KEYRING_BACKEND": "of the test"}
"""An environment in which a keyring may exist."""


class Ring(KeyringBackend):
    """A whole keyring, in memory."""

    priority: ClassVar[float] = 1  # pyright: ignore[reportIncompatibleMethodOverride]

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.held[service, username] = password


class LockedRing(Ring):
    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringLocked("no")


class AskingRing(Ring):
    """Waits for a password dialog."""

    def __init__(self) -> None:
        super().__init__()
        self.answered = threading.Event()
        self.questions = 0

    def get_password(self, service: str, username: str) -> str | None:
        self.questions += 1
        _ = self.answered.wait(30)
        return super().get_password(service, username)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    home = tmp_path / "home"
    return Places(
        config_file=home / "config.toml",
        keys_file=home / "keys.toml",
        data=home / "data",
        state=home / "state",
    )


@pytest.fixture
def ring() -> Iterator[Ring]:
    before = keyring.get_keyring()
    ring = Ring()
    keyring.set_keyring(ring)
    yield ring
    keyring.set_keyring(before)


def test_environment_before_keyring_before_file(places: Places, ring: Ring) -> None:
    def found(environ: dict[str, str]) -> tuple[str, str] | None:
        key = find_key("anthropic", ANTHROPIC, {**ASKED, **environ}, places)
        return key and (key.reveal(), key.source)

    assert found({}) is None
    assert store_key("anthropic", "in-the-file", places, ASKED, home="file") == "file"
    assert found({}) == ("in-the-file", "file")
    assert store_key("anthropic", "in-the-ring", places, ASKED) == "keyring"
    assert found({}) == ("in-the-ring", "keyring")
    assert found({"ANTHROPIC_API_KEY": " in-env\n"}) == ("in-env", "env:ANTHROPIC_API_KEY")


@pytest.mark.parametrize(
    ("account", "environ", "expected"),
    [
        (Account(wire="google"), {"GOOGLE_API_KEY": "b"}, "b"),
        (Account(wire="google"), {"GOOGLE_API_KEY": "b", "GEMINI_API_KEY": "a"}, "a"),
        (Account(wire="openai", key="env:MINE"), {"OPENAI_API_KEY": "a", "MINE": "b"}, "b"),
        (Account(wire="openai", key="env:MINE"), {"OPENAI_API_KEY": "a"}, None),
        (Account(wire="openai", key="none"), {"OPENAI_API_KEY": "a"}, None),
        (Account(wire="openai-chat", base_url="http://x"), {"OPENAI_API_KEY": "a"}, None),
        (Account(wire="ollama"), {"OPENAI_API_KEY": "a"}, None),
    ],
)
def test_which_variable_counts(
    account: Account, environ: dict[str, str], expected: str | None, places: Places
) -> None:
    key = find_key("x", account, environ, places)
    assert (key and key.reveal()) == expected


def test_under_one_folder_the_users_keyring_is_left_alone(tmp_path: Path, ring: Ring) -> None:
    places = Places.find({"BUTLER_HOME": str(tmp_path)})
    ring.held["butler", "anthropic"] = "the-users-own"
    assert find_key("anthropic", ANTHROPIC, ASKED, places) is None
    assert store_key("anthropic", "for-here", places, ASKED) == "file"
    asked_for = Account(wire="anthropic", key="keyring")
    key = find_key("anthropic", asked_for, ASKED, places)
    assert key is not None
    assert key.reveal() == "the-users-own"


def test_a_locked_keyring_is_passed_over(places: Places, ring: Ring) -> None:
    _ = store_key("anthropic", SECRET, places, {}, home="file")
    keyring.set_keyring(LockedRing())
    key = find_key("anthropic", ANTHROPIC, ASKED, places)
    assert key is not None
    assert key.source == "file"


def test_a_keyring_that_waits_for_its_dialog_is_not_waited_for(
    places: Places, ring: Ring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyrings, "TIMEOUT", 0.05)
    asking = AskingRing()
    keyring.set_keyring(asking)
    start = time.monotonic()
    assert find_key("anthropic", ANTHROPIC, ASKED, places) is None
    assert find_key("openai", Account(wire="openai"), ASKED, places) is None
    assert time.monotonic() - start < 2
    assert asking.questions == 1, "a second dialog over the first"
    asking.answered.set()
    asking.held["butler", "anthropic"] = SECRET
    monkeypatch.setattr(keyrings, "TIMEOUT", 5)
    for thread in threading.enumerate():
        if thread.name == "butler-keyring":
            thread.join()
    key = find_key("anthropic", ANTHROPIC, ASKED, places)
    assert key is not None, "unlocked since: asked again"


def test_without_a_desktop_the_keyring_is_not_even_asked(
    places: Places, monkeypatch: pytest.MonkeyPatch, ring: Ring, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    ring.held["butler", "anthropic"] = SECRET
    headless = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert find_key("anthropic", ANTHROPIC, headless, places) is None
    assert store_key("anthropic", SECRET, places, headless) == "file"
    with pytest.raises(KeysError, match="no keyring"):
        _ = store_key("anthropic", SECRET, places, headless, home="keyring")


def test_the_file_is_the_owners_alone(places: Places, caplog: pytest.LogCaptureFixture) -> None:
    _ = store_key("anthropic", SECRET, places, {}, home="file")
    _ = store_key('odd "name"', "two", places, {}, home="file")
    assert places.keys_file.stat().st_mode & 0o777 == 0o600
    assert mend_keys_file(places) == ""
    places.keys_file.chmod(0o644)
    with caplog.at_level(logging.WARNING):
        key = find_key("anthropic", ANTHROPIC, {}, places)
    assert key is not None
    assert key.reveal() == SECRET
    assert "could be read by others" in caplog.text
    assert places.keys_file.stat().st_mode & 0o777 == 0o600
    forget_key("anthropic", places)
    assert find_key("anthropic", ANTHROPIC, {}, places) is None
    assert find_key('odd "name"', ANTHROPIC, {}, places) is not None


@pytest.mark.parametrize("text", [f'anthropic = "{SECRET}', f'[x]\ny = "{SECRET}"', "\x00\xff"])
def test_a_broken_file_is_reported_without_what_is_in_it(
    text: str, places: Places, caplog: pytest.LogCaptureFixture
) -> None:
    places.keys_file.parent.mkdir()
    _ = places.keys_file.write_text(text, "latin-1")
    places.keys_file.chmod(0o600)
    with caplog.at_level(logging.WARNING):
        assert find_key("anthropic", ANTHROPIC, {}, places) is None
    assert str(places.keys_file) in caplog.text
    with pytest.raises(KeysError) as raised:
        _ = store_key("anthropic", "new", places, {}, home="file")
    assert SECRET not in caplog.text + str(raised.value)
    assert raised.value.__suppress_context__
    assert places.keys_file.read_text("latin-1") == text, "never overwritten blindly"


def test_a_key_hides_itself() -> None:
    key = Key("zz-not-like-any-known-key", "file")
    for shown in (repr(key), str(key), f"{key}", f"{[key]}", f"{key!r:>40}"):
        assert "zz-not" not in shown
    with pytest.raises(TypeError):
        _ = pickle.dumps(key)
    with pytest.raises(TypeError):
        _ = copy.copy(key)


def test_redaction_knows_the_keys_seen_and_the_usual_shapes() -> None:
    _ = Key("plain-words-as-key", "file")
    text = redact(
        f"failed with plain-words-as-key; {SECRET}; AIza{'x' * 35}; "
        "Authorization: Bearer abcdefgh12345678.x"
    )
    for secret in ("plain-words", "sk-ant", "AIza", "abcdefgh"):
        assert secret not in text
    assert "failed with •••" in text
