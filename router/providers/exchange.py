"""A hold on the HTTP exchange of SDKs that show neither its headers nor a way to end it.

Their HTTP client gets hooks, which is a public feature of httpx and httpx2 alike; a context
variable tells them which of several concurrent streams a request belongs to.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from contextvars import ContextVar
from typing import Any, Final, Protocol, TypeVar

Hooks = dict[str, list[Callable[..., Awaitable[None]]]]
_T = TypeVar("_T")


class _Request(Protocol):
    @property
    def extensions(self) -> MutableMapping[str, Any]: ...


class _Response(Protocol):
    @property
    def headers(self) -> Mapping[str, str]: ...

    async def aclose(self) -> None: ...


class Exchange:
    """One request and its response."""

    def __init__(self, *, connect: float, silence: float) -> None:
        """Both in seconds."""
        self.limits: Final = _limits(connect, silence)
        self.response: _Response | None = None

    @property
    def headers(self) -> Mapping[str, str]:
        return self.response.headers if self.response else {}

    async def first(self, items: AsyncIterator[_T]) -> _T | None:
        """The first item, `None` if there is none; drawing it is what sends the request."""
        token = _current.set(self)
        try:
            return await anext(items, None)
        finally:
            _current.reset(token)

    async def aclose(self) -> None:
        """Close the connection unless the answer was read to its end."""
        if self.response is not None:
            await self.response.aclose()


def hooks(*, connect: float, silence: float) -> Hooks:
    """Event hooks for an HTTP client.

    Args:
        connect: seconds for requests outside of any exchange.
        silence: likewise.
    """

    async def on_request(request: _Request) -> None:
        exchange = _current.get()
        request.extensions["timeout"] = exchange.limits if exchange else _limits(connect, silence)

    async def on_response(response: _Response) -> None:
        exchange = _current.get()
        if exchange is not None:
            exchange.response = response

    return {"request": [on_request], "response": [on_response]}


_current: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


def _limits(connect: float, silence: float) -> dict[str, float]:
    return {"connect": connect, "pool": connect, "read": silence, "write": silence}
