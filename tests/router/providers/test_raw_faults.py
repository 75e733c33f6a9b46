"""Faults that no mock server can show, byte by byte."""

import pytest

from router.providers import Wire
from router.providers.base import (
    BadKey,
    BadRequest,
    BrokenStream,
    ContextTooLong,
    Failure,
    Overloaded,
    QuotaSpent,
    RateLimited,
    Refused,
)
from tests.router.providers.asking import Heard, asking, hear
from tests.router.providers.conftest import KEY, Opener
from tests.servers import speech
from tests.servers.scripted import Script, Scripted
from tests.servers.speech import SPEECH


async def _failing(
    wire: Wire, scripted: Scripted, opened: Opener, script: Script, heard: Heard | None = None
) -> Failure:
    """The failure that an answer ends in; asserts that the server was asked once."""
    scripted.play(script)
    with pytest.raises(Failure) as caught:
        await hear(await opened(wire, scripted.url, account="work"), asking(), heard)
    assert len(scripted.visits) == 1
    assert str(caught.value).startswith(("work", "The ", "No "))
    return caught.value


# --- streams that are none, or not to their end ------------------------------------------------


async def test_a_clean_end_without_the_terminal_marker(
    wire: Wire, scripted: Scripted, opened: Opener
) -> None:
    heard = Heard()
    failure = await _failing(wire, scripted, opened, Script(SPEECH[wire].opening), heard)
    assert type(failure) is BrokenStream
    assert heard.text == "Hello"


async def test_an_answer_of_nothing(wire: Wire, scripted: Scripted, opened: Opener) -> None:
    failure = await _failing(wire, scripted, opened, Script(SPEECH[wire].silent_ending))
    assert type(failure) is BrokenStream
    assert "empty" in str(failure)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b'{"ok": true}'),
        ("application/json", b"[1, 2]"),
        ("text/html", b"<html><body>Please log in to this network</body></html>"),
        ("text/event-stream", b""),
        ("text/event-stream", b"data: 5\n\ndata: null\n\ndata: []\n\n"),
        ("text/event-stream", b'data: {"choices": 5, "candidates": 5}\n\n'),
        ("text/event-stream", b'data: {"text": "\xff\xfe"}\n\n'),
        ("application/x-ndjson", b'"text"\n'),
    ],
)
async def test_a_200_that_is_no_stream(
    wire: Wire, scripted: Scripted, opened: Opener, kind: str, body: bytes
) -> None:
    script = Script(body, headers={"content-type": kind})
    assert type(await _failing(wire, scripted, opened, script)) is BrokenStream


async def test_a_connection_dropped_before_any_byte(
    wire: Wire, scripted: Scripted, opened: Opener
) -> None:
    failure = await _failing(wire, scripted, opened, Script(ending="slam"))
    assert type(failure) is BrokenStream


# --- errors told inside a 200 stream -----------------------------------------------------------


async def test_an_error_in_mid_stream(wire: Wire, scripted: Scripted, opened: Opener) -> None:
    heard = Heard()
    body = SPEECH[wire].opening + SPEECH[wire].overloaded
    failure = await _failing(wire, scripted, opened, Script(body), heard)
    assert type(failure) is Overloaded
    assert heard.text == "Hello"
    assert "told" in str(failure)


async def test_tokens_counted_before_a_failure_are_told(scripted: Scripted, opened: Opener) -> None:
    speech_ = SPEECH["anthropic"]
    script = Script(speech_.opening + speech_.overloaded)
    failure = await _failing("anthropic", scripted, opened, script)
    assert failure.usage is not None
    assert failure.usage.input == 7


