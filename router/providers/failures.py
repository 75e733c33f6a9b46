"""From what a service said when it failed to one of the closed set, in a sentence for a person.

Every wire puts its error into a `Trouble`; what that means is decided here, once for all wires:
first by the codes the service itself uses, then by status, then by the class of the exception.
"""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from router.providers.base import (
    BadKey,
    BadRequest,
    BrokenStream,
    ContextTooLong,
    Failure,
    Overloaded,
    QuotaSpent,
    RateLimited,
    Refused,
    TimedOut,
    Unreachable,
)
from router.providers.connection import Connection
from router.providers.waiting import asked_wait

_SAID_LIMIT: Final = 240
_SHORTEST_SECRET: Final = 8
"""Characters; what is shorter ("none", "EMPTY") is no secret and may be part of a word."""


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """A service's error, in no wire's own form."""

    status: int
    """HTTP status; 200 for an error told inside a stream."""
    codes: frozenset[str] = frozenset()
    """The service's own type and code words."""
    said: str = ""
    """Its message, untrusted."""
    headers: Mapping[str, str] = msgspec.field(default_factory=dict[str, str])
    wait: float | None = None
    """Seconds the body (not a header) asked for."""
    advice: str = ""
    """What to do, where the wire knows better than the kind of failure."""


_BY_CODE: Final[tuple[tuple[frozenset[str], type[Failure]], ...]] = (
    (
        frozenset(
            {
                "insufficient_quota",
                "credit_balance_exhausted",
                "project_spend_limit_exceeded",
                "organization_spend_limit_exceeded",
                "organization_usage_limit_exceeded",
                "enforced_spend_limit_reached",
                "contract_spend_limit_reached",
                "billing_hard_limit_reached",
                "billing_not_active",
                "billing_error",
                "usage_limit_reached",
                "usage_not_included",
                "quota_per_day",
            }
        ),
        QuotaSpent,
    ),
    (frozenset({"context_length_exceeded", "exceed_context_size_error"}), ContextTooLong),
    (
        frozenset(
            {
                "content_filter",
                "content_policy_violation",
                "image_content_policy_violation",
                "bio_policy",
                "cyber_policy",
                "misalignment_policy_violation",
                "invalid_prompt",
            }
        ),
        Refused,
    ),
    (frozenset({"invalid_api_key", "api_key_invalid", "authentication_error"}), BadKey),
)
"""Codes that decide whatever the status is; the first match counts."""

_TOLD_STATUS: Final[Mapping[str, int]] = {
    "overloaded_error": 529,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "slow_down": 429,
    "ramp_limit_exceeded": 429,
    "permission_error": 403,
    "not_found_error": 404,
    "model_not_found": 404,
    "request_too_large": 413,
    "invalid_request_error": 400,
}
"""What an error told inside a 200 stream would have been as a status; 500 when unknown."""

_TOO_LONG: Final = re.compile(
    r"prompt is too long|maximum context length|exceeds? the (?:available |model'?s? )?context"
    r"|exceed context limit|input token count .* exceeds|context window",
    re.IGNORECASE,
)
_NO_CREDIT: Final = re.compile(r"credit balance is too low", re.IGNORECASE)

_TELL: Final[Mapping[type[Failure], tuple[str, str]]] = {
    Overloaded: ("{name} can't answer now", "try again in a moment or use another model"),
    RateLimited: ("{name} asks for fewer requests", "it passes by itself{again}"),
    QuotaSpent: ("The quota of {name} is spent", "wait{long}, add credit or use another account"),
    BadKey: ("{name} does not accept the key", "set a valid one with `butler init`"),
    ContextTooLong: (
        "The conversation is too long for the model of {name}",
        "use a model with a larger window or start a new session",
    ),
    Refused: ("{name} declined to answer", "put it differently or use another model"),
    TimedOut: ("{name} took too long", "try again or use another model"),
    BadRequest: (
        "{name} does not accept the request",
        "check the model's name and the address in the configuration",
    ),
}

_SECRETS: Final = re.compile(
    r"\b(?:sk|pk|rk|xai|gsk|ya29)[-_.][\w.*…-]{6,}|\bAIza[\w*-]{8,}|\bsk\*+\w*"
    r"|(?<=bearer )\S+|(?<=[?&]key=)[^&\s]+|[\w-]*\*{4,}[\w-]*",
    re.IGNORECASE,
)


