"""The chat: the house with a prompt below, and everything the keyboard can do there."""

import asyncio
from typing import TYPE_CHECKING, ClassVar, Final, Literal, TypeAlias, cast

from msgspec.structs import replace
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from router.asking import Prompt as Asked
from router.view import View
from tui.attention import Attention
from tui.completing import Completer
from tui.deciding import Deciding
from tui.drafts import Draft, Drafts
from tui.history import History
from tui.screens.house import HouseScreen
from tui.sending import REFUSALS, Letter, Outbox, Pins
from tui.slash import parse
from tui.widgets.band import name_of
from tui.widgets.card import CardDock
from tui.widgets.prompt import Prompt, PromptArea
from tui.widgets.tasks import TaskList

if TYPE_CHECKING:
    from collections.abc import Mapping

    from store.events import ThresholdCrossed
    from tui.actions import Actions
    from tui.app import ButlerApp
    from tui.live import Live
    from tui.screens.diff import Choice

Severity: TypeAlias = Literal["information", "warning", "error"]
_HINTS: Final = (
    "enter send",
    "ctrl+j newline",
    "/ commands",
    "F1 help",
    "ctrl+p palette",
    "F2 usage",
    "ctrl+s sessions",
)
_ANSWERING: Final = ("esc interrupt", *_HINTS)
SUMMARIZE: Final = "Summarize this."
_CONFIRM: Final = 3.0
"""Seconds in which a second press means it."""


