"""What the programs tell, as recorded and as documented, without a process."""

import json
from collections.abc import Iterable
from typing import Any

import pytest

from router.coding.cli_agents import claude, codex
from router.coding.cli_agents.faults import failure_of
from router.coding.cli_agents.lines import Lines
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
from router.gauges import of_headers
from router.providers.base import (
    BadKey,
    BadRequest,
    BrokenStream,
    ContextTooLong,
    Failure,
    Overloaded,
    QuotaSpent,
    RateLimited,
    Unreachable,
)
from store.events import Usage
from tests.router.coding.shop import SAMPLES

NOW = 1_800_000_000
HELLO = "Hello from the loopback mock: here is a small function. def add(a, b): return a + b"


def recorded(reader: claude.Reader | codex.Reader, name: str) -> list[Told]:
    lines = (SAMPLES / name).read_bytes().splitlines()
    return [told for line in lines for told in reader.feed(line)]


def of_claude(*lines: dict[str, Any]) -> list[Told]:
    return _fed(claude.Reader(clock=lambda: NOW), lines)


def of_codex(*lines: dict[str, Any]) -> list[Told]:
    return _fed(codex.Reader(clock=lambda: NOW), lines)


def _fed(reader: claude.Reader | codex.Reader, lines: Iterable[dict[str, Any]]) -> list[Told]:
    return [told for line in lines for told in reader.feed(json.dumps(line).encode())]


def said(told: Iterable[Told]) -> str:
    return "".join(one.text for one in told if isinstance(one, Said))


# --- as recorded --------------------------------------------------------------------------------


def test_the_recorded_claude_says_its_text_once() -> None:
    told = recorded(claude.Reader(), "claude.jsonl")
    assert told[0] == Began("mock-opus")
    assert said(told) == HELLO
    assert sum(isinstance(one, Said) for one in told) == 7, "as it streamed"
    ended = told[-1]
    assert isinstance(ended, Ended)
    assert (ended.text, ended.cost, ended.failure) == (HELLO, 0.0, None)


def test_the_recorded_overload_shows_its_waiting_and_fails_as_overload() -> None:
    told = recorded(claude.Reader(), "claude-529.jsonl")
    assert [one.text for one in told if isinstance(one, Remarked)] == [
        "claude: overloaded, tries again in 1 s (1 of 2)",
        "claude: overloaded, tries again in 1 s (2 of 2)",
    ]
    assert said(told) == "", "the sentence about the error is no answer"
    ended = told[-1]
    assert isinstance(ended, Ended)
    assert isinstance(ended.failure, Overloaded)
    assert "529" in str(ended.failure)


def test_the_recorded_codex_says_its_text() -> None:
    told = recorded(codex.Reader(), "codex.jsonl")
    assert told[0] == Began()
    assert isinstance(told[1], Remarked)
    assert "mock-model" in told[1].text
    assert said(told) == HELLO
    assert told[-1] == Ended(text=HELLO)


def test_the_recorded_codex_runs_its_tool() -> None:
    told = recorded(codex.Reader(), "codex-tool.jsonl")
    command = {"command": "/bin/bash -lc 'echo from-tool'"}
    assert Called("item_1", "command_execution", command) in told
    assert Returned("item_1", "from-tool\n") in told
    assert said(told) == "The tool said from-tool."


# --- claude -------------------------------------------------------------------------------------


def started(ident: str, **usage: int) -> dict[str, Any]:
    event = {"type": "message_start", "message": {"id": ident, "usage": usage}}
    return {"type": "stream_event", "event": event}


def block(index: int) -> dict[str, Any]:
    return {"type": "stream_event", "event": {"type": "content_block_start", "index": index}}


def delta(**what: str) -> dict[str, Any]:
    return {"type": "stream_event", "event": {"type": "content_block_delta", "delta": what}}


def message(ident: str, *content: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "assistant", "message": {"id": ident, "content": content}, **more}


