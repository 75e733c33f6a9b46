"""What an empty conversation shows: what the user should know at once, and three ways to begin."""

from textual.content import Content

from router.view import House
from tui.text import sanitise_line
from tui.widgets.part import Part
from tui.wording import QUIET

_WAYS = (
    ("enter", "sends what you type below"),
    ("/sum @file", "summarises in the background"),
    ("F1", "has all keys and commands"),
)


class Welcome(Part):
    DEFAULT_CSS = "Welcome { height: auto; padding: 1 2; }"

    def __init__(self) -> None:
        super().__init__(id="welcome")
        self._hint = ""

    def show(self, house: House) -> None:
        self._hint = sanitise_line(house.hint)
        self.changed()

    def draw(self, width: int, now: int) -> Content:
        ways = [Content.assemble((f"{key:<12}", "$primary"), (says, QUIET)) for key, says in _WAYS]
        hint = [Content.styled(self._hint, "$accent"), Content("")] if self._hint else []
        return Content("\n").join([*hint, *ways])
