"""The log: in the state folder, for the owner's eyes only, and without keys."""

import io
import logging
import os
from collections.abc import Generator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final

from router.keys import redact
from router.places import Places, make_private

LARGEST: Final = 1_000_000
"""Bytes of a log before the next one is begun; three old ones are kept."""


class _Redacted(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class _PrivateFile(RotatingFileHandler):
    """Made 0600 when there is first something to write."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=LARGEST, backupCount=3, encoding="utf-8", delay=True)
        self.works = True

    def _open(self) -> io.TextIOWrapper:
        make_private(Path(self.baseFilename).parent)
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return io.TextIOWrapper(
            os.fdopen(descriptor, "ab"), encoding="utf-8", errors="backslashreplace"
        )

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (logging's name)
        """A log that can't be written must not stop, or write into, what the user does."""
        self.works = False


@contextmanager
def logging_to(places: Places) -> Generator[None]:
    """Warnings and worse of everything that runs inside go to the log, and nowhere else."""
    handler = _handler(places)
    root = logging.getLogger()
    root.addHandler(handler)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        root.removeHandler(handler)
        handler.close()


def record_crash(places: Places, error: BaseException) -> Path | None:
    """Write an error's traceback to the log; where, or `None` if it can't be written."""
    handler = _handler(places)
    about = (type(error), error, error.__traceback__)
    record = logging.LogRecord("butler", logging.CRITICAL, __file__, 0, "crashed", (), about)
    handler.handle(record)
    handler.close()
    return places.log_file if handler.works else None


def _handler(places: Places) -> _PrivateFile:
    handler = _PrivateFile(places.log_file)
    handler.setLevel(logging.WARNING)
    handler.setFormatter(_Redacted("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    return handler