TOLD: tuple[tuple[Wire, bytes, type[Failure]], ...] = (
    ("anthropic", speech.anthropic(speech.anthropic_error("api_error")), Overloaded),
    ("anthropic", speech.anthropic(speech.anthropic_error("rate_limit_error")), RateLimited),
    ("anthropic", speech.anthropic(speech.anthropic_error("invalid_request_error")), BadRequest),
    ("anthropic", speech.anthropic(speech.anthropic_error("authentication_error")), BadKey),
    *(
        (
            "openai",
            speech.responses(
                speech.responses_end("failed", error={"code": code, "message": "told"})
            ),
            kind,
        )
        for code, kind in (
            ("server_error", Overloaded),
            ("rate_limit_exceeded", RateLimited),
            ("insufficient_quota", QuotaSpent),
            ("context_length_exceeded", ContextTooLong),
            ("invalid_prompt", Refused),
        )
    ),
    ("openai", speech.responses(speech.responses_end("failed")), Overloaded),
    (
        "openai",
        speech.responses({"type": "error", "error": {"type": "x", "message": "told"}}),
        Overloaded,
    ),
    (
        "openai-chat",
        speech.chat({"error": {"message": "told", "code": 429}}),
        RateLimited,
    ),
    (
        "openai-chat",
        speech.chat(
            {"error": {"message": "told", "type": "exceed_context_size_error", "code": 400}}
        ),
        ContextTooLong,
    ),
    (
        "google",
        speech.gemini({"error": {"code": 429, "message": "told", "status": "RESOURCE_EXHAUSTED"}}),
        RateLimited,
    ),
)


@pytest.mark.parametrize(("wire", "body", "kind"), TOLD)
async def test_a_told_error_is_what_its_code_says(
    wire: Wire, scripted: Scripted, opened: Opener, body: bytes, kind: type[Failure]
) -> None:
    assert type(await _failing(wire, scripted, opened, Script(body))) is kind


# --- refusals and limits -----------------------------------------------------------------------


def _ends(text: bool) -> dict[str, bytes]:
    """Answers that end in a refusal, with text or without."""
    hello = [speech.TEXT_BLOCK, speech.HELLO_DELTA]
    block = speech.anthropic_block(0, *hello) if text else []
    filtered = {"reason": "content_filter"}
    said = [speech.HELLO_TEXT] if text else []
    parts = [{"text": "Hello"}] if text else []
    return {
        "anthropic": speech.anthropic(
            speech.anthropic_start(), *block, *speech.anthropic_end("refusal")
        ),
        "openai": speech.responses(
            *said, speech.responses_end("incomplete", incomplete_details=filtered)
        ),
        "openai-chat": speech.chat(
            speech.chat_chunk({"content": "Hello"} if text else {}, "content_filter")
        ),
        "google": speech.gemini(speech.gemini_chunk(*parts, finish="SAFETY")),
    }


@pytest.mark.parametrize("wire", _ends(text=False))
async def test_a_refusal_without_a_word(wire: Wire, scripted: Scripted, opened: Opener) -> None:
    failure = await _failing(wire, scripted, opened, Script(_ends(text=False)[wire]))
    assert type(failure) is Refused


@pytest.mark.parametrize("wire", _ends(text=True))
async def test_a_refusal_after_some_words(wire: Wire, scripted: Scripted, opened: Opener) -> None:
    scripted.play(Script(_ends(text=True)[wire]))
    heard = await hear(await opened(wire, scripted.url), asking())
    assert heard.text == "Hello"
    assert heard.done.stop_reason == "refused"


@pytest.mark.parametrize(
    ("wire", "body"),
    [
        ("openai", speech.responses({"type": "response.refusal.delta", "delta": "I can't."})),
        ("openai-chat", speech.chat(speech.chat_chunk({"refusal": "I can't."}))),
    ],
)
async def test_a_refusal_in_words_of_its_own(
    wire: Wire, scripted: Scripted, opened: Opener, body: bytes
) -> None:
    scripted.play(Script(body + SPEECH[wire].ending))
    heard = await hear(await opened(wire, scripted.url), asking())
    assert heard.text == "I can't."
    assert heard.done.stop_reason == "refused"


