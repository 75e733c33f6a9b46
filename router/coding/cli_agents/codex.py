"""`codex exec --json`: how it is called, and what it tells. No I/O."""

import time
from collections.abc import Callable
from typing import Final

from router.coding.cli_agents import fields
from router.coding.cli_agents.faults import failure_of
from router.coding.cli_agents.fields import Table, count, number, table, tables, text
from router.coding.cli_agents.told import (
    Began,
    Called,
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
from store.events import Usage

_TOOLS: Final = frozenset({"command_execution", "file_change", "mcp_tool_call", "web_search"})
_ARGUMENTS: Final = ("command", "changes", "server", "tool", "arguments", "query")
_OPEN: Final = 100
"""Items that are kept until they end."""
_LASTING: Final = frozenset({"failed", "declined"})


def arguments(model: str, cost: float) -> list[str]:
    """All but the program's name. It knows no limit of cost. The prompt comes on its stdin."""
    said = [
        "exec",
        "--json",
        "--color=never",
        "--skip-git-repo-check",
        "--sandbox=workspace-write",
        "--config=approval_policy=never",
    ]
    if model != DEFAULT_MODEL:
        said.append(f"--model={model}")
    return [*said, "-"]


class Reader:
    """Reads one run, line by line."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._open: set[str] = set()
        """Items that were begun."""
        self._last = ""
        """What it said last: its summary."""
        self._resets_at: float | None = None

    def feed(self, line: bytes) -> list[Told]:
        said = fields.decoded(line)
        if said is None:
            return [Unreadable(fields.readable(line))]
        told = self._limits(said)
        match text(said, "type"):
            case "thread.started":
                told.append(Began())
            case "item.started":
                told += self._started(table(said, "item"))
            case "item.completed":
                told += self._completed(table(said, "item"))
            case "error":
                # It tries again by itself; should that fail too, the turn does.
                told.append(Remarked(f"codex: {text(said, 'message')}"))
            case "turn.completed":
                told.append(Ended(text=self._last, usage=_usage(table(said, "usage"))))
            case "turn.failed":
                sentence = text(table(said, "error"), "message")
                failure = failure_of(sentence, self._clock(), resets_at=self._resets_at)
                told.append(Ended(usage=_usage(table(said, "usage")), failure=failure))
            case _:
                pass
        return told

    def seen(self) -> Usage:
        """It counts nothing before its end."""
        return Usage(estimated=True)

    def _started(self, item: Table) -> list[Told]:
        kind, ident = text(item, "type"), text(item, "id")
        if kind not in _TOOLS or ident in self._open:
            return []
        if len(self._open) < _OPEN:
            self._open.add(ident)
        return [Called(ident, kind, {name: item[name] for name in _ARGUMENTS if name in item})]

    def _completed(self, item: Table) -> list[Told]:
        match text(item, "type"):
            case "agent_message":
                between = "\n\n" if self._last else ""
                self._last = text(item, "text")
                return [Said(between + self._last)] if self._last else []
            case "reasoning":
                thought = text(item, "text")
                return [Thought(f"{thought}\n\n")] if thought else []
            case "error":
                return [Remarked(f"codex: {text(item, 'message')}", warning=True)]
            case kind if kind in _TOOLS:
                begun = self._started(item)
                self._open.discard(text(item, "id"))
                return [*begun, _returned(item)]
            case _:
                return []

    def _limits(self, said: Table) -> list[Told]:
        """`token_count`, which some versions wrap into a message or a payload."""
        limits = table(said, "rate_limits")
        for name in ("msg", "payload", "info"):
            limits = limits or table(table(said, name), "rate_limits")
        headers: dict[str, str] = {}
        for name in ("primary", "secondary"):
            window = table(limits, name)
            used, minutes = number(window, "used_percent"), number(window, "window_minutes")
            if used is None or minutes is None:
                continue
            prefix = f"x-codex-{name}"
            headers[f"{prefix}-used-percent"] = str(used)
            headers[f"{prefix}-window-minutes"] = str(int(minutes))
            if (at := self._reset(window)) is not None:
                headers[f"{prefix}-reset-at"] = str(int(at))
                self._resets_at = at if used >= 100 else self._resets_at
        return [Reported(headers)] if headers else []

    def _reset(self, window: Table) -> float | None:
        at, left = number(window, "resets_at"), number(window, "resets_in_seconds")
        return at if at is not None or left is None else self._clock() + left


def _returned(item: Table) -> Returned:
    code = item.get("exit_code")
    failed = text(item, "status") in _LASTING or (isinstance(code, int) and code != 0)
    output = text(item, "aggregated_output") or text(table(item, "error"), "message")
    parts = tables(table(item, "result"), "content")
    written = output or "\n".join(text(part, "text") for part in parts)
    if isinstance(code, int) and code != 0:
        written = f"{written}\n[exit code {code}]".lstrip()
    return Returned(text(item, "id"), written, failed)


def _usage(of: Table) -> Usage:
    """Its input includes what was read from the cache and written to it."""
    read, write = count(of, "cached_input_tokens"), count(of, "cache_write_input_tokens")
    return Usage(
        input=max(0, count(of, "input_tokens") - read - write),
        output=count(of, "output_tokens"),
        cache_read=read,
        cache_write=write,
        reasoning=count(of, "reasoning_output_tokens"),
    )
