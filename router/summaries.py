"""Summarising: one call where the text fits, else part by part and then the parts together."""

import asyncio
import uuid
from typing import Final

from router import context, house_rules
from router.calls import Call, Outcome
from router.coding.contract import Report
from router.config import ModelRef
from router.context import Turn
from router.policy import Ask
from router.services import Services
from router.view import View
from store.events import Candidate, Note, SessionStarted

_OUTPUT: Final = 400
"""Tokens of a summary."""
_SHARE: Final = 0.6
"""Part of the window a piece may take: room for the instruction, the answer and an estimate that
is a little low."""
_LEAST: Final = 256


async def summarize(services: Services, view: View, started: SessionStarted) -> Report:
    """Summarise a session's attachments, or the text within its task.

    Raises:
        Refusal: the session pins what the policy forbids.
    """
    return await _Summary(services, view, started).run()


class _Summary:
    """A text that gets shorter until it fits into one call."""

    def __init__(self, services: Services, view: View, started: SessionStarted) -> None:
        self._services = services
        self._session = view.session
        self._started = started
        self._prompt = view.messages[0].id if view.messages else view.session
        self._result = Report(state="failed")

    async def run(self) -> Report:
        texts = [f"{a.name}:\n{a.text}" for a in self._started.attachments]
        text = "\n\n".join(texts)
        while True:
            room = self._room()
            pieces = await asyncio.to_thread(split, text, room) if text else [""]
            if len(pieces) == 1:
                await self._piece(pieces[0], self._started.task, _OUTPUT)
                return self._result
            # A third at most of what went in: so it ends, however small the window is.
            text = await self._shorter(pieces, min(_OUTPUT, room // 3))
            if self._result.reason:
                return self._result

    async def _shorter(self, pieces: list[str], output: int) -> str:
        """The summaries of the pieces, one after the other."""
        summaries: list[str] = []
        for number, piece in enumerate(pieces, 1):
            self._services.say(
                self._session, Note(level="info", text=f"Part {number} of {len(pieces)}")
            )
            outcome = await self._piece(piece, "Summarise this part of a longer text.", output)
            if outcome.failure:
                break
            summaries.append(outcome.text)
        return "\n\n".join(summaries)

    async def _piece(self, piece: str, task: str, output: int) -> Outcome:
        text = f"{task}\n\n<text>\n{piece}\n</text>" if piece else task
        turn = Turn(user=True, text=text, private=self._started.private)
        call = Call(
            session=self._session,
            prompt=self._prompt,
            reply=uuid.uuid4().hex,
            kind="summarization",
            system=lambda _: house_rules.SUMMARIZE,
            prepare=lambda room, local: context.fit([turn], room, local=local),
            candidates=self._candidates(),
            max_output=output,
            private=self._started.private,
        )
        outcome = await self._services.dispatcher.run(call)
        self._take(outcome)
        await self._services.keeper.recount()
        return outcome

    def _take(self, outcome: Outcome) -> None:
        self._result = Report(
            text=outcome.text,
            state="failed" if outcome.failure else "done",
            reason=outcome.message,
            tier=outcome.tier,
            model=outcome.model,
        )

    def _candidates(self) -> tuple[Candidate, ...]:
        ask = Ask(
            work="background",
            tier=self._started.tier,
            model=self._started.model,
            private=self._started.private,
        )
        return self._services.candidates(ask)

    def _room(self) -> int:
        """Tokens of text that fit into the smallest window among those that may serve."""
        windows = [
            self._services.catalogue.facts(ModelRef(c.account, c.model)).context
            for c in self._candidates()
            if not c.passed_over
        ]
        window = min(windows, default=_LEAST * 4)
        return max(_LEAST, int(window * _SHARE) - _OUTPUT)


def split(text: str, tokens: int) -> list[str]:
    """Cut a text into pieces of at most so many tokens (by `context.estimate`): between
    paragraphs where it can be done, else between lines, else between words, else anywhere."""
    pieces: list[str] = []
    rest = text
    most = tokens * 3
    while len(rest) > most or context.estimate(rest) > tokens:
        cut = _cut(rest, tokens)
        pieces.append(rest[:cut].strip())
        rest = rest[cut:]
    return [piece for piece in (*pieces, rest.strip()) if piece] or [text]


def _cut(text: str, tokens: int) -> int:
    """Where a piece of at most so many tokens ends; never 0."""
    most = max(1, tokens - 8) * 3
    head = text[:most].encode("utf-8", "replace")[:most].decode("utf-8", "ignore")
    for mark in ("\n\n", "\n", " "):
        place = head.rfind(mark)
        # A cut far from the end would make many small pieces of a text with few such marks.
        if place > len(head) // 2:
            return place + len(mark)
    return max(1, len(head))
