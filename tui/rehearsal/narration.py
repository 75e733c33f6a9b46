"""What there is to see, in two sentences: one on the band, one on the latest answer."""

from typing import Final

from router.rehearsal import REQUESTS, WINDOW
from router.view import House, Message, View
from store.events import Band
from tui import figures

RISING: Final[dict[Band, str]] = {
    "normal": "Below 80 % every kind of work goes where it is done best: the chat to T0.",
    "prefer-cheaper": "80 % is passed: T3 answers first, T0 is kept for what you call critical.",
    "cheaper-only": "90 % is passed: only models cheaper than T0 answer, the cheapest first.",
    "background-only": "95 % is passed: the chat moves to T2, and the rest of the limit is kept.",
    "local-only": f"100 %: {REQUESTS} requests in {WINDOW} s are spent. Only this machine answers.",
}
FALLING: Final[dict[Band, str]] = {
    "normal": "Recovered: T0 answers the next prompt.",
    "prefer-cheaper": "The subscription's window has reset as well: usage goes down.",
    "cheaper-only": "The subscription's window has reset as well: usage goes down.",
    "background-only": "The first requests no longer count. The subscription is still nearly full.",
}
PLANS: Final = "The orchestrator looks at the project and plans; others sketch how they would."
WRITES: Final = "The specialist works in a copy of the project. alt+2 shows each of its steps."
ENDED: Final = "The coding session has ended. Its line in the chat says what it took."
ASKED: Final[dict[str, str]] = {
    "plan": "A plan, below it the alternatives, and what each would cost. alt+a approves the plan.",
    "command": "The specialist wants to run the tests. Nothing runs unasked: alt+a allows it once.",
    "changes": "Your files are as they were. alt+a applies the changes; Tab, then v, shows them.",
}
"""By the kind of the card."""
_RECENT: Final = 3_000
"""Milliseconds until a gauge has surely followed."""
LOADING: Final = "The local model is being loaded: it plays every tier here."


class Narrator:
    """Reads views as they come. Knows no widget."""

    def __init__(self) -> None:
        self._spent = False
        """Whether the house has been local-only: from then on it recovers."""
        self._planned: set[str] = set()
        """Coding sessions whose plan has been shown."""

    def lines(self, view: View, now: int, asked: str = "") -> tuple[str, str]:
        """
        Args:
            asked: the kind of the card that is shown.
        """
        self._spent = self._spent or view.house.band == "local-only"
        answers = [message for message in view.messages if message.role == "butler"]
        if not answers:
            return LOADING, ""
        coding = self._of_coding(view, asked, answers[-1])
        second = coding or _of_answer(answers[-1], view.house)
        return self._of_band(view.house, answers, now), second

    def _of_band(self, house: House, answers: list[Message], now: int) -> str:
        said = RISING[house.band]
        if house.band == "local-only":
            return said + _wait(answers, now)
        return FALLING[house.band] if self._spent else said

    def _of_coding(self, view: View, asked: str, answer: Message) -> str:
        """What there is to see of the latest coding task; empty once the chat has gone on."""
        task = next((task for task in reversed(view.tasks) if task.kind == "code"), None)
        if task is None or task.started_at < answer.at:
            return ""
        if asked == "plan":
            self._planned.add(task.session)
        if asked:
            return ASKED.get(asked, "")
        if task.ended_at:
            return ENDED
        return WRITES if task.session in self._planned else PLANS


def _wait(answers: list[Message], now: int) -> str:
    """How long until the oldest request that counted stops counting. A request of a moment ago
    may still be in the gauge."""
    asked = [m.ended_at for m in answers if m.ended_at is not None and m.tier != "T4"]
    left = [at + WINDOW * figures.SECOND - now for at in asked]
    coming = [span for span in left if span > -_RECENT]
    if not coming:
        return ""
    first = min(coming)
    when = f"in {figures.span(first)}" if first > 0 else "now"
    return f" The first stops counting {when}."


def _of_answer(answer: Message, house: House) -> str:
    if answer.seams:
        return (
            f"The stream was cut in mid-sentence. {answer.tier} went on from there, "
            "and the seam ⟂ says so."
        )
    if "overloaded" in answer.why:
        return (
            f"T0 was overloaded (529). {answer.tier} took over before the first word, "
            "and T0 rests for 30 s."
        )
    return _WHO.get(answer.tier or "", "")


_WHO: Final[dict[str, str]] = {
    "T0": "T0 answers over Anthropic's Messages wire, with Anthropic's own SDK.",
    "T1": "T1 answers over OpenAI's Responses wire: this prompt was pinned to it.",
    "T2": "T2 answers over the chat-completions wire that many servers speak.",
    "T3": "T3 answers, the fallback: on the same account as T0, but cheaper.",
    "T4": "T4 answers on this machine: a very small model, but always there.",
}
