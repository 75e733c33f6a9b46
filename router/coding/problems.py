"""What keeps a coding session from its work."""

from router.asking import EngineError


class DeskProblem(EngineError):  # noqa: N818  (an outcome that is told, as a sentence for the user)
    """`str()` says what, where, and what to do."""
