"""Asking a service whether it would serve an account. Costs no tokens."""

import asyncio
from typing import Final

from router.config import Account
from router.providers.base import TimedOut

_PATIENCE: Final = 20.0
"""Seconds, with the loading of the SDK."""


async def models_of(name: str, account: Account, key: str | None) -> list[str]:
    """The models a service offers with a key.

    Args:
        name: the account's, for the sentences of failures.
        account: of a wire that has a service, not the embedded model's, nor a program's.

    Raises:
        Failure: it does not answer, or refuses the key.
    """
    from router.providers import Connection, open_model

    assert account.wire not in ("embedded", "cli")  # noqa: S101 (the caller's duty)
    connection = Connection(wire=account.wire, account=name, base_url=account.base_url, key=key)
    try:
        async with asyncio.timeout(_PATIENCE):
            model = await open_model(connection)
            try:
                return await model.models()
            finally:
                await model.aclose()
    except TimeoutError as error:
        raise TimedOut(f"{connection.name} did not answer within {_PATIENCE:g} s") from error
