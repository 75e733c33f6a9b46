"""Where an account's service is, and the key that opens it."""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit

import msgspec

from router.providers.base import BadKey, BadRequest

Wire: TypeAlias = Literal["anthropic", "openai", "openai-chat", "google", "ollama"]

_NAMES: Final[Mapping[str, str]] = {
    "anthropic": "Anthropic",
    "openai": "OpenAI",
    "openai-chat": "OpenAI",
    "google": "Google Gemini",
    "ollama": "Ollama",
}


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a wire needs to speak for one account."""

    wire: Wire
    account: str = ""
    """The account's name in the configuration; failures are told under it."""
    base_url: str | None = None
    """`None` for the service's own address."""
    key: str | None = None
    headers: Mapping[str, str] = msgspec.field(default_factory=dict[str, str])
    """Sent with every request, for gateways."""
    silence: float = 600.0
    """Seconds without a byte until the connection is given up: a backstop only, the dispatcher's
    own limits are much shorter."""

    def __repr__(self) -> str:
        """Without the key and the headers, which may hold one."""
        return f"Connection(wire={self.wire!r}, account={self.account!r}, base_url={self.where!r})"

    @property
    def address(self) -> str | None:
        """The base URL, with the scheme that OLLAMA_HOST may leave out."""
        if self.base_url is None or self.wire != "ollama" or "://" in self.base_url:
            return self.base_url
        return f"http://{self.base_url}"

    @property
    def where(self) -> str:
        """Host and port of a configured address, without user, password and query."""
        if self.address is None:
            return ""
        try:
            parts = urlsplit(self.address)
            port = f":{parts.port}" if parts.port else ""
        except ValueError:
            return "an invalid address"
        return f"{parts.hostname or ''}{port}"

    @property
    def name(self) -> str:
        """What a person calls this service."""
        service = _NAMES[self.wire]
        if self.where and self.wire != "ollama":
            service = self.where
        return f"{self.account} ({service})" if self.account else service


def check(connection: Connection) -> None:
    """Refuse what no HTTP client could send.

    Raises:
        BadKey: there is none where one is needed, or it holds something that no header can.
        BadRequest: the address or a header can't be used.
    """
    _check_address(connection)
    if not connection.key and connection.base_url is None and connection.wire != "ollama":
        raise BadKey(f"{connection.name} has no key: set one with `butler init`.")
    if not _fits_header(connection.key or ""):
        raise BadKey(
            f"The key of {connection.name} holds a character that no key has (a line break, a "
            "quote mark from a word processor, an accent): copy it again and set it anew."
        )
    for name, value in connection.headers.items():
        if not name or not _fits_header(name) or not _fits_header(value):
            raise BadRequest(
                f"The extra header {name!r} of {connection.name} holds a character that HTTP "
                "does not allow: use printable ASCII."
            )


def _check_address(connection: Connection) -> None:
    if connection.address is None:
        return
    problem = _address_problem(connection.address)
    if problem:
        raise BadRequest(
            f"The address of {connection.account or _NAMES[connection.wire]} {problem}: write it "
            "like http://127.0.0.1:8080/v1 or https://gateway.example/v1."
        )


def _address_problem(address: str) -> str:
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError as error:
        return f"is not valid ({error})"
    if parts.scheme not in {"http", "https"}:
        return "does not begin with http:// or https://"
    if not parts.hostname:
        return "names no host"
    if not address.isprintable() or " " in address:
        return "holds a space or a control character"
    return ""


def _fits_header(text: str) -> bool:
    return text.isascii() and (text.isprintable() or not text) and text == text.strip()
