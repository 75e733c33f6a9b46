"""The command palette: Butler's commands, its tabs, the themes with a preview."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from tui.slash import COMMANDS

if TYPE_CHECKING:
    from tui.app import ButlerApp

Entry = tuple[str, str, Callable[[], object]]


class _Listed(Provider):
    """A provider of a fixed list of commands."""

    @property
    def butler(self) -> "ButlerApp":
        return cast("ButlerApp", self.app)

    def entries(self) -> Iterator[Entry]:
        raise NotImplementedError

    async def discover(self) -> Hits:
        for name, says, callback in self.entries():
            yield DiscoveryHit(name, callback, help=says)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for name, says, callback in self.entries():
            score = matcher.match(f"{name} {says}")
            if score > 0:
                yield Hit(score, matcher.highlight(name), callback, text=name, help=says)


class Commands(_Listed):
    def entries(self) -> Iterator[Entry]:
        for command in COMMANDS:
            if not command.needs:
                callback = partial(self.butler.actions.do, command.name)
                yield f"/{command.name}", command.says, callback
        chat = self.butler.chat
        for number, session in enumerate(chat.open_tabs, 1):
            title = chat.deck.views[session].title or "Chat"
            yield f"tab {number} {title}", f"alt+{number}", partial(chat.activate, session)


class Themes(_Listed):
    """What is highlighted is shown at once; `ButlerApp` takes it back if it isn't chosen."""

    def entries(self) -> Iterator[Entry]:
        themes = self.butler.available_themes
        for name in sorted(themes, key=lambda name: (not name.startswith("butler"), name)):
            look = "dark" if themes[name].dark else "light"
            yield name, look, partial(self.butler.use_theme, name)
