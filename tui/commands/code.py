"""`butler code`: plan, write and apply code without the screen."""

import asyncio
from pathlib import Path

import click
from msgspec.structs import replace

from router.asking import Prompt
from router.config import Config
from router.engine import Engine
from router.places import Places
from store.events import ApprovalAsked, Tier
from store.opening import Store
from store.subscription import Subscription
from tui.answering import Follower, Form, JsonSink
from tui.coding import TELLERS, CodeFollower, Result, Settle, Teller, Wishes, decide
from tui.commands.ask import gather
from tui.commands.surroundings import find_places, find_workspace, load_config, opened_store
from tui.exits import Exit
from tui.output import printed, say


@click.command()
@click.argument("words", nargs=-1, metavar="TASK…")
@click.option(
    "-f", "--file", "files", multiple=True, type=click.Path(path_type=Path), help="Attach a file."
)
@click.option(
    "--plan/--no-plan",
    default=None,
    help="Plan first, and ask; or don't. Else the size of the task decides.",
)
@click.option("--yes-plan", is_flag=True, help="Approve the plan, whatever it says.")
@click.option("--yes-commands", is_flag=True, help="Run every command it wants, unasked.")
@click.option("--apply", "settle", flag_value="apply", help="Apply the changes when it is done.")
@click.option("--keep", "settle", flag_value="keep", help="Keep them on their branch.")
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
    settle: Settle | None,
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
    folder = workspace.resolve() if workspace else find_workspace()
    places = find_places()
    config = load_config(places)
    text, attachments = gather(printed(" ".join(words)), files, folder)
    prompt = Prompt(
        text=f"/code {text}",
        attachments=attachments,
        tier=tier,
        model=model,
        private=private,
        plan=plan,
    )
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

    def run(self, prompt: Prompt) -> Exit:
        try:
            result = asyncio.run(self._code(prompt))
        except KeyboardInterrupt:
            if self._follower is None:
                raise
            result = self._follower.result
            result.state, result.error = "interrupted", "Interrupted; what was written is kept."
        self._teller.ended(result)
        return result.code

    async def _code(self, prompt: Prompt) -> Result:
        async with Engine(
            self._config, self._store, self._places, workspace=self._workspace
        ) as engine:
            chat = engine.begin()
            self._follower = follower = CodeFollower(chat, self._teller)
            async with engine.subscribe(chat) as entries:
                await entries.start
                answering = Follower(chat, await engine.submit(chat, prompt), JsonSink())
                await self._follow(engine, entries, follower, answering)
            await engine.idle(chat)
            if follower.result.task:
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
                answering.follow(entry)
                follower.follow(entry)
            asked = follower.asked or answering.asked
            follower.asked = answering.asked = None
            if asked is not None:
                await self._decide(engine, follower, asked)
            if answering.done and not follower.result.task:
                _answered_in_words(follower.result, answering)
                return
            if follower.done:
                return

    async def _decide(self, engine: Engine, follower: CodeFollower, asked: ApprovalAsked) -> None:
        """Have it decided. What nobody decides stays open, and this ends."""
        wishes = replace(self._wishes, settle=None) if follower.conflicts else self._wishes
        decision = await asyncio.to_thread(decide, asked, wishes)
        if decision is not None:
            await engine.decide(asked.approval, decision.choice, decision.reason)
            return
        follower.left = True
        if asked.kind != "changes":
            follower.result.state = "waiting"
            follower.result.error = f"{asked.question} Nobody has answered, so it waits."


def _answered_in_words(result: Result, answering: Follower) -> None:
    """No model here can write files: what it said is all there is."""
    answer = answering.answer
    result.text, result.tier, result.model = answer.answer, answer.tier, answer.model
    result.tokens, result.cost = answer.tokens, answer.cost
    result.failure, result.error = answer.failure, answer.error
    result.state = "failed"
    if not answer.error:
        say(answer.answer)
        result.error = "No model that can call tools is at hand, so no file was written."
