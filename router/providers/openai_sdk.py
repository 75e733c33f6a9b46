"""What the two OpenAI wires share: the client, its errors, the list of models."""

import httpx2
import openai

from router.providers import tls
from router.providers.base import Failure, Request
from router.providers.connection import Connection
from router.providers.failures import Trouble, failure_of, transport_failure
from store.events import Usage


def open_client(connection: Connection) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(
        api_key=connection.key or "none",  # a server without keys still needs one here
        base_url=connection.base_url,
        max_retries=0,
        default_headers=connection.headers,
        http_client=openai.DefaultAsyncHttpxClient(verify=tls.context()),
    )


def time_limits(connection: Connection, request: Request) -> httpx2.Timeout:
    return httpx2.Timeout(connection.silence, connect=request.connect_timeout)


async def list_models(client: openai.AsyncOpenAI, connection: Connection) -> list[str]:
    try:
        return [model.id async for model in client.models.list()]
    except Exception as error:
        raise (explain(connection, error) or error) from error


def explain(connection: Connection, error: Exception) -> Failure | None:
    """The failure behind one of the SDK's exceptions, or `None` if it is none of them."""
    if isinstance(error, openai.APIConnectionError):
        return transport_failure(connection, error)
    if not isinstance(error, openai.APIError):
        return transport_failure(connection, error)
    codes = frozenset(code for code in (error.code, error.type) if code)
    if not isinstance(error, openai.APIStatusError):  # told inside a stream
        return failure_of(connection, Trouble(status=200, codes=codes, said=error.message))
    headers = {name.lower(): value for name, value in error.response.headers.items()}
    body = error.body
    return failure_of(
        connection,
        Trouble(
            status=error.status_code,
            codes=codes,
            said=_message(body),
            headers=headers,
            wait=_body_wait(body),
        ),
    )


def _message(body: object) -> str:
    """Words from an error body, whatever shape a compatible server gave it."""
    match body:
        case {"message": str(text)} | {"detail": str(text)} | str(text):
            return text
        case _:
            return ""


def _body_wait(body: object) -> float | None:
    """A subscription's refusal tells in its body when the window turns."""
    match body:
        case {"resets_in_seconds": int(seconds) | float(seconds)}:
            return float(seconds)
        case _:
            return None


def usage_of(
    *,
    taken: int | None,
    given: int | None,
    read: int | None,
    write: int | None,
    reasoning: int | None,
) -> Usage:
    """Their input includes what the cache gave or took; their servers leave details out."""
    read, write = read or 0, write or 0
    return Usage(
        input=max(0, (taken or 0) - read - write),
        output=given or 0,
        cache_read=read,
        cache_write=write,
        reasoning=reasoning or 0,
    )
