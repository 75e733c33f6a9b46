"""Finding what looks like a secret in a prompt, before it could leave this machine."""

import re
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
    r"AKIA|ASIA|AIza|gsk_|AccountKey=|gh[pousr]_|glpat-|eyJ|_authToken|sk-|PRIVATE KEY|pypi-"
    r"|SG\.|xox|hooks\.slack|[sr]k_live|AC[a-z0-9]{32}|SK[a-z0-9]{32}|ABIA|ACCA|A3T|gl[a-z]{2,10}-"
)
"""What every one of those tokens holds: spares nearly every prompt the slow look."""


class Found(msgspec.Struct, frozen=True):
    kind: str
    line: int
    """From 1."""


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
    with transient_settings({"plugins_used": [{"name": name} for name in _PLUGINS]}):
        for number, line in suspicious:
            for secret in scan_line(line[:4000]):
                found[secret.type, number] = Found(str(secret.type), number)
            if looks_like_key(line) and not any(at == number for _, at in found):
                found["API key", number] = Found("API key", number)
    return list(found.values())
