"""The wires' own words, as their services send them, for the scripted server."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.servers.scripted import ndjson, sse

JSON = Mapping[str, Any]


@dataclass(frozen=True)
class Speech:
    """An answer in two halves: up to the text "Hello", and from there to a proper end."""

    opening: bytes
    ending: bytes
    silent_ending: bytes
    """An end as proper, that follows no text at all."""
    overloaded: bytes
    """An error told inside the stream: the service can't go on."""

    @property
    def whole(self) -> bytes:
        return self.opening + self.ending


# --- Anthropic ---------------------------------------------------------------------------------


def anthropic_start(**usage: int) -> JSON:
    message = {"id": "m", "type": "message", "role": "assistant", "content": [], "model": "x"}
    message |= {"stop_reason": None, "usage": {"input_tokens": 7, "output_tokens": 1} | usage}
    return {"type": "message_start", "message": message}


def anthropic_block(index: int, block: JSON, *deltas: JSON) -> list[JSON]:
    place = {"index": index}
    return [
        {"type": "content_block_start", "content_block": block} | place,
        *({"type": "content_block_delta", "delta": delta} | place for delta in deltas),
        {"type": "content_block_stop"} | place,
    ]


def anthropic_end(reason: str = "end_turn", **usage: Any) -> list[JSON]:
    delta = {"stop_reason": reason, "stop_sequence": None}
    return [
        {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 5} | usage},
        {"type": "message_stop"},
    ]


def anthropic(*events: JSON) -> bytes:
    return sse(*events, named=True)


def anthropic_error(kind: str, message: str = "told") -> JSON:
    return {"type": "error", "error": {"type": kind, "message": message}}


TEXT_BLOCK: JSON = {"type": "text", "text": ""}
HELLO_DELTA: JSON = {"type": "text_delta", "text": "Hello"}

# --- OpenAI Responses --------------------------------------------------------------------------


def responses_usage(**parts: int) -> JSON:
    return {
        "input_tokens": parts.get("input", 7),
        "input_tokens_details": {
            "cached_tokens": parts.get("cached", 0),
            "cache_write_tokens": parts.get("written", 0),
        },
        "output_tokens": parts.get("output", 5),
        "output_tokens_details": {"reasoning_tokens": parts.get("reasoning", 0)},
        "total_tokens": 0,
    }


def responses_end(status: str = "completed", **fields: Any) -> JSON:
    response = {"id": "r", "object": "response", "status": status, "output": [], "error": None}
    response |= {"usage": responses_usage(), "incomplete_details": None}
    return {"type": f"response.{status}", "sequence_number": 9, "response": response | fields}


def responses_item(item: JSON) -> JSON:
    return {"type": "response.output_item.done", "output_index": 0, "item": item}


def responses(*events: JSON) -> bytes:
    return sse(*events, named=True)


HELLO_TEXT: JSON = {
    "type": "response.output_text.delta",
    "item_id": "i",
    "output_index": 0,
    "content_index": 0,
    "delta": "Hello",
}

# --- chat completions --------------------------------------------------------------------------


def chat_chunk(delta: JSON | None = None, finish: str | None = None, **fields: Any) -> JSON:
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "x"}
    return chunk | {"choices": [choice]} | fields


def chat(*events: JSON) -> bytes:
    return sse(*events)


CHAT_USAGE: JSON = chat_chunk(
    choices=[], usage={"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
)
DONE = b"data: [DONE]\n\n"

# --- Gemini ------------------------------------------------------------------------------------


def gemini_chunk(*parts: JSON, finish: str | None = None, **fields: Any) -> JSON:
    candidate: dict[str, Any] = {"index": 0, "content": {"role": "model", "parts": list(parts)}}
    if finish:
        candidate["finishReason"] = finish
    return {"candidates": [candidate]} | fields


def gemini(*chunks: JSON) -> bytes:
    return sse(*chunks)


GEMINI_USAGE: JSON = {"promptTokenCount": 7, "candidatesTokenCount": 5, "totalTokenCount": 12}

# --- Ollama ------------------------------------------------------------------------------------


def ollama_line(text: str = "", **fields: Any) -> JSON:
    message = {"role": "assistant", "content": text} | fields.pop("message", {})
    return {"model": "x", "created_at": "t", "message": message, "done": False} | fields


def ollama_end(**fields: Any) -> JSON:
    counts = {"prompt_eval_count": 7, "eval_count": 5}
    return ollama_line(done=True, done_reason="stop", **counts) | fields


SPEECH: Mapping[str, Speech] = {
    "anthropic": Speech(
        opening=anthropic(anthropic_start(), *anthropic_block(0, TEXT_BLOCK, HELLO_DELTA)),
        ending=anthropic(*anthropic_end()),
        silent_ending=anthropic(anthropic_start(), *anthropic_end()),
        overloaded=anthropic(anthropic_error("overloaded_error")),
    ),
    "openai": Speech(
        opening=responses(HELLO_TEXT),
        ending=responses(responses_end()),
        silent_ending=responses(responses_end()),
        overloaded=responses({"type": "error", "code": "server_error", "message": "told"}),
    ),
    "openai-chat": Speech(
        opening=chat(chat_chunk({"role": "assistant", "content": "Hello"})),
        ending=chat(chat_chunk(finish="stop"), CHAT_USAGE) + DONE,
        silent_ending=chat(chat_chunk(finish="stop"), CHAT_USAGE) + DONE,
        overloaded=chat({"error": {"message": "told", "type": "server_error", "code": 503}}),
    ),
    "google": Speech(
        opening=gemini(gemini_chunk({"text": "Hello"})),
        ending=gemini(gemini_chunk({"text": ""}, finish="STOP", usageMetadata=GEMINI_USAGE)),
        silent_ending=gemini(gemini_chunk(finish="STOP", usageMetadata=GEMINI_USAGE)),
        overloaded=gemini({"error": {"code": 503, "message": "told", "status": "UNAVAILABLE"}}),
    ),
    "ollama": Speech(
        opening=ndjson([ollama_line("Hello")]),
        ending=ndjson([ollama_end()]),
        silent_ending=ndjson([ollama_end()]),
        overloaded=ndjson([{"error": "told"}]),
    ),
}
