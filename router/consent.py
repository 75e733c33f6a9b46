"""What the user is asked before a prompt is sent: about a secret in it, about the reserve."""

import asyncio
import hashlib
import uuid
from collections.abc import Callable

from router import secrets
from router.approvals import Approvals
from router.asking import Waiting
from router.services import Services
from store.events import ApprovalAsked, ApprovalGiven, SessionStateChanged

_SHOWN = """{kinds}
approve: only the local tier sees it, now and later in this conversation
reject: it is not sent at all
send: it goes out as it is"""


class Consent:
    """Asks for one chat. The prompt is left until the answer comes; the chat goes on."""

    def __init__(
        self, services: Callable[[], Services], session: str, approvals: Approvals
    ) -> None:
        self._services = services
        self._session = session
        self._approvals = approvals

    async def must_ask(self, waiting: Waiting) -> bool:
        """Whether the user has to decide first: what looks like a secret would leave here."""
        prompt = waiting.prompt
        if waiting.cleared or prompt.private:
            return False
        texts = [prompt.text, *(attachment.text for attachment in prompt.attachments)]
        found = [f for text in texts for f in await asyncio.to_thread(secrets.find, text)]
        if not found:
            return False
        kinds = ", ".join(dict.fromkeys(f"{f.kind} in line {f.line}" for f in found[:3]))
        if not self._cloud():
            self._keep_at_home(waiting, kinds)
            return False
        await self._question(
            waiting,
            "secret",
            "This looks like a secret. Answer it on this machine only?",
            _SHOWN.format(kinds=kinds),
            ("approve", "reject", "send"),
        )
        return True

    def _keep_at_home(self, waiting: Waiting, kinds: str) -> None:
        """No service can be asked now, so nobody need decide; one may be there tomorrow, and must
        not be sent this as history."""
        asked = ApprovalAsked(
            approval=uuid.uuid4().hex,
            kind="secret",
            question="This looks like a secret.",
            shown=kinds,
            digest=hashlib.sha256(kinds.encode()).hexdigest(),
            prompt=waiting.id,
        )
        given = ApprovalGiven(
            approval=asked.approval,
            digest=asked.digest,
            choice="approve",
            reason="only this machine could answer",
        )
        self._services().say(self._session, asked, given)

    async def ask_for_reserve(self, waiting: Waiting, question: str) -> None:
        house = self._services().keeper.house
        used = "?" if house.percent is None else f"{house.percent:.0f} %"
        shown = (
            f"usage {used} ({house.binds or 'no limit known'}), band {house.band}\n"
            f"approve: {self._reserve(waiting)} may answer this one prompt\n"
            "reject: the reserve stays"
        )
        await self._question(waiting, "reserve", question, shown, ("approve", "reject"))

    def _reserve(self, waiting: Waiting) -> str:
        """What would be spent: the pinned tier or model, else the orchestrator."""
        prompt = waiting.prompt
        first = next(iter(self._services().config.tiers.get("T0", ())), None)
        named = prompt.model or prompt.tier
        return str(named or (f"T0 {first.model}" if first else "T0"))

    async def _question(
        self,
        waiting: Waiting,
        kind: str,
        question: str,
        shown: str,
        choices: tuple[str, ...],
    ) -> None:
        """Ask the user about a prompt. It is left until the answer comes; the lane goes on."""
        asked = ApprovalAsked(
            approval=uuid.uuid4().hex,
            kind=kind,
            question=question,
            shown=shown,
            digest=hashlib.sha256(shown.encode()).hexdigest(),
            choices=choices,
            prompt=waiting.id,
        )
        waits = SessionStateChanged(state="waiting", reason=kind)
        await self._approvals.put(self._session, asked, waits)

    def _cloud(self) -> bool:
        """Whether any service outside this machine could be asked at all."""
        services = self._services()
        return any(
            tier != "T4" and ref.account in services.keeper.ready
            for tier, ref in services.config.ladder()
        )
