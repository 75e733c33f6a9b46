"""Text from outside, made harmless: what a model or a clipboard sent never steers the terminal.

Two readings of the same text. `sanitise` is for the screen: every character that could move the
cursor, hide itself or turn the direction of its neighbours becomes something visible. `plain` is
for the clipboard: the text as it was written, less exactly those characters.
"""

import re
from typing import Final

# C0 without tab and newline, DEL, C1; line and paragraph separators; marks, overrides and
# isolates of direction; zero-width spaces, joiners and operators; soft hyphen; interlinear
# annotations; surrogates; the invisible "tag" letters.
_CONTROL: Final = "\x00-\x08\x0b-\x1f\x7f-\x9f"
_HIDDEN: Final = (
    "\xad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164"
    "\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f"
)
_UNSAFE: Final = re.compile(f"[{_CONTROL}{_HIDDEN}]")
# Emoji and several scripts need the two joiners; after plain ASCII they only hide something.
_STRAY_JOINER: Final = re.compile("(?<![^\x00-\x7f])[\u200c\u200d]")
# A tower of combining marks spills over the rows above and below.
_TOWER: Final = re.compile(
    "([\u0300-\u036f\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]{4})[\u0300-\u036f\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]+"
)
_LINE_ENDS: Final = re.compile("\r\n?|\x85|\u2028|\u2029")
_SAFE_LINK: Final = re.compile(r"(?:https?://|mailto:)[!-~]+", re.IGNORECASE)

HIDDEN_MARK: Final = "�"
"""Stands for a character that has no picture of its own."""


def _picture(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else HIDDEN_MARK


def sanitise(text: str, *, tab: int = 4) -> str:
    """Return one or more lines of text that are safe to draw: `ESC` becomes `␛`, and so on.

    Newlines stay; tabs are expanded to stops of `tab` columns.
    """
    if text.isascii() and text.isprintable():
        return text
    if text.isascii() and (expanded := text.expandtabs(tab)).isprintable():
        return expanded
    text = _UNSAFE.sub(_picture, text)
    text = _STRAY_JOINER.sub(HIDDEN_MARK, text)
    text = _TOWER.sub(r"\1", text)
    return text.expandtabs(tab) if "\t" in text else text


def sanitise_line(text: str) -> str:
    """Like `sanitise`, for what must stay on one row: line ends become spaces."""
    return sanitise(_LINE_ENDS.sub("\n", text).replace("\n", " "))


def plain(text: str) -> str:
    """Return what goes to a clipboard: the original without control and invisible characters."""
    if text.isascii() and text.isprintable():
        return text
    return _STRAY_JOINER.sub("", _UNSAFE.sub("", _LINE_ENDS.sub("\n", text)))


def safe_link(href: str) -> str:
    """Return `href` if a terminal may be told to open it, else an empty string.

    Only http, https and mailto, and only printable ASCII: nothing that could end the escape
    sequence that carries it.
    """
    return href if _SAFE_LINK.fullmatch(href) else ""
