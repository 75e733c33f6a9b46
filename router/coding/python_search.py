"""The search where there is no ripgrep: a program of its own, so that it can be killed.

It reads what to look for from its standard input as JSON and writes matches like ripgrep does:
path, a zero byte, line, colon, text. Run as a file: it imports nothing of Butler.
"""

import json
import os
import re
import sys
from pathlib import Path
from typing import BinaryIO

_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def main() -> int:
    wanted = json.load(sys.stdin)
    flags = re.IGNORECASE if wanted["ignore_case"] else 0
    try:
        pattern = re.compile(wanted["pattern"], flags)
    except (re.error, RecursionError, OverflowError) as error:
        sys.stderr.write(str(error))
        return 2
    left = wanted["matches"] + 1
    for path in wanted["paths"]:
        for number, line in matches(path, pattern, wanted["largest"]):
            text = f"{number}:{line[: wanted['width']]}\n"
            sys.stdout.buffer.write(os.fsencode(path) + b"\0" + text.encode())
            left -= 1
            if not left:
                return 0
        sys.stdout.buffer.flush()
    return 0


def matches(path: str, pattern: re.Pattern[str], largest: int) -> list[tuple[int, str]]:
    text = read(path, largest)
    lines = enumerate(text.split("\n"), 1)
    return [(number, line) for number, line in lines if pattern.search(line)]


def read(path: str, largest: int) -> str:
    """The text of a regular file inside; nothing of any other."""
    here = str(Path.cwd())
    if os.path.commonpath([here, os.path.realpath(Path(path).parent)]) != here:
        return ""
    try:
        file = os.fdopen(os.open(path, _FLAGS), "rb")
    except OSError:
        return ""
    with file:
        return content(file, largest)


def content(file: BinaryIO, largest: int) -> str:
    size = os.fstat(file.fileno()).st_size
    found = file.read(largest) if 0 < size <= largest else b""
    return "" if b"\0" in found else found.decode(errors="replace")


if __name__ == "__main__":
    sys.exit(main())
