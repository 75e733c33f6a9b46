"""How a command ends."""

from enum import IntEnum


class Exit(IntEnum):
    DONE = 0
    FAILED = 1
    WRONG_USE = 2
    """Wrong use, or a mistake in the configuration."""
    NO_TIER = 3
    """No tier could answer."""
    DECLINED = 4
    """Declined by the user or by the policy."""
    THRESHOLD = 5
    """A usage threshold is crossed."""
    INTERRUPTED = 130


class CommandFailed(Exception):  # noqa: N818
    """Ends a command. The message is for the user, one sentence or a few lines."""

    def __init__(self, message: str, code: Exit = Exit.FAILED) -> None:
        super().__init__(message)
        self.code = code
