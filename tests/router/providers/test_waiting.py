"""How long a service asked to be left alone."""

from datetime import UTC, datetime

import pytest

from router.providers.waiting import asked_wait, span, until_pacific_midnight

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "36"}, 36),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "7200"}, 7200),
        ({"retry-after": "Mon, 23 Nov 2026 12:01:30 GMT"}, 90),
        ({"retry-after": "Mon, 23 Nov 2026 11:00:00 GMT"}, 0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        (
            {
                "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": "2026-11-23T12:00:20Z",
                "anthropic-ratelimit-tokens-remaining": "0",
                "anthropic-ratelimit-tokens-reset": "2026-11-23T12:00:45Z",
            },
            45,
        ),
        (
            {
                "x-ratelimit-remaining-requests": "12",
                "x-ratelimit-reset-requests": "12ms",
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-tokens": "6m0s",
            },
            360,
        ),
        # A gateway that doesn't know: neither spent nor a time.
        ({"x-ratelimit-remaining-tokens": "-1", "x-ratelimit-reset-tokens": "0"}, None),
        # The window that rejects is later than the header, and counts.
        (
            {
                "retry-after": "60",
                "anthropic-ratelimit-unified-5h-status": "allowed",
                "anthropic-ratelimit-unified-5h-reset": str(int(NOW + 100)),
                "anthropic-ratelimit-unified-7d-status": "rejected",
                "anthropic-ratelimit-unified-7d-reset": str(int(NOW + 86400)),
            },
            86400,
        ),
    ],
)
def test_headers(headers: dict[str, str], seconds: float | None) -> None:
    assert asked_wait(headers, NOW) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("12ms", 0.012),
        ("6m0s", 360),
        ("1h2m3.5s", 3723.5),
        ("36s", 36),
        ("5", 5),
        ("", None),
        ("soon", None),
        ("5 s", None),
        ("5x", None),
    ],
)
def test_spans(text: str, seconds: float | None) -> None:
    assert span(text) == pytest.approx(seconds) if seconds is not None else span(text) is None


@pytest.mark.parametrize(
    ("utc", "hours"),
    [
        ("2026-11-23T12:00:00+00:00", 20),  # 04:00 in California
        ("2026-11-24T07:59:00+00:00", 1 / 60),
        ("2026-07-01T06:00:00+00:00", 1),  # summer time
        ("2026-11-01T07:30:00+00:00", 24.5),  # the day with 25 hours, half an hour old
    ],
)
def test_googles_day_turns_in_california(utc: str, hours: float) -> None:
    now = datetime.fromisoformat(utc).timestamp()
    assert until_pacific_midnight(now) == pytest.approx(hours * 3600)
