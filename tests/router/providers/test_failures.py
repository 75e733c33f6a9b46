"""Terminal or passing: what a service's codes and headers amount to, and for how long."""

import socket
from collections.abc import Mapping
from typing import Any

import httpx
import msgspec
import pytest

from router.providers import Connection, Wire
from router.providers.base import (
    BadKey,
    ContextTooLong,
    Failure,
    Overloaded,
    QuotaSpent,
    RateLimited,
    Refused,
    Unreachable,
)
from router.providers.failures import Trouble, failure_of, said, transport_failure
from router.providers.waiting import until_pacific_midnight
from tests.router.providers.asking import asking, hear
from tests.router.providers.conftest import Opener
from tests.servers.scripted import Script, Scripted


def _openai(kind: str = "", code: str | None = None, **more: Any) -> Mapping[str, Any]:
    return {"error": {"message": "told", "type": kind, "code": code, "param": None} | more}


def _anthropic(
    kind: str, error_code: str | None = None, message: str = "told"
) -> Mapping[str, Any]:
    details = {"details": {"error_code": error_code}} if error_code else {}
    return {"type": "error", "error": {"type": kind, "message": message} | details}


def _gemini(status: str, *details: Mapping[str, Any], code: int = 429) -> Mapping[str, Any]:
    return {"error": {"code": code, "message": "told", "status": status, "details": list(details)}}


def _violation(quota: str) -> Mapping[str, Any]:
    kind = "type.googleapis.com/google.rpc.QuotaFailure"
    return {"@type": kind, "violations": [{"quotaMetric": "requests", "quotaId": quota}]}


RETRY_36: Mapping[str, Any] = {
    "@type": "type.googleapis.com/google.rpc.RetryInfo",
    "retryDelay": "36s",
}
PER_DAY = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
PER_MINUTE = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"

ROWS: tuple[tuple[Wire, int, Mapping[str, Any], type[Failure]], ...] = (
    ("openai", 429, _openai("insufficient_quota", "insufficient_quota"), QuotaSpent),
    ("openai", 429, _openai("x", "credit_balance_exhausted"), QuotaSpent),
    ("openai", 429, _openai("x", "project_spend_limit_exceeded"), QuotaSpent),
    ("openai", 429, _openai("x", "organization_spend_limit_exceeded"), QuotaSpent),
    ("openai", 429, _openai("x", "organization_usage_limit_exceeded"), QuotaSpent),
    ("openai", 429, _openai("usage_limit_reached"), QuotaSpent),
    ("openai", 429, _openai("requests", "slow_down"), RateLimited),
    ("openai", 429, _openai("tokens", "rate_limit_exceeded"), RateLimited),
    ("openai", 503, _openai("server_error", "slow_down"), Overloaded),
    ("openai", 400, _openai("x", "context_length_exceeded"), ContextTooLong),
    ("openai", 400, _openai("x", "content_policy_violation"), Refused),
    ("openai-chat", 429, _openai("insufficient_quota", "insufficient_quota"), QuotaSpent),
    ("openai-chat", 400, _openai("exceed_context_size_error"), ContextTooLong),
    ("openai-chat", 500, _openai("exceed_context_size_error"), ContextTooLong),
    ("anthropic", 402, _anthropic("billing_error"), QuotaSpent),
    ("anthropic", 429, _anthropic("rate_limit_error", "enforced_spend_limit_reached"), QuotaSpent),
    ("anthropic", 429, _anthropic("rate_limit_error", "ramp_limit_exceeded"), RateLimited),
    ("anthropic", 429, _anthropic("rate_limit_error"), RateLimited),
    ("anthropic", 529, _anthropic("overloaded_error"), Overloaded),
    (
        "anthropic",
        400,
        _anthropic("invalid_request_error", message="Your credit balance is too low"),
        QuotaSpent,
    ),
    ("google", 429, _gemini("RESOURCE_EXHAUSTED", _violation(PER_DAY), RETRY_36), QuotaSpent),
    ("google", 429, _gemini("RESOURCE_EXHAUSTED", _violation(PER_MINUTE), RETRY_36), RateLimited),
    ("google", 429, _gemini("RESOURCE_EXHAUSTED"), RateLimited),
    ("google", 400, _gemini("INVALID_ARGUMENT", {"reason": "API_KEY_INVALID"}, code=400), BadKey),
    ("google", 503, _gemini("UNAVAILABLE", code=503), Overloaded),
)


