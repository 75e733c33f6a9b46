"""The specialist with the tools it really has."""

import json
from pathlib import Path

from router.coding.contract import Question
from router.coding.toolbox import Toolbox
from store.events import ApprovalGiven, FileChanged, ToolReturned
from tests.router.coding.working import call, open_workshop
from tests.router.house import configuration, reply
from tests.servers.llmock import Llmock


async def _nobody(question: Question) -> ApprovalGiven:
    raise AssertionError(f"nothing here needs approval: {question.shown}")


async def test_it_looks_edits_and_stays_in_its_workspace(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    (tmp_path / "secret.txt").write_text("hunter2")
    llmock_service.script(
        call("search_files", pattern="a - b"),
        call("read_file", path="sum.py"),
        call("edit_file", path="sum.py", old="a - b", new="a + b"),
        call("read_file", path="../secret.txt"),
        reply("The sum is mended."),
    )
    async with open_workshop(configuration(llmock_service, tools=True), tmp_path) as shop:
        (shop.root / "sum.py").write_text("def total(a, b):\n    return a - b\n")
        toolbox = Toolbox(shop.root, ask=_nobody, say=shop.say)
        report = await shop.specialist(toolbox).run(shop.work())
        returned = await shop.of(ToolReturned)
        changed = await shop.of(FileChanged)
    assert (report.state, report.text) == ("done", "The sum is mended.")
    assert (shop.root / "sum.py").read_text() == "def total(a, b):\n    return a + b\n"
    assert [event.failed for event in returned] == [False, False, False, True]
    assert [(event.path, event.added, event.removed) for event in changed] == [("sum.py", 1, 1)]
    sent = json.dumps(llmock_service.requests()[-1]["body"])
    assert "return a - b" in sent
    assert "hunter2" not in sent
