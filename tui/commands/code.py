"""`butler code`: plan, write and apply code without the screen."""

import asyncio
import sys
import time
from pathlib import Path

import click

from router.asking import EngineError, Prompt
from router.config import Config
from router.engine import Engine
from router.places import Places
from store.errors import StoreError
from store.events import ApprovalAsked, Tier
from store.opening import Store
from store.subscription import Subscription
from tui.answering import Follower, Form, JsonSink
from tui.coding import CodeFollower, Result, Settle
from tui.coding_output import TELLERS, Teller
from tui.coding_questions import (
    Decision,
    Wishes,
    beforehand,
    by_hand,
    somebody,
    without_anybody,
)
from tui.commands.ask import gather
from tui.commands.surroundings import (
    find_places,
    find_workspace,
    keys_remark,
    load_config,
    opened_store,
)
from tui.exits import Exit
from tui.output import printed, remark

_NOT_SENT = "Not sent: {}. To have it done on this machine: butler code --private"


@click.command()
@click.argument("words", nargs=-1, metavar="TASK…")
@click.option(
    "-f", "--file", "files", multiple=True, type=click.Path(path_type=Path), help="Attach a file."
)
@click.option(
    "--plan/--no-plan",
    default=None,
    help="Plan first, and ask; or don't. By default the size of the task decides.",
)
@click.option("--yes-plan", is_flag=True, help="Approve the plan, whatever it says.")
@click.option("--yes-commands", is_flag=True, help="Run every command it wants, unasked.")
@click.option("--apply", is_flag=True, help="Apply the changes to your files when it is done.")
@click.option("--keep", is_flag=True, help="Keep them on a branch, and leave your files alone.")
@click.option(
    "--workspace",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The folder it is about, instead of this one.",
)
@click.option("--tier", type=click.Choice(["T0", "T1", "T2", "T3", "T4"]), help="Pin a tier.")
@click.option("--model", metavar="ACCOUNT/MODEL", help="Pin a model, such as cli:claude.")
@click.option("--private", is_flag=True, help="Only the local tier sees it.")
@click.option(
    "--output-format",
    "form",
    type=click.Choice(["text", "json", "stream-json"]),
    default="text",
    show_default=True,
)
def code(
    words: tuple[str, ...],
    *,
    files: tuple[Path, ...],
    plan: bool | None,
    yes_plan: bool,
    yes_commands: bool,
    apply: bool,
    keep: bool,
    workspace: Path | None,
    tier: Tier | None,
    model: str | None,
    private: bool,
    form: Form,
) -> int:
    """Have TASK written in a copy of this folder; your files change only when you say so.

    Plans, commands and the result are asked about on the terminal. Without a terminal commands
    are refused, and a plan or the changes wait: butler --session opens them.

    \b
    Examples:
      butler code "make the retry queue idempotent and add a test"
      butler code --plan --yes-plan --apply --output-format json "port it to asyncio"
    """
    if apply and keep:
        raise click.UsageError("Either --apply or --keep: they are two ends of the same changes.")
    folder = workspace.resolve() if workspace else find_workspace()
    places = find_places()
    config = load_config(places, folder)
    if about_keys := keys_remark(places):
        remark(f"butler: {about_keys}")
    text, attachments = gather(printed(" ".join(words)), files, folder, 'code "your task"')
    prompt = Prompt(
        text=f"/code {text}",
        attachments=attachments,
        tier=tier,
        model=model,
        private=private,
        plan=plan,
    )
    settle: Settle | None = "apply" if apply else "keep" if keep else None
    wishes = Wishes(yes_plan=yes_plan, yes_commands=yes_commands, settle=settle)
    with opened_store(places) as store:
        return _Coding(config, places, store, folder, TELLERS[form](), wishes).run(prompt)


