"""The three wires, as far as an answer that was written beforehand needs them: what a request
offers and tells, and the events of an answer."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias, cast

import msgspec

Body: TypeAlias = dict[str, Any]
Event: TypeAlias = dict[str, Any]

_PIECE: Final = 24
"""Characters that come at a time."""


class Answer(msgspec.Struct, frozen=True):
    text: str = ""
    calls: tuple[tuple[str, dict[str, Any]], ...] = ()
    """Tools with their arguments."""


# --- what comes in -------------------------------------------------------------------------------


def offered(body: Body) -> frozenset[str]:
    """Names of the tools."""
    tools: list[Body] = body.get("tools") or []
    return frozenset(
        str(tool.get("name") or tool.get("function", {}).get("name")) for tool in tools
    )


def system(account: str, body: Body) -> str:
    """What the model is told to be."""
    if account == "messages":
        return _text(body.get("system", ""))
    told = str(body.get("instructions") or "")
    turns: list[Body] = body["input" if account == "responses" else "messages"]
    told += "".join(_text(turn["content"]) for turn in turns if turn.get("role") == "system")
    return told


def results(account: str, body: Body) -> list[str]:
    """What tools have returned, oldest first."""
    turns: list[Body] = body["input" if account == "responses" else "messages"]
    if account == "responses":
        return [_text(t["output"]) for t in turns if t.get("type") == "function_call_output"]
    if account == "completions":
        return [_text(turn["content"]) for turn in turns if turn["role"] == "tool"]
    told: list[Body] = []
    for turn in turns:
        if isinstance(turn["content"], list):
            told += cast("list[Body]", turn["content"])
    return [_text(block.get("content", "")) for block in told if block["type"] == "tool_result"]


def _text(content: object) -> str:
    """Of a string, or of blocks with text."""
    if isinstance(content, str):
        return content
    blocks = cast("list[Body]", content or [])
    return "".join(str(block.get("text", "")) for block in blocks)


# --- what goes out -------------------------------------------------------------------------------


def events(account: str, body: Body, answer: Answer) -> Iterator[bytes]:
    """The answer as the account's wire streams it."""
    read = len(msgspec.json.encode(body)) // 4
    written = max(1, len(msgspec.json.encode(answer)) // 4)
    for event in _WIRES[account](str(body.get("model", "")), answer, read, written):
        name = f"event: {event['type']}\n" if "type" in event else ""
        yield f"{name}data: {msgspec.json.encode(event).decode()}\n\n".encode()
    if account == "completions":
        yield b"data: [DONE]\n\n"


def _messages(model: str, answer: Answer, read: int, written: int) -> Iterator[Event]:
    usage = {"input_tokens": read, "output_tokens": 1}
    message: Event = {"id": _id("msg"), "type": "message", "role": "assistant", "content": []}
    message |= {"model": model, "stop_reason": None, "stop_sequence": None, "usage": usage}
    yield {"type": "message_start", "message": message}
    index = 0
    if answer.text:
        text = {"type": "text", "text": ""}
        yield from _block(index, text, "text_delta", "text", answer.text)
        index += 1
    for name, arguments in answer.calls:
        use: Event = {"type": "tool_use", "id": _id("toolu"), "name": name, "input": {}}
        yield from _block(index, use, "input_json_delta", "partial_json", _json(arguments))
        index += 1
    reason = "tool_use" if answer.calls else "end_turn"
    ended = {"stop_reason": reason, "stop_sequence": None}
    yield {"type": "message_delta", "delta": ended, "usage": {"output_tokens": written}}
    yield {"type": "message_stop"}


def _block(index: int, block: Event, delta: str, key: str, text: str) -> Iterator[Event]:
    yield {"type": "content_block_start", "index": index, "content_block": block}
    for piece in _pieces(text):
        grown = {"type": delta, key: piece}
        yield {"type": "content_block_delta", "index": index, "delta": grown}
    yield {"type": "content_block_stop", "index": index}


def _responses(model: str, answer: Answer, read: int, written: int) -> Iterator[Event]:
    for piece in _pieces(answer.text):
        yield {"type": "response.output_text.delta", "delta": piece}
    for index, (name, arguments) in enumerate(answer.calls):
        given = _json(arguments)
        for piece in _pieces(given):
            grown = {"type": "response.function_call_arguments.delta", "output_index": index}
            yield grown | {"delta": piece}
        item: Event = {"type": "function_call", "id": _id("fc"), "call_id": _id("call")}
        item |= {"name": name, "arguments": given, "status": "completed"}
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
    details = {"input_tokens_details": {"cached_tokens": 0}}
    details |= {"output_tokens_details": {"reasoning_tokens": 0}}
    usage = {"input_tokens": read, "output_tokens": written, "total_tokens": read + written}
    response: Event = {"id": _id("resp"), "object": "response", "model": model, "output": []}
    response |= {"status": "completed", "usage": usage | details}
    yield {"type": "response.completed", "response": response}


def _completions(model: str, answer: Answer, read: int, written: int) -> Iterator[Event]:
    head: Event = {"id": _id("chatcmpl"), "object": "chat.completion.chunk", "created": 0}
    head |= {"model": model}

    def chunk(delta: Mapping[str, object], reason: str | None = None) -> Event:
        return head | {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}

    for piece in _pieces(answer.text):
        yield chunk({"content": piece})
    for index, (name, arguments) in enumerate(answer.calls):
        function = {"name": name, "arguments": _json(arguments)}
        call = {"index": index, "id": _id("call"), "type": "function", "function": function}
        yield chunk({"tool_calls": [call]})
    yield chunk({}, "tool_calls" if answer.calls else "stop")
    usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    yield head | {"choices": [], "usage": usage}


_WIRES: Final[dict[str, Callable[[str, Answer, int, int], Iterator[Event]]]] = {
    "messages": _messages,
    "responses": _responses,
    "completions": _completions,
}


def _pieces(text: str) -> Iterator[str]:
    return (text[at : at + _PIECE] for at in range(0, len(text), _PIECE))


def _json(arguments: Mapping[str, object]) -> str:
    return msgspec.json.encode(arguments).decode()


def _id(kind: str) -> str:
    return f"{kind}_{uuid.uuid4().hex}"
