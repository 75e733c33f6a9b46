"""alt+1 … alt+9 in every terminal.

Textual reads ESC and a digit as the character a Mac's Option key would type (alt+2 as ™), for one
terminal's sake; so these chords never arrive in terminals without the extended key protocol, tmux
among them. Without those entries its parser reads them as what they are.
"""

from textual import _ansi_sequences


def free_alt_digits() -> None:
    """Let Textual's parser see alt and a digit. Harmless to call twice."""
    table = _ansi_sequences.ANSI_SEQUENCES_KEYS
    if isinstance(table, dict):
        for digit in "123456789":
            _ = table.pop(f"\x1b{digit}", None)