def text_of(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def returned(call: str, content: object, result: object = None, **more: Any) -> dict[str, Any]:
    part = {"type": "tool_result", "tool_use_id": call, "content": content, **more}
    return {"type": "user", "message": {"content": [part]}, "tool_use_result": result}


def test_text_that_was_never_streamed_is_said_when_it_comes_whole() -> None:
    assert said(of_claude(message("a", text_of("one")), message("b", text_of("two")))) == "onetwo"


def test_only_the_part_of_a_block_that_was_not_streamed_is_said_again() -> None:
    told = of_claude(
        started("a"),
        block(0),
        delta(thinking="hm"),
        message("a", {"type": "thinking", "thinking": "hm"}),
        block(1),
        delta(text="one "),
        message("a", text_of("one two")),
        message("a", text_of("one two")),
    )
    assert told == [Thought("hm"), Said("one "), Said("two")]


def test_an_edit_is_a_tool_and_a_changed_file() -> None:
    given = {"file_path": "/w/a.py", "old_string": "1", "new_string": "2"}
    hunk = {"oldStart": 3, "oldLines": 1, "newStart": 3, "newLines": 2, "lines": ["-1", "+2", "+3"]}
    told = of_claude(
        message("a", {"type": "tool_use", "id": "t", "name": "Edit", "input": given}),
        returned("t", [text_of("done")], {"structuredPatch": [hunk]}),
    )
    diff = "@@ -3,1 +3,2 @@\n-1\n+2\n+3"
    assert told == [
        Called("t", "Edit", given),
        Changed("/w/a.py", "edit", 2, 1, diff),
        Returned("t", "done"),
    ]


def test_a_new_file_is_told_as_new_and_a_failed_write_as_no_change() -> None:
    given = {"file_path": "a.py", "content": "1\n2\n"}
    write = {"type": "tool_use", "id": "t", "name": "Write", "input": given}
    made = of_claude(message("a", write), returned("t", "ok", {"type": "create"}))
    assert Changed("a.py", "new", 2, 0) in made
    failed = of_claude(message("a", write), returned("t", "no", is_error=True))
    assert failed[1:] == [Returned("t", "no", failed=True)]


def test_what_an_agent_within_the_agent_says_is_left_out() -> None:
    assert of_claude(message("a", text_of("inner"), parent_tool_use_id="t")) == []


def test_claude_counts_all_models_and_its_own_cost() -> None:
    models = {
        "opus": {"inputTokens": 100, "outputTokens": 20, "cacheReadInputTokens": 7, "costUSD": 1},
        "haiku": {"inputTokens": 5, "outputTokens": 1, "cacheCreationInputTokens": 2},
    }
    usage = {"input_tokens": 100, "output_tokens": 20}
    result = {"type": "result", "subtype": "success", "is_error": False, "result": "ok"}
    (ended,) = of_claude({**result, "usage": usage, "modelUsage": models, "total_cost_usd": 0.25})
    expected = Usage(input=105, output=21, cache_read=7, cache_write=2)
    assert ended == Ended(text="ok", usage=expected, cost=0.25)


def test_what_its_messages_counted_is_known_without_a_result() -> None:
    reader = claude.Reader()
    lines = [
        started("a", input_tokens=10, output_tokens=1),
        {"type": "stream_event", "event": {"type": "message_delta", "usage": {"output_tokens": 8}}},
        message("a", text_of("x")),
        started("b", input_tokens=30, output_tokens=2),
    ]
    # A delta names no message: it counts for the one that streams.
    _fed(reader, lines)
    assert (reader.seen().input, reader.seen().output) == (40, 10)
    assert reader.seen().estimated


def test_a_spent_budget_is_a_stop_and_no_failure() -> None:
    (ended,) = of_claude({"type": "result", "subtype": "error_max_budget_usd", "is_error": True})
    assert isinstance(ended, Ended)
    assert ended.failure is None
    assert "coding.cost" in ended.stopped


def limits(**info: Any) -> dict[str, Any]:
    return {"type": "rate_limit_event", "rate_limit_info": info}


def test_claudes_windows_become_gauges() -> None:
    windows = {
        "five_hour": {"utilization": 0.3, "resetsAt": NOW + 60},
        "seven_day": {"utilization": 0.85, "resetsAt": (NOW + 600) * 1000},
        "seven_day_of_tomorrow": {"utilization": 0.5},
    }
    (told,) = of_claude(limits(status="allowed", rateLimitType="overage", unifiedWindows=windows))
    assert isinstance(told, Reported)
    gauges = of_headers("cli:claude", told.headers, NOW * 1000)
    assert [(g.window, g.percent, g.resets_at, g.source) for g in gauges] == [
        ("5h", 30.0, (NOW + 60) * 1000, "provider"),
        ("week", 85.0, (NOW + 600) * 1000, "provider"),
    ]


def test_a_rejected_window_is_full_and_says_how_long_the_quota_is_spent() -> None:
    reported, ended = of_claude(
        limits(status="rejected", rateLimitType="five_hour", resetsAt=NOW + 7200),
        {"type": "result", "is_error": True, "api_error_status": 429, "result": "You've hit it"},
    )
    assert isinstance(reported, Reported)
    assert [g.percent for g in of_headers("cli:claude", reported.headers, 0)] == [100.0]
    assert isinstance(ended, Ended)
    assert isinstance(ended.failure, QuotaSpent)
    assert ended.failure.retry_after == 7200


@pytest.mark.parametrize("info", [{}, {"status": 1, "utilization": "x"}, {"unifiedWindows": []}])
def test_windows_that_tell_nothing_are_left_alone(info: dict[str, Any]) -> None:
    assert of_claude(limits(**info)) == []


# --- codex --------------------------------------------------------------------------------------


def item(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": "item.completed", "item": {"id": "i", "type": kind, **more}}


def test_a_failed_command_is_told_with_its_exit_code() -> None:
    told = of_codex(item("command_execution", command="ls", aggregated_output="no", exit_code=2))
    assert told == [
        Called("i", "command_execution", {"command": "ls"}),
        Returned("i", "no\n[exit code 2]", failed=True),
    ]


def test_a_patch_that_was_never_begun_is_a_tool_all_the_same() -> None:
    changes = [{"path": "a.py", "kind": "add"}]
    told = of_codex(item("file_change", changes=changes, status="completed"))
    assert told == [Called("i", "file_change", {"changes": changes}), Returned("i", "")]


def test_two_messages_of_codex_are_two_paragraphs() -> None:
    told = of_codex(item("agent_message", text="one"), item("agent_message", text="two"))
    assert said(told) == "one\n\ntwo"


def test_codex_usage_is_normalised() -> None:
    usage = {"input_tokens": 100, "cached_input_tokens": 60, "cache_write_input_tokens": 10}
    usage |= {"output_tokens": 9, "reasoning_output_tokens": 4}
    (ended,) = of_codex({"type": "turn.completed", "usage": usage})
    expected = Usage(input=30, output=9, cache_read=60, cache_write=10, reasoning=4)
    assert ended == Ended(usage=expected)


@pytest.mark.parametrize("wrapped", ["", "msg", "payload", "info"])
def test_codex_windows_become_gauges_however_they_are_wrapped(wrapped: str) -> None:
    windows = {
        "primary": {"used_percent": 12.5, "window_minutes": 300, "resets_at": NOW + 60},
        "secondary": {"used_percent": 80, "window_minutes": 10080, "resets_in_seconds": 120},
        "credits": None,
    }
    inner = {"type": "token_count", "rate_limits": windows}
    (told,) = of_codex({"type": "event", wrapped: inner} if wrapped else inner)
    assert isinstance(told, Reported)
    gauges = of_headers("cli:codex", told.headers, NOW * 1000)
    assert [(g.window, g.percent, g.resets_at) for g in gauges] == [
        ("5h", 12.5, (NOW + 60) * 1000),
        ("week", 80.0, (NOW + 120) * 1000),
    ]


def test_codex_trying_again_is_no_failure_but_a_failed_turn_is() -> None:
    remark, ended = of_codex(
        {"type": "error", "message": "Reconnecting... 1/5"},
        {"type": "turn.failed", "error": {"message": "unexpected status 401 Unauthorized"}},
    )
    assert remark == Remarked("codex: Reconnecting... 1/5")
    assert isinstance(ended, Ended)
    assert isinstance(ended.failure, BadKey)


# --- failures, lines, nonsense ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sentence", "status", "kind", "wait"),
    [
        ("API Error: 529 Overloaded", None, Overloaded, None),
        ("exceeded retry limit, last status: 429 Too Many Requests", None, RateLimited, None),
        ("Invalid API key · Please run /login", None, BadKey, None),
        ("Claude AI usage limit reached|1800003600", None, QuotaSpent, 3600),
        (
            "You've hit your usage limit. Upgrade, or try again in 3 days 4 hours 12 minutes.",
            None,
            QuotaSpent,
            3 * 86400 + 4 * 3600 + 12 * 60,
        ),
        ("You've hit your usage limit. Try again at 2:57 PM.", None, QuotaSpent, None),
        ("You've hit your limit · resets 3pm", 429, QuotaSpent, None),
        ("Prompt is too long", None, ContextTooLong, None),
        ("Unable to connect to API (ECONNREFUSED)", None, Unreachable, None),
        ("API Error: 400 invalid_request_error", None, BadRequest, None),
        ("There's an issue with the selected model (x).", 404, BadRequest, None),
        ("Prompt is too long", 400, ContextTooLong, None),
        ("Payment required", 402, QuotaSpent, None),
        ("something odd", None, BrokenStream, None),
        ("", None, BrokenStream, None),
    ],
)
def test_sentences_become_failures(
    sentence: str, status: int | None, kind: type[Failure], wait: float | None
) -> None:
    failure = failure_of(sentence, NOW, status=status)
    assert type(failure) is kind
    assert failure.retry_after == wait
    assert str(failure)


def test_an_empty_purse_stays_so_until_somebody_pays() -> None:
    assert failure_of("Credit balance is too low", NOW).unpaid


def test_lines_are_cut_wherever_the_pieces_end() -> None:
    lines = Lines(limit=10)
    assert lines.feed(b"on") == []
    assert lines.feed(b"e\n\ntwo\nthr") == [b"one", b"two"]
    assert lines.rest() == b"thr"


def test_a_line_that_is_too_long_is_left_out_and_takes_no_memory() -> None:
    lines = Lines(limit=10)
    for _ in range(1000):
        assert lines.feed(b"xxxxx") == []
        assert len(lines._rest) <= 10
    assert lines.feed(b"end\nnext\n") == [b"next"]
    assert lines.left_out == 1


NONSENSE: tuple[bytes, ...] = (
    b"npm warn something",
    b"[1, 2]",
    b"null",
    b'{"type": "assistant", "message": ',
    b'{"type": "assistant", "message": []}',
    b'{"type": "assistant", "message": {"content": [1, {"type": "tool_use"}]}}',
    b'{"type": "user", "message": {"content": "text"}}',
    b'{"type": 7}',
    b'{"type": "stream_event", "event": {"type": "content_block_delta", "delta": 3}}',
    b'{"type": "item.completed", "item": {"type": "agent_message", "text": null}}',
    b'{"type": "item.started", "item": []}',
    b'{"type": "turn.completed", "usage": {"input_tokens": -3, "output_tokens": 1e999}}',
    b'{"type": "result", "usage": null, "modelUsage": [], "total_cost_usd": "x"}',
    b"\xff\xfe\x00",
    b"[" * 100_000,
)


@pytest.mark.parametrize("line", NONSENSE, ids=range(len(NONSENSE)))
def test_nothing_that_is_written_breaks_the_reading(line: bytes) -> None:
    for reader in (claude.Reader(), codex.Reader()):
        for told in reader.feed(line):
            if isinstance(told, Unreadable):
                assert len(told.line) <= 200
                assert told.line.isprintable()
