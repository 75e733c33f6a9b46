"""Finding what looks like a secret in a prompt, before it could leave this machine."""

import re
import threading
from typing import Final

import msgspec

from router.keys import looks_like_key

_PLUGINS: Final = (
    "AWSKeyDetector",
    "AzureStorageKeyDetector",
    "GitHubTokenDetector",
    "GitLabTokenDetector",
    "JwtTokenDetector",
    "NpmDetector",
    "OpenAIDetector",
    "PrivateKeyDetector",
    "PypiTokenDetector",
    "SendGridDetector",
    "SlackDetector",
    "StripeDetector",
    "TwilioKeyDetector",
)
"""Detectors of tokens with a shape of their own. Entropy and keyword detectors stay out: in prose
and code they cry wolf."""

_HINT: Final = re.compile(
    r"AKIA|ASIA|github_pat_|hf_|xai-|AIza|gsk_|AccountKey=|gh[pousr]_|glpat-|eyJ|_authToken"
    r"|sk-|PRIVATE KEY|pypi-|SG\.|xox"
    r"|hooks\.slack|[sr]k_live|AC[a-z0-9]{32}|SK[a-z0-9]{32}|ABIA|ACCA|A3T|gl[a-z]{2,10}-"
)
"""What every one of those tokens holds: spares nearly every prompt the slow look."""


class Found(msgspec.Struct, frozen=True):
    kind: str
    line: int
    """From 1."""


_OTHER: Final = re.compile(
    r"\b(?:github_pat_[A-Za-z0-9_]{20,}|hf_[A-Za-z0-9]{20,}|xai-[A-Za-z0-9]{20,})"
)
"""Tokens that detect-secrets has no detector for yet."""

_WINDOW: Final = 4000
_OVERLAP: Final = 400
"""Characters: a token at the edge of one piece lies within the next one."""


def _windows(line: str) -> list[str]:
    """A line in pieces: some detectors take quadratic time over a long one."""
    starts = range(0, max(1, len(line) - _OVERLAP), _WINDOW - _OVERLAP)
    return [piece for s in starts if _HINT.search(piece := line[s : s + _WINDOW])]


_ONE_AT_A_TIME: Final = threading.Lock()
"""detect-secrets keeps its settings for the whole process."""


def find(text: str) -> list[Found]:
    """What looks like a secret in a text, without the secret itself. Loads detect-secrets and
    reads each suspicious line: call it in a thread."""
    suspicious = [
        (number, line) for number, line in enumerate(text.splitlines(), 1) if _HINT.search(line)
    ]
    if not suspicious:
        return []
    from detect_secrets.core.scan import scan_line
    from detect_secrets.settings import transient_settings

    found: dict[tuple[str, int], Found] = {}
    with (
        _ONE_AT_A_TIME,
        transient_settings({"plugins_used": [{"name": name} for name in _PLUGINS]}),
    ):
        for number, line in suspicious:
            for piece in _windows(line):
                for secret in scan_line(piece):
                    found[secret.type, number] = Found(str(secret.type), number)
            if (looks_like_key(line) or _OTHER.search(line)) and not any(
                at == number for _, at in found
            ):
                found["API key", number] = Found("API key", number)
    return list(found.values())
