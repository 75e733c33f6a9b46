"""What goes out: conversations, images, tools, reasoning; and reasoning that comes back."""

import base64
import json
from typing import Any

import msgspec
import pytest

from router.providers import Wire
from router.providers.base import (
    BrokenStream,
    ImagePart,
    Message,
    OpaquePart,
    Request,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from tests.router.providers.asking import WEATHER, Heard, asking, hear
from tests.router.providers.conftest import KEY, Opener
from tests.servers import speech
from tests.servers.aimock import Aimock
from tests.servers.scripted import Script, Scripted, ndjson
from tests.servers.speech import SPEECH

PNG = b"\x89PNG\r\n\x1a\n fake"
PNG64 = base64.b64encode(PNG).decode()
CALL = ToolCallPart("call-1", "get_weather", '{"city":"Paris"}')

CONVERSATION = Request(
    model="test-model",
    system="Be brief.",
    max_output_tokens=99,
    tools=(WEATHER,),
    messages=(
        Message("user", (TextPart("What is this?"), ImagePart("image/png", PNG))),
        Message("assistant", (TextPart("A picture of Paris."), CALL)),
        Message(
            "user",
            (
                TextPart("And now?"),
                ToolResultPart("call-1", "get_weather", "Sunny."),
            ),
        ),
        Message("assistant", (TextPart(""),)),
        Message("user", (TextPart("Go on."),)),
    ),
)


async def _sent(wire: Wire, request: Request, scripted: Scripted, opened: Opener) -> Any:
    scripted.play(Script(SPEECH[wire].whole))
    await hear(await opened(wire, scripted.url), request)
    return scripted.visits[0].json


async def test_a_conversation_to_anthropic(scripted: Scripted, opened: Opener) -> None:
    body = await _sent("anthropic", CONVERSATION, scripted, opened)
    assert body["system"] == "Be brief."
    assert body["max_tokens"] == 99
    assert body["tools"][0]["input_schema"] == WEATHER.schema
    asked, answered, went_on, last = body["messages"]
    assert asked["content"][1]["source"] == {
        "type": "base64",
        "media_type": "image/png",
        "data": PNG64,
    }
    assert answered["content"][1] == {
        "type": "tool_use",
        "id": "call-1",
        "name": "get_weather",
        "input": {"city": "Paris"},
    }
    assert [block["type"] for block in went_on["content"]] == ["tool_result", "text"]
    assert last["content"] == [{"type": "text", "text": "Go on."}]


async def test_a_conversation_to_openai(scripted: Scripted, opened: Opener) -> None:
    body = await _sent("openai", CONVERSATION, scripted, opened)
    assert body["instructions"] == "Be brief."
    assert body["max_output_tokens"] == 99
    assert body["store"] is False
    assert body["tools"][0]["name"] == "get_weather"
    asked, answered, call, result, went_on, last = body["input"]
    assert asked["content"][1]["image_url"] == f"data:image/png;base64,{PNG64}"
    assert answered["content"] == "A picture of Paris."
    assert (call["type"], call["call_id"]) == ("function_call", "call-1")
    assert (result["type"], result["output"]) == ("function_call_output", "Sunny.")
    assert went_on["content"][0]["text"] == "And now?"
    assert last["content"][0]["text"] == "Go on."


async def test_a_conversation_to_a_chat_server(scripted: Scripted, opened: Opener) -> None:
    body = await _sent("openai-chat", CONVERSATION, scripted, opened)
    assert body["max_tokens"] == 99
    assert body["stream_options"] == {"include_usage": True}
    system, asked, answered, result, went_on, last = body["messages"]
    assert system == {"role": "system", "content": "Be brief."}
    assert asked["content"][1]["image_url"]["url"] == f"data:image/png;base64,{PNG64}"
    assert answered["tool_calls"][0]["function"]["arguments"] == '{"city":"Paris"}'
    assert result == {"role": "tool", "tool_call_id": "call-1", "content": "Sunny."}
    assert went_on == {"role": "user", "content": "And now?"}
    assert last == {"role": "user", "content": "Go on."}


async def test_a_conversation_to_gemini(scripted: Scripted, opened: Opener) -> None:
    body = await _sent("google", CONVERSATION, scripted, opened)
    assert body["systemInstruction"]["parts"] == [{"text": "Be brief."}]
    assert body["generationConfig"]["maxOutputTokens"] == 99
    [function] = body["tools"][0]["functionDeclarations"]
    assert function["parameters_json_schema"] == WEATHER.schema
    asked, answered, went_on, _last = body["contents"]
    assert asked["parts"][1]["inlineData"] == {"mime_type": "image/png", "data": PNG64}
    assert answered["role"] == "model"
    assert answered["parts"][1]["functionCall"]["args"] == {"city": "Paris"}
    assert went_on["parts"][1]["functionResponse"]["response"] == {"output": "Sunny."}


async def test_a_conversation_to_ollama(scripted: Scripted, opened: Opener) -> None:
    body = await _sent("ollama", CONVERSATION, scripted, opened)
    assert body["options"] == {"num_predict": 99}
    assert body["tools"][0]["function"]["parameters"]["required"] == ["city"]
    system, asked, answered, result, went_on, last = body["messages"]
    assert system == {"role": "system", "content": "Be brief."}
    assert asked["images"] == [PNG64]
    assert answered["tool_calls"][0]["function"]["arguments"] == {"city": "Paris"}
    assert result == {"role": "tool", "tool_name": "get_weather", "content": "Sunny."}
    assert (went_on["content"], last["content"]) == ("And now?", "Go on.")


async def test_key_and_headers_are_sent(wire: Wire, scripted: Scripted, opened: Opener) -> None:
    scripted.play(Script(SPEECH[wire].whole))
    model = await opened(wire, scripted.url, headers={"X-Team": "blue"})
    await hear(model, asking())
    headers = scripted.visits[0].headers
    assert headers["x-team"] == "blue"
    name = "x-goog-api-key" if wire == "google" else "authorization"
    assert headers[name].removeprefix("Bearer ") == KEY


async def test_a_failed_tool_is_told_as_one(wire: Wire, scripted: Scripted, opened: Opener) -> None:
    result = ToolResultPart("call-1", "get_weather", "no such city", failed=True)
    request = msgspec.structs.replace(
        asking(), messages=(Message("assistant", (CALL,)), Message("user", (result,)))
    )
    sent = json.dumps(await _sent(wire, request, scripted, opened))
    assert "no such city" in sent
    assert any(
        mark in sent for mark in ('"is_error": true', "The tool failed: ", '"error": "no such')
    )


DEEP = '{"a":' * 5000 + "1" + "}" * 5000


@pytest.mark.parametrize("arguments", ["", "{broken", '["a list"]', DEEP])
async def test_wrong_arguments_of_the_models_own_can_be_sent_back(
    wire: Wire, scripted: Scripted, opened: Opener, arguments: str
) -> None:
    call = ToolCallPart("call-1", "get_weather", arguments)
    request = msgspec.structs.replace(asking(), messages=(Message("assistant", (call,)),))
    assert "get_weather" in json.dumps(await _sent(wire, request, scripted, opened))


# --- reasoning that only its own wire may see again --------------------------------------------

SIGNATURE = base64.b64encode(b"a thought's signature").decode()
THINKING: dict[Wire, bytes] = {
    "anthropic": speech.anthropic(
        speech.anthropic_start(),
        *speech.anthropic_block(
            0,
            {"type": "thinking", "thinking": "", "signature": ""},
            {"type": "thinking_delta", "thinking": "Let me "},
            {"type": "thinking_delta", "thinking": "see."},
            {"type": "signature_delta", "signature": SIGNATURE},
        ),
        *speech.anthropic_block(1, {"type": "redacted_thinking", "data": "hidden"}),
        *speech.anthropic_block(2, speech.TEXT_BLOCK, speech.HELLO_DELTA),
        *speech.anthropic_end(),
    ),
    "openai": speech.responses(
        {"type": "response.reasoning_summary_part.added", "summary_index": 0, "part": {}},
        {"type": "response.reasoning_summary_text.delta", "summary_index": 0, "delta": "Let me "},
        {"type": "response.reasoning_summary_text.delta", "summary_index": 0, "delta": "see."},
        speech.responses_item(
            {
                "type": "reasoning",
                "id": "rs_1",
                "summary": [{"type": "summary_text", "text": "Let me see."}],
                "encrypted_content": SIGNATURE,
                "status": "completed",
            }
        ),
        speech.HELLO_TEXT,
        speech.responses_end(),
    ),
    "google": speech.gemini(
        speech.gemini_chunk({"text": "Let me see.", "thought": True}),
        speech.gemini_chunk({"text": "Hello"}),
        speech.gemini_chunk({"text": "", "thoughtSignature": SIGNATURE}, finish="STOP"),
    ),
    "openai-chat": speech.chat(
        speech.chat_chunk({"reasoning_content": "Let me "}),
        speech.chat_chunk({"reasoning": "see."}),
        speech.chat_chunk({"content": "Hello"}, "stop"),
    ),
    "ollama": ndjson(
        [
            speech.ollama_line(message={"thinking": "Let me "}),
            speech.ollama_line(message={"thinking": "see."}),
            speech.ollama_line("Hello"),
            speech.ollama_end(),
        ]
    ),
}


async def _thought(wire: Wire, scripted: Scripted, opened: Opener) -> Heard:
    scripted.play(Script(THINKING[wire]), Script(SPEECH[wire].whole))
    return await hear(await opened(wire, scripted.url), asking())


async def test_reasoning_is_apart_from_the_answer(
    wire: Wire, scripted: Scripted, opened: Opener
) -> None:
    heard = await _thought(wire, scripted, opened)
    assert heard.reasoning == "Let me see."
    assert heard.text == "Hello"


@pytest.mark.parametrize("wire", ["anthropic", "openai", "google"])
async def test_reasoning_goes_back_unchanged(
    wire: Wire, scripted: Scripted, opened: Opener
) -> None:
    opaque = (await _thought(wire, scripted, opened)).done.opaque
    assert {part.wire for part in opaque} == {wire}
    answered = Message("assistant", (TextPart("Hello"), *opaque))
    request = msgspec.structs.replace(asking(), messages=(answered,))
    await hear(await opened(wire, scripted.url), request)
    body = scripted.visits[1].json
    if wire == "anthropic":
        thinking, redacted, text = body["messages"][0]["content"]
        assert thinking == {
            "type": "thinking",
            "thinking": "Let me see.",
            "signature": SIGNATURE,
        }
        assert redacted == {"type": "redacted_thinking", "data": "hidden"}
        assert text["text"] == "Hello"
    elif wire == "openai":
        reasoning, message = body["input"]
        assert reasoning["encrypted_content"] == SIGNATURE
        assert reasoning["summary"] == [{"type": "summary_text", "text": "Let me see."}]
        assert "status" not in reasoning
        assert message["content"] == "Hello"
    else:
        assert body["contents"][0]["parts"][-1]["thoughtSignature"] == SIGNATURE


async def test_reasoning_of_another_wire_stays_at_home(
    wire: Wire, scripted: Scripted, opened: Opener
) -> None:
    alien = OpaquePart("another", '{"secret": "thought"}')
    answered = Message("assistant", (alien, TextPart("Hello")))
    request = msgspec.structs.replace(asking(), messages=(answered,))
    assert "thought" not in json.dumps(await _sent(wire, request, scripted, opened))


async def test_geminis_signature_travels_with_its_call(scripted: Scripted, opened: Opener) -> None:
    part = {
        "functionCall": {"name": "get_weather", "args": {"city": "Paris"}},
        "thoughtSignature": SIGNATURE,
    }
    scripted.play(
        Script(speech.gemini(speech.gemini_chunk(part, finish="STOP"))),
        Script(SPEECH["google"].whole),
    )
    model = await opened("google", scripted.url)
    heard = await hear(model, asking(tools=(WEATHER,)))
    [call] = heard.calls
    assert heard.done.stop_reason == "tool-calls"
    result = ToolResultPart(call.call, call.name, "Sunny.")
    request = msgspec.structs.replace(
        asking(), messages=(Message("assistant", (call,)), Message("user", (result,)))
    )
    await hear(model, request)
    sent, answer = scripted.visits[1].json["contents"]
    assert sent["parts"] == [part], "the call goes back as it came, without an id of ours"
    assert "id" not in answer["parts"][0]["functionResponse"]


@pytest.mark.parametrize(
    ("model", "signatures"),
    [
        ("gemini-3.8-flash", ["skip_thought_signature_validator", None]),
        ("gemini-2.5-flash", [None, None]),
    ],
)
async def test_gemini_is_told_where_a_call_has_no_signature(
    scripted: Scripted, opened: Opener, model: str, signatures: list[str | None]
) -> None:
    """Another model made these calls. Of those made at once only the first one carries it."""
    calls = (CALL, ToolCallPart("call-2", "get_weather", '{"city":"Rome"}'))
    results = tuple(ToolResultPart(call.call, call.name, "Sunny.") for call in calls)
    messages = (Message("assistant", calls), Message("user", results))
    request = msgspec.structs.replace(asking(), model=model, messages=messages)
    body = await _sent("google", request, scripted, opened)
    assert [part.get("thoughtSignature") for part in body["contents"][0]["parts"]] == signatures


# --- tool calls that were cut off, or written wrongly ------------------------------------------


def _called(wire: Wire, arguments: str, *, cut: bool) -> bytes:
    """A call after the text "Hello", ended by the model or by the limit."""
    if wire == "anthropic":
        block = {"type": "tool_use", "id": "call-1", "name": "get_weather", "input": {}}
        delta = {"type": "input_json_delta", "partial_json": arguments}
        return SPEECH[wire].opening + speech.anthropic(
            *speech.anthropic_block(1, block, delta),
            *speech.anthropic_end("max_tokens" if cut else "tool_use"),
        )
    if wire == "openai":
        item = {"type": "function_call", "call_id": "call-1", "name": "get_weather", "id": "f"}
        ended = speech.responses_end(
            "incomplete" if cut else "completed",
            incomplete_details={"reason": "max_output_tokens"} if cut else None,
        )
        return SPEECH[wire].opening + speech.responses(
            speech.responses_item(item | {"arguments": arguments}), ended
        )
    function = {"name": "get_weather", "arguments": arguments}
    call = {"index": 0, "id": "call-1", "type": "function", "function": function}
    return SPEECH[wire].opening + speech.chat(
        speech.chat_chunk({"tool_calls": [call]}),
        speech.chat_chunk(finish="length" if cut else "tool_calls"),
    )


@pytest.mark.parametrize("wire", ["anthropic", "openai", "openai-chat"])
async def test_half_a_call_is_no_call(wire: Wire, scripted: Scripted, opened: Opener) -> None:
    scripted.play(Script(_called(wire, '{"city": "Par', cut=True)))
    heard = await hear(await opened(wire, scripted.url), asking(tools=(WEATHER,)))
    assert heard.calls == []
    assert heard.done.stop_reason == "length"


@pytest.mark.parametrize("arguments", ['{"city": "Par', '{"city": "Paris"}'])
async def test_a_call_that_a_broken_stream_left_open_is_no_call(
    scripted: Scripted, opened: Opener, arguments: str
) -> None:
    begun = _called("openai-chat", arguments, cut=False)
    scripted.play(Script(begun[: begun.rindex(b"data: ")]))
    heard = Heard()
    with pytest.raises(BrokenStream):
        await hear(await opened("openai-chat", scripted.url), asking(), heard)
    assert heard.calls == []


@pytest.mark.parametrize("arguments", ['{"city": Paris}', DEEP])
@pytest.mark.parametrize("wire", ["anthropic", "openai", "openai-chat"])
async def test_a_call_written_wrongly_is_passed_on_as_written(
    wire: Wire, scripted: Scripted, opened: Opener, arguments: str
) -> None:
    scripted.play(Script(_called(wire, arguments, cut=False)))
    heard = await hear(await opened(wire, scripted.url), asking(tools=(WEATHER,)))
    assert [call.arguments for call in heard.calls] == [arguments]
    assert heard.done.stop_reason == "tool-calls"


# --- and against a server that was not written here --------------------------------------------


async def test_aimocks_thinking_goes_back(aimock_service: Aimock, opened: Opener) -> None:
    response = {"content": "Hello", "reasoning": "Let me see.", "reasoningSignature": SIGNATURE}
    aimock_service.answer(response)
    model = await opened("anthropic", aimock_service.base_url("anthropic"))
    request = msgspec.structs.replace(asking(), model="claude-opus-5-5")
    heard = await hear(model, request)
    assert heard.reasoning == "Let me see."
    [opaque] = heard.done.opaque
    answered = Message("assistant", (opaque, TextPart("Hello")))
    more = msgspec.structs.replace(request, messages=(*request.messages, answered))
    assert (await hear(model, more)).text == "Hello"
    assert [entry["response"]["status"] for entry in aimock_service.requests()] == [200, 200]


async def test_ollamas_models(scripted: Scripted, opened: Opener) -> None:
    tags = b'{"models": [{"model": "qwen3:8b", "name": "qwen3:8b"}, {"model": "llama3.2"}]}'
    scripted.play(Script(tags, headers={"content-type": "application/json"}))
    assert await (await opened("ollama", scripted.url)).models() == ["qwen3:8b", "llama3.2"]
