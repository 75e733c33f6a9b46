"""What is kept from models in the user's files: secrets, by a file's name and a line's shape.

A model's service may be anybody's. A task hardly ever needs the secret itself, and the user can
always paste what it does need.
"""

import re
from fnmatch import fnmatchcase
from typing import Final

from router.secrets import find

_NAMES: Final = (
    ".env", ".env.*", "*.env", ".envrc", "*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore",
    "*.kdbx", "*.agekey", "*.ovpn", "*.ppk", "*.tfvars", "*.tfstate", "*.tfstate.backup",
    "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "id_ecdsa_sk", "id_ed25519_sk",
    ".netrc", "_netrc", ".pgpass", ".my.cnf", ".pypirc", ".htpasswd", ".git-credentials",
    ".vault-token", "secrets.toml", "secrets.json", "secrets.y*ml", "secret.y*ml",
    "credentials", "credentials.json", "credentials.y*ml", "credentials.toml",
    "service-account*.json", "service_account*.json", "auth.json", "keys.toml",
)  # fmt: skip
_HARMLESS: Final = (".env.example", ".env.sample", ".env.template", ".env.dist", ".env.defaults")
_FOLDERS: Final = frozenset({".ssh", ".gnupg", ".aws", ".azure", ".kube", ".password-store"})

_KEY_BODY: Final = re.compile(r"\s*[A-Za-z0-9+/]{60,76}={0,2}\s*")
_HEX: Final = re.compile(r"\s*[0-9A-Fa-f]+\s*")

_PLACEHOLDER: Final = re.compile(
    r"\[line withheld: it looks like (?:a secret \([^()\n]+\)|part of a key)\]"
)


def is_secret(path: str) -> bool:
    """Whether a file is one of secrets, by its name. `path` is without links, with `/`."""
    *folders, name = path.casefold().split("/")
    if not _FOLDERS.isdisjoint(folders):
        return not name.endswith(".pub")
    return name not in _HARMLESS and any(fnmatchcase(name, pattern) for pattern in _NAMES)


def refusal(path: str) -> str:
    return (
        f"{path}: files of this name hold secrets, and what you read goes to a model's service. "
        "Ask the user to paste what is needed of it."
    )


def withheld(lines: list[str]) -> list[str]:
    """The lines, those with something that looks like a secret replaced. May load
    detect-secrets: call it in a thread."""
    found = {secret.line: secret.kind for secret in find("\n".join(map(_one_line, lines)))}
    return [_shown(line, found.get(number)) for number, line in enumerate(lines, 1)]


def puts_placeholder(before: str, after: str) -> bool:
    """Whether a change would write in place of a secret what was shown instead of it."""
    return len(_PLACEHOLDER.findall(after)) > len(_PLACEHOLDER.findall(before))


def _one_line(line: str) -> str:
    """Whatever else splits lines in Python would shift the numbers."""
    return " ".join(line.splitlines())


def _shown(line: str, kind: str | None) -> str:
    if kind is not None:
        return f"[line withheld: it looks like a secret ({kind})]"
    if _KEY_BODY.fullmatch(line) and not _HEX.fullmatch(line):
        return "[line withheld: it looks like part of a key]"
    return line
