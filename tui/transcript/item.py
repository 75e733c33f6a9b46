"""What the transcript is given to show. Plain data: it knows neither engine nor widget."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["user", "butler", "note", "announcement", "seam", "failure"]
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
    collapsed: bool | None = None
    """None for what has no fold; else how it is shown until the user opens or closes it."""

    @property
    def live(self) -> bool:
        """Whether text may still come."""
        return self.state in {"queued", "streaming"}