async def test_gemini_blocks_a_prompt(scripted: Scripted, opened: Opener) -> None:
    body = speech.gemini({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}})
    assert type(await _failing("google", scripted, opened, Script(body))) is Refused


@pytest.mark.parametrize(
    "reason", ["MALFORMED_FUNCTION_CALL", "OTHER", "MISSING_THOUGHT_SIGNATURE"]
)
async def test_gemini_gives_up(scripted: Scripted, opened: Opener, reason: str) -> None:
    body = speech.gemini(speech.gemini_chunk(finish=reason))
    failure = await _failing("google", scripted, opened, Script(body))
    assert type(failure) is BrokenStream
    assert reason in str(failure)


@pytest.mark.filterwarnings("ignore:.*is not a valid FinishReason:UserWarning")  # the SDK's
async def test_gemini_ends_for_a_reason_newer_than_the_sdk(
    scripted: Scripted, opened: Opener
) -> None:
    scripted.play(Script(speech.gemini(speech.gemini_chunk({"text": "Hello"}, finish="NEWER"))))
    heard = await hear(await opened("google", scripted.url), asking())
    assert heard.done.stop_reason == "end"


async def test_a_full_window_in_mid_answer(scripted: Scripted, opened: Opener) -> None:
    end = speech.anthropic_end("model_context_window_exceeded")
    scripted.play(
        Script(SPEECH["anthropic"].opening + speech.anthropic(*end)),
        Script(speech.anthropic(speech.anthropic_start(), *end)),
    )
    model = await opened("anthropic", scripted.url)
    assert (await hear(model, asking())).done.stop_reason == "context-full"
    with pytest.raises(ContextTooLong):
        await hear(model, asking())


# --- what a service says must not hurt ---------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        f"Incorrect API key provided: {KEY}.",
        "Incorrect API key provided: sk-abcde***************************wxyz.",
        "Bad header Authorization: Bearer abcdef.ghijkl.mnopqr",
        "API key AIzaSyA1234567890abcdefghijklmnopq is not valid",
        "GET https://example/v1?key=abcdefghijklmnop failed",
    ],
)
async def test_a_key_in_an_error_is_not_repeated(
    wire: Wire, scripted: Scripted, opened: Opener, words: str
) -> None:
    body = f'{{"error": {{"message": "{words}", "code": 401}}}}'.encode()
    script = Script(body, status=401, headers={"content-type": "application/json"})
    failure = await _failing(wire, scripted, opened, script)
    assert type(failure) is BadKey
    for secret in (KEY, "wxyz", "mnopqr", "AIzaSy", "abcdefghijklmnop"):
        assert secret not in str(failure)


async def test_a_gateways_page_is_not_shown(wire: Wire, scripted: Scripted, opened: Opener) -> None:
    page = b"<html><head><title>502</title></head><body>" + b"nginx " * 500 + b"</body></html>"
    script = Script(page, status=502, headers={"content-type": "text/html"})
    failure = await _failing(wire, scripted, opened, script)
    assert type(failure) is Overloaded
    assert "nginx" not in str(failure)
    assert "HTTP 502" in str(failure)


async def test_escape_sequences_in_an_error_are_gone(
    wire: Wire, scripted: Scripted, opened: Opener
) -> None:
    body = b'{"error": {"message": "\\u001b[2J\\u0007boo\\nnext", "code": 400}}'
    script = Script(body, status=400, headers={"content-type": "application/json"})
    failure = await _failing(wire, scripted, opened, script)
    assert str(failure).isprintable()
    assert "boo next" in str(failure)


async def test_ollama_lacks_the_model(scripted: Scripted, opened: Opener) -> None:
    body = b'{"error": "model \\"test-model\\" not found, try pulling it first"}'
    failure = await _failing("ollama", scripted, opened, Script(body, status=404))
    assert type(failure) is BadRequest
    assert str(failure).endswith("`ollama pull test-model`.")
