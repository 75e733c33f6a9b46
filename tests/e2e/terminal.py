"""A real terminal: the program in a pty, its screen kept by pyte."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pexpect
import pyte

RUN = "from tui.cli import main; main()"


class Screen(pyte.Screen):
    """pyte's, which stumbles over a query that starts like a change of colours."""

    def select_graphic_rendition(self, *attrs: int, private: bool = False) -> None:
        if not private:
            super().select_graphic_rendition(*attrs)


class Terminal:
    """Types keys and reads the screen, as a person would."""

    def __init__(self, child: "pexpect.spawn[bytes]", columns: int, rows: int) -> None:
        self._child = child
        self._screen = Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self.raw = b""

    @property
    def pid(self) -> int:
        return int(self._child.pid)

    def type(self, keys: str) -> None:
        self._child.send(keys)

    def send(self, data: bytes) -> None:
        """Bytes as they are, whatever they mean."""
        self._child.send(data)

    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self._screen.display)

    def marked(self, text: str) -> bool:
        """Whether the text stands out from what is above it, as a chosen line does."""
        for number, line in enumerate(self._screen.display):
            if number and text in line:
                at = line.index(text)
                mine, above = (self._screen.buffer[row][at] for row in (number, number - 1))
                return mine.reverse or mine.bg != above.bg
        return False

    def until(self, seen: str | Callable[[str], object], seconds: float = 30) -> str:
        """Read until the screen shows it; the screen."""
        deadline = time.monotonic() + seconds
        while not (seen in self.text() if isinstance(seen, str) else seen(self.text())):
            left = deadline - time.monotonic()
            assert left > 0, f"not seen in {seconds} s: {seen!r}\n{self.text()}"
            try:
                piece = self._child.read_nonblocking(65536, timeout=min(left, 0.5))
            except pexpect.TIMEOUT:
                continue
            except pexpect.EOF:
                raise AssertionError(f"the program ended:\n{self.text()}") from None
            self.raw += piece
            self._stream.feed(piece)
        return self.text()

    def read_for(self, seconds: float) -> str:
        """What the screen shows when so much time has passed."""
        deadline = time.monotonic() + seconds
        return self.until(lambda _: time.monotonic() >= deadline, seconds + 10)

    def resize(self, columns: int, rows: int) -> None:
        self._child.setwinsize(rows, columns)
        self._screen.resize(rows, columns)

    def ended(self, seconds: float = 10) -> int | None:
        """Wait for its end; the exit status."""
        self._child.expect(pexpect.EOF, timeout=seconds)
        self.raw += self._child.before or b""
        self._child.close()
        return self._child.exitstatus


@contextmanager
def butler(
    home: Path,
    *arguments: str,
    folder: Path | None = None,
    columns: int = 120,
    rows: int = 40,
    **variables: str,
) -> Iterator[Terminal]:
    """Butler in a terminal of its own, with nothing configured but a home and `variables`.

    Args:
        folder: where it is started; its home if not given.
    """
    kept = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH")
    environ = {name: os.environ[name] for name in kept if name in os.environ}
    environ |= {
        "BUTLER_HOME": str(home),
        "TERM": "xterm-256color",
        "OLLAMA_HOST": "127.0.0.1:9",
        "PYTHONPATH": str(Path(__file__).parents[2]),
        **variables,
    }
    child = pexpect.spawn(
        sys.executable,
        ["-c", RUN, *arguments],
        env=environ,
        cwd=str(folder or home),
        dimensions=(rows, columns),
        timeout=30,
    )
    try:
        yield Terminal(child, columns, rows)
    finally:
        child.close(force=True)
