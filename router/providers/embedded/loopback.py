"""Talking to the child's port. Imported only when there is a child to talk to: httpx takes 0.2 s.

The official openai SDK works here too, but takes six times as long to import, and this model is
there for the first answer on a machine that has nothing else.
"""

import ssl
from collections.abc import AsyncGenerator

import httpx
import msgspec

from router.providers.base import BrokenStream, Chunk, Request, TimedOut, Unreachable
from router.providers.embedded.wire import Answer, body, refusal


class _Meta(msgspec.Struct, frozen=True):
    n_ctx: int
    n_ctx_train: int


class _Model(msgspec.Struct, frozen=True):
    meta: _Meta


class _Models(msgspec.Struct, frozen=True):
    data: tuple[_Model]


class Port:
    """A client of one child."""

    def __init__(self, url: str, key: str, model: str) -> None:
        self._model = model
        self._client = httpx.AsyncClient(
            base_url=url,
            headers={"authorization": f"Bearer {key}"},
            trust_env=False,  # a proxy has no business between the two
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),  # unused, and loads no certificates
            # A new connection costs nothing here, and a kept one may be closed as it is taken.
            limits=httpx.Limits(max_keepalive_connections=0),
            timeout=httpx.Timeout(None, connect=5.0),
        )

    async def stream(self, request: Request) -> AsyncGenerator[Chunk]:
        """As `Model.stream`."""
        answer = Answer(request.max_output_tokens)
        sent = self._client.stream(
            "POST",
            "/v1/chat/completions",
            json=body(request, self._model),
            timeout=httpx.Timeout(None, connect=request.connect_timeout),
        )
        try:
            async with sent as response:
                if response.is_error:
                    raise refusal(response.status_code, await response.aread())
                async for line in response.aiter_lines():
                    for chunk in answer.feed(line):
                        yield chunk
                    if answer.ended:
                        break
        except httpx.ConnectTimeout as error:
            raise TimedOut("The local model did not take the connection in time.") from error
        except httpx.ConnectError as error:
            raise Unreachable("The local model can't be reached.") from error
        except httpx.HTTPError as error:
            raise BrokenStream("The local model's answer broke off.") from error
        yield answer.done()

    async def context(self) -> int:
        """Tokens that fit: no more than the model was trained for.

        Raises:
            BrokenStream: the child doesn't answer.
        """
        try:
            response = await self._client.get("/v1/models", timeout=5.0)
            meta = msgspec.json.decode(response.content, type=_Models).data[0].meta
        except (httpx.HTTPError, msgspec.MsgspecError) as error:
            raise BrokenStream("The local model started, but does not answer.") from error
        return min(meta.n_ctx, meta.n_ctx_train)

    async def aclose(self) -> None:
        await self._client.aclose()
