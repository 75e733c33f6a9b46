"""What keeps a coding session from its work."""


class DeskProblem(Exception):  # noqa: N818  (an outcome that is told, as a sentence for the user)
    """`str()` says what, where, and what to do."""
