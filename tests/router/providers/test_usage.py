"""Token counts mean the same on every wire: input without cache, output with reasoning."""

import pytest

from router.providers import Wire
from store.events import Usage
from tests.router.providers.asking import asking, hear
from tests.router.providers.conftest import Opener
from tests.servers import speech
from tests.servers.scripted import Script, Scripted, ndjson

ANTHROPIC = speech.anthropic(
    speech.anthropic_start(
        input_tokens=100, cache_read_input_tokens=2000, cache_creation_input_tokens=300
    ),
    *speech.anthropic_block(0, speech.TEXT_BLOCK, speech.HELLO_DELTA),
    *speech.anthropic_end(output_tokens=50, output_tokens_details={"thinking_tokens": 40}),
)
RESPONSES = speech.responses(
    speech.HELLO_TEXT,
    speech.responses_end(
        usage=speech.responses_usage(input=2400, cached=2000, written=300, output=50, reasoning=40)
    ),
)
CHAT = speech.chat(
    speech.chat_chunk({"content": "Hello"}),
    speech.chat_chunk(finish="stop"),
    speech.chat_chunk(
        choices=[],
        usage={
            "prompt_tokens": 2400,
            "completion_tokens": 50,
            "total_tokens": 2450,
            "prompt_tokens_details": {"cached_tokens": 2000, "cache_write_tokens": 300},
            "completion_tokens_details": {"reasoning_tokens": 40},
        },
    ),
)
GEMINI = speech.gemini(
    speech.gemini_chunk({"text": "Hello"}, usageMetadata={"promptTokenCount": 2000}),
    speech.gemini_chunk(
        finish="STOP",
        usageMetadata={
            "promptTokenCount": 2300,
            "toolUsePromptTokenCount": 100,
            "cachedContentTokenCount": 2000,
            "candidatesTokenCount": 10,
            "thoughtsTokenCount": 40,
        },
    ),
)
OLLAMA = ndjson(
    [speech.ollama_line("Hello"), speech.ollama_end(prompt_eval_count=400, eval_count=50)]
)

FULL = Usage(input=100, output=50, cache_read=2000, cache_write=300, reasoning=40)


@pytest.mark.parametrize(
    ("wire", "body", "usage"),
    [
        ("anthropic", ANTHROPIC, FULL),
        ("openai", RESPONSES, FULL),
        ("openai-chat", CHAT, FULL),
        ("google", GEMINI, Usage(input=400, output=50, cache_read=2000, reasoning=40)),
        ("ollama", OLLAMA, Usage(input=400, output=50)),
    ],
)
async def test_counts_are_normalised(
    wire: Wire, body: bytes, usage: Usage, scripted: Scripted, opened: Opener
) -> None:
    scripted.play(Script(body))
    assert (await hear(await opened(wire, scripted.url), asking())).done.usage == usage


@pytest.mark.parametrize(
    ("wire", "body"),
    [
        ("openai-chat", speech.chat(speech.chat_chunk({"content": "Hello"}, "stop"))),
        (
            "openai-chat",
            speech.chat(
                speech.chat_chunk({"content": "Hello"}, "stop", usage={"prompt_tokens": None})
            ),
        ),
        ("openai", speech.responses(speech.HELLO_TEXT, speech.responses_end(usage=None))),
        (
            "openai",
            speech.responses(speech.HELLO_TEXT, speech.responses_end(usage={"input_tokens": 3})),
        ),
        ("google", speech.gemini(speech.gemini_chunk({"text": "Hello"}, finish="STOP"))),
        ("ollama", ndjson([speech.ollama_line("Hello", done=True, done_reason="stop")])),
    ],
)
async def test_a_server_that_does_not_count_is_no_failure(
    wire: Wire, body: bytes, scripted: Scripted, opened: Opener
) -> None:
    scripted.play(Script(body))
    heard = await hear(await opened(wire, scripted.url), asking())
    assert heard.text == "Hello"
    assert heard.done.usage.output == 0
