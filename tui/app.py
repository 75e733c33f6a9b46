"""The Textual app: opens the screen at once, the house behind it, and closes both in order."""

import asyncio
import gc
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, TypeVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import TextArea

from store.errors import StoreError
from tui import clipboard, pasting, themes
from tui.actions import Actions
from tui.alt_digits import free_alt_digits
from tui.drafts import Drafts, take_over
from tui.exits import Exit
from tui.live import Live
from tui.log import logging_to, record_crash
from tui.options import Options
from tui.pace import Pace
from tui.screens.chat import ChatScreen
from tui.sending import Pins
from tui.text import plain, sanitise_line
from tui.watched import watched

if TYPE_CHECKING:
    from textual.command import CommandPalette, Provider

    from tui.player import Player

log = logging.getLogger(__name__)
T = TypeVar("T")

_SCREENS: Final = Path(__file__).parent / "screens"
_MOUSE_ON: Final = "\x1b[?1000h\x1b[?1003h\x1b[?1015h\x1b[?1006h"
_MOUSE_OFF: Final = "\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l"


def _commands() -> "type[Provider]":
    """Loaded when the palette is first opened: it costs as much as a tenth of the start."""
    from tui.palette import Commands

    return Commands


class BaseApp(App[int]):
    """What the live app and a replay share: colours, the clipboard, a quiet end."""

    TITLE = "Butler"
    # Textual loads no style sheet for the screen an app opens with, so they are named here.
    CSS_PATH: ClassVar = [_SCREENS / f"{name}.tcss" for name in ("house", "chat", "palette")]
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "copy_or_quit", "Copy", show=False, priority=True),
    ]

    def __init__(self, options: Options) -> None:
        super().__init__()
        free_alt_digits()
        self.options = options
        self.mouse_on = options.mouse
        for theme in themes.OURS:
            self.register_theme(theme)
        self.use_theme(options.theme)

    def use_theme(self, name: str) -> None:
        self.theme = name if name in self.available_themes else themes.DARK.name

    def refresh_css(self, animate: bool = True) -> None:
        """As Textual does; but before anything is there to be styled, only the colours change."""
        if self._driver is None:
            self.stylesheet.set_variables(self.get_css_variables())
        else:
            super().refresh_css(animate)

    # --- copying ---

    async def copy(self, text: str, what: str) -> None:
        """Put text on the clipboard, and say what it was."""
        text = plain(text)
        self.copy_to_clipboard(text)
        await clipboard.copy(text)
        self.notify(f"Copied {what}.", markup=False)

    def selected(self) -> str:
        """What is selected, in the widget that has the focus or on the screen."""
        focused = self.focused
        if isinstance(focused, TextArea) and focused.selected_text:
            return focused.selected_text
        return self.screen.get_selected_text() or ""

    async def action_copy_or_quit(self) -> None:
        if text := self.selected():
            await self.copy(text, "what was selected")
        elif not await self.stopped_something():
            self.exit()

    async def stopped_something(self) -> bool:
        """Whether ctrl+c had something else to do than to quit."""
        return False

    def use_mouse(self, *, on: bool) -> None:
        """Take the mouse, or leave it to the terminal, which selects text in its own way."""
        self.mouse_on = on
        self.to_terminal(_MOUSE_ON if on else _MOUSE_OFF)

    def to_terminal(self, sequence: str) -> None:
        """Send the terminal something that draws nothing."""
        if self._driver is not None:
            self._driver.write(sequence)

    # --- a quiet end ---

    def crash(self, error: BaseException) -> None:
        """End with one sentence; the details go to the log."""
        path = record_crash(self.options.places, error)
        where = f" Details are in {path}." if path else ""
        self.exit(Exit.FAILED, Exit.FAILED, f"Butler had to stop: {sentence(error)}{where}")

    def _handle_exception(self, error: Exception) -> None:
        self._return_code = Exit.FAILED
        if self._exception is None:
            self._exception = error
            self._exception_event.set()  # pyright: ignore[reportUnknownMemberType]
        self.crash(error)
        self._close_messages_no_wait()


