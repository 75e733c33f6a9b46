"""One contestant of `peers.py`, in an environment of its own: orders in, figures out, JSON lines.

    python bench/_contestants.py litellm http://127.0.0.1:8000/v1

Every contestant asks the model `main` and falls back to `backup`, streaming, with the defaults
that its users get.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

PROMPT = "Say something about bees."
KEY = "sk-bench-0123456789"


class Raw:
    """The SDK call that Butler wraps, and nothing else. It has no fallback."""

    def __init__(self, url: str, limit: float) -> None:
        import openai

        self._client = openai.AsyncOpenAI(base_url=url, api_key=KEY, max_retries=0, timeout=limit)

    async def ask(self, prompt: str) -> AsyncIterator[str]:
        stream = await self._client.chat.completions.create(
            model="main",
            messages=[{"role": "user", "content": prompt}],
            stream=True,
            stream_options={"include_usage": True},
        )
        async for chunk in stream:
            if chunk.choices and chunk.choices[0].delta.content:
                yield chunk.choices[0].delta.content

    async def aclose(self) -> None:
        await self._client.close()


class LiteLLM:
    """LiteLLM's Router with a fallback."""

    def __init__(self, url: str, limit: float) -> None:
        import litellm

        litellm.suppress_debug_info = True
        self._router = litellm.Router(
            model_list=[
                {
                    "model_name": name,
                    "litellm_params": {
                        "model": f"openai/{name}",
                        "api_base": url,
                        "api_key": KEY,
                        "stream_timeout": limit,
                    },
                }
                for name in ("main", "backup")
            ],
            fallbacks=[{"main": ["backup"]}],
        )

    async def ask(self, prompt: str) -> AsyncIterator[str]:
        stream = await self._router.acompletion(
            model="main",
            messages=[{"role": "user", "content": prompt}],
            stream=True,
            stream_options={"include_usage": True},
        )
        async for chunk in stream:
            if chunk.choices and chunk.choices[0].delta.content:
                yield chunk.choices[0].delta.content

    async def aclose(self) -> None:
        self._router.reset()


class PydanticAI:
    """pydantic-ai's FallbackModel."""

    def __init__(self, url: str, limit: float) -> None:
        from pydantic_ai import Agent
        from pydantic_ai.models.fallback import FallbackModel
        from pydantic_ai.models.openai import OpenAIChatModel
        from pydantic_ai.providers.openai import OpenAIProvider

        provider = OpenAIProvider(base_url=url, api_key=KEY)
        main, backup = (OpenAIChatModel(name, provider=provider) for name in ("main", "backup"))
        self._agent = Agent(FallbackModel(main, backup), model_settings={"timeout": limit})

    async def ask(self, prompt: str) -> AsyncIterator[str]:
        async with self._agent.run_stream(prompt) as result:
            # Without its pause for collecting text, which would cost it time and spare it work.
            async for text in result.stream_text(delta=True, debounce_by=None):
                yield text

    async def aclose(self) -> None:
        return


class Butler:
    """The whole engine: decision, reservation, journal, ledger, events to whoever shows them."""

    def __init__(self, url: str, limit: float) -> None:
        sys.path.insert(0, str(Path(__file__).parents[1]))
        from router.config import (
            Account,
            Budget,
            Config,
            ModelRef,
            ModelSettings,
            Price,
            TimeLimits,
        )

        account = Account(wire="openai-chat", base_url=url, key="env:BENCH_KEY")
        refs = {name: ModelRef(name, name) for name in ("main", "backup")}
        self._config = Config(
            accounts={"main": account, "backup": account},
            tiers={"T0": (refs["main"],), "T3": (refs["backup"],), "T4": (refs["backup"],)},
            models={
                str(ref): ModelSettings(price=Price(input=1, output=2)) for ref in refs.values()
            },
            budgets=(Budget(window="month", limit=1000),),
            limits=TimeLimits(first_token=limit, silence=limit),
        )
        self._stack = AsyncExitStack()
        self._engine: Any = None

    async def _open(self) -> None:
        from router.engine import Engine
        from router.places import Places
        from store.opening import Store

        home = self._stack.enter_context(tempfile.TemporaryDirectory())
        environ = {"BUTLER_HOME": home, "BENCH_KEY": KEY}
        places = Places.find(environ)
        store = Store.open(places.data)
        self._stack.callback(store.close)
        self._engine = await self._stack.enter_async_context(
            Engine(self._config, store, places, workspace=Path(home), environ=environ)
        )

    async def ask(self, prompt: str) -> AsyncIterator[str]:
        from router.engine import Prompt
        from store.events import ReplyFailed, ReplyFinished, TextDelta

        if self._engine is None:
            await self._open()
        session = self._engine.begin()
        async with self._engine.subscribe(session) as heard:
            await self._engine.submit(session, Prompt(text=prompt))
            async for batch in heard:
                for entry in batch:
                    if isinstance(entry.event, TextDelta):
                        yield entry.event.text
                    elif isinstance(entry.event, ReplyFailed):
                        raise RuntimeError(entry.event.message)  # noqa: TRY004
                    elif isinstance(entry.event, ReplyFinished):
                        return

    async def aclose(self) -> None:
        await self._stack.aclose()


CONTESTANTS = {"raw": Raw, "litellm": LiteLLM, "pydantic-ai": PydanticAI, "butler": Butler}


async def cost(contestant: Any, requests: int) -> dict[str, float]:
    """CPU seconds of this process for each of some requests, one after the other."""
    before, began = time.process_time(), time.perf_counter()
    length = 0
    for _ in range(requests):
        async for text in contestant.ask(PROMPT):
            length += len(text)
    return {
        "cpu": (time.process_time() - before) / requests,
        "wall": (time.perf_counter() - began) / requests,
        "length": length / requests,
    }


async def first(contestant: Any) -> dict[str, Any]:
    """Seconds to the first token and to the end, and the text or what went wrong."""
    began = time.perf_counter()
    token: float | None = None
    text, problem = "", ""
    try:
        async for piece in contestant.ask(PROMPT):
            token = token or time.perf_counter() - began
            text += piece
    except Exception as error:  # noqa: BLE001  (whatever a peer raises is the finding)
        problem = f"{type(error).__name__}: {error}"[:200]
    return {"first": token, "end": time.perf_counter() - began, "text": text, "problem": problem}


async def main(name: str, url: str) -> None:
    contestant: Any = None
    while line := await asyncio.to_thread(sys.stdin.readline):
        order = json.loads(line)
        if order["do"] == "fresh":
            if contestant is not None:
                await contestant.aclose()
            contestant = CONTESTANTS[name](url, order["limit"])
            answer: dict[str, Any] = {}
        elif order["do"] == "cost":
            answer = await cost(contestant, order["requests"])
        else:
            answer = await first(contestant)
        sys.stdout.write(json.dumps({"answer": answer}) + "\n")
        sys.stdout.flush()
    if contestant is not None:
        await contestant.aclose()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
