"""Our coding agent: asks a model, runs the tools it calls, asks again, until it has done.

Each answer is a reply of its own in the journal. Models may change between any two of them: the
history is ours, not theirs.
"""

import uuid
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from router.calls import Acted, Call, Outcome
from router.coding import sentences
from router.coding.circles import Circles
from router.coding.contract import Assignment, Report, Say, Stop, ToolsOfferedAndRun
from router.coding.history import History, Step
from router.coding.visible import visible
from router.config import program_of
from router.context import Fitted, estimate
from router.policy import Refusal
from router.providers.base import ToolCallPart, ToolResultPart
from router.services import Services
from router.tool_calls import too_long
from store.events import Candidate, Note, SessionState, ToolReturned

_WITHOUT_TOOLS: Final = (
    "{model} can't write files here: its model has no tools. Its answer is text only; choose a "
    "model with tools for T1 to have files changed."
)
_LOST_TOOLS: Final = (
    "{model} had to take over and has no tools, so it can't write files; what was changed before "
    "is in the workspace. Go on (r) when a model with tools is back."
)
_STEPS: Final = (
    "Stopped after {steps} steps (coding.steps); what it changed is in the workspace, r goes on."
)
_COST: Final = (
    "Stopped at ${spent:.2f}: the limit for one piece of work is ${limit:.2f} (coding.cost); what "
    "it changed is in the workspace, r goes on."
)
_CIRCLES: Final = (
    "{model} went round in circles with {tool} and was stopped; what it changed is in the "
    "workspace. Say more precisely what is wanted, or choose another model."
)
_CUT_OFF: Final = (
    "{model} ran into its output limit {times} times in a row without finishing a tool call; ask "
    "for less at a time, or raise sessions.max_output."
)
_DECLINED: Final = "{model} declined to go on: put it differently or use another model."

_CUT_OFFS: Final = 2
"""Answers in a row that may be cut off without a single whole tool call."""


