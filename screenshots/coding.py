"""The pictures of the coding desk: from a task to the diff, over a project in git."""

from functools import partial
from typing import Any

from msgspec.structs import replace
from textual.pilot import Pilot

from router.config import Sessions
from screenshots import project
from screenshots.stage import WIDE, Shop, answer, ask, calls, opened_shop, picture, steady, until
from tui.app import ButlerApp
from tui.screens.diff import DiffScreen
from tui.widgets.card import GUARD

TASK = "/plan Make the retry queue idempotent"
TYPO = {"path": "README.md", "old": "that takes from it", "new": "that empties it"}
SUMMARY = "The change log covers three releases: a new queue, faster retries, and fewer locks."


async def coding_desk() -> None:
    async with opened_shop() as shop:
        project.lay_out(shop.workspace)
        _rehearse(shop)
        config = replace(shop.config(), sessions=Sessions(parallel=2))
        app = steady(ButlerApp(shop.options(config)))
        async with app.run_test(size=WIDE) as pilot:
            await until(pilot, lambda: app.live.is_ready)
            await ask(app, pilot, TASK)
            await _asked(app, pilot, "plan")
            await pilot.press("tab")
            await picture(app, pilot, "plan")
            await _work(app, pilot)
            await _look(app, pilot)
            await _many(app, pilot, shop)
            await app.close_house()


def _rehearse(shop: Shop) -> None:
    """What each model says, in the order in which it is asked."""
    shop.servers["anthropic"].play(
        calls(("search_files", {"pattern": "ack|finally"}), read=4_100, written=160),
        calls(("propose_plan", project.PLAN), read=5_300, written=540),
        answer("ok"),
    )
    shop.servers["anthropic-team"].play(answer(project.OUTBOX, 1_900, 210))
    edits: list[tuple[str, dict[str, Any]]] = [("edit_file", edit) for edit in project.EDITS]
    shop.servers["openai"].play(
        answer(project.BROKER, 1_900, 190),
        calls(
            ("read_file", {"path": "shop/queue.py"}),
            ("read_file", {"path": "shop/worker.py"}),
            text="The plan fits. I look at both files first.",
            read=6_200,
            written=120,
        ),
        calls(*edits[:3], text="The acknowledgement moves behind the handler.", read=7_900),
        calls(
            edits[3],
            ("write_file", {"path": "tests/test_retry.py", "content": project.TEST}),
            text="Now the worker, and a test whose handler dies once.",
            read=9_400,
        ),
        calls(("run_command", {"command": project.COMMAND}), read=10_800, written=60),
        answer(project.REPORT, 11_300, 160),
    )


async def _work(app: ButlerApp, pilot: Pilot[int]) -> None:
    """From the plan to the changes, by keys."""
    await _decide(app, pilot, "a")
    await _asked(app, pilot, "command")
    await pilot.press("alt+2")
    await picture(app, pilot, "command")
    await _decide(app, pilot, "a")
    await _asked(app, pilot, "changes")
    await picture(app, pilot, "coding")


async def _look(app: ButlerApp, pilot: Pilot[int]) -> None:
    await pilot.press("tab", "v")
    await until(pilot, lambda: isinstance(app.screen, DiffScreen))
    await picture(app, pilot, "diff")
    await pilot.press("escape")
    await until(pilot, lambda: app.screen is app.chat)


async def _many(app: ButlerApp, pilot: Pilot[int], shop: Shop) -> None:
    """Several sessions at once, each in another state."""
    await pilot.press("escape", "alt+1")
    shop.servers["google"].play(answer(SUMMARY), answer(SUMMARY * 4, ends=False))
    shop.servers["openai"].play(
        calls(("run_command", {"command": "git log --stat -3"}), read=5_200, written=40),
        calls(("edit_file", TYPO), text="A typo, no more.", read=4_800, written=60),
        answer("The typo in the README is mended.", 5_100, 30),
        answer(project.REPORT, ends=False),
    )
    for text, state in (
        ("/sum @CHANGELOG.md ", "done"),
        ("/code Say in spec.md what changed since Monday", "waiting"),
        ("/code Mend the typo in README.md", "waiting"),
        ("/code Add --dry-run to the worker", "running"),
        ("/sum @spec.md ", "running"),
        ("/code Write release notes", "queued"),
    ):
        await ask(app, pilot, text)
        await until(pilot, partial(_stands, app, state))
    await pilot.pause(9)  # time enough to be seen running
    await picture(app, pilot, "tasks")


def _stands(app: ButlerApp, state: str) -> bool:
    """Whether the newest task is in this state, and has said something if it runs."""
    newest = app.chat.deck.main.tasks[-1]
    return newest.state == state and (state != "running" or bool(newest.streamed))


async def _asked(app: ButlerApp, pilot: Pilot[int], kind: str) -> None:
    def there() -> bool:
        asked = app.chat.card.asked
        return asked is not None and asked.kind == kind

    await until(pilot, there)


async def _decide(app: ButlerApp, pilot: Pilot[int], key: str) -> None:
    await pilot.pause(GUARD * 2)
    if not app.chat.card.has_focus:
        await pilot.press("tab")
    await pilot.press(key)
