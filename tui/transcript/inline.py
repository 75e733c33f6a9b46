"""Inline Markdown to runs: emphasis, code, links with their address in sight, pictures as text."""

from collections.abc import Sequence

from markdown_it.token import Token

from tui.text import safe_link, sanitise_line
from tui.transcript.rows import Run, Runs, run

_EMPHASIS = {"strong": "strong", "em": "em", "s": "strike"}


class _Inline:
    def __init__(self, style: str) -> None:
        self.runs: list[Run] = []
        self.styles = [style] if style else []
        self.href = ""
        self.shown = 0
        """Runs before the open link."""

    def add(self, text: str, *styles: str) -> None:
        if text:
            self.runs.append(run(text, " ".join((*self.styles, *styles)), safe_link(self.href)))

    def open(self, name: str, token: Token) -> None:
        if name == "link":
            self.href = str(token.attrs.get("href", ""))
            self.shown = len(self.runs)
            self.styles.append("link")
        elif name in _EMPHASIS:
            self.styles.append(_EMPHASIS[name])

    def close(self, name: str) -> None:
        if name == "link":
            self.styles.pop()
            self._address()
            self.href = ""
        elif name in _EMPHASIS:
            self.styles.pop()

    def _address(self) -> None:
        """Show where a link leads unless its text says so: nobody follows a link blind."""
        text = "".join(part.text for part in self.runs[self.shown :])
        address = sanitise_line(self.href)
        if address and text not in {address, address.removeprefix("mailto:")}:
            bare = address.split("://", 1)[-1].rstrip("/")
            if text.rstrip("/") not in {bare, f"www.{bare}"}:
                self.add(f" ({address})", "url")

    def picture(self, token: Token) -> None:
        alt = sanitise_line(token.content) or "no description"
        self.add(f"[picture: {alt}]", "em")
        source = sanitise_line(str(token.attrs.get("src", "")))
        if source:
            self.add(f" ({source if len(source) <= 200 else source[:199] + '…'})", "url")


def inline_runs(children: Sequence[Token], style: str = "") -> Runs:
    """Return the runs of a paragraph, heading or cell; a newline in them is a hard break."""
    state = _Inline(style)
    for token in children:
        match token.type:
            case "text" | "html_inline":
                state.add(token.content)
            case "softbreak":
                state.add(" ")
            case "hardbreak":
                state.add("\n")
            case "code_inline":
                state.add(f"`{token.content}`", "inline-code")
            case "image":
                state.picture(token)
            case kind if kind.endswith("_open"):
                state.open(kind.removesuffix("_open"), token)
            case kind if kind.endswith("_close"):
                state.close(kind.removesuffix("_close"))
            case _:
                state.add(token.content)
    return tuple(state.runs)
