"""What the user was asked and has not answered: one register for cards, wherever they come from.

A question may be waited for (a tool in the middle of its work), or may stand by itself (a plan):
then its session holds nothing meanwhile and goes on from the journal once it is answered. After a
restart every open question is of the second kind.
"""

import asyncio
import hashlib
import uuid
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from router.asking import EngineError
from router.coding.contract import Question
from store.errors import StoreError
from store.events import AnyEvent, ApprovalAsked, ApprovalGiven, SessionStateChanged

if TYPE_CHECKING:
    from store.ticket import Ticket

    Say = Callable[..., Ticket[tuple[int, ...]]]


def asked_of(question: Question, prompt: str = "") -> ApprovalAsked:
    """The question with an id of its own, and the digest of exactly what it shows."""
    return ApprovalAsked(
        approval=uuid.uuid4().hex,
        kind=question.kind,
        question=question.question,
        shown=question.shown,
        digest=hashlib.sha256(question.shown.encode()).hexdigest(),
        choices=question.choices,
        prompt=prompt,
        call=question.call,
        detail=question.detail,
    )


class Approvals:
    """Open questions of this process's sessions."""

    def __init__(self, say: "Say") -> None:
        self._say = say
        self._open: dict[str, tuple[str, ApprovalAsked]] = {}
        self._waited: dict[str, asyncio.Future[ApprovalGiven]] = {}
        self._late: set[str] = set()
        self.closing = False
        """The program ends: what is cancelled now stays asked."""

    def know(self, session: str, asked: Iterable[ApprovalAsked]) -> None:
        """Take over questions that the journal holds open."""
        for one in asked:
            self._open.setdefault(one.approval, (session, one))

    async def put(self, session: str, asked: ApprovalAsked, *more: AnyEvent) -> None:
        """Ask, and leave it at that; returns when it is on disk. What is open already is not
        asked twice."""
        known = asked.approval in self._open
        self._open[asked.approval] = (session, asked)
        await self._say(session, *(more if known else (*more, asked)))

    async def ask(self, session: str, asked: ApprovalAsked, *more: AnyEvent) -> ApprovalGiven:
        """Ask and wait for the answer. A cancellation leaves the question open: whether it still
        matters is for whoever cancelled to say (`withdraw`)."""
        answer: asyncio.Future[ApprovalGiven] = asyncio.get_running_loop().create_future()
        self._waited[asked.approval] = answer
        try:
            await self.put(session, asked, *more)
            return await answer
        finally:
            del self._waited[asked.approval]

    def is_waited_for(self, approval: str) -> bool:
        return approval in self._waited

    def take_late(self, approvals: Iterable[str]) -> set[str]:
        """Those of them that were answered when nobody waited any more, after a restart: whatever
        asked has not gone on yet. Each is given out once, so that it counts once."""
        late = self._late.intersection(approvals)
        self._late -= late
        return late

    def of(self, session: str) -> list[ApprovalAsked]:
        return [asked for owner, asked in self._open.values() if owner == session]

    async def withdraw(self, session: str, reason: str) -> None:
        """Close all that a session has asked: nobody needs the answers any more."""
        gone = self.of(session)
        for asked in gone:
            del self._open[asked.approval]
        if gone:
            await self._say(session, *(_given(asked, "withdrawn", reason) for asked in gone))

    async def called_off(self, session: str, approval: str) -> None:
        """Whoever waited was interrupted by the user. What else the session asks stays asked."""
        if self.closing or approval not in self._open:
            return
        _, asked = self._open.pop(approval)
        given = _given(asked, "withdrawn", "interrupted")
        await self._say(session, given, SessionStateChanged(state="open"))

    async def decide(
        self, approval: str, choice: str, reason: str, *more: AnyEvent
    ) -> tuple[str, ApprovalAsked, bool]:
        """Take the user's answer; once it is on disk, whoever waits gets it.

        Returns:
            The session, the question, and whether somebody waited for the answer.

        Raises:
            EngineError: it is not open, or `choice` is none of its choices.
        """
        session, asked = self._found(approval)
        if choice not in asked.choices:
            raise EngineError(
                f"{choice!r} is no answer here; there are: {', '.join(asked.choices)}."
            )
        del self._open[approval]  # before it is on disk, so that nobody decides twice
        given = _given(asked, choice, reason)
        try:
            await self._say(session, given, *more)
        except StoreError:
            self._open[approval] = (session, asked)
            raise
        waiting = self._waited.get(approval)
        if waiting is None:
            self._late.add(approval)
        elif not waiting.done():
            waiting.set_result(given)
        return session, asked, waiting is not None

    def _found(self, approval: str) -> tuple[str, ApprovalAsked]:
        found = self._open.get(approval)
        if found is None:
            raise EngineError("This question is no longer open.")
        return found

    def asked(self, approval: str) -> tuple[str, ApprovalAsked]:
        """The session and what was asked. Raises `EngineError` where it is no longer open."""
        return self._found(approval)


def _given(asked: ApprovalAsked, choice: str, reason: str) -> ApprovalGiven:
    return ApprovalGiven(approval=asked.approval, digest=asked.digest, choice=choice, reason=reason)
