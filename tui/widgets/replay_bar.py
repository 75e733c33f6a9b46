"""The bar below a replay: where it is, and how fast it goes."""

from collections.abc import Sequence

from textual.content import Content

from tui import figures
from tui.player import Player
from tui.widgets.part import Part
from tui.wording import QUIET


class ReplayBar(Part):
    DEFAULT_CSS = "ReplayBar { height: 2; padding: 0 1; border-top: solid $accent; }"

    def __init__(self, player: Player) -> None:
        super().__init__(id="replay-bar")
        self._player = player
        self._marks = player.marks()
        self._speed = 1
        self._playing = False

    def show(self, speed: int, *, playing: bool) -> None:
        self._speed, self._playing = speed, playing
        self.changed()

    def draw(self, width: int, now: int) -> Content:
        player = self._player
        state = "▶" if self._playing else "‖"
        when = f"{figures.local(player.now):%Y-%m-%d %H:%M:%S}" if player.entries else ""
        gone = figures.stopwatch(player.now - player.began)
        left = Content.assemble((" REPLAY ", "reverse bold $accent"), f" {state} {when}  ")
        right = Content(f"  {gone} / {figures.stopwatch(player.length)}  ×{self._speed}")
        room = max(4, width - left.cell_length - right.cell_length)
        share = (player.now - player.began) / max(1, player.length)
        return Content.assemble(left, draw_track(room, share, self._marks), right).truncate(width)


def draw_track(width: int, share: float, marks: Sequence[tuple[float, str]]) -> Content:
    """A line with marks on it, heavy as far as it has been played."""
    full = round(share * width)
    cells = ["━" if cell < full else "─" for cell in range(width)]
    for at, glyph in marks:
        cells[min(width - 1, int(at * width))] = glyph
    return Content.assemble(("".join(cells[:full]), "$accent"), ("".join(cells[full:]), QUIET))
