"""The wires. Opening one loads its SDK, in a thread, at the first use and no sooner."""

import asyncio
import gc
import importlib
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Final, cast

from router.providers.base import Missing, Model
from router.providers.connection import Connection, Wire, check

__all__ = ["Connection", "Wire", "open_model"]

_MODULES: Final[Mapping[Wire, str]] = {
    "anthropic": "router.providers.anthropic",
    "openai": "router.providers.openai",
    "openai-chat": "router.providers.openai_chat",
    "google": "router.providers.google",
    "ollama": "router.providers.ollama",
}
_PACKAGES: Final[Mapping[Wire, str]] = {
    "anthropic": "anthropic",
    "openai": "openai",
    "openai-chat": "openai",
    "google": "google-genai",
    "ollama": "ollama",
}


async def open_model(connection: Connection) -> Model:
    """A connection's model. Nothing is sent yet.

    Raises:
        BadKey: there is no key where one is needed, or it can't be one.
        BadRequest: the address or a header can't be used.
        Missing: the wire's SDK is not installed.
    """
    check(connection)
    return await asyncio.to_thread(_open, connection)


def _open(connection: Connection) -> Model:
    """Import and construct: a second or two, and a TLS context, off the event loop."""
    try:
        with _nothing_collected():
            module = importlib.import_module(_MODULES[connection.wire])
    except ImportError as error:
        package = _PACKAGES[connection.wire]
        raise Missing(
            f"{connection.name} needs the Python package {package}, which can't be loaded "
            f"({error.msg}): pip install {package}"
        ) from error
    return cast(Model, module.open_wire(connection))


@contextmanager
def _nothing_collected() -> Generator[None]:
    """Keep the garbage collector off what is made meanwhile, now and later.

    An SDK is a hundred thousand objects that stay. To look through them again and again makes its
    import longer, and later holds up everything else for up to a tenth of a second each time.
    """
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if on:
            gc.enable()