class Specialist:
    """Fulfils `contract.Agent` with whatever models the policy allows."""

    def __init__(
        self,
        services: Services,
        toolbox: ToolsOfferedAndRun,
        history: History,
        *,
        candidates: Callable[[], Sequence[Candidate]],
        say: Say,
        steps: int,
        cost: float,
        system: str = "",
        kind: str = "coding",
        interrupted: Callable[[ToolCallPart], bool] = lambda call: False,
    ) -> None:
        """
        Args:
            candidates: who may serve; asked before each step, bands and health change.
            system: the prompt of the user's own agent, behind ours.
            steps: answers after which it stops by itself.
            cost: US dollars likewise; 0 sets no limit. What is unpriced doesn't count.
            interrupted: whether a call that an earlier life left without a result may have run in
                part, so that the model has to look before it is repeated. Others are run again.
        """
        self._services = services
        self._toolbox = toolbox
        self._history = history
        self._candidates = candidates
        self._say = say
        self._steps = steps
        self._limit = cost
        self._system = system
        self._kind = kind
        self._interrupted = interrupted
        self._spent = 0.0
        self._cut_offs = 0
        self._told_dropped = False
        self._circles = Circles()
        self._outcome: Outcome | None = None

    async def run(self, work: Assignment) -> Report:
        try:
            await self._finish_pending()
            for _ in range(self._steps):
                report = self._too_dear() or await self._step(work)
                if report is not None:
                    return report
        except Stop as stop:
            return self._report("cancelled", reason=str(stop))
        except Refusal as refusal:
            return self._report("failed", reason=str(refusal))
        return self._report("failed", reason=_STEPS.format(steps=self._steps))

    # --- one step --------------------------------------------------------------------------------

    async def _step(self, work: Assignment) -> Report | None:
        """One answer and its tools; a report when that was the end."""
        reply = uuid.uuid4().hex
        outcome = await self._asked(work, reply)
        self._outcome = outcome
        self._spent += outcome.known_cost
        await self._services.keeper.recount()  # a budget binds from one step to the next
        if outcome.failure:
            return self._report("failed", reason=outcome.message)
        step = Step(
            reply=reply,
            text=outcome.text,
            calls=_distinct(outcome.calls),
            opaque=outcome.opaque,
            model=outcome.model,
        )
        cut_off = outcome.stop_reason in ("length", "context-full")
        if not step.calls:
            return self._cut_off(step) if cut_off else self._ended(step, outcome)
        self._cut_offs = 0
        self._history.add(step)
        await self._act(step.calls, reply)
        if cut_off:
            self._history.tell(sentences.REST_CUT_OFF)
        return self._turned_around(outcome)

    async def _asked(self, work: Assignment, reply: str) -> Outcome:
        services, tools = self._services, self._toolbox.tools
        # Programs on the PATH work by themselves.
        candidates = [one for one in self._candidates() if program_of(one.account) is None]
        first = next((one.model for one in candidates if not one.passed_over), "")
        opening = sentences.opening(work)
        beside = estimate(msgspec.json.encode(tools).decode())

        def prepare(room: int, local: bool) -> Fitted:
            system = sentences.system("T4" if local else "T1", self._system, work.instructions)
            taken = beside + estimate(system)
            fitted = self._history.fit(opening, room - taken, model=first)
            self._tell_dropped(fitted)
            return msgspec.structs.replace(fitted, tokens=fitted.tokens + taken)

        call = Call(
            session=work.session,
            prompt=work.prompt,
            reply=reply,
            kind=self._kind,
            system=lambda tier: sentences.system(tier, self._system, work.instructions),
            prepare=prepare,
            candidates=candidates,
            max_output=services.config.sessions.max_output,
            private=work.private,
            tools=tools,
        )
        return await services.dispatcher.run(call)

    def _tell_dropped(self, fitted: Fitted) -> None:
        if fitted.dropped and not self._told_dropped:
            self._told_dropped = True
            text = "The oldest steps no longer fit into this model's window and are left out."
            self._say(Note(level="info", text=text))

    # --- tools -----------------------------------------------------------------------------------

    async def _act(self, calls: Sequence[ToolCallPart], reply: str) -> None:
        """Run them in order.

        Raises:
            Stop: the user has rejected all that comes. The calls that are left have a result
                that says so: what services are sent has one for each.
        """
        for index, call in enumerate(calls):
            try:
                acted = self._refused(call) or await self._toolbox.act(call, reply)
            except Stop:
                for left in calls[index:]:
                    self._returned(left, reply, Acted(sentences.STOPPED, failed=True))
                raise
            self._circles.saw(call, self._returned(call, reply, acted))

    def _returned(self, call: ToolCallPart, reply: str, acted: Acted) -> ToolResultPart:
        result = ToolResultPart(call.call, call.name, acted.text, acted.failed)
        self._history.answer(result)
        self._say(ToolReturned(reply=reply, call=call.call, text=acted.text, failed=acted.failed))
        return result

    def _refused(self, call: ToolCallPart) -> Acted | None:
        """What no tool need look at: a name the model has invented, arguments that are no JSON."""
        known = [tool.name for tool in self._toolbox.tools]
        if call.name not in known:
            names = ", ".join(known)
            name = visible(call.name[:80], keep="")
            text = f"There is no tool called {name}; there are: {names}."
            return Acted(text, failed=True)
        problem = too_long(call)
        if problem:
            return Acted(problem, failed=True)
        try:
            msgspec.json.decode(call.arguments or "{}", type=dict[str, object])
        except (msgspec.DecodeError, RecursionError) as error:
            text = f"The arguments of {call.name} must be one JSON object: {error}."
            return Acted(text, failed=True)
        return None

    async def _finish_pending(self) -> None:
        """What an earlier life called and never got a result for."""
        pending = self._history.pending()
        if not pending:
            return
        reply = self._history.steps[-1].reply
        again: list[ToolCallPart] = []
        for call in pending:
            if self._interrupted(call):
                self._returned(call, reply, Acted(sentences.INTERRUPTED, failed=True))
            else:
                again.append(call)
        await self._act(again, reply)

    # --- ends ------------------------------------------------------------------------------------

    def _ended(self, step: Step, outcome: Outcome) -> Report:
        worked = any(earlier.calls for earlier in self._history.steps)
        self._history.add(step)
        if outcome.stop_reason == "refused":
            reason = _DECLINED.format(model=outcome.model)
            return self._report("failed", reason=reason)
        if outcome.offered or not self._toolbox.tools:
            return self._report("done")
        if worked:
            reason = _LOST_TOOLS.format(model=outcome.model)
            return self._report("failed", reason=reason)
        return self._report("done", reason=_WITHOUT_TOOLS.format(model=outcome.model))

    def _cut_off(self, step: Step) -> Report | None:
        self._cut_offs += 1
        step.told = sentences.CUT_OFF
        self._history.add(step)
        if self._cut_offs < _CUT_OFFS:
            return None
        reason = _CUT_OFF.format(model=step.model, times=self._cut_offs)
        return self._report("failed", reason=reason)

    def _turned_around(self, outcome: Outcome) -> Report | None:
        """Tell a model that goes round in circles; end it where it was told already."""
        if self._circles.closed:
            tool = visible(outcome.calls[-1].name[:80], keep="")
            reason = _CIRCLES.format(model=outcome.model, tool=tool)
            return self._report("failed", reason=reason)
        warning = self._circles.warning()
        if warning:
            self._history.tell(warning)
        return None

    def _too_dear(self) -> Report | None:
        if not self._limit or self._spent < self._limit:
            return None
        reason = _COST.format(spent=self._spent, limit=self._limit)
        return self._report("failed", reason=reason)

    def _report(self, state: SessionState, *, reason: str = "") -> Report:
        last = self._outcome
        return Report(
            state=state,
            text=last.text if last else "",
            reason=reason,
            tier=last.tier if last else None,
            model=last.model if last else "",
        )


def _distinct(calls: Sequence[ToolCallPart]) -> tuple[ToolCallPart, ...]:
    """One call for each id: of two with the same nobody could tell whose result is whose."""
    return tuple({call.call: call for call in reversed(calls)}.values())[::-1]