class ChatScreen(HouseScreen):
    AUTO_FOCUS = "#prompt-area"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "interrupt", "Interrupt", show=False),
        Binding("ctrl+r", "history", "History", show=False),
        Binding("ctrl+t", "show_tasks", "Tasks", show=False),
        Binding("ctrl+o", "expand", "Expand", show=False),
        Binding("ctrl+g", "edit", "Editor", show=False),
        Binding("ctrl+s", "command('sessions')", "Sessions", show=False),
        Binding("ctrl+w,x", "close_tab", "Close tab", show=False),
        Binding("alt+a", "decide(True)", "Approve", show=False),
        Binding("alt+r", "decide(False)", "Reject", show=False),
        Binding("f1", "command('help')", "Help", show=False),
        Binding("f2", "command('usage')", "Usage", show=False),
        *(Binding(f"alt+{n}", f"tab({n})", show=False) for n in range(1, 10)),
    ]

    def __init__(self, live: "Live", drafts: Drafts, actions: "Actions", pins: Pins) -> None:
        super().__init__(live.deck, live.now)
        self.live = live
        self.actions = actions
        self.prompt = Prompt()
        self.card = CardDock()
        self.attention = Attention(self._alert)
        self._deciding = Deciding(self)
        self.next_pins = pins
        self.history = History()
        self._told: Mapping[str, ThresholdCrossed] = self.deck.main.house.told
        self._drafts = drafts
        self._completer = Completer(self.prompt, live.options.workspace, live.options.places)
        self._confirming: tuple[str, float] = ("", 0.0)
        self._outbox = Outbox(
            self._submit, self.give_back, self.say, live.on_failure, live.options.workspace
        )

    def compose_foot(self) -> ComposeResult:
        yield self.card
        yield self.prompt

    def on_mount(self) -> None:
        self.focus_home()

    def focus_home(self) -> None:
        _ = self.prompt.area.focus()

    # --- what the engine brings ---

    def paint(self) -> None:
        if self.deck is not self.live.deck:
            self._told = self.live.deck.main.house.told
            self.take_deck(self.live.deck)
            return
        super().paint()
        self._tell_thresholds()
        self.card.show(self.deck.asking(self.active), self.active)
        self.attention.look(self.deck, in_focus=cast("ButlerApp", self.app).app_focus)
        self.hint.show(_ANSWERING if _answering(self.view) else _HINTS)

    def _tell_thresholds(self) -> None:
        """Say once that a limit has passed a mark; the journal sees to the once."""
        house = self.deck.main.house
        before, self._told = self._told, house.told
        if before is house.told:
            return
        for subject, crossed in house.told.items():
            gauge = house.gauges.get(crossed.gauge)
            if crossed.to == "screen" and gauge and before.get(subject) is not crossed:
                self.say(f"{name_of(gauge)}: {crossed.threshold} % passed.", severity="warning")

    def pins(self) -> list[str]:
        return self.next_pins.words()

    def engine_ready(self, earlier: list[str]) -> None:
        """The engine runs: send what was typed meanwhile."""
        self.history.add_older(earlier)
        self._outbox.send()
        self.paint()

    def say(self, text: str, *, error: bool = False, severity: Severity = "information") -> None:
        """Tell the user one sentence, for a moment."""
        self.notify(text, severity="error" if error else severity, markup=False)

    # --- sending ---

    @on(PromptArea.Sent)
    def _sent(self, message: PromptArea.Sent) -> None:
        self._send_or_do(Draft(message.text, self.prompt.take_pieces()))

    def send_prompt(self) -> None:
        """Send what is in the prompt, or do it if it is a command."""
        draft = self.prompt.draft
        self.prompt.draft = Draft()
        self._send_or_do(draft)

    def _send_or_do(self, draft: Draft) -> None:
        if not draft:
            return
        slash = parse(draft.text)
        if slash is not None:
            self.actions.run(slash, draft)
        else:
            self.send(draft, draft.text, self.next_pins)

    def send(self, draft: Draft, text: str, pins: Pins, *, background: bool = False) -> None:
        """Send `text`, out of what was typed, to the chat. What was pinned for one prompt only is
        used up."""
        chat = self.deck.chat
        session = (lambda: chat) if chat else (lambda: self.live.deck.chat)
        self.history.add(draft.text)
        self._outbox.put(
            Letter(session=session, draft=draft, text=text, pins=pins, background=background)
        )
        self.next_pins = self.next_pins.used()
        self.activate(chat)
        self._feed(self.view).transcript.follow()
        if self.live.is_ready:
            self._outbox.send()

    async def _submit(self, letter: Letter, prompt: Asked) -> None:
        engine, session = self.live.engine, letter.session()
        if letter.background:
            # By its word, so that it goes the way of every prompt: a secret in it is asked about.
            prompt = replace(prompt, text=f"/sum {prompt.text or SUMMARIZE}")
        _ = await engine.submit(session, prompt)
        _ = self.call_later(self._keep_draft)

    def give_back(self, draft: Draft, sentence: str) -> None:
        """What could not be done is in the prompt again, and a sentence says why."""
        self.prompt.put_back(draft)
        self.say(sentence, error=True)

    # --- the prompt ---

    @on(Prompt.Changed)
    def _prompt_changed(self) -> None:
        self._completer.look()
        self._keep_draft()
        if self.card.display:
            _ = self.call_after_refresh(self._fit_card)

    def _keep_draft(self) -> None:
        """What is on its way counts as a draft until the engine has it on disk."""
        all_of_it = (*self._outbox.unsent, self.prompt.draft)
        text = "\n".join(draft.text for draft in all_of_it if draft.text)
        self._drafts.keep(Draft(text, tuple(p for draft in all_of_it for p in draft.pieces)))

    @on(PromptArea.Walked)
    def _walk_history(self, message: PromptArea.Walked) -> None:
        draft = self.prompt.draft
        text = self.history.walk(message.step, draft.text)
        if text is not None:
            self.prompt.draft = Draft(text, draft.pieces)

    @on(PromptArea.Left)
    def _leave_prompt(self) -> None:
        _ = self.card.focus() if self.card.asked is not None else self.focus_next()

    @on(PromptArea.HelpWanted)
    def _help(self) -> None:
        self.action_command("help")

    def on_key(self, event: events.Key) -> None:
        """What is typed elsewhere and means nothing there goes into the prompt."""
        free = event.is_printable and event.key not in self.active_bindings
        if free and event.character and not self.prompt.area.has_focus:
            self._type(event.character)
            _ = event.stop()

    def _type(self, text: str) -> None:
        self.focus_home()
        self.prompt.add_text(text)

    # --- cards ---

    @on(CardDock.Returned)
    def _back_to_prompt(self, message: CardDock.Returned) -> None:
        self._type(message.character)

    @on(CardDock.Decided)
    def _decided(self, message: CardDock.Decided) -> None:
        self._deciding.take(message)

    def action_decide(self, agree: bool) -> None:
        if agree:
            self.card.agree()
        else:
            self.card.refuse()

    @on(events.Resize)
    def _fit_card(self) -> None:
        """Leave room for the transcript, however much the prompt holds."""
        others = 5 if self.has_class("-narrow") else 6
        self.card.fit(self.size.height - max(2, self.prompt.outer_size.height) - others)

    def _alert(self, sequence: str) -> None:
        if self.live.options.config.ui.bell:
            cast("ButlerApp", self.app).to_terminal(sequence)

    # --- changes ---

    async def on_card_dock_diff_wanted(self, message: "CardDock.DiffWanted") -> None:
        await self.show_diff(message.session)

    async def show_diff(self, session: str) -> None:
        """Show what a session has changed, for the user to decide on."""
        try:
            if session:
                await self.live.open_task(session)
        except REFUSALS as error:
            self.say(str(error), error=True)
            return
        if not self.open_diff(session, self._settle):
            self.say("No coding session has changes to look at.", error=True)

    async def _settle(self, session: str, choice: "Choice", paths: tuple[str, ...] | None) -> None:
        view = self.deck.get(session)
        shown = view.changes if view else None
        await self.live.engine.settle(session, choice, paths, shown=shown)

    # --- stopping ---

    async def action_interrupt(self) -> None:
        if self.tasks.has_focus:
            self.leave_tasks()
        elif not await self.interrupt():
            self.focus_home()

    async def interrupt(self) -> bool:
        """Stop what runs in the tab shown. Whether anything did."""
        return self.live.is_ready and await self._cancel(self.active)

    async def _cancel(self, session: str) -> bool:
        try:
            return await self.live.engine.cancel(session)
        except REFUSALS as error:
            self.say(str(error), error=True)
            return True

    @on(TaskList.CancelWanted)
    async def _cancel_task(self, message: TaskList.CancelWanted) -> None:
        if self.confirmed(f"cancel {message.session}", "Press x again to cancel this task."):
            _ = await self._cancel(message.session)

    @on(TaskList.RetryWanted)
    async def _retry_task(self, message: TaskList.RetryWanted) -> None:
        try:
            _ = await self.live.engine.retry(message.session)
        except REFUSALS as error:
            self.say(str(error), error=True)

    def confirmed(self, what: str, ask: str) -> bool:
        """True on the second press within a moment; the first one asks."""
        now = asyncio.get_running_loop().time()
        before, until = self._confirming
        if before == what and now < until:
            self._confirming = ("", 0.0)
            self.hint.notice("")
            return True
        self._confirming = (what, now + _CONFIRM)
        self.hint.notice(ask)
        _ = self.set_timer(_CONFIRM, lambda: self.hint.notice(""))
        return False

    # --- tabs and transcript ---

    async def on_transcript_earlier_wanted(self) -> None:
        await self.live.earlier(self.active)

    @on(TaskList.Opened)
    async def _open_task(self, message: TaskList.Opened) -> None:
        try:
            await self.live.open_task(message.session)
        except REFUSALS as error:
            self.say(str(error), error=True)
            return
        _ = self.query_one("#panel").remove_class("-over")
        self.activate(message.session)
        self.focus_home()

    def action_close_tab(self) -> None:
        self.close_tab()
        self.focus_home()

    def action_scroll_transcript(self, how: str) -> None:
        transcript = self._feed(self.view).transcript
        match how:
            case "page_up":
                transcript.action_page_up()
            case "page_down":
                transcript.action_page_down()
            case "to_top":
                transcript.action_to_top()
            case _:
                transcript.action_to_bottom()

    def action_expand(self) -> None:
        self._feed(self.view).transcript.action_fold()

    # --- the rest are commands ---

    def action_command(self, name: str) -> None:
        self.actions.do(name)

    def action_history(self) -> None:
        self.actions.search_history()

    def action_edit(self) -> None:
        self.actions.edit_draft()


def _answering(view: View) -> bool:
    return any(message.state in ("waiting", "streaming") for message in view.messages[-3:])
