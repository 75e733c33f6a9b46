"""Asking a model in tests."""

from dataclasses import dataclass, field

from router.providers.base import (
    Chunk,
    Done,
    HeadersReceived,
    Message,
    Model,
    Reasoning,
    Request,
    Text,
    TextPart,
    Tool,
    ToolCallPart,
    ToolCallReady,
)

WEATHER = Tool(
    "get_weather",
    "The weather of a city.",
    {
        "type": "object",
        "properties": {"city": {"type": "string", "description": "Its name."}},
        "required": ["city"],
    },
)


def asking(text: str = "Say hello.", *, tools: tuple[Tool, ...] = (), system: str = "") -> Request:
    return Request(
        model="test-model",
        messages=(Message("user", (TextPart(text),)),),
        system=system,
        tools=tools,
        max_output_tokens=64,
    )


@dataclass
class Heard:
    """A whole stream, sorted."""

    chunks: list[Chunk] = field(default_factory=list[Chunk])

    @property
    def text(self) -> str:
        return "".join(chunk.text for chunk in self.chunks if isinstance(chunk, Text))

    @property
    def reasoning(self) -> str:
        return "".join(chunk.text for chunk in self.chunks if isinstance(chunk, Reasoning))

    @property
    def calls(self) -> list[ToolCallPart]:
        return [chunk.call for chunk in self.chunks if isinstance(chunk, ToolCallReady)]

    @property
    def headers(self) -> list[HeadersReceived]:
        return [chunk for chunk in self.chunks if isinstance(chunk, HeadersReceived)]

    @property
    def done(self) -> Done:
        last = self.chunks[-1]
        assert isinstance(last, Done)
        assert [chunk for chunk in self.chunks if isinstance(chunk, Done)] == [last]
        return last


async def hear(model: Model, request: Request, into: Heard | None = None) -> Heard:
    """Draw a stream to its end; `into` keeps what came before a failure."""
    heard = into or Heard()
    async for chunk in model.stream(request):
        heard.chunks.append(chunk)
    return heard
