"""The local tier: a running Ollama first, then what is configured, the embedded model last."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from msgspec.structs import replace

from router.config import Account, Config, ModelRef
from router.providers.base import Failure

log = logging.getLogger(__name__)

_DEFAULT: Final = "127.0.0.1:11434"
_PATIENCE: Final = 0.5
"""Seconds an Ollama may take to accept a connection. It is on this machine, or near."""


def is_shipped(config: Config) -> bool:
    """Whether T4 is as shipped: only then does a running Ollama go before it. A list of the
    user's own stays as it is."""
    refs = config.tiers.get("T4", ())
    accounts = [config.accounts.get(ref.account) for ref in refs]
    return all(a is not None and a.wire == "embedded" and not a.gguf for a in accounts)


async def with_ollama(config: Config, environ: Mapping[str, str]) -> Config:
    """The configuration with a running Ollama's first model at the head of T4, if there is one."""
    if not is_shipped(config):
        return config
    host = environ.get("OLLAMA_HOST", "").strip() or _DEFAULT
    if not await _listens(host):
        return config
    models = [name for name in await _models(host) if "embed" not in name]
    if not models:
        return config
    account = Account(wire="ollama", base_url=_url(host))
    tiers = dict(config.tiers)
    tiers["T4"] = (ModelRef("ollama", models[0]), *config.tiers.get("T4", ()))
    return replace(config, accounts={**config.accounts, "ollama": account}, tiers=tiers)


def _url(host: str) -> str:
    return host if "://" in host else f"http://{host}"


async def _listens(host: str) -> bool:
    """Whether anything accepts connections there: asked before the SDK is loaded for it."""
    try:
        parts = urlsplit(_url(host))
        port = parts.port or (443 if parts.scheme == "https" else 11434)
        # 0.0.0.0 is where a server listens; a client on the same machine finds it at 127.0.0.1.
        name = "127.0.0.1" if parts.hostname in (None, "0.0.0.0") else parts.hostname  # noqa: S104
        async with asyncio.timeout(_PATIENCE):
            _, writer = await asyncio.open_connection(name, port)
    except (OSError, TimeoutError, ValueError):
        return False
    writer.close()
    return True


async def _models(host: str) -> list[str]:
    from router.providers import Connection, open_model

    try:
        model = await open_model(Connection(wire="ollama", account="ollama", base_url=_url(host)))
        try:
            return await model.models()
        finally:
            await model.aclose()
    except Failure as failure:
        log.info("something listens at %s, but not as Ollama: %s", host, failure)
        return []
