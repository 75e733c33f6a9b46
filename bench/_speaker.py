"""A service in a process of its own: streams Markdown at a steady rate, for as long as it is told.

    python bench/_speaker.py 50        tokens a second, to everybody who asks

It prints its URL. A line `stop` on its standard input ends every answer, as answers end; those
asked for later are streamed until the next `stop`. At the end of the input it goes away.
"""

import asyncio
import json
import sys
import time

from stream import answer

_TOKENS = answer(6000)


def _chunk(**more: object) -> bytes:
    whole = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "main", **more}
    data = f"data: {json.dumps(whole)}\n\n".encode()
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def _piece(text: str, finish: str | None = None) -> bytes:
    delta = {"role": "assistant", "content": text}
    return _chunk(choices=[{"index": 0, "delta": delta, "finish_reason": finish}])


class Speaker:
    def __init__(self, rate: float) -> None:
        self._gap = 1 / rate
        self._stop = asyncio.Event()

    def stop(self) -> None:
        self._stop.set()
        self._stop = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._answer(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has hung up
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        lines = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
        await reader.readexactly(int(lines.get("content-length", "0")))
        if not head.startswith("POST"):
            writer.write(b"HTTP/1.1 404 X\r\ncontent-length: 0\r\n\r\n")
            return True
        writer.write(b"HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\n")
        writer.write(b"transfer-encoding: chunked\r\n\r\n")
        said = await self._speak(writer, self._stop)
        writer.write(_piece("", "stop"))
        usage = {"prompt_tokens": 20, "completion_tokens": said, "total_tokens": 20 + said}
        writer.write(_chunk(choices=[], usage=usage))
        done = b"data: [DONE]\n\n"
        writer.write(f"{len(done):x}\r\n".encode() + done + b"\r\n0\r\n\r\n")
        await writer.drain()
        return True

    async def _speak(self, writer: asyncio.StreamWriter, stop: asyncio.Event) -> int:
        due = time.monotonic()
        for number, token in enumerate(_TOKENS):
            if stop.is_set():
                return number
            writer.write(_piece(token))
            await writer.drain()
            due += self._gap
            await asyncio.sleep(due - time.monotonic())
        return len(_TOKENS)


async def main() -> None:
    speaker = Speaker(float(sys.argv[1]))
    server = await asyncio.start_server(speaker.serve, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        speaker.stop()
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
