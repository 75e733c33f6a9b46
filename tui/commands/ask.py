"""`butler ask`: one prompt, one answer, for people and scripts."""

import asyncio
import contextlib
import sys
from pathlib import Path

import click

from router.asking import Prompt
from router.config import Config
from router.engine import Engine
from router.places import Places
from store.events import ApprovalAsked, Attachment, Tier
from store.opening import Store
from tui.answering import SINKS, Answer, Follower, Form, Sink
from tui.attachments import UnreadableFile, read_mentioned
from tui.commands.surroundings import (
    find_places,
    find_workspace,
    keys_remark,
    load_config,
    opened_store,
)
from tui.exits import CommandFailed, Exit
from tui.output import printed, read_stdin, remark


@click.command()
@click.argument("words", nargs=-1, metavar="[PROMPT]…")
@click.option(
    "-f", "--file", "files", multiple=True, type=click.Path(path_type=Path), help="Attach a file."
)
@click.option("--tier", type=click.Choice(["T0", "T1", "T2", "T3", "T4"]), help="Pin a tier.")
@click.option("--model", metavar="ACCOUNT/MODEL", help="Pin a model.")
@click.option("--critical", is_flag=True, help="It matters: the best model allowed answers.")
@click.option("--private", is_flag=True, help="Only the local tier sees it.")
@click.option("--session", metavar="ID", help="Go on with this conversation.")
@click.option(
    "--output-format",
    "form",
    type=click.Choice(["text", "json", "stream-json"]),
    default="text",
    show_default=True,
)
def ask(
    words: tuple[str, ...],
    *,
    files: tuple[Path, ...],
    tier: Tier | None,
    model: str | None,
    critical: bool,
    private: bool,
    session: str | None,
    form: Form,
) -> int:
    """Ask PROMPT and print the answer.

    What comes on the standard input goes along with it, or is the prompt if there is none. A word
    such as @notes.txt attaches that file.

    \b
    Examples:
      butler ask "Why is the sky blue?"
      git diff | butler ask "Write a commit message for this."
      butler ask --private --output-format json "Who am I?" | jq -r .answer
    """
    places, workspace = find_places(), find_workspace()
    config = load_config(places)
    if about_keys := keys_remark(places):
        remark(f"butler: {about_keys}")
    text, attachments = gather(printed(" ".join(words)), files, workspace)
    prompt = Prompt(
        text=text,
        attachments=attachments,
        tier=tier,
        model=model,
        critical=critical,
        private=private,
    )
    with opened_store(places) as store:
        return _Asking(config, places, store, workspace, SINKS[form]()).run(prompt, session)


def gather(
    text: str, files: tuple[Path, ...], workspace: Path, example: str = 'ask "your question"'
) -> tuple[str, tuple[Attachment, ...]]:
    """The prompt, and what goes along: named files first, then the standard input."""
    mentions = " ".join([text, *(f'@"{file.absolute()}"' for file in files)])
    mentioned = read_mentioned(mentions, workspace)
    if len(mentioned.pieces) < len(set(files)):
        raise UnreadableFile(f"{files[0]} can't be attached: give it another name.")
    if mentioned.remark:
        remark(f"butler: {mentioned.remark}")
    piped = read_stdin()
    if not text.strip():
        text, piped = piped, ""
    if not text.strip() and not mentioned.pieces:
        raise CommandFailed(f"There is no prompt: butler {example}", Exit.WRONG_USE)
    attached = [Attachment("standard input", piped)] if piped.strip() else []
    return text, (*mentioned.pieces, *attached)


class _Asking:
    """One prompt on its way through an engine of its own."""

    def __init__(
        self, config: Config, places: Places, store: Store, workspace: Path, sink: Sink
    ) -> None:
        self._config = config
        self._places = places
        self._store = store
        self._workspace = workspace
        self._sink = sink
        self._follower: Follower | None = None

    def run(self, prompt: Prompt, session: str | None) -> Exit:
        try:
            answer = asyncio.run(self._ask(prompt, session))
        except KeyboardInterrupt:
            # The engine has ended the reply by now: what had arrived is kept in the session.
            if self._follower is None:
                raise
            answer = self._follower.answer
            answer.failure, answer.error = "interrupted", "Interrupted; what had arrived is kept."
        self._sink.ended(answer)
        return answer.code

    async def _ask(self, prompt: Prompt, wanted: str | None) -> Answer:
        async with Engine(
            self._config, self._store, self._places, workspace=self._workspace
        ) as engine:
            session = engine.begin() if wanted is None else (await engine.open(wanted)).session
            async with engine.subscribe(session) as entries:
                await entries.start
                follower = Follower(session, await engine.submit(session, prompt), self._sink)
                self._follower = follower
                async for batch in entries:
                    for entry in batch:
                        follower.follow(entry)
                    if follower.asked is not None:
                        await self._decide(engine, follower, follower.asked)
                    if follower.done:
                        break
            await engine.idle(session)
        return follower.answer

    async def _decide(self, engine: Engine, follower: Follower, asked: ApprovalAsked) -> None:
        """Let the user decide, on a terminal; without one nothing is sent."""
        follower.asked = None
        choice = await asyncio.to_thread(_choose, asked)
        await engine.decide(asked.approval, choice)
        if asked.kind == "secret" and choice == "reject":
            follower.answer.failure = "declined"
            follower.answer.error = (
                f"Not sent: {asked.shown.splitlines()[0]}. To have it answered on this machine: "
                "butler ask --private"
            )
            follower.done = True


def _choose(asked: ApprovalAsked) -> str:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return "reject"
    remark(f"{asked.question}\n{asked.shown}")
    with contextlib.suppress(click.Abort):
        kind = click.Choice(asked.choices)
        return click.prompt("Your choice", type=kind, err=True)
    return "reject"