def failure_of(connection: Connection, trouble: Trouble) -> Failure:
    """The failure that a service's error amounts to, with its sentence."""
    kind = _kind(trouble)
    waits = [wait for wait in (asked_wait(trouble.headers), trouble.wait) if wait is not None]
    wait = max(waits) if waits and kind in {Overloaded, RateLimited, QuotaSpent} else None
    return kind(
        _sentence(connection, trouble, kind, wait),
        retry_after=wait,
        headers=trouble.headers,
        unpaid=kind is QuotaSpent and trouble.status == 402,
    )


def broken(connection: Connection, what: str) -> BrokenStream:
    """An answer that can't be one. `what` goes on from the service's name."""
    return BrokenStream(f"{connection.name} {what}: try again or use another model.")


def transport_failure(connection: Connection, error: BaseException) -> Failure | None:
    """The failure behind an HTTP client's exception, looking through what the SDK wrapped around
    it; `None` if there is none.

    Three SDKs use httpx2 and one httpx. Their exceptions have the same names, so names are
    compared, which spares loading a library only to name its classes.
    """
    names = {kind.__name__ for link in _chain(error) for kind in type(link).__mro__}
    if names & {"ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError"}:
        return _unreachable(connection, names)
    if names & {"InvalidURL", "UnsupportedProtocol", "LocalProtocolError"}:
        return BadRequest(
            f"The address or a header of {connection.name} can't be used: check both in the "
            "configuration."
        )
    if names & {"TimeoutException", "APITimeoutError"}:
        return TimedOut(
            f"{connection.name} stayed silent too long: try again or use another model."
        )
    if names & {"TransportError", "DecodingError", "TooManyRedirects", "IncompleteRead"}:
        return broken(connection, "cut the connection")
    return None


def said(text: object, connection: Connection) -> str:
    """A service's own words made harmless: one line, no control characters, no key, not long."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    if connection.key and len(connection.key) >= _SHORTEST_SECRET:
        line = line.replace(connection.key, "[key]")
    line = _SECRETS.sub("[key]", line)
    return line if len(line) <= _SAID_LIMIT else f"{line[: _SAID_LIMIT - 1]}…"


def _kind(trouble: Trouble) -> type[Failure]:
    codes = {code.lower() for code in trouble.codes}
    for known, kind in _BY_CODE:
        if codes & known:
            return kind
    if _NO_CREDIT.search(trouble.said):
        return QuotaSpent
    status = trouble.status if trouble.status >= 400 else _told_status(codes)
    if status in {400, 413, 422, 500} and _TOO_LONG.search(trouble.said):
        return ContextTooLong
    if status == 429 and trouble.headers.get("anthropic-ratelimit-unified-status") == "rejected":
        return QuotaSpent
    return _kind_of_status(status)


def _told_status(codes: set[str]) -> int:
    """Gateways put the status itself into the code; services a word for it."""
    numbers = [int(code) for code in codes if code.isdecimal() and 400 <= int(code) <= 599]
    words = [status for code, status in _TOLD_STATUS.items() if code in codes]
    return next(iter(numbers + words), 500)


def _kind_of_status(status: int) -> type[Failure]:
    by_status: dict[int, type[Failure]] = {
        401: BadKey,
        402: QuotaSpent,
        403: BadKey,
        408: TimedOut,
        413: ContextTooLong,
        429: RateLimited,
    }
    return by_status.get(status, Overloaded if status >= 500 else BadRequest)


def _sentence(
    connection: Connection, trouble: Trouble, kind: type[Failure], wait: float | None
) -> str:
    what, advice = _TELL[kind]
    span = f" about {_span_words(wait)}" if wait else ""
    again = f" in{span}" if span else ""
    details = [f"HTTP {trouble.status}"] if trouble.status >= 400 else []
    words = said(trouble.said, connection).rstrip(".")
    if words and not words.startswith("<"):  # a gateway's HTML page says nothing to a person
        details.append(f"“{words}”")
    inside = f" ({', '.join(details)})" if details else ""
    advice = trouble.advice or advice.format(again=again, long=span)
    return f"{what.format(name=connection.name)}{inside}: {advice}."


def _span_words(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{round(seconds / 3600)} h"


def _unreachable(connection: Connection, names: set[str]) -> Unreachable:
    if "gaierror" in names:
        why = "its host's name is not known here: check the address and the network"
    elif "SSLError" in names:
        why = "TLS fails: check the address, this machine's clock and its certificates"
    elif connection.wire == "ollama":
        why = "check the address, or start it with `ollama serve`"
    else:
        why = "check that the network and the service are up"
    return Unreachable(f"No connection to {connection.name}; {why}.")


def _chain(error: BaseException) -> list[BaseException]:
    links: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in links:
        links.append(link)
        link = link.__cause__ or link.__context__
    return links
