"""The user's own agents: files that are read, mistakes that are named, work that they do."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from router.asking import EngineError
from router.coding.agents import AgentMistake, find, load, read
from router.config import ModelRef
from router.places import Places
from router.policy import Ask, candidates
from router.policy_table import shipped
from store.events import Band, SessionStarted, ToolReturned
from tests.router.coding.desks import (
    announced,
    asked,
    at_home,
    call,
    calls,
    decide,
    ended,
    events,
    repository,
    submit,
)
from tests.router.house import CODEX, LOCAL, OPUS, SONNET, asked_of, ref, reply
from tests.router.test_policy import CONFIG, facts, serving
from tests.servers.llmock import Llmock

REVIEWER = """\
---
name: reviewer
description: Reads a change and says what is wrong with it
tier: T3
tools: [list_files, read_file]
---

You review code. Begin every answer with REVIEW.
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return repository(tmp_path / "project")


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places.find({"BUTLER_HOME": str(tmp_path / "home")})


def put(folder: Path, text: str | bytes, name: str = "reviewer.md") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def in_project(project: Path, text: str | bytes = REVIEWER, name: str = "reviewer.md") -> Path:
    return put(project / ".butler" / "agents", text, name)


# --- files -------------------------------------------------------------------------------------


def test_a_file_says_who_does_the_work_with_which_tools(tmp_path: Path) -> None:
    agent = read(put(tmp_path, REVIEWER))
    assert agent.name == "reviewer"
    assert agent.description == "Reads a change and says what is wrong with it"
    assert (agent.tier, agent.model) == ("T3", None)
    assert agent.tools == {"list_files", "read_file"}
    assert agent.prompt == "You review code. Begin every answer with REVIEW."


def test_little_has_to_be_said(tmp_path: Path) -> None:
    agent = read(put(tmp_path, "---\ndescription: Tests all of them\n---\nTest it."))
    assert (agent.name, agent.tier, agent.model, agent.tools) == ("reviewer", None, None, None)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("---\n", "---  \n"),
    ],
    ids=["BOM", "CRLF", "spaces"],
)
def test_editors_may_write_it_in_their_way(tmp_path: Path, change: Callable[[str], str]) -> None:
    agent = read(put(tmp_path, change(REVIEWER)))
    assert agent.prompt == "You review code. Begin every answer with REVIEW."
    assert agent.tier == "T3"


@pytest.mark.parametrize(
    ("said", "tools"),
    [
        ("tools: all", None),
        ("tools:", None),
        ("tools: none", frozenset()),
        ("tools: []", frozenset()),
        ("tools: read_file, run_command", frozenset({"read_file", "run_command"})),
        ("tools:\n  - read_file", frozenset({"read_file"})),
    ],
)
def test_tools_are_listed_as_people_write_them(
    tmp_path: Path, said: str, tools: frozenset[str] | None
) -> None:
    text = f"---\ndescription: reads\n{said}\n---\nRead."
    assert read(put(tmp_path, text)).tools == tools


def test_the_prompt_may_stand_in_the_front_matter(tmp_path: Path) -> None:
    text = "---\ndescription: reads\nprompt: |\n  First.\n  Second.\n---\n"
    assert read(put(tmp_path, text)).prompt == "First.\nSecond."


