"""The same screen, showing the past: nothing can be sent, nothing is started."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.timer import Timer  # noqa: TC002 (Textual reads annotations)

from tui.player import Player
from tui.screens.house import HouseScreen
from tui.widgets.replay_bar import ReplayBar
from tui.widgets.tasks import TaskList

_KEYS = ("space play", "←→ step", "n/p next", "1–9 speed", "q leave", "home/end")
_FRAME = 0.05
"""Seconds between two looks at what is due."""


class ReplayScreen(HouseScreen):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "play", "Play", show=False, priority=True),
        Binding("left", "step(-1)", "Back", show=False, priority=True),
        Binding("right", "step(1)", "On", show=False, priority=True),
        Binding("n", "message(1)", "Next", show=False, priority=True),
        Binding("p", "message(-1)", "Previous", show=False, priority=True),
        Binding("home", "step(-1000000000)", show=False, priority=True),
        Binding("end", "step(1000000000)", show=False, priority=True),
        Binding("v", "diff", "Changes", show=False, priority=True),
        Binding("q,escape", "leave", "Leave", show=False, priority=True),
        Binding("ctrl+t", "show_tasks", show=False, priority=True),
        *(Binding(str(n), f"speed({n})", show=False, priority=True) for n in range(1, 10)),
        *(Binding(f"alt+{n}", f"tab({n})", show=False, priority=True) for n in range(1, 10)),
    ]

    def __init__(self, player: Player, *, alone: bool = False) -> None:
        super().__init__(player.deck, lambda: player.now)
        self.player = player
        self.bar = ReplayBar(player)
        self._alone = alone
        self._speed = 1
        self._timer: Timer | None = None
        self._owed = 0.0

    def compose_foot(self) -> ComposeResult:
        yield self.bar

    def on_mount(self) -> None:
        self.hint.show(_KEYS)
        self.action_play()

    @property
    def playing(self) -> bool:
        return self._timer is not None

    def _moved(self) -> None:
        """Show the place the player is at."""
        if self.player.deck is not self.deck:
            self.deck = self.player.deck
            if self.active not in self.deck.views:
                self.active = self.deck.chat
        self.paint()
        self.bar.show(self._speed, playing=self.playing)

    def _tick(self) -> None:
        self._owed += _FRAME * 1000 * self._speed
        before = self.player.at
        while not self.player.ended and self.player.wait() <= self._owed:
            self._owed -= self.player.wait()
            self.player.step(1)
        if self.player.ended:
            self._stop()
        if self.player.at != before:
            self._moved()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        self._owed = 0.0

    def action_play(self) -> None:
        if self.playing:
            self._stop()
        else:
            if self.player.ended:
                self.player.seek(0)
            self._timer = self.set_interval(_FRAME, self._tick)
        self._moved()

    def action_step(self, count: int) -> None:
        self._stop()
        self.player.step(count)
        self._moved()

    def action_message(self, step: int) -> None:
        self._stop()
        self.player.to_message(step)
        self._moved()

    def action_speed(self, speed: int) -> None:
        self._speed = speed
        self._moved()

    def action_diff(self) -> None:
        """What the session in this tab has changed, to look at only."""
        self._stop()
        if not self.open_diff(self.active):
            self.notify("Nothing has been changed here by then.", markup=False)
        self._moved()

    def action_leave(self) -> None:
        _ = self.app.exit() if self._alone else self.dismiss()  # pyright: ignore[reportUnknownMemberType]

    def on_task_list_opened(self, message: TaskList.Opened) -> None:
        self.activate(message.session)
