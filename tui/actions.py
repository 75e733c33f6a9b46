"""What the slash commands do. Keys and the palette come here too."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, cast

from msgspec.structs import replace

from store.events import TIERS
from tui import clipboard, figures
from tui.drafts import Draft
from tui.sending import REFUSALS, Pins
from tui.slash import BY_NAME, Slash, unknown
from tui.watched import watched

if TYPE_CHECKING:
    from tui.app import ButlerApp
    from tui.screens.chat import ChatScreen

_PROMPTS: Final = frozenset({"critical", "private", "local", "sum"})
"""Commands that send what follows them."""
_AUTO: Final = frozenset({"auto", "none", "off"})


class Actions:
    """One method for each command, named after it; each takes what followed the name."""

    def __init__(self, app: "ButlerApp") -> None:
        self._app = app
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def _screen(self) -> "ChatScreen":
        return self._app.chat

    def run(self, slash: Slash, draft: Draft) -> None:
        """Do a command typed at the prompt. What can't be done stays there."""
        command = BY_NAME.get(slash.name)
        if command is None:
            self._screen.give_back(draft, unknown(slash.name))
            return
        if command.needs and not (slash.arguments or draft.pieces):
            self._screen.give_back(draft, f"/{command.name} needs {command.arguments}.")
            return
        if slash.name in _PROMPTS and (slash.arguments or draft.pieces):
            self._send_so(slash, draft)
            return
        if draft.pieces:
            self._screen.prompt.put_back(Draft("", draft.pieces))
        self._screen.history.add(draft.text)
        self.do(slash.name, slash.arguments)

    def do(self, name: str, arguments: str = "") -> None:
        """Do a command, in the background where it takes time; what goes wrong is told."""
        method = getattr(self, f"do_{name}")
        result = cast("Callable[[str], Coroutine[Any, Any, None] | None]", method)(arguments)
        if result is not None:
            self._start(result)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = watched(self._told(work), "action", self._app.crash)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _told(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await self._app.live.ready()
            await work
        except (*REFUSALS, OSError) as error:
            self._screen.say(str(error), error=True)

    # --- prompts of a kind ---

    def _send_so(self, slash: Slash, draft: Draft) -> None:
        pins = self._screen.next_pins
        match slash.name:
            case "critical":
                pins = replace(pins, critical=True)
            case "private":
                pins = replace(pins, private=True)
            case "local":
                pins = replace(pins, tier="T4", model=None)
            case _:
                pass
        self._screen.send(draft, slash.arguments, pins, background=slash.name == "sum")

    def _pin(self, pins: Pins, sentence: str) -> None:
        self._screen.next_pins = pins
        self._screen.paint()
        self._screen.say(sentence)

    def do_critical(self, _arguments: str) -> None:
        pins = replace(self._screen.next_pins, critical=True)
        self._pin(pins, "The next prompt is critical: the best model allowed answers it.")

    def do_private(self, _arguments: str) -> None:
        pins = replace(self._screen.next_pins, private=True)
        self._pin(pins, "The next prompt stays on this machine.")

    def do_local(self, _arguments: str) -> None:
        self.do_tier("T4")

    def do_tier(self, arguments: str) -> Coroutine[Any, Any, None] | None:
        wanted = arguments.upper()
        if len(arguments.split()) > 1:
            return self._tell(arguments)
        if arguments.lower() in _AUTO:
            self._pin(replace(self._screen.next_pins, tier=None), "The policy chooses the tier.")
        elif wanted in TIERS:
            pins = replace(self._screen.next_pins, tier=wanted, model=None)
            self._pin(pins, f"{wanted} answers here until /tier auto.")
        else:
            self._screen.say(f"/tier takes {', '.join(TIERS)} or auto.", error=bool(arguments))
        return None

    async def _tell(self, arguments: str) -> None:
        """What the program can't know: a tier that is off, or used up until some time."""
        from router.clock import now_ms
        from router.telling import parse
        from router.zones import zone_of

        engine, zone = self._app.live.engine, zone_of(self._app.options.config)
        word = parse(arguments, now_ms(), zone)
        refs = await engine.tell(word.target, word.state, word.until)
        named = ", ".join(map(str, refs))
        until = f" until {figures.moment(word.until, now_ms(), zone)}" if word.until else ""
        self._screen.say(f"{named}: {word.state}{until}.")

    async def do_model(self, arguments: str) -> None:
        models = [
            f"{model.account}/{model.model}"
            for tier in self._screen.view.house.tiers
            for model in tier.models
        ]
        if arguments.lower() in _AUTO:
            self._pin(replace(self._screen.next_pins, model=None), "The policy chooses the model.")
            return
        named = [ref for ref in models if arguments and arguments in {ref, ref.split("/", 1)[1]}]
        if named:
            pins = replace(self._screen.next_pins, model=named[0], tier=None)
            self._pin(pins, f"{named[0]} answers here until /model auto.")
            return
        known = ", ".join(models) or "none"
        wrong = f"No model {arguments} is set up. " if arguments else ""
        self._screen.say(f"{wrong}/model takes one of: {known}; or auto.", error=bool(wrong))

    def do_sum(self, _arguments: str) -> None:
        self._screen.say("/sum needs TEXT or @file.", error=True)

    # --- chats ---

    async def do_new(self, _arguments: str) -> None:
        running = sum(task.ended_at is None for task in self._screen.deck.main.tasks)
        title = self._screen.deck.main.title
        await self._app.live.begin()
        self._screen.focus_home()
        if running:
            goes_on = figures.counted(running, "task goes on", "tasks go on")
            self._screen.say(f"{goes_on} in “{title}”: ctrl+s brings you back there.")

    async def do_sessions(self, arguments: str) -> None:
        from tui.screens.sessions import SessionPicker

        picker = SessionPicker(self._app.live.engine, arguments)
        chosen = await self._app.ask(picker)
        if chosen:
            await self._open(chosen)
        if picker.deleted(self._screen.deck.chat):
            await self._app.live.begin()

    async def _open(self, session: str) -> None:
        from store.errors import SessionBusy
        from tui.screens.asking import AskChoice

        try:
            await self._app.live.open(session)
        except SessionBusy as busy:
            asked = AskChoice(str(busy), {"f": "fork it", "w": "watch it read-only"})
            answer = await self._app.ask(asked)
            if answer == "f":
                await self._app.live.open(await self._app.live.engine.fork(session))
            elif answer == "w":
                await self.do_replay(session)

    async def do_replay(self, arguments: str) -> None:
        from tui.player import Player
        from tui.screens.replay import ReplayScreen

        session = arguments or self._screen.deck.chat
        player = await asyncio.to_thread(Player.of_store, self._app.live.engine.store, session)
        _ = await self._app.push_screen(ReplayScreen(player))

    async def do_export(self, arguments: str) -> None:
        from tui.exporting import export_to_file

        view, folder = self._screen.view, self._app.options.workspace
        store = self._app.live.engine.store
        try:
            path = await asyncio.to_thread(
                export_to_file, store, view.session, view.title, folder, arguments
            )
        except FileExistsError as error:
            sentence = f"{error.filename} is there already: give another name, /export other.md."
            self._screen.say(sentence, error=True)
        else:
            self._screen.say(f"Written to {path}.")

    def do_close(self, _arguments: str) -> None:
        self._screen.action_close_tab()

    # --- copying ---

    async def do_copy(self, arguments: str) -> None:
        answers = [m for m in self._screen.view.messages if m.role == "butler" and m.text.length]
        if not answers:
            self._screen.say("There is no answer to copy yet.", error=True)
            return
        text = str(answers[-1].text)
        if not arguments:
            await self._app.copy(text, "the last answer")
            return
        blocks = clipboard.code_blocks(text)
        if arguments.isdigit() and 0 < int(arguments) <= len(blocks):
            await self._app.copy(blocks[int(arguments) - 1], f"code block {arguments}")
            return
        count = figures.counted(len(blocks), "code block")
        self._screen.say(f"The last answer has {count}: /copy 1 copies the first.", error=True)

    # --- looking ---

    async def do_diff(self, _arguments: str) -> None:
        deck, active = self._screen.deck, self._screen.active
        spawned = [task for task in deck.main.tasks if task.kind != "summarize"]
        waiting = [task.session for task in spawned if task.state == "waiting"]
        latest = [task.session for task in spawned if task.ended_at is not None]
        shown = active if active != deck.chat else next(iter([*waiting, *reversed(latest)]), "")
        await self._screen.show_diff(shown)

    async def do_help(self, _arguments: str) -> None:
        from tui.screens.sheet import Sheet, help_text

        _ = await self._app.push_screen(Sheet("Keys and commands", help_text()))

    async def do_usage(self, _arguments: str) -> None:
        from tui.screens.usage import UsageScreen

        live = self._app.live
        house = self._screen.view.house
        screen = UsageScreen(live.engine.store, house, live.options.config.time_zone)
        _ = await self._app.push_screen(screen)

    async def do_doctor(self, _arguments: str) -> None:
        from tui.screens.sheet import Sheet, doctor_text

        checks = await self._app.live.engine.check()
        health = await asyncio.to_thread(self._app.live.engine.store.health)
        _ = await self._app.push_screen(Sheet("Doctor", doctor_text(checks, health)))

    async def do_agent(self, _arguments: str) -> None:
        from tui.screens.sheet import Sheet, agents_text

        text = await asyncio.to_thread(agents_text, self._app.options)
        _ = await self._app.push_screen(Sheet("Your own agents", text))

    async def do_config(self, _arguments: str) -> None:
        from tui.screens.sheet import Sheet, config_text

        _ = await self._app.push_screen(Sheet("Configuration", config_text(self._app.options)))

    def do_theme(self, arguments: str) -> None:
        self._app.choose_theme(arguments)

    def do_mouse(self, arguments: str) -> None:
        on = not self._app.mouse_on if arguments not in {"on", "off"} else arguments == "on"
        self._app.use_mouse(on=on)
        self._screen.say("The mouse is Butler's." if on else "The mouse is the terminal's.")

    def do_quit(self, _arguments: str) -> None:
        self._app.exit()

    # --- the draft ---

    def search_history(self) -> None:
        self._start(self._search_history())

    async def _search_history(self) -> None:
        from tui.screens.past import PastPrompts

        chosen = await self._app.ask(PastPrompts(self._screen.history.prompts))
        if chosen is not None:
            self._screen.prompt.draft = Draft(chosen, self._screen.prompt.draft.pieces)
        self._screen.focus_home()

    def edit_draft(self) -> None:
        self._start(self._edit_draft())

    async def _edit_draft(self) -> None:
        draft = self._screen.prompt.draft
        edited = await self.in_editor(draft.text, "prompt")
        if edited is not None:
            self._screen.prompt.draft = Draft(edited, draft.pieces)

    async def in_editor(self, text: str, what: str) -> str | None:
        """The text as the user's editor left it; `None`, and a sentence, if there was none."""
        from textual.app import SuspendNotSupported

        from tui import editor

        edited = None
        attention = self._screen.attention
        attention.away = True
        try:
            # The loop goes on, and answers with it; the batch keeps the screen from being drawn.
            with self._app.batch_update(), self._app.suspend(), editor.its_interrupts():
                edited = await asyncio.to_thread(editor.edit, text, what)
        except SuspendNotSupported:
            self._screen.say("This terminal can't be handed over to an editor.", error=True)
        finally:
            attention.away = False
        _ = self._app.refresh(layout=True)
        self._app.use_mouse(on=self._app.mouse_on)
        if edited is None or not edited.problem:
            return edited.text if edited else None
        self._screen.say(edited.problem, error=True)
        return None