WRONG = [
    ("Review.\n", "line 1", "front matter"),
    ("---\ndescription: x\nReview.\n", "line 1", "has no end"),
    ("---\n- x\n---\nReview.", "line 2", "key: value"),
    ("---\ndescription: x\ntire: T1\n---\nReview.", "line 3", "'tire' is unknown"),
    ("---\ndescription: x\ntier: T9\n---\nReview.", "line 3", "one of T0, T1, T2, T3, T4"),
    ("---\ndescription: x\ntools: [rm]\n---\nReview.", "line 3", "read_file"),
    ("---\ndescription: x\ntools: {a: b}\n---\nReview.", "line 3", "read_file"),
    ("---\ndescription: x\nname: A B\n---\nReview.", "line 3", "lower-case"),
    ("---\ndescription: x\nname: [a]\n---\nReview.", "line 3", "lower-case"),
    ("---\ndescription: x\nmodel: [a]\n---\nReview.", "line 3", "account/model"),
    ("---\ndescription: x\ntier: T1\nmodel: a/b\n---\nReview.", "line 4", "one of the two"),
    ("---\ndescription: x\nprompt: y\n---\nReview.", "line 3", "not both"),
    ("---\ndescription: x\n---\n", "reviewer.md", "no prompt"),
    ("---\nname: a\n---\nReview.", "line 1", "description must be one line"),
    ("---\ndescription:\n---\nReview.", "line 2", "description must be one line"),
    (f"---\ndescription: {'x' * 301}\n---\nReview.", "line 2", "at most 300"),
    ("---\ndescription: x\ndescription: y\n---\nReview.", "line 3", "twice"),
    ("---\ndescription: x\ntier: [\n---\nReview.", "line 3", "expected"),
    ("---\ndescription: Tests: all\n---\nReview.", "line 2", "needs quotes"),
    ("---\ndescription: x\ntier: \x07\n---\nReview.", "line 3", "special characters"),
    (f"---\ndescription: {'[' * 50_000}\n---\nReview.", "line 2", "nested"),
    ("---\ndescription: *x\n---\nReview.", "line 2", "undefined alias"),
    (b"---\ndescription: x\n---\nGr\xfc\xdfe.", "line 4", "UTF-8"),
    ("---\ndescription: x\n---\n" + "y" * 100_000, "reviewer.md", "larger than 100,000 bytes"),
]


@pytest.mark.parametrize(("text", "where", "what"), WRONG)
def test_a_mistake_is_named_with_file_and_line(
    tmp_path: Path, text: str | bytes, where: str, what: str
) -> None:
    file = put(tmp_path, text)
    with pytest.raises(AgentMistake) as caught:
        read(file)
    told = str(caught.value)
    assert told.startswith(str(file))
    assert where in told
    assert what in told
    assert len(told.splitlines()) == 1


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.md")
    (tmp_path / "folder.md").mkdir()
    for name in ("pipe.md", "folder.md", "missing.md"):
        with pytest.raises(AgentMistake, match=name):
            read(tmp_path / name)


def test_an_unreadable_file_and_folder_are_named(places: Places, project: Path) -> None:
    file = in_project(project)
    file.unlink()
    file.symlink_to(file)
    (places.config).mkdir(parents=True)
    (places.config / "agents").symlink_to("agents")
    folder, loop = load(places, project)[1]
    assert folder.startswith(f"{places.config / 'agents'}: it can't be read")
    assert loop.startswith(f"{file}: it can't be read")


# --- which one ---------------------------------------------------------------------------------


def test_one_in_the_project_comes_before_the_users(places: Places, project: Path) -> None:
    put(places.config / "agents", REVIEWER)
    put(places.config / "agents", REVIEWER.replace("reviewer", "other"), "other.md")
    in_project(project, REVIEWER.replace("T3", "T2"))
    agents, mistakes = load(places, project)
    assert mistakes == []
    assert {name: agent.tier for name, agent in agents.items()} == {"reviewer": "T2", "other": "T3"}
    assert find("reviewer", places, project).tier == "T2"


def test_a_mistake_hides_no_other_file(places: Places, project: Path) -> None:
    put(places.config / "agents", "no front matter", "broken.md")
    in_project(project)
    agents, mistakes = load(places, project)
    assert list(agents) == ["reviewer"]
    assert [mistake.partition(",")[0] for mistake in mistakes] == [
        str(places.config / "agents" / "broken.md")
    ]


def test_two_files_of_one_name_are_a_mistake(places: Places, project: Path) -> None:
    in_project(project)
    in_project(project, REVIEWER, "second.md")
    agents, mistakes = load(places, project)
    assert agents["reviewer"].path.endswith("reviewer.md")
    assert "reviewer.md has the name 'reviewer' already" in mistakes[0]


def test_a_broken_one_in_the_project_is_not_replaced_by_another(
    places: Places, project: Path
) -> None:
    put(places.config / "agents", REVIEWER)
    file = in_project(project, "broken")
    with pytest.raises(EngineError, match="line 1") as caught:
        find("reviewer", places, project)
    assert str(file) in str(caught.value)


