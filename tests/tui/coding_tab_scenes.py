"""A coding session as its tab shows it: its steps, what it has changed, the tasks beside it."""

import difflib

from msgspec.structs import replace

from router.view import Message, Task, ToolUse, View
from store.events import (
    ChangedFile,
    ChangeSettled,
    ChangesReady,
    FileChanged,
    Settlement,
    Usage,
    WorkspaceOpened,
)
from tests.tui import scenes
from tests.tui.scenes import NOW, text

OLD = '''"""The retry queue: what failed once is tried again."""

import asyncio
from dataclasses import dataclass


@dataclass
class Message:
    id: str
    body: bytes
    attempts: int = 0


class RetryQueue:
    def __init__(self, store, broker):
        self.store = store
        self.broker = broker

    async def size(self):
        return await self.broker.count()

    async def peek(self):
        async for message in self.broker.messages():
            return message
        return None

    async def drain(self, worker):
        async for message in self.broker.messages():
            try:
                await worker.handle(message)
            finally:
                await message.ack()

    async def put(self, body):
        await self.broker.put(Message(new_id(), body))

    async def clear(self):
        async for message in self.broker.messages():
            await message.ack()

    async def retry(self, message):
        message.attempts += 1
        await asyncio.sleep(2 ** message.attempts)
        await self.broker.put(message)

    def close(self):
        self.broker.close()
'''
NEW = OLD.replace(
    """            try:
                await worker.handle(message)
            finally:
                await message.ack()
""",
    """            if await self.store.seen(message.id):
                await message.ack()
                continue
            async with self.store.transaction() as tx:
                await worker.handle(message, tx)
                await tx.remember(message.id)
            await message.ack()
""",
).replace(
    "        await asyncio.sleep(2 ** message.attempts)\n",
    "        await asyncio.sleep(min(60, 2**message.attempts))\n",
)
TEST = """async def test_a_restart_loses_nothing(queue, store):
    await queue.put("one")
    await queue.crash_after_ack()
    assert await store.seen("one")
"""
MERGE = """class RetryQueue:
    async def retry(self, message):
        message.attempts += 1
<<<<<<< yours
        await asyncio.sleep(min(30, 1.5 ** message.attempts))
=======
        await asyncio.sleep(min(60, 2**message.attempts))
>>>>>>> the session's
        await self.broker.put(message)
"""


def diff_of(path: str, old: str, new: str) -> str:
    lines = difflib.unified_diff(
        old.splitlines(keepends=True), new.splitlines(keepends=True), f"a/{path}", f"b/{path}"
    )
    return "".join(lines)


def changed(path: str, old: str, new: str) -> ChangedFile:
    diff = diff_of(path, old, new)
    lines = diff.splitlines()[2:]
    return ChangedFile(
        path=path,
        change="edit" if old and new else "new" if new else "delete",
        added=sum(line.startswith("+") for line in lines),
        removed=sum(line.startswith("-") for line in lines),
        diff=diff,
    )


FILES = (
    changed("src/shop/queue.py", OLD, NEW),
    changed("tests/test_retry.py", "", TEST),
    changed("src/shop/legacy/ack_in_finally.py", "ACK = True\n", ""),
    ChangedFile(path="docs/queue.png", change="edit", binary=True),
)
SUMMARY = (
    "The worker acknowledges after the commit now, and remembers what it has seen. "
    "A test restarts it in between."
)


def used(name: str, arguments: str, result: str | None = "", **more: object) -> ToolUse:
    fields: dict[str, object] = {"call": f"{name}{arguments}", "offset": 0, **more}
    return ToolUse(name=name, arguments=arguments, result=result, **fields)  # type: ignore[arg-type]


def step(number: int, words: str, *tools: ToolUse, **more: object) -> Message:
    placed = tuple(replace(tool, offset=len(words)) for tool in tools)
    fields: dict[str, object] = {
        "role": "butler",
        "at": NOW,
        "tier": "T1",
        "model": "gpt-6.2-sol",
        "account": "openai",
        "usage": Usage(input=2100, output=640),
        **more,
    }
    return Message(id=f"s{number}", text=text(words), tools=placed, **fields)  # type: ignore[arg-type]


def edited(path: str, added: int, removed: int, **more: object) -> FileChanged:
    fields: dict[str, object] = {"change": "edit", **more}
    return FileChanged(reply="s", path=path, added=added, removed=removed, **fields)  # type: ignore[arg-type]


RED = """Exit code 1 after 0.8 s.
tests/test_retry.py F [100%]
FAILED tests/test_retry.py::test_a_restart_loses_nothing
AssertionError: assert False
1 failed, 12 passed in 0.81s"""
PLAN = """**Approach** Acknowledge after the commit, with an idempotency key per message.

1. `queue.py`: one transaction around handling and remembering
2. `tests/test_retry.py`: restart between acknowledgement and commit
"""