async def _failure(
    scripted: Scripted,
    opened: Opener,
    wire: Wire,
    status: int,
    body: Mapping[str, Any],
    headers: Mapping[str, str] | None = None,
) -> Failure:
    sent = {"content-type": "application/json"} | dict(headers or {})
    scripted.play(Script(msgspec.json.encode(body), status=status, headers=sent))
    with pytest.raises(Failure) as caught:
        await hear(await opened(wire, scripted.url), asking())
    assert len(scripted.visits) == 1
    return caught.value


@pytest.mark.parametrize(("wire", "status", "body", "kind"), ROWS)
async def test_a_code_decides(
    wire: Wire,
    status: int,
    body: Mapping[str, Any],
    kind: type[Failure],
    scripted: Scripted,
    opened: Opener,
) -> None:
    assert type(await _failure(scripted, opened, wire, status, body)) is kind


async def test_gemini_says_in_its_body_how_long(scripted: Scripted, opened: Opener) -> None:
    body = _gemini("RESOURCE_EXHAUSTED", _violation(PER_MINUTE), RETRY_36)
    assert (await _failure(scripted, opened, "google", 429, body)).retry_after == 36


async def test_a_daily_quota_lasts_until_the_day_turns(scripted: Scripted, opened: Opener) -> None:
    body = _gemini("RESOURCE_EXHAUSTED", _violation(PER_DAY), RETRY_36)
    failure = await _failure(scripted, opened, "google", 429, body)
    assert failure.retry_after == pytest.approx(until_pacific_midnight(), abs=5)


async def test_a_subscriptions_body_says_how_long(scripted: Scripted, opened: Opener) -> None:
    body = _openai("usage_limit_reached", resets_in_seconds=5400)
    assert (await _failure(scripted, opened, "openai", 429, body)).retry_after == 5400


async def test_a_subscription_window_that_is_full(scripted: Scripted, opened: Opener) -> None:
    headers = {
        "anthropic-ratelimit-unified-status": "rejected",
        "anthropic-ratelimit-unified-5h-status": "rejected",
        "anthropic-ratelimit-unified-5h-reset": "9999999999",
        "retry-after": "60",
    }
    body = _anthropic("rate_limit_error")
    failure = await _failure(scripted, opened, "anthropic", 429, body, headers)
    assert type(failure) is QuotaSpent
    assert failure.retry_after is not None
    assert failure.retry_after > 1e9, "the window's reset is later than Retry-After"
    assert failure.headers["anthropic-ratelimit-unified-5h-status"] == "rejected"


async def test_headers_come_with_every_failure(
    wire: Wire, scripted: Scripted, opened: Opener
) -> None:
    headers = {"X-RateLimit-Remaining-Requests": "0", "Retry-After": "12"}
    failure = await _failure(scripted, opened, wire, 429, {"error": "told"}, headers)
    assert failure.headers["x-ratelimit-remaining-requests"] == "0"
    assert failure.retry_after == 12


def test_no_wait_for_what_waiting_does_not_mend() -> None:
    trouble = Trouble(status=401, headers={"retry-after": "30"})
    assert failure_of(Connection(wire="openai"), trouble).retry_after is None


def test_an_unknown_host_is_told_as_such() -> None:
    """Asking for one for real would leave this machine."""
    error = httpx.ConnectError("")
    error.__cause__ = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    failure = transport_failure(Connection(wire="openai", account="work"), error)
    assert type(failure) is Unreachable
    assert "host's name is not known" in str(failure)


def test_a_bug_of_ours_is_no_failure_of_theirs() -> None:
    assert transport_failure(Connection(wire="openai"), RuntimeError("a bug")) is None


def test_words_are_cut_to_a_line() -> None:
    words = said("a\x1b[31mb\r\n" + "long " * 200, Connection(wire="openai"))
    assert words.startswith("a [31mb long")
    assert len(words) <= 240
    assert words.endswith("…")


@pytest.mark.parametrize(
    "words",
    ["task-oriented work", "key_not_found", "2018 tokens", "**bold**", "ask_someone_else"],
)
def test_words_that_are_no_secret_stay(words: str) -> None:
    assert said(words, Connection(wire="openai", key="k")) == words


def test_a_sentence_names_account_and_service() -> None:
    connection = Connection(wire="anthropic", account="work")
    trouble = Trouble(status=529, said="Overloaded.")
    assert str(failure_of(connection, trouble)) == (
        "work (Anthropic) can't answer now (HTTP 529, “Overloaded”): "
        "try again in a moment or use another model."
    )
