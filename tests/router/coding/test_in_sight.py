"""What the user sees of a coding session while it works: its changes, its cost, where it runs."""

from pathlib import Path

from router.config import Budget
from tests.router.coding.desks import asked, at_home, call, calls, repository, submit
from tests.servers.llmock import Llmock

EDIT = {"path": "sum.py", "old": "1 - 2", "new": "1 + 2"}
WRITE = {"path": "a.txt", "content": "a\nb\n"}


async def test_each_call_shows_what_it_has_changed_itself(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    llmock_service.script(
        calls(("edit_file", EDIT), ("write_file", WRITE)), call("run_command", command="true")
    )
    async with at_home(llmock_service, tmp_path, repository(tmp_path / "project")) as house:
        await submit(house, "/code fix the sum", plan=False)
        await asked(house, "command")
        edited, written = next(m for m in house.child.messages if m.tools).tools
    assert [(file.path, file.added, file.removed) for file in edited.changed] == [("sum.py", 1, 1)]
    assert [(file.path, file.added, file.removed) for file in written.changed] == [("a.txt", 2, 0)]


async def test_a_budget_counts_each_step_and_not_only_the_end(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    llmock_service.script(call("write_file", **WRITE), call("run_command", command="true"))
    budget = Budget(window="day", limit=4, unit="requests")
    project = repository(tmp_path / "project")
    async with at_home(llmock_service, tmp_path, project, budgets=(budget,)) as house:
        await submit(house, "/code fix the sum", plan=False)
        await asked(house, "command")
        await house.until(lambda view: view.house.percent == 50)


async def test_the_chat_is_named_after_the_task_and_the_folder_as_people_write_it(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    llmock_service.script(call("run_command", command="true"))
    project = repository(tmp_path / "project")
    environ = {"HOME": str(tmp_path)}
    async with at_home(llmock_service, tmp_path, project, environ=environ) as house:
        await submit(house, "/code fix the sum", plan=False)
        question = await asked(house, "command")
        assert house.view.title == "fix the sum"
    assert "Folder: ~/home/" in question.detail
    assert str(tmp_path) not in question.detail