def test_a_broken_one_of_the_users_does_not_count_where_the_project_has_its_own(
    places: Places, project: Path
) -> None:
    put(places.config / "agents", "broken")
    in_project(project)
    assert find("reviewer", places, project).tier == "T3"


def test_an_unknown_one_is_one_sentence_with_those_there_are(places: Places, project: Path) -> None:
    in_project(project)
    with pytest.raises(EngineError) as caught:
        find("revewer\x1b[2J", places, project)
    assert "there are: reviewer" in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_many_files_are_not_all_read(places: Places, project: Path) -> None:
    for number in range(120):
        text = f"---\ndescription: number {number}\n---\nDo it."
        in_project(project, text, f"agent-{number:03}.md")
    agents, mistakes = load(places, project)
    assert len(agents) == 100
    assert "only the first 100 of its 120 files" in mistakes[0]


# --- who does it -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("band", "first", "served"),
    [
        ("normal", "T3", ["T3 sonnet", "T3 gpt-4o", "T0 opus", "T2 flash", "T4 smollm2"]),
        ("normal", "T4", ["T4 smollm2", "T0 opus", "T3 sonnet", "T3 gpt-4o", "T2 flash"]),
        ("cheaper-only", "T2", ["T2 flash", "T3 sonnet", "T4 smollm2"]),
        ("local-only", "T3", ["T4 smollm2"]),
    ],
)
def test_an_agents_own_tier_comes_first_then_the_row(
    band: Band, first: Any, served: list[str]
) -> None:
    found = candidates(shipped(), CONFIG, Ask(work="main", first=first), facts(band))
    assert serving(found) == served


def test_a_private_agent_stays_here_whatever_its_tier() -> None:
    found = candidates(shipped(), CONFIG, Ask(work="code", first="T1", private=True), facts())
    assert serving(found) == ["T4 smollm2"]


# --- at work -----------------------------------------------------------------------------------


async def test_an_agent_answers_with_its_prompt_its_tools_and_its_tier(
    llmock_service: Llmock, tmp_path: Path, project: Path
) -> None:
    in_project(project)
    llmock_service.script(
        call("read_file", SONNET, path="sum.py"), reply("REVIEW: it subtracts.", SONNET)
    )
    async with at_home(llmock_service, tmp_path, project) as house:
        await submit(house, "/agent reviewer\nlook at sum.py")
        view = await ended(house)
        await house.until(lambda view: any(m.role == "announcement" for m in view.messages))
        told = announced(house)[0]
        assert (told.kind, told.tier, told.model) == ("agent", "T3", SONNET)
        assert told.result == "REVIEW: it subtracts."
        assert house.view.tasks[-1].agent == "reviewer"
        assert house.view.tasks[-1].title == "look at sum.py"
        assert view.changes is None
        assert view.approvals == ()
        folder = Path(view.workspace_opened.folder)
    assert not folder.exists()
    body = llmock_service.requests()[0]["body"]
    assert "Begin every answer with REVIEW." in json.dumps(body["system"])
    assert [tool["name"] for tool in body["tools"]] == ["list_files", "read_file"]
    assert "look at sum.py" in json.dumps(body["messages"])


async def test_a_tool_that_an_agent_was_not_given_does_nothing(
    llmock_service: Llmock, tmp_path: Path, project: Path
) -> None:
    in_project(project)
    llmock_service.script(
        calls(
            ("write_file", {"path": "sum.py", "content": "x"}),
            ("run_command", {"command": "true"}),
            model=SONNET,
        ),
        reply("REVIEW: I can't.", SONNET),
    )
    async with at_home(llmock_service, tmp_path, project) as house:
        await submit(house, "/agent reviewer mend it")
        view = await ended(house)
        assert view.approvals == ()
        assert [one.failed for one in events(house, ToolReturned)] == [True, True]


async def test_what_an_agent_writes_is_shown_before_it_is_applied(
    llmock_service: Llmock, tmp_path: Path, project: Path
) -> None:
    in_project(project, f"---\ndescription: mends\nmodel: {CODEX}\n---\nMend it.", "mender.md")
    llmock_service.script(
        call("write_file", path="sum.py", content="print(1 + 2)\n"), reply("Mended.", CODEX)
    )
    async with at_home(llmock_service, tmp_path, project) as house:
        await submit(house, "/agent mender the sum")
        await asked(house, "changes")
        assert (project / "sum.py").read_text() == "print(1 - 2)\n"
        await decide(house, "changes", "apply")
        await ended(house)
    assert (project / "sum.py").read_text() == "print(1 + 2)\n"
    assert asked_of(llmock_service) == [CODEX, CODEX]