def working_messages() -> tuple[Message, ...]:
    plan = Message(
        id="plan-1",
        role="plan",
        at=NOW,
        text=text(PLAN),
        tier="T0",
        model="claude-opus-5-5",
        title="Acknowledge after the commit",
    )
    queue = FILES[0]
    return (
        Message(
            id="task-code1", role="user", at=NOW, text=text("Make the retry queue idempotent.")
        ),
        plan,
        step(
            1,
            "I look at the queue and at what uses it.",
            used("list_files", '{"path":"src/shop"}', "queue.py\nstore.py\nworker.py"),
            used("read_file", '{"path":"src/shop/queue.py"}', OLD),
        ),
        step(2, "", used("search_files", '{"pattern":"ack\\\\(","path":"src"}', "a\nb\nc")),
        step(
            3,
            "",
            used(
                "edit_file",
                '{"path":"src/shop/queue.py"}',
                "Edited.",
                changed=(edited(queue.path, queue.added, queue.removed, diff=queue.diff),),
            ),
            used(
                "write_file",
                '{"path":"tests/test_retry.py"}',
                "Written.",
                changed=(edited("tests/test_retry.py", 4, 0, change="new"),),
            ),
        ),
        step(4, "", used("run_command", '{"command":"pytest -q"}', RED)),
        step(
            5,
            "The store forgets what it has seen when it is opened again: `seen` has to read.",
            used("read_file", '{"path":"src/shop/store.py"}', "1\n" * 88),
            used("run_command", '{"command":"pytest -q tests/test_retry.py"}', None),
            state="streaming",
        ),
    )


def task(session: str, title: str, state: str, seconds: int, **more: object) -> Task:
    fields: dict[str, object] = {
        "kind": "code",
        "tier": "T1",
        "model": "gpt-6.2-sol",
        "started_at": NOW - seconds * 1000,
        "running_since": None if state == "queued" else NOW - seconds * 1000,
        "last_heard": NOW - 1000,
        **more,
    }
    return Task(session=session, title=title, state=state, **fields)  # type: ignore[arg-type]


def many_tasks() -> tuple[Task, ...]:
    """Eight: three wait for the user, three run, one stands in line, one is done."""
    return (
        task("code1", "retry queue", "waiting", 161, reason="plan ready", tokens=18_200, cost=0.21),
        task(
            "code2",
            "release notes",
            "waiting",
            402,
            reason="wants to run: git push origin main",
            tokens=41_000,
            cost=0.38,
            tier="T3",
            model="claude-sonnet-5-5",
        ),
        task(
            "code3",
            "checkout totals",
            "waiting",
            733,
            reason="changes ready: 3 files +20 −4",
            tokens=96_000,
            cost=1.04,
        ),
        task("code4", "flaky upload", "running", 95, tokens=22_000, cost=0.12, streamed=1200),
        task(
            "code5",
            "auth middleware",
            "running",
            312,
            tokens=57_000,
            cost=None,
            last_heard=NOW - 42_000,
            agent="reviewer",
            model="cli:claude",
        ),
        task(
            "sum1",
            "changelog",
            "running",
            12,
            kind="summarize",
            tier="T2",
            model="gemini-3.8-flash",
            streamed=11_000,
            cost=0.004,
        ),
        task("code6", "price rounding", "queued", 5, tier=None, model="", cost=0.0),
        task(
            "sum2",
            "spec.md",
            "done",
            30,
            kind="summarize",
            tier="T2",
            model="gemini-3.8-flash",
            tokens=2_100,
            cost=0.004,
            ended_at=NOW - 20_000,
        ),
    )


def working() -> tuple[View, ...]:
    """The chat, and the coding session in its tab."""
    chat = replace(scenes.busy_view(), tasks=many_tasks())
    child = View(
        session="code1",
        kind="code",
        title="retry queue",
        state="running",
        parent="chat1",
        messages=working_messages(),
        house=chat.house,
        now=NOW,
    )
    return chat, child


def finished(*settled: tuple[str, Settlement, str]) -> tuple[View, ...]:
    """The same session once it is done."""
    chat, child = working()
    became = {
        path: ChangeSettled(path=path, settlement=settlement, detail=detail)
        for path, settlement, detail in settled
    }
    child = replace(
        child,
        state="waiting",
        workspace_opened=WorkspaceOpened(
            kind="worktree", folder="/home/ada/.local/butler/code1", source="/home/ada/src/shop"
        ),
        changes=ChangesReady(files=FILES, text=SUMMARY),
        settled=became,
    )
    return chat, child


def in_conflict() -> tuple[View, ...]:
    return finished(
        ("src/shop/queue.py", "conflict", MERGE),
        ("tests/test_retry.py", "applied", "src/shop"),
        ("src/shop/legacy/ack_in_finally.py", "discarded", ""),
    )
