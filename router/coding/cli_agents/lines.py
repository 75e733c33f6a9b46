"""Cutting a stream of bytes into lines, in bounded memory."""

from typing import Final

LIMIT: Final = 8_000_000
"""Bytes of a line that is still looked at: a tool's result may hold a large file."""


class Lines:
    """Gives whole lines. One that is too long is left out, and counted."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._rest = bytearray()
        self._skipping = False
        self.left_out = 0

    def feed(self, data: bytes) -> list[bytes]:
        *whole, rest = data.split(b"\n")
        lines = [line for piece in whole if (line := self._closed(piece)) is not None]
        self._add(rest)
        return lines

    def rest(self) -> bytes:
        """What stands after the last line's end: half a line, of a program that died."""
        line = self._closed(b"")
        return line or b""

    def _closed(self, piece: bytes) -> bytes | None:
        self._add(piece)
        line, skipped = bytes(self._rest), self._skipping
        self._rest.clear()
        self._skipping = False
        self.left_out += skipped
        return None if skipped or not line.strip() else line

    def _add(self, piece: bytes) -> None:
        if self._skipping:
            return
        if len(self._rest) + len(piece) > self._limit:
            self._rest.clear()
            self._skipping = True
        else:
            self._rest += piece