class ButlerApp(BaseApp):
    """Holds the live house and the one chat screen; everything else is pushed above it."""

    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"
    COMMANDS: ClassVar = {_commands}

    def __init__(self, options: Options, live: Live | None = None) -> None:
        super().__init__(options)
        self._pace = Pace(self._paint)
        self.live = live or Live(options)
        self.live.on_change = self._pace.wanted
        self.live.on_failure = self.crash
        self.actions = Actions(self)
        self.drafts = Drafts(options.places.state, lambda text: self.chat.say(text, error=True))
        pins = Pins(tier=options.tier, model=options.model, always_private=options.private)
        self.chat = ChatScreen(self.live, self.drafts, self.actions, pins)
        self._theme_before: str | None = None
        self._house: asyncio.Task[None] | None = None

    def get_default_screen(self) -> Screen[None]:
        return self.chat

    def on_mount(self) -> None:
        # The first picture goes out before the store is even opened.
        _ = self.call_after_refresh(self._start)

    def _start(self) -> None:
        gc.freeze()
        gc.enable()
        self._house = asyncio.create_task(self._keep_house(), name="house")

    async def _keep_house(self) -> None:
        try:
            draft = await asyncio.to_thread(take_over, self.options.places.state)
            if draft and not self.chat.prompt.draft:
                self.chat.prompt.draft = draft
            opened = watched(self._once_open(), "once open", self.crash)
            await self.live.run()
            _ = opened.cancel()
        except StoreError as error:
            log.warning("the store can't be used", exc_info=error)
            self.exit(Exit.FAILED, Exit.FAILED, f"butler: {error}")
        except Exception as error:  # noqa: BLE001 (the task that holds everything: told once, then the end)
            self.crash(error)

    async def _once_open(self) -> None:
        from tui.history import earlier_prompts

        await self.live.ready()
        for sentence_ in (*self.options.mistakes, *self.live.notices):
            self.chat.say(sentence_, error=True)
        if self.live.elsewhere:
            self.chat.say(self.live.elsewhere, severity="warning")
        self.chat.engine_ready([])
        earlier = await asyncio.to_thread(earlier_prompts, self.live.engine.store)
        self.chat.history.add_older(earlier)
        gc.collect()
        gc.freeze()

    async def close_house(self) -> None:
        """After the screen has gone: write the draft, end the engine, close the store."""
        self._pace.stop()
        await self.drafts.close()
        self.live.stop()
        if self._house is not None:
            await self._house

    def _paint(self) -> None:
        if self.is_running:
            self.chat.paint()

    async def ask(self, screen: Screen[T]) -> T | None:
        """Show a screen and wait for what the user chooses there."""
        answer: asyncio.Future[T | None] = asyncio.get_running_loop().create_future()

        def take(result: T | None) -> None:
            if not answer.done():
                answer.set_result(result)

        _ = await self.push_screen(screen, take)
        return await answer

    async def stopped_something(self) -> bool:
        if self.screen is not self.chat:
            _ = self.screen.dismiss(None)
            return True
        if await self.chat.interrupt():
            return True
        return not self.chat.confirmed("quit", "ctrl+c again quits; what you typed is kept")

    # --- themes ---

    def choose_theme(self, name: str) -> None:
        """Take a theme by its name, or let the user look at them."""
        if not name:
            from textual.command import CommandPalette

            from tui.palette import Themes

            self._theme_before = self.theme
            _ = self.push_screen(CommandPalette([Themes], placeholder="Choose a theme"))
        elif name in self.available_themes:
            self.use_theme(name)
        else:
            from rapidfuzz import process

            found = process.extractOne(name, list(self.available_themes))
            near = f" Did you mean {found[0]}?" if found else ""
            self.chat.say(f"There is no theme {sanitise_line(name)}.{near}", error=True)

    def on_command_palette_option_highlighted(
        self, message: "CommandPalette.OptionHighlighted"
    ) -> None:
        """Show a theme as soon as it is highlighted."""
        option = message.highlighted_event.option
        name = str(getattr(getattr(option, "hit", None), "text", ""))
        if self._theme_before is not None and name in self.available_themes:
            self.theme = name

    def on_command_palette_closed(self, message: "CommandPalette.Closed") -> None:
        if self._theme_before is not None and not message.option_selected:
            self.theme = self._theme_before
        self._theme_before = None


class ReplayApp(BaseApp):
    """`butler replay`: the past alone; no engine is started, nothing is written."""

    def __init__(self, options: Options, player: "Player") -> None:
        super().__init__(options)
        self._player = player

    def get_default_screen(self) -> Screen[None]:
        from tui.screens.replay import ReplayScreen

        return ReplayScreen(self._player, alone=True)


def sentence(error: BaseException) -> str:
    """An unexpected error in a few words, on one line."""
    return sanitise_line(f"{type(error).__name__}: {error}")[:200].rstrip(".: ") + "."


async def _run(app: ButlerApp) -> int:
    _ = await app.run_async(mouse=app.options.mouse)
    await app.close_house()
    return app.return_code or Exit.DONE


def run(options: Options) -> int:
    """Run the dashboard until the user leaves; its exit code."""
    pasting.guard()
    # What is read and imported in threads must not hold up keys: a thread that has the interpreter
    # gives it away after this many seconds. Usual are 5 ms, and a key changes threads three times.
    sys.setswitchinterval(0.0005)
    with logging_to(options.places):
        return asyncio.run(_run(ButlerApp(options)))


def run_replay(options: Options, session: str) -> int:
    """Show a past session, read-only; the exit code."""
    from store.opening import Store
    from tui.player import Player

    with logging_to(options.places):
        try:
            store = Store.open(options.places.data)
            try:
                player = Player.of_store(store, session)
            finally:
                store.close()
        except StoreError as error:
            _ = sys.stderr.write(f"butler: {error}\n")
            return Exit.FAILED
        app = ReplayApp(options, player)
        _ = asyncio.run(app.run_async(mouse=options.mouse))
        return app.return_code or Exit.DONE
