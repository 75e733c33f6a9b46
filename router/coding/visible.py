"""Making what a terminal would hide or obey readable, so that what is shown is what is there."""

import re
from typing import Final

NEWLINE: Final = "⏎"

_CONTROLS: Final = "\x00-\x1f\x7f-\x9f"
_UNSEEN: Final = (
    # Unicode's category Cf: bidirectional controls, zero-width characters, invisible operators.
    "\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    # Letters and marks that draw nothing, and a Braille pattern without a dot.
    "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\uffa0\ufff0-\ufff8"
    # Line and paragraph separators; halves of a surrogate pair; the plane of tags and selectors.
    "\u2028\u2029\ud800-\udfff\U000e0000-\U000e0fff"
)
_SPACES: Final = "\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_PRIVATE: Final = "\ue000-\uf8ff\U000f0000-\U0010ffff"

# A variation selector is at home behind an emoji or another symbol, once: anywhere else it hides
# something. A word's characters are none, and neither is ASCII.
_STRAY_SELECTORS: Final = r"(?<![^\w\x00-\x7f\ufe00-\ufe0f])[\ufe00-\ufe0f]+|[\ufe00-\ufe0d]+"

_IN_TEXT: Final = re.compile(f"[{_CONTROLS}{_UNSEEN}]+|{_STRAY_SELECTORS}")
_IN_COMMAND: Final = re.compile(f"[{_CONTROLS}{_UNSEEN}{_SPACES}{_PRIVATE}\ufe00-\ufe0f]+")
_BARE_NEWLINE: Final = re.compile(f"(?<!{NEWLINE})\n")


def visible(text: str, *, keep: str = "\n\t") -> str:
    """The text with every character that is not seen for what it is replaced by one that is: a
    control picture such as `␛`, or `⟨U+202E⟩`. Applying it again changes nothing."""
    return _IN_TEXT.sub(lambda found: _named(found[0], keep), text)


def visible_command(command: str) -> str:
    """A command as it is shown for approval: besides, line breaks are marked with `⏎`, and spaces
    that a shell takes for letters have their names."""
    named = _IN_COMMAND.sub(lambda found: _named(found[0], "\n"), command)
    return _BARE_NEWLINE.sub(f"{NEWLINE}\n", named)


def hides(command: str) -> bool:
    """Whether there is something in a command that the eye would miss."""
    return any(found[0].strip("\n\t") for found in _IN_COMMAND.finditer(command))


def _named(run: str, keep: str) -> str:
    return "".join(char if char in keep else _name(ord(char)) for char in run)


def _name(code: int) -> str:
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"⟨U+{code:04X}⟩"