class _Coding:
    """One task on its way through an engine of its own."""

    def __init__(
        self,
        config: Config,
        places: Places,
        store: Store,
        workspace: Path,
        teller: Teller,
        wishes: Wishes,
    ) -> None:
        self._config = config
        self._places = places
        self._store = store
        self._workspace = workspace
        self._teller = teller
        self._wishes = wishes
        self._follower: CodeFollower | None = None
        self._began = 0.0
        self._asking = 0.0
        """Seconds in which the user was asked."""

    def run(self, prompt: Prompt) -> Exit:
        try:
            result = asyncio.run(self._code(prompt))
        except KeyboardInterrupt:
            # The engine has ended the session by now: it can go on where it was.
            if self._follower is None:
                raise
            if sys.stderr.isatty():
                remark("")  # the terminal has written ^C
            result = self._follower.result
            result.state, result.failure = "interrupted", ""
            result.error = "Interrupted; what was written is kept in the workspace."
        self._count(result)
        self._teller.ended(result)
        return result.code

    def _count(self, result: Result) -> None:
        result.elapsed_ms = round((time.monotonic() - self._began - self._asking) * 1000)
        if result.task:
            row = self._store.sessions.get(result.task)
            result.tokens, result.cost = row.tokens, row.cost

    async def _code(self, prompt: Prompt) -> Result:
        async with Engine(
            self._config, self._store, self._places, workspace=self._workspace
        ) as engine:
            chat = engine.begin()
            self._began = time.monotonic()
            self._follower = follower = CodeFollower(chat)
            async with engine.subscribe(chat) as entries:
                await entries.start
                answering = Follower(chat, await engine.submit(chat, prompt), JsonSink())
                await self._follow(engine, entries, follower, answering)
            if not follower.works:
                await engine.idle(chat)
                await engine.idle(follower.result.task)
        return follower.result

    async def _follow(
        self,
        engine: Engine,
        entries: Subscription,
        follower: CodeFollower,
        answering: Follower,
    ) -> None:
        async for batch in entries:
            for entry in batch:
                follower.follow(entry)
                answering.follow(entry)
                if follower.concerns(entry):
                    self._teller.heard(entry)
            asked = follower.question() or answering.asked
            answering.asked = None
            if asked is not None:
                await self._decide(engine, follower, asked)
            if answering.done and not (follower.result.task or follower.ended):
                follower.result.answered_in_words(answering.answer, follower.warning)
                return
            if follower.done:
                return

    async def _decide(self, engine: Engine, follower: CodeFollower, asked: ApprovalAsked) -> None:
        """Have it decided: by the command line, by hand, or by nobody, and then it stays open."""
        decision = beforehand(asked, self._wishes, follower.result)
        if decision is not None:
            self._teller.unasked(asked)
        elif somebody():
            await self._by_hand(engine, follower, asked)
            return
        else:
            decision = without_anybody(asked)
            if asked.kind == "command":
                follower.result.refused.append(asked.shown)
        if decision is None:
            follower.leave(asked)
            return
        try:
            await engine.decide(asked.approval, decision.choice, decision.reason)
        except (EngineError, StoreError) as error:
            follower.give_up(str(error))
        if asked.kind == "secret":
            follower.give_up(_NOT_SENT.format(asked.shown.splitlines()[0]), "declined")

    async def _by_hand(self, engine: Engine, follower: CodeFollower, asked: ApprovalAsked) -> None:
        """Ask again for as long as what is answered can't be done."""
        if asked.kind == "plan" and not (self._teller.shows_plans and sys.stdout.isatty()):
            remark(asked.shown)
        if asked.kind == "changes" and follower.result.error:
            remark(f"butler: {follower.result.error}")
        while (decision := await self._asked(asked, follower.result)) is not None:
            try:
                await engine.decide(asked.approval, decision.choice, decision.reason)
            except (EngineError, StoreError) as error:
                if asked.kind == "changes":  # which are on their way, or were
                    follower.give_up(str(error))
                    return
                remark(f"butler: {error}")
            else:
                return
        follower.leave(asked)

    async def _asked(self, asked: ApprovalAsked, result: Result) -> Decision | None:
        began = time.monotonic()
        try:
            return await by_hand(asked, result)
        finally:
            self._asking += time.monotonic() - began
