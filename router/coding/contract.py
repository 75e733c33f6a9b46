"""What the parts of the coding desk owe each other.

A session's work is cut into phases (plan, wait for the user, write, settle the changes), and each
phase is found again from the journal alone: a session that waits for the user holds no task, no
slot and no memory, and one whose program died goes on where its journal ends.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

import msgspec

from router.calls import Acted
from router.providers.base import Tool, ToolCallPart
from store.events import AnyEvent, ApprovalGiven, SessionState, Tier

# --- asking the user ---------------------------------------------------------------------------


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What the user is asked, before it has an id and a digest."""

    kind: Literal["command", "write", "question", "plan", "changes"]
    question: str
    shown: str
    """Exactly what is approved, in full. For a person: control and bidi characters made visible
    with `visible()`, so that nothing hides."""
    detail: str = ""
    choices: tuple[str, ...] = ("approve", "reject")
    call: str = ""


Ask: TypeAlias = Callable[[Question], Awaitable[ApprovalGiven]]
"""Asks, waits for as long as it takes, and returns the decision, which is on disk by then.
Cancelling withdraws the question."""

Say: TypeAlias = Callable[[AnyEvent], None]
"""Writes an event into the session's journal."""

# --- tools -------------------------------------------------------------------------------------


class ToolsOfferedAndRun(Protocol):
    """Tools bound to a workspace."""

    @property
    def tools(self) -> tuple[Tool, ...]: ...

    async def act(self, call: ToolCallPart, reply: str) -> Acted:
        """Run one call. What the model did wrong, what was refused and what failed come back as a
        failed result it can read; nothing of that raises. `FileChanged` is said while it runs."""
        ...


class Stop(Exception):  # noqa: N818  (an order, not an error)
    """The user has rejected all that comes: the session ends here. `str()` is the reason."""


# --- those who do the work ---------------------------------------------------------------------


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """What whoever writes the code is given."""

    session: str
    prompt: str
    """Id of the message that holds the task: replies answer it."""
    task: str
    """In full, attachments included."""
    plan: str = ""
    """The approved plan as Markdown, or nothing."""
    root: Path
    """The workspace: nothing outside of it is touched."""
    instructions: str = ""
    """The user's own, for this agent or for all."""
    private: bool = False


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """How a piece of work ended. Files tell for themselves."""

    state: SessionState
    """`done`, or `failed` with a reason; `waiting` is the desk's to say."""
    text: str = ""
    reason: str = ""
    """One sentence: why it stopped or failed, and what to do."""
    tier: Tier | None = None
    model: str = ""


class Halt(msgspec.Struct, frozen=True, kw_only=True):
    """Where one run of a session has stopped."""

    report: Report | None = None
    """How its work ended; `None` while it is not done."""
    waits: bool = False
    """It stands and waits for the user: its state says so already."""


class Agent(Protocol):
    """Something that works by itself in a workspace: our specialist, or a program on the PATH."""

    async def run(self, work: Assignment) -> Report:
        """Work until it is done, has failed, or is cancelled (then what it started is stopped
        before the cancellation goes on). Raises `router.providers.base.Failure` when its model can
        not go on and another may, and `Stop`."""
        ...
