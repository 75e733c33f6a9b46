"""Where an account's key is found and kept: the environment, the keyring, or a 0600 file.

A key is never in a `repr`, a log, an exception or the store: it travels as a `Key`, and only a
provider takes the text out of it.
"""

import logging
import re
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from router import keyrings
from router.config import Account, Wire
from router.places import Places, PlacesError, is_open, write_private

VARIABLES: Final[Mapping[Wire, tuple[str, ...]]] = {
    "anthropic": ("ANTHROPIC_API_KEY",),
    "openai": ("OPENAI_API_KEY",),
    "openai-chat": (),
    "google": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "ollama": (),
    "embedded": (),
    "cli": (),
}
"""The usual variables. `openai-chat` has none: the key of one service is never sent to another."""

KEYLESS: Final[frozenset[Wire]] = frozenset({"ollama", "embedded", "cli"})

Home: TypeAlias = Literal["keyring", "file"]

_log = logging.getLogger("butler.keys")
_known: set[str] = set()
_LOOKS_LIKE_KEY = re.compile(
    r"\b(?:sk-[A-Za-z0-9_-]{16,}|AIza[A-Za-z0-9_-]{30,}|gsk_[A-Za-z0-9]{20,})"
    r"|(?i:(?<=bearer )[A-Za-z0-9._~+/=-]{16,})"
)


class KeysError(Exception):
    """A key can't be stored or read. The message is a sentence for the user, without the key."""


class Key:
    """A key that hides itself wherever it is printed."""

    __slots__ = ("_text", "source")

    def __init__(self, text: str, source: str) -> None:
        self._text = text
        self.source = source
        """Where it was found: `env:NAME`, `keyring` or `file`."""
        _known.add(text)

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"Key(•••, {self.source!r})"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("a key is not for keeping")


def redact(text: str) -> str:
    """The text with every key this process has seen, and all that looks like one, blotted out."""
    for key in _known:
        if len(key) >= 6:
            text = text.replace(key, "•••")
    return _LOOKS_LIKE_KEY.sub("•••", text)


def looks_like_key(text: str) -> bool:
    return bool(_LOOKS_LIKE_KEY.search(text))


def needs_key(account: Account) -> bool:
    """Whether the account's service refuses to answer without a key."""
    if account.key == "none" or account.wire in KEYLESS:
        return False
    return account.wire != "openai-chat" or account.key is not None


# --- finding ------------------------------------------------------------------------------------


def find_key(name: str, account: Account, environ: Mapping[str, str], places: Places) -> Key | None:
    """The account's key, or `None`. Never asks the user, never takes longer than the keyring's
    time limit; what is wrong with a place is logged, and the next place tried."""
    where = account.key
    if where == "none" or (where is None and account.wire in KEYLESS):
        return None
    if where is not None and where.startswith("env:"):
        return _from_environment((where[4:],), environ)
    if where == "keyring":
        return _from_keyring(name, environ)
    if where == "file":
        return _from_file(name, places)
    return _from_anywhere(name, account, environ, places)


def _from_anywhere(
    name: str, account: Account, environ: Mapping[str, str], places: Places
) -> Key | None:
    key = _from_environment(VARIABLES[account.wire], environ)
    if key is None and not places.portable:
        key = _from_keyring(name, environ)
    return key or _from_file(name, places)


def _from_environment(names: tuple[str, ...], environ: Mapping[str, str]) -> Key | None:
    for name in names:
        if text := environ.get(name, "").strip():
            return Key(text, f"env:{name}")
    return None


def _from_keyring(name: str, environ: Mapping[str, str]) -> Key | None:
    text = keyrings.look_up(name, environ)
    return Key(text, "keyring") if text else None


def _from_file(name: str, places: Places) -> Key | None:
    try:
        text = _read_file(places).get(name)
    except KeysError as error:
        _log.warning("%s", error)
        return None
    return Key(text, "file") if text else None


# --- storing ------------------------------------------------------------------------------------


def store_key(
    name: str,
    text: str,
    places: Places,
    environ: Mapping[str, str],
    *,
    home: Home | None = None,
) -> Home:
    """Keep an account's key and return where: the keyring if there is one, else the 0600 file.

    Raises:
        KeysError: neither place takes it, or the one asked for does not.
    """
    if home != "file" and not (home is None and places.portable):
        if keyrings.keep(name, text, environ):
            return "keyring"
        if home == "keyring":
            raise KeysError("There is no keyring that can be used here: keep the key in the file.")
    _into_file(name, text, places)
    return "file"


def forget_key(name: str, places: Places) -> None:
    """Take an account's key out of the file. A key in the keyring stays there."""
    keys = _read_file(places)
    if keys.pop(name, None) is not None:
        _write_file(keys, places)


def _into_file(name: str, text: str, places: Places) -> None:
    _write_file({**_read_file(places), name: text}, places)


def _write_file(keys: Mapping[str, str], places: Places) -> None:
    import tomlkit

    document = tomlkit.document()
    document.add(tomlkit.comment("Keys of Butler's accounts. Keep this file to yourself (0600)."))
    for name in sorted(keys):
        document.add(name, tomlkit.string(keys[name]))
    try:
        write_private(places.keys_file, tomlkit.dumps(document))
    except PlacesError as error:
        raise KeysError(str(error)) from error


# --- the file -----------------------------------------------------------------------------------


def mend_keys_file(places: Places) -> str:
    """Close the keys' file to others if it is open to them.

    Returns:
        A sentence that says what was found and done; empty when all is well.

    Raises:
        KeysError: it can't be closed: nothing may be read from it.
    """
    path = places.keys_file
    try:
        if not path.exists() or not is_open(path):
            return ""
        path.chmod(0o600)
    except OSError as error:
        raise KeysError(
            f"{path} can be read by others and can't be closed to them ({error.strerror}), "
            f"so its keys are not used: run chmod 600 '{path}' as its owner."
        ) from error
    return (
        f"{path} could be read by others; it is closed to them now (0600). "
        "If anyone else uses this machine, ask the services for new keys."
    )


def _read_file(places: Places) -> dict[str, str]:
    import tomllib

    import msgspec

    path = places.keys_file
    if not path.exists():
        return {}
    if found := mend_keys_file(places):
        _log.warning("%s", found)
    try:
        return msgspec.convert(tomllib.loads(path.read_text("utf-8")), dict[str, str])
    except OSError as error:
        raise KeysError(f"{path} can't be read ({error.strerror}).") from error
    except (ValueError, msgspec.ValidationError):
        # Their messages may quote the file, and the file holds keys.
        raise KeysError(
            f'{path} must hold one  account = "key"  a line: mend it, or delete it '
            "and run butler init."
        ) from None
