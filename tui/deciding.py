"""From a choice on a card to a decision: what it still needs from the user, and then the engine."""

from typing import TYPE_CHECKING, Final, cast

from store.events import ApprovalAsked
from tui.deck import Asking
from tui.drafts import Draft
from tui.sending import REFUSALS
from tui.text import sanitise_line
from tui.watched import watched

if TYPE_CHECKING:
    import asyncio

    from tui.app import ButlerApp
    from tui.screens.chat import ChatScreen
    from tui.widgets.card import CardDock

_WHY: Final = {
    "plan": "Why? It is planned again with your reason; leave it empty to drop the task.",
    "command": "Why not? The model is told; it may be empty.",
    "write": "Why not? The model is told; it may be empty.",
}


class Deciding:
    """Asks for a reason, an edit or an answer where a choice needs one. Leaving that with Esc
    decides nothing."""

    def __init__(self, screen: "ChatScreen") -> None:
        self._screen = screen
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def _app(self) -> "ButlerApp":
        return cast("ButlerApp", self._screen.app)

    def take(self, decided: "CardDock.Decided") -> None:
        task = watched(self._decide(decided), "decision", self._app.crash)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _decide(self, decided: "CardDock.Decided") -> None:
        asked, choice = decided.asking.asked, decided.choice
        text = await self._words(decided.asking, choice)
        if text is None:
            return
        if decided.focused:
            self._screen.focus_home()
        try:
            await self._screen.live.ready()
            await self._screen.live.engine.decide(asked.approval, choice, text)
        except REFUSALS as error:
            if choice in {"edit", "answer"}:
                self._screen.give_back(Draft(text), str(error))
            else:
                self._screen.say(str(error), error=True)

    async def _words(self, asking: Asking, choice: str) -> str | None:
        """What goes with the choice; `None` if the user has thought better of it."""
        asked = asking.asked
        match asked.kind, choice:
            case (("plan" | "command" | "write"), "reject"):
                return await self._line(_WHY[asked.kind], may_be_empty=True)
            case "question", "answer":
                return await self._line(sanitise_line(asked.question)[:400])
            case "plan", "edit":
                return await self._edited(asking)
            case "changes", "discard":
                return "" if await self._sure(asked) else None
            case _:
                return ""

    async def _line(self, question: str, *, may_be_empty: bool = False) -> str | None:
        from tui.screens.asking import AskLine

        return await self._app.ask(AskLine(question, "", may_be_empty=may_be_empty))

    async def _edited(self, asking: Asking) -> str | None:
        from tui.widgets.cards.plan import proposal

        plan = proposal(*asking)
        before = plan.text if plan else asking.asked.shown
        after = await self._screen.actions.in_editor(before, "plan")
        if after is None:
            return None
        if after.strip() == before.strip():
            self._screen.say("The plan is as it was: nothing is decided.")
            return None
        if not after.strip():
            self._screen.say("An empty plan is none: nothing is decided, r rejects it.")
            return None
        return after

    async def _sure(self, asked: ApprovalAsked) -> bool:
        from tui.screens.asking import AskChoice

        question = f"{sanitise_line(asked.question)[:200]}\nDiscarding can't be undone. Discard?"
        return await self._app.ask(AskChoice(question, {"y": "discard"})) == "y"
