"""Asking the system's keyring without ever waiting for it, or failing because of it."""

import logging
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

SERVICE: Final = "butler"
"""Under this name the keyring holds the keys; the user name is the account's."""
TIMEOUT: Final = 3.0
"""Seconds until we go on without it: a locked keyring waits for its password dialog."""

_log = logging.getLogger("butler.keys")
_turn = threading.Lock()
_asking: threading.Thread | None = None


def look_up(account: str, environ: Mapping[str, str]) -> str | None:
    """The account's key, or `None`: none there, no keyring, locked, broken or slow."""

    def get() -> str | None:
        import keyring

        return keyring.get_password(SERVICE, account)

    return _ask(get, environ)


def keep(account: str, text: str, environ: Mapping[str, str]) -> bool:
    """Put a key into the keyring; false if there is none that takes it and gives it back."""

    def put() -> str | None:
        import keyring

        keyring.set_password(SERVICE, account, text)
        return keyring.get_password(SERVICE, account)

    return _ask(put, environ) == text


def backend(environ: Mapping[str, str]) -> str:
    """The name of the keyring that would be used; empty when there is none."""

    def name() -> str | None:
        import keyring

        return str(keyring.get_keyring().name)

    return _ask(name, environ) or ""


def _ask(question: Callable[[], str | None], environ: Mapping[str, str]) -> str | None:
    if not _may_exist(environ):
        return None
    answers: list[str | None] = []
    with _turn:
        _ask_for_a_while(question, answers)
    return answers[0] if answers else None


def _ask_for_a_while(question: Callable[[], str | None], answers: list[str | None]) -> None:
    global _asking  # noqa: PLW0603 (one keyring a process, asked one question at a time)
    if _asking is not None and _asking.is_alive():
        return  # it still waits for its password: a second dialog would help nobody
    _asking = threading.Thread(
        target=_answer, args=(question, answers), name="butler-keyring", daemon=True
    )
    _asking.start()
    _asking.join(TIMEOUT)
    if _asking.is_alive():
        _log.warning("The keyring did not answer within %g s (is it locked?).", TIMEOUT)


def _answer(question: Callable[[], str | None], answers: list[str | None]) -> None:
    try:
        if _is_real():
            answers.append(question())
    except Exception as error:  # noqa: BLE001 (backends are plug-ins: they raise what they like)
        _log.warning("The keyring can't be used (%s).", type(error).__name__)


def _is_real() -> bool:
    import keyring
    from keyring.backends import fail, null

    return not isinstance(keyring.get_keyring(), fail.Keyring | null.Keyring)


def _may_exist(environ: Mapping[str, str]) -> bool:
    """Whether loading the library (0.1 s) can lead anywhere: not on a headless Linux machine."""
    if sys.platform in {"win32", "darwin"} or environ.get("PYTHON_KEYRING_BACKEND"):
        return True
    bus = Path(environ.get("XDG_RUNTIME_DIR") or "/nonexistent", "bus")
    settings = Path(environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser()
    return bool(
        environ.get("DBUS_SESSION_BUS_ADDRESS")
        or bus.exists()
        or (settings / "python_keyring" / "keyringrc.cfg").exists()
    )
