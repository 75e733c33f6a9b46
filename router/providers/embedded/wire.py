"""Between Butler's contract and the chat-completions wire of llama.cpp's server. No I/O here.

The model is too small for tools and sees no images: tools are not offered to it, and what tools
said earlier in a conversation is given to it as text.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from router.providers.base import (
    BadRequest,
    BrokenStream,
    Chunk,
    ContextTooLong,
    Done,
    Failure,
    ImagePart,
    Message,
    Overloaded,
    Part,
    Reasoning,
    Request,
    StopReason,
    Text,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from store.events import Usage

_SYSTEM: Final = "You are a helpful assistant."
"""What the embedded model was trained with. Without it, it doesn't know the capital of France."""
_FIELD: Final = "data: "


def body(request: Request, model: str) -> dict[str, object]:
    """The JSON body of the request.

    Raises:
        BadRequest: it holds an image.
    """
    turns = [{"role": m.role, "content": _content(m)} for m in request.messages]
    return {
        "model": model,
        "messages": [{"role": "system", "content": request.system or _SYSTEM}, *turns],
        "max_tokens": request.max_output_tokens,
        "temperature": 0,  # at 0.2 this small a model already makes things up
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def _content(message: Message) -> str:
    return "\n\n".join(filter(None, map(_text, message.parts)))


def _text(part: Part) -> str:
    match part:
        case TextPart(text):
            return text
        case ToolCallPart():
            return f"{part.name}({part.arguments})"
        case ToolResultPart():
            return f"{part.name}: {part.text}"
        case ImagePart():
            raise BadRequest("The local model can't look at images: send it text only.")
        case _:
            return ""


class _Delta(msgspec.Struct, frozen=True):
    content: str | None = None
    reasoning_content: str | None = None


class _Choice(msgspec.Struct, frozen=True):
    delta: _Delta
    finish_reason: str | None = None


class _Details(msgspec.Struct, frozen=True):
    cached_tokens: int = 0


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: int
    completion_tokens: int
    prompt_tokens_details: _Details = _Details()


class _Error(msgspec.Struct, frozen=True):
    message: str = "no reason given"
    type: str = ""


class _Event(msgspec.Struct, frozen=True):
    choices: tuple[_Choice, ...] = ()
    usage: _Usage | None = None
    error: _Error | None = None


_event = msgspec.json.Decoder(_Event)


class Answer:
    """Reads one answer, line by line."""

    def __init__(self, max_output_tokens: int) -> None:
        self._limit = max_output_tokens
        self._finish = ""
        self._usage: _Usage | None = None
        self._empty = True
        self.ended = False
        """Whether its protocol's terminal marker has come. Nothing after it counts."""

    def feed(self, line: str) -> Iterator[Chunk]:
        """What a line of the stream says.

        Raises:
            Failure: it tells of a fault, or can't be understood.
        """
        data = line.removeprefix(_FIELD)
        if data == line:  # a blank line, or a comment that keeps the connection open
            return
        if data == "[DONE]":
            self.ended = True
            return
        try:
            event = _event.decode(data)
        except msgspec.MsgspecError as error:
            raise BrokenStream("The local model sent a line that can't be read.") from error
        if event.error:
            raise failure(500, event.error)
        self._usage = event.usage or self._usage
        for choice in event.choices:
            self._finish = choice.finish_reason or self._finish
            yield from self._said(choice.delta)

    def done(self) -> Done:
        """The last chunk, once all lines are read.

        Raises:
            BrokenStream: the answer has no end, or nothing in it.
        """
        if not self.ended or not self._finish or self._usage is None:
            raise BrokenStream("The local model's answer broke off.")
        if self._empty:
            raise BrokenStream("The local model's answer was empty.")
        return Done(stop_reason=self._stop_reason(self._usage), usage=_normalised(self._usage))

    def _said(self, delta: _Delta) -> Iterator[Chunk]:
        if delta.reasoning_content:
            yield Reasoning(delta.reasoning_content)
        if delta.content:
            self._empty = False
            yield Text(delta.content)

    def _stop_reason(self, usage: _Usage) -> StopReason:
        if self._finish != "length":
            return "end"
        return "length" if usage.completion_tokens >= self._limit else "context-full"


def _normalised(usage: _Usage) -> Usage:
    cached = usage.prompt_tokens_details.cached_tokens
    return Usage(
        input=usage.prompt_tokens - cached, output=usage.completion_tokens, cache_read=cached
    )


def refusal(status: int, content: bytes) -> Failure:
    """The failure that an HTTP status of 400 or more stands for."""
    try:
        error = _event.decode(content).error
    except msgspec.MsgspecError:
        error = None
    return failure(status, error or _Error())


def failure(status: int, error: _Error) -> Failure:
    if error.type == "exceed_context_size_error":
        return ContextTooLong(f"The conversation is too long for the local model: {error.message}.")
    kind = BadRequest if 400 <= status < 500 else Overloaded
    return kind(f"The local model failed: {error.message} ({status}).")
