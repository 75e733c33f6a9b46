"""Make every fault happen and print what came of it.

python -m tools.fault_matrix           the table, each cell marked as it went
python -m tools.fault_matrix --write   the same, and into docs/fault-matrix.md if all went well
python -m tools.fault_matrix --dry     the table as it should be, without making anything happen
"""

import argparse
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.router.fault_matrix import DAY, FAULTS, WIRES, Cell, Fault

_PAGE: Final = Path(__file__).parents[1] / "docs" / "fault-matrix.md"
_TESTS: Final = "tests/router/test_fault_matrix.py"
_HEAD: Final = """\
# What becomes of a fault

Made by `python -m tools.fault_matrix --write`; `tests/router/test_fault_matrix.py` makes every cell
happen in every run of the tests, through the whole engine and the official SDKs, and holds this
page to it. T0 meets the fault, T3 is well (T4 where T0 says nothing for too long: the time limit
is short here, and T4 has one of its own). In every cell:

- the next tier answers, the prompt is kept, on the screen and on disk;
- the server's own record says that the fault really happened, and that T0 was asked once;
- each reservation is settled or given back exactly once, none stays open, and the ledger is the sum
  of what the events say, which is what the answer's line shows;
- no piece of a broken tool call is shown, kept or run; a tool that has run keeps its result;
- where llmock is the server, its own verdict on the client holds nothing against us. (It takes a
  request with another body for another call, so it is told which attempts are one answer.)

When nobody else can answer either, each of these ends in a sentence that names every tier with its
reason, and the part that had come is kept.

A cell names who showed the fault: **llmock** or **aimock**, mock servers of others, or **bytes**,
the wire's own words where neither of them can; and what T0 is booked at: *nothing* where it turned
the request away, else *counted*: what the service told, or an estimate marked as one, whichever is
more. Gemini and Ollama send a tool call in one piece: there the stream breaks behind it.

"""
_COLUMNS: Final = ("fault", "when", "the answer says", "T0 afterwards", *WIRES)


def page() -> str:
    """The page as it should be."""
    return _HEAD + _table({})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--write", action="store_true", help="keep the table in docs")
    parser.add_argument("--dry", action="store_true", help="only say how it should be")
    options = parser.parse_args()
    outcomes = _Outcomes()
    if not options.dry:
        pytest.main(["-q", "-p", "no:randomly", "-k", "next_tier", _TESTS], plugins=[outcomes])
    sys.stdout.write(_table(outcomes.passed))
    if not all(outcomes.passed.values()):
        return 1
    if options.write:
        _PAGE.write_text(page(), "utf-8")
    return 0


class _Outcomes:
    """Hears from pytest how each cell went."""

    def __init__(self) -> None:
        self.passed: dict[str, bool] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        cell = report.nodeid.partition("[")[2].removesuffix("]")
        self.passed[cell] = self.passed.get(cell, True) and report.passed


def _table(passed: dict[str, bool]) -> str:
    rows = [_COLUMNS, *(_row(fault, passed) for fault in FAULTS)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        f"| {' | '.join(text.ljust(width) for text, width in zip(row, widths, strict=True))} |"
        for row in rows
    ]
    lines.insert(1, f"|{'|'.join('-' * (width + 2) for width in widths)}|")
    return "\n".join(lines) + "\n"


def _row(fault: Fault, passed: dict[str, bool]) -> tuple[str, ...]:
    seam = f"seam: T0 {_told(fault)}" if fault.seam else f"T0 {_told(fault)}"
    cells = (_cell(Cell(fault, wire), passed) for wire in WIRES)
    return (fault.name, fault.moment, seam, _afterwards(fault), *cells)


def _told(fault: Fault) -> str:
    return " or ".join(sorted({Cell(fault, wire).told for wire in WIRES}, reverse=True))


def _cell(cell: Cell, passed: dict[str, bool]) -> str:
    if cell.server == "-":
        return "no such answer"
    who = "no server" if cell.server == "nobody" else cell.server
    booked = "counted" if cell.booked else "nothing"
    day = ", until its day ends" if cell.rest == DAY else ""
    went = "" if passed.get(str(cell), True) else " FAILED"
    return f"{who}: {booked}{day}{went}"


def _afterwards(fault: Fault) -> str:
    if fault.health == "unknown":
        return "as before"
    if fault.rest is None:
        return f"{fault.health} until the configuration changes"
    return f"{fault.health} for {_span(fault.rest)}"


def _span(seconds: float) -> str:
    return f"{seconds / 3600:g} h" if seconds >= 3600 else f"{seconds:g} s"


if __name__ == "__main__":
    sys.exit(main())
