"""What the transcript is given to show. Plain data: it knows neither engine nor widget."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from router.view import ToolUse

Kind: TypeAlias = Literal["user", "butler", "plan", "note", "announcement", "seam", "failure"]
State: TypeAlias = Literal["queued", "streaming", "finished", "failed", "interrupted", "cancelled"]


@dataclass(frozen=True, slots=True)
class Seam:
    """Where another model went on with a reply."""

    offset: int
    """Characters of the body before the seam."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One entry of the conversation. All text may come from outside: it is sanitised on display."""

    id: str
    kind: Kind
    title: str = ""
    """Who speaks, at the left. Empty for a note, a seam or a failure that stands alone."""
    right: str = ""
    """At the right of the title: a time, or who answered."""
    why: str = ""
    """A second line under `right`: the reason."""
    body: str = ""
    markdown: bool = True
    """Whether the body is Markdown. Else it is shown as it is, line by line."""
    state: State = "finished"
    note: str = ""
    """One sentence under the body: why it failed, what to do."""
    seams: tuple[Seam, ...] = ()
    tools: tuple[ToolUse, ...] = ()
    """Each is drawn behind as many characters of the body as its offset says."""
    asked: frozenset[str] = frozenset()
    """Calls that wait for the user's answer."""
    continued: bool = False
    """Whether whoever spoke before goes on: then it has no head of its own."""
    collapsed: bool | None = None
    """None for what has no fold; else how it is shown until the user opens or closes it."""

    @property
    def live(self) -> bool:
        """Whether text may still come."""
        return self.state in {"queued", "streaming"}

    @property
    def empty(self) -> bool:
        """Whether there is nothing of it to see but its head."""
        return not (self.body or self.tools or self.seams)

    @property
    def begins_with_tool(self) -> bool:
        return bool(self.tools) and not self.body[: self.tools[0].offset].strip()

    @property
    def ends_with_tool(self) -> bool:
        return bool(self.tools) and not self.body[self.tools[-1].offset :].strip()
