"""The frame around a code block. Its lines and marks are decoration: a copy has only the code."""

from collections.abc import Iterator, Sequence
from typing import Final

from rich.cells import cell_len, chop_cells, set_cell_size

from tui.text import sanitise, sanitise_line
from tui.transcript.rows import Code, Row, Run, Runs, cells, original, slice_runs

COPY: Final = " copy c "
CONTINUES: Final = "↩"
"""At the end of a row whose line of code goes on in the next row."""
_FRAME: Final = "code-frame"


def frame_top(code: Code, width: int, lead: Runs = ()) -> Row:
    """Return the title row: the language at the left, what copies it at the right."""
    room = width - cells(lead) - 2
    copy = COPY if room >= len(COPY) else ""
    title = f" {sanitise_line(code.language)} " if code.language else ""
    title = set_cell_size(title, min(cell_len(title), max(0, room - len(copy))))
    rule = "─" * max(0, room - cell_len(title) - len(copy))
    runs = (
        *lead,
        Run("┌", _FRAME),
        Run(title, "code-title"),
        Run(rule, _FRAME),
        Run(copy, "code-copy"),
        Run("┐", _FRAME),
    )
    return Row(runs, stop=0, joint="", code=code, action="copy" if copy else "")


def frame_bottom(code: Code, width: int, lead: Runs = ()) -> Row:
    rule = "─" * max(0, width - cells(lead) - 2)
    return Row((*lead, Run(f"└{rule}┘", _FRAME)), stop=0, joint="", code=code)


def frame_rows(
    code: Code, lines: Sequence[Runs], raws: Sequence[str], width: int, lead: Runs = ()
) -> Iterator[Row]:
    """Draw lines of code; `raws` are the same lines as they were written."""
    room = max(1, width - cells(lead) - 4)
    left = (*lead, Run("│ ", _FRAME))
    start = sum(len(part.text) for part in left)
    for runs, raw in zip(lines, raws, strict=True):
        text = "".join(part.text for part in runs)
        pieces = [text] if cell_len(text) <= room else chop_cells(text, room)
        at = 0
        for number, piece in enumerate(pieces):
            last = number == len(pieces) - 1
            body = runs if len(pieces) == 1 else slice_runs(runs, at, at + len(piece))
            pad = Run(" " * (room - cell_len(piece)), "code")
            edge = (Run(" │", _FRAME),) if last else (Run(CONTINUES, "code-mark"), Run("│", _FRAME))
            yield Row(
                (*left, *body, pad, *edge),
                start=start,
                stop=start + len(piece),
                joint="\n" if last else "",
                raw=_raw_piece(raw, text, at, len(piece)),
                code=code,
            )
            at += len(piece)


def _raw_piece(raw: str, text: str, at: int, length: int) -> str | None:
    if raw == text:
        return None
    return original(raw, text, at, at + length) if sanitise(raw) == text else None
