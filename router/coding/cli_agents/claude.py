"""`claude -p --output-format stream-json`: how it is called, and what it tells. No I/O."""

import time
from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from router.coding.cli_agents import fields
from router.coding.cli_agents.faults import failure_of
from router.coding.cli_agents.fields import Table, count, number, table, tables, text, texts
from router.coding.cli_agents.told import (
    Began,
    Called,
    Changed,
    Ended,
    Remarked,
    Reported,
    Returned,
    Said,
    Thought,
    Told,
    Unreadable,
)
from router.config import DEFAULT_MODEL
from router.dispatch import add
from router.providers.base import QuotaSpent
from store.events import Usage

_TOOLS: Final = ("Read", "Edit", "Write", "NotebookEdit", "Glob", "Grep")
"""Files of the workspace, read and written. Nothing that runs commands, reaches the network or
begins another agent."""

_WRITING: Final = frozenset({"Edit", "MultiEdit", "Write", "NotebookEdit"})
_WINDOWS: Final = {"five_hour": "5h", "seven_day": "7d"}
_OPEN: Final = 100
"""Calls that are kept until they return."""
_STATUSES: Final = {
    "authentication_failed": 401,
    "billing_error": 402,
    "rate_limit": 429,
    "overloaded": 529,
}
"""What a message that stands for an error names as its kind."""


def arguments(model: str, cost: float) -> list[str]:
    """All but the program's name. The prompt comes on its stdin, so that none is an option.

    Not `--bare`: it reads no subscription's login, and leaves of the tools only Edit and Read, with
    which nobody finds a file.
    """
    said = [
        "--print",
        "--output-format=stream-json",
        "--include-partial-messages",
        "--verbose",
        "--permission-mode=acceptEdits",
        f"--tools={','.join(_TOOLS)}",
        "--disallowedTools=Bash,WebFetch,WebSearch,Task",
        # What a checkout brings along could name commands to run (hooks, servers): only the
        # user's own settings count.
        "--setting-sources=user",
        "--strict-mcp-config",
    ]
    if model != DEFAULT_MODEL:
        said.append(f"--model={model}")
    if cost > 0:
        said.append(f"--max-budget-usd={cost:g}")
    return said


