"""Cold start: from the command to the first picture, and to the first key that is shown.

    python bench/start.py            9 runs of each (40 s)
    python bench/start.py --quick    3 runs of each

Butler against a bare Textual app of one text area, each in a pty of 120×40, taking turns, modules
compiled, the store there from an earlier run. The first picture is there when the prompt is; a key
is accepted when it is seen. The key is pressed as soon as the first picture is there.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from _terminal import BUTLER, terminal

PROMPT = "sk anything"
"""Without the letter below the cursor, which is drawn in other colours."""
KEY = "ж"
BARE = (
    sys.executable,
    "-c",
    """
from textual.app import App
from textual.widgets import TextArea

class Bare(App):
    def compose(self):
        yield TextArea(placeholder="Ask anything")

Bare().run()
""",
)
AIM = 1.25


class Start(NamedTuple):
    """Seconds from the command on: on the clock, and of the processor."""

    painted: float
    accepted: float
    painted_cpu: float
    accepted_cpu: float


def start(command: Sequence[str], home: Path) -> Start:
    """Start once, on a copy of a home, so that every start finds the same."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        own = Path(folder) / "home"
        shutil.copytree(home, own)
        with terminal(command, own) as screen:
            painted = screen.until(PROMPT) - screen.started
            painted_cpu = screen.cpu()
            screen.type(KEY)
            accepted = screen.until(KEY) - screen.started
            return Start(painted, accepted, painted_cpu, screen.cpu())


def prepare(home: Path) -> None:
    """Compile what both need, and leave a store behind."""
    with terminal(BUTLER, home) as screen:
        screen.until(PROMPT)
        screen.until("ready")
        screen.type("/quit\r")
        screen.ended()
    start(BARE, home)


def measure(runs: int) -> tuple[Start, Start]:
    """The medians of our starts and of the bare ones."""
    ours: list[Start] = []
    bare: list[Start] = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        prepare(home)
        for _ in range(runs):
            ours.append(start(BUTLER, home))
            bare.append(start(BARE, home))
    return medians(ours), medians(bare)


def medians(starts: list[Start]) -> Start:
    return Start(*(statistics.median(values) for values in zip(*starts, strict=True)))


def report(what: str, ours: float, bare: float, ours_cpu: float, bare_cpu: float) -> None:
    finding = {
        "what": f"cold start to {what}",
        "value": ours / bare,
        "unit": "×",
        "than": "a bare Textual app",
        "aim": AIM,
        "note": f"{ours * 1e3:.0f} ms against {bare * 1e3:.0f} ms; "
        f"processor time {ours_cpu / bare_cpu:.2f}×",
    }
    print(json.dumps(finding, ensure_ascii=False), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer runs")
    parser.add_argument("--runs", type=int, default=9, help="runs of each")
    options = parser.parse_args()
    ours, bare = measure(3 if options.quick else options.runs)
    report("first picture", ours.painted, bare.painted, ours.painted_cpu, bare.painted_cpu)
    report("first key", ours.accepted, bare.accepted, ours.accepted_cpu, bare.accepted_cpu)


if __name__ == "__main__":
    main()
