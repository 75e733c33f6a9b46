"""One open connection for each account, made when it is first used."""

import asyncio
import logging
import os
import shutil
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from router.config import Account, Config, program_of
from router.keys import find_key, needs_key
from router.places import Places
from router.providers.base import BadKey, BadRequest, Missing, Model

log = logging.getLogger(__name__)


def find_program(account: str, environ: Mapping[str, str]) -> str | None:
    """Where on the PATH the program of an account called `cli:…` is; `None` if it is not.
    Without process groups (Windows) it could not be ended with all it starts, so it is not run."""
    program = program_of(account) if os.name == "posix" else None
    return shutil.which(program, path=environ.get("PATH")) if program else None


class Connections:
    """Which accounts have what they need, and a `Model` for each that is used."""

    def __init__(
        self, config: Config, places: Places, environ: Mapping[str, str] = os.environ
    ) -> None:
        self._config = config
        self._places = places
        self._environ = environ
        self._open: dict[str, Model] = {}
        self._opening: dict[str, asyncio.Lock] = {}
        self._preparing: dict[str, Callable[[], Awaitable[None]]] = {}
        self.on_progress: Callable[[str, str], None] = lambda _account, _sentence: None
        """Told how far an account's model is that has to be fetched or loaded first; an empty
        sentence when it is there."""

    def adopt(self, config: Config) -> None:
        """Go on with a configuration that has accounts added."""
        self._config = config

    def ready(self) -> frozenset[str]:
        """Accounts with a key, or that need none. Asks the keyring: call it in a thread."""
        return frozenset(
            name for name, account in self._config.accounts.items() if self._has_key(name, account)
        )

    def _has_key(self, name: str, account: Account) -> bool:
        if account.wire == "cli":
            return find_program(name, self._environ) is not None
        return not needs_key(account) or (
            find_key(name, account, self._environ, self._places) is not None
        )

    def lacks(self, name: str) -> str:
        """What an account still has to fetch before it can answer, empty when there is nothing."""
        account = self._config.accounts[name]
        if account.wire != "embedded" or self.at_hand(name):
            return ""
        if account.gguf:
            return f"its model file {account.gguf} is not there"
        return "its model file is fetched on first use (98 MB)"

    def at_hand(self, name: str) -> bool:
        """Whether the account is a model file on this machine that is there."""
        from router.providers.embedded import find_gguf

        account = self._config.accounts.get(name)
        if account is None or account.wire != "embedded":
            return False
        if account.gguf:
            return Path(account.gguf).expanduser().is_file()
        return find_gguf(self._places.data) is not None

    async def model(self, name: str) -> Model:
        """The account's connection.

        Raises:
            Failure: no such account, no key, or its SDK or model is not installed.
        """
        async with self._opening.setdefault(name, asyncio.Lock()):
            if name not in self._open:
                account = self._config.accounts.get(name)
                if account is None:
                    raise Missing(f"No account is called {name!r}; name it under [accounts].")
                self._open[name] = await self._connect(name, account)
            model = self._open[name]
        # Outside the lock, and before anybody's clock runs: a first use may fetch 98 MB.
        if name in self._preparing:
            await self._preparing[name]()
        return model

    async def _connect(self, name: str, account: Account) -> Model:
        if account.wire == "embedded":
            return await asyncio.to_thread(self._embedded, name, account)
        if account.wire == "cli":
            raise BadRequest(f"{program_of(name)} works by itself only")
        key = await asyncio.to_thread(find_key, name, account, self._environ, self._places)
        if key is None and needs_key(account):
            raise BadKey(f"There is no key for {name}; run: butler init")
        from router.providers import open_model
        from router.providers.connection import Connection

        base_url = account.base_url
        if account.wire == "ollama" and base_url is None:
            base_url = self._environ.get("OLLAMA_HOST") or None
        return await open_model(
            Connection(
                wire=account.wire,
                account=name,
                base_url=base_url,
                key=None if key is None else key.reveal(),
            )
        )

    def _embedded(self, name: str, account: Account) -> Model:
        from router.providers.embedded import EmbeddedModel

        model = EmbeddedModel(
            gguf=Path(account.gguf).expanduser() if account.gguf else None,
            folder=self._places.data,
            log=self._places.state / "embedded.log",
            threads=None,
            context=account.context or 4096,
            on_progress=lambda progress: self.on_progress(
                name, "" if progress.stage == "ready" else str(progress)
            ),
        )
        self._preparing[name] = model.ready
        return model

    async def aclose(self) -> None:
        models, self._open = list(self._open.values()), {}
        self._preparing.clear()
        for result in await asyncio.gather(*(m.aclose() for m in models), return_exceptions=True):
            if isinstance(result, Exception):
                log.warning("a connection did not close: %r", result)