async def test_a_private_prompt_to_an_agent_stays_local(
    llmock_service: Llmock, tmp_path: Path, project: Path
) -> None:
    in_project(project)
    llmock_service.script(reply("REVIEW: fine.", LOCAL))
    async with at_home(llmock_service, tmp_path, project) as house:
        await submit(house, "/agent reviewer look at it", private=True)
        await ended(house)
        await house.until(lambda view: any(m.role == "announcement" for m in view.messages))
        assert announced(house)[0].private
    assert set(asked_of(llmock_service)) == {LOCAL}


async def test_a_program_on_the_path_is_never_handed_an_agents_work(
    llmock_service: Llmock, tmp_path: Path, project: Path
) -> None:
    """It would not keep to the agent's tools."""
    in_project(project, REVIEWER.replace("T3", "T1"))
    llmock_service.script(reply("REVIEW: fine.", CODEX))
    from router.config import Account

    async with at_home(llmock_service, tmp_path, project) as probe:
        config = probe.engine.config
    tiers = config.tiers | {"T1": (ModelRef("cli:claude", "default"), ref(CODEX))}
    accounts = config.accounts | {"cli:claude": Account(wire="cli")}
    async with at_home(llmock_service, tmp_path, project, tiers=tiers, accounts=accounts) as house:
        await submit(house, "/agent reviewer look at it")
        await ended(house)
    assert asked_of(llmock_service) == [CODEX]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("/agent revewer look at it", "there are: reviewer"),
        ("/agent reviewer", "/agent NAME TASK"),
    ],
)
async def test_a_wrong_call_is_told_and_the_prompt_is_kept(
    llmock_service: Llmock, tmp_path: Path, project: Path, text: str, told: str
) -> None:
    in_project(project)
    async with at_home(llmock_service, tmp_path, project) as house:
        answer = await house.say(text)
        assert answer.state == "failed"
        assert told in answer.problem
        assert [str(m.text) for m in house.view.messages if m.role == "user"] == [text]
        assert house.view.tasks == ()
    assert asked_of(llmock_service) == []


async def test_a_mistake_in_its_file_is_told_with_its_line(
    llmock_service: Llmock, tmp_path: Path, project: Path
) -> None:
    file = in_project(project, REVIEWER.replace("T3", "T7"))
    async with at_home(llmock_service, tmp_path, project) as house:
        answer = await house.say("/agent reviewer look at it")
    assert f"{file}, line 4" in answer.problem


async def test_the_orchestrator_knows_the_agents_and_can_start_one(
    llmock_service: Llmock, tmp_path: Path, project: Path
) -> None:
    in_project(project)
    llmock_service.script(
        call("sessions_spawn", OPUS, task="look at sum.py", agent="reviewer"),
        reply("It is under way.", OPUS),
        reply("REVIEW: fine.", SONNET),
    )
    async with at_home(llmock_service, tmp_path, project) as house:
        await submit(house, "who could look over this for me?")
        await ended(house)
        started = [e for e in events(house, SessionStarted) if e.kind == "agent"]
        assert [e.agent for e in started] == ["reviewer"]
    tools = {tool["name"]: tool for tool in llmock_service.requests()[0]["body"]["tools"]}
    said = tools["sessions_spawn"]["description"]
    assert "reviewer: Reads a change and says what is wrong with it" in said


async def test_an_agent_that_is_not_there_is_told_to_the_orchestrator(
    llmock_service: Llmock, tmp_path: Path, project: Path
) -> None:
    in_project(project)
    llmock_service.script(
        call("sessions_spawn", OPUS, task="look", agent="nobody"), reply("There is none.", OPUS)
    )
    async with at_home(llmock_service, tmp_path, project) as house:
        await house.say("who could look over this for me?")
        [returned] = events(house, ToolReturned)
        assert returned.failed
        assert "there are: reviewer" in returned.text
        assert house.view.tasks == ()
