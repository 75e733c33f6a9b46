"""The session picker: find a chat by what was said in it; open, fork, rename or delete it."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets.option_list import Option

from router.asking import EngineError
from store.errors import StoreError
from tui import figures
from tui.screens.asking import AskLine
from tui.screens.picker import Picker
from tui.text import sanitise_line
from tui.widgets.part import row as fit_row
from tui.wording import QUIET

if TYPE_CHECKING:
    from router.engine import Engine
    from store.sessions import Hit, SessionRow


class SessionPicker(Picker):
    TITLE_TEXT: ClassVar[str] = "Sessions"
    HINT: ClassVar[str] = (
        "enter open · ctrl+f fork · ctrl+e rename · ctrl+d delete · type to search · esc leave"
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+f", "fork", "Fork", show=False, priority=True),
        Binding("ctrl+e", "rename", "Rename", show=False, priority=True),
        Binding("ctrl+d", "delete", "Delete", show=False, priority=True),
    ]

    def __init__(self, engine: "Engine", words: str = "") -> None:
        super().__init__(words)
        self._engine = engine
        self._deleted: set[str] = set()
        self._sure: str | None = None

    def deleted(self, session: str) -> bool:
        """Whether the user has deleted this one here."""
        return session in self._deleted

    async def found(self, words: str) -> Sequence[Option]:
        self._sure = None
        self.hint()
        return await asyncio.to_thread(self._read, words)

    @property
    def _width(self) -> int:
        return self.options.scrollable_content_region.width or 90

    def _read(self, words: str) -> list[Option]:
        sessions = self._engine.store.sessions
        if not words.strip():
            rows = sessions.list(limit=100)
            return [Option(_row(row, self._width), id=row.id) for row in rows]
        hits: dict[str, Hit] = {}
        for hit in sessions.search(words, limit=100):
            _ = hits.setdefault(hit.session, hit)
        return [Option(_hit(hit), id=hit.session) for hit in hits.values()]

    async def action_fork(self) -> None:
        if self.chosen:
            try:
                _ = self.dismiss(await self._engine.fork(self.chosen))
            except (EngineError, StoreError) as error:
                self.hint(str(error))

    def action_rename(self) -> None:
        session = self.chosen
        if session is None:
            return

        async def rename(title: str | None) -> None:
            if title:
                await self._engine.title(session, title)
                await self.fill()

        _ = self.app.push_screen(AskLine("Another title:", ""), rename)  # pyright: ignore[reportUnknownMemberType]

    async def action_delete(self) -> None:
        """Delete on the second press."""
        session = self.chosen
        if session is None:
            return
        if self._sure != session:
            self._sure = session
            self.hint(
                "ctrl+d again deletes it and what was spawned from it; its usage stays counted"
            )
            return
        try:
            _ = await asyncio.to_thread(self._engine.store.sessions.delete, session)
        except StoreError as error:
            self.hint(str(error))
            return
        self._deleted.add(session)
        await self.fill()


def _row(row: "SessionRow", width: int) -> Content:
    when = f"{figures.local(row.updated_at):%Y-%m-%d %H:%M}"
    count = figures.counted(row.messages, "message")
    used = f" · {figures.tokens(row.tokens)} tokens" if row.tokens else ""
    about = f"  {count}{used}"
    private = (" private ", "$accent") if row.private else ""
    left = Content.assemble((f"{when}  ", QUIET), sanitise_line(row.title or "untitled"), private)
    return fit_row(left, Content.styled(about, QUIET), width)


def _hit(hit: "Hit") -> Content:
    """The title, and the words found in their sentence."""
    parts: list[str | tuple[str, str]] = []
    for index, piece in enumerate(hit.snippet.replace("\x03", "\x02").split("\x02")):
        text = sanitise_line(piece)
        parts.append((text, "bold $accent") if index % 2 else (text, QUIET))
    when = f"{figures.local(hit.at):%Y-%m-%d %H:%M}  "
    return Content.assemble((when, QUIET), sanitise_line(hit.title), "  ", *parts)