class Reader:
    """Reads one run, line by line."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._message = ""
        """Id of the message that is being streamed."""
        self._block = 0
        self._streamed: dict[int, str] = {}
        """Its text and thoughts so far, by content block: they come once more when whole."""
        self._calls: dict[str, Table] = {}
        """Of tools that write, until they return."""
        self._resets_at: float | None = None
        """Of a window that is used up."""
        self._error = ""
        self._counted: tuple[str, Usage] = ("", Usage())
        """The latest message and its figures."""
        self._before = Usage()
        """Of the messages before it."""

    def feed(self, line: bytes) -> list[Told]:
        said = fields.decoded(line)
        if said is None:
            return [Unreadable(fields.readable(line))]
        if text(said, "parent_tool_use_id"):
            return []  # of an agent within the agent
        match text(said, "type"):
            case "system":
                return self._system(said)
            case "stream_event":
                return self._streaming(table(said, "event"))
            case "assistant":
                return self._assistant(said)
            case "user":
                return self._user(said)
            case "rate_limit_event":
                return self._limits(table(said, "rate_limit_info"))
            case "result":
                return [self._result(said)]
            case _:
                return []

    def seen(self) -> Usage:
        """What its messages had counted, for a run that has no result."""
        return replace(add(self._before, self._counted[1]), estimated=True)

    # --- lines -----------------------------------------------------------------------------------

    def _system(self, said: Table) -> list[Told]:
        match text(said, "subtype"):
            case "init":
                return [Began(text(said, "model"))]
            case "api_retry":
                return [Remarked(_waits(said))]
            case _:
                return []

    def _streaming(self, event: Table) -> list[Told]:
        match text(event, "type"):
            case "message_start":
                message = table(event, "message")
                self._message = text(message, "id")
                self._streamed = {}
                self._count(self._message, table(message, "usage"))
            case "message_delta":
                self._count(self._message, table(event, "usage"))
            case "content_block_start":
                self._block = count(event, "index")
                self._streamed.setdefault(self._block, "")
            case "content_block_delta":
                return self._delta(table(event, "delta"))
            case _:
                pass
        return []

    def _delta(self, delta: Table) -> list[Told]:
        said, thought = text(delta, "text"), text(delta, "thinking")
        if not said and not thought:
            return []
        self._streamed[self._block] = self._streamed.get(self._block, "") + (said or thought)
        return [Said(said) if said else Thought(thought)]

    def _assistant(self, said: Table) -> list[Told]:
        message = table(said, "message")
        if error := text(said, "error"):
            self._error = error  # its text is the error's, and comes again with the result
            return []
        ident = text(message, "id")
        self._count(ident, table(message, "usage"))
        told: list[Told] = []
        for block in tables(message, "content"):
            match text(block, "type"):
                case "text":
                    told += [Said(rest) for rest in self._rest(ident, text(block, "text"))]
                case "thinking":
                    told += [Thought(rest) for rest in self._rest(ident, text(block, "thinking"))]
                case "tool_use":
                    told.append(self._called(block))
                case _:
                    pass
        return told

    def _rest(self, message: str, whole: str) -> list[str]:
        """What of a block that is whole now has not been streamed."""
        if message != self._message or not any(self._streamed.values()):
            return [whole] if whole else []
        begun = [
            (len(s), block) for block, s in self._streamed.items() if s and whole.startswith(s)
        ]
        if not begun:
            return []
        length, block = max(begun)
        self._streamed[block] = whole
        return [whole[length:]] if len(whole) > length else []

    def _called(self, block: Table) -> Called:
        call, name = text(block, "id"), text(block, "name")
        given = table(block, "input")
        if name in _WRITING and len(self._calls) < _OPEN:
            self._calls[call] = given
        return Called(call, name, given)

    def _user(self, said: Table) -> list[Told]:
        told: list[Told] = []
        for block in tables(table(said, "message"), "content"):
            if text(block, "type") != "tool_result":
                continue
            call, failed = text(block, "tool_use_id"), block.get("is_error") is True
            given = self._calls.pop(call, None)
            if given is not None and not failed:
                told += _changed(given, table(said, "tool_use_result"))
            told.append(Returned(call, _written(block), failed))
        return told

    def _limits(self, info: Table) -> list[Told]:
        windows = table(info, "unifiedWindows")
        named = {name: table(windows, name) for name in _WINDOWS if table(windows, name)}
        named.setdefault(text(info, "rateLimitType"), info)
        if text(info, "status") == "rejected":
            self._resets_at = _seconds(info)
        headers: dict[str, str] = {}
        for name, window in named.items():
            used = number(window, "utilization")
            if used is None and text(window, "status") == "rejected":
                used = 1.0
            if name in _WINDOWS and used is not None:
                prefix = f"anthropic-ratelimit-unified-{_WINDOWS[name]}"
                headers[f"{prefix}-utilization"] = str(used)
                resets_at = _seconds(window)
                if resets_at is not None:
                    headers[f"{prefix}-reset"] = str(int(resets_at))
        return [Reported(headers)] if headers else []

    def _result(self, said: Table) -> Ended:
        words, subtype = text(said, "result"), text(said, "subtype")
        usage, cost = _total(said), number(said, "total_cost_usd")
        if subtype == "error_max_budget_usd":
            stopped = "claude stopped at the most that it may spend: raise coding.cost to go on"
            return Ended(usage=usage, cost=cost, stopped=stopped)
        if said.get("is_error") is not True and subtype in ("", "success"):
            return Ended(text=words, usage=usage, cost=cost)
        status = number(said, "api_error_status")
        errors = said.get("errors")
        failure = failure_of(
            words or (f"{subtype}: {errors}" if errors else subtype),
            self._clock(),
            status=_STATUSES.get(self._error) if status is None else int(status),
            resets_at=self._resets_at,
        )
        if isinstance(failure, QuotaSpent) and self._error == "billing_error":
            failure.unpaid = True
        return Ended(usage=usage, cost=cost, failure=failure)

    def _count(self, message: str, usage: Table) -> None:
        """Figures of one message only grow: each is told once more with every piece of it."""
        (latest, known), more = self._counted, _usage(usage)
        if message != latest:
            self._before, known = add(self._before, known), Usage()
        grown = Usage(
            input=max(known.input, more.input),
            output=max(known.output, more.output),
            cache_read=max(known.cache_read, more.cache_read),
            cache_write=max(known.cache_write, more.cache_write),
        )
        self._counted = (message, grown)


def _waits(said: Table) -> str:
    reason = text(said, "error").replace("_", " ") or "failed"
    seconds = max(1, round((number(said, "retry_delay_ms") or 0) / 1000))
    attempt, most = count(said, "attempt"), count(said, "max_retries")
    return f"claude: {reason}, tries again in {seconds} s ({attempt} of {most})"


def _written(block: Table) -> str:
    """The text of a tool's result, which is a string or a list of blocks."""
    whole = text(block, "content")
    return whole or "\n".join(text(part, "text") for part in tables(block, "content"))


def _changed(given: Table, result: Table) -> list[Told]:
    path = text(given, "file_path") or text(given, "notebook_path")
    if not path:
        return []
    hunks = tables(result, "structuredPatch")
    new = text(result, "type") == "create"
    if new and not hunks:
        added = len(text(given, "content").splitlines())
        return [Changed(path, "new", added, 0)]
    lines: list[str] = []
    for hunk in hunks:
        old, fresh = count(hunk, "oldStart"), count(hunk, "newStart")
        sizes = count(hunk, "oldLines"), count(hunk, "newLines")
        lines.append(f"@@ -{old},{sizes[0]} +{fresh},{sizes[1]} @@")
        lines += texts(hunk, "lines")
    added = sum(line.startswith("+") for line in lines)
    removed = sum(line.startswith("-") for line in lines)
    return [Changed(path, "new" if new else "edit", added, removed, "\n".join(lines))]


def _seconds(window: Table) -> float | None:
    """A reset in seconds of the epoch; some versions tell milliseconds."""
    at = number(window, "resetsAt")
    return at / 1000 if at is not None and at > 1e11 else at


def _usage(of: Table) -> Usage:
    return Usage(
        input=count(of, "input_tokens"),
        output=count(of, "output_tokens"),
        cache_read=count(of, "cache_read_input_tokens"),
        cache_write=count(of, "cache_creation_input_tokens"),
    )


def _total(said: Table) -> Usage:
    """Of all models it used; the plain `usage` leaves out its small helpers."""
    models = [table(table(said, "modelUsage"), name) for name in table(said, "modelUsage")]
    whole = Usage(
        input=sum(count(model, "inputTokens") for model in models),
        output=sum(count(model, "outputTokens") for model in models),
        cache_read=sum(count(model, "cacheReadInputTokens") for model in models),
        cache_write=sum(count(model, "cacheCreationInputTokens") for model in models),
    )
    plain = _usage(table(said, "usage"))
    return whole if whole.total >= plain.total else plain
