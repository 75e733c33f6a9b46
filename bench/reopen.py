"""Opening a conversation of 2,000 messages against one of 20, in the running program.

    python bench/reopen.py            8 times each (45 s)
    python bench/reopen.py --quick    3 times each

From Enter in the list of sessions until the end of the last answer is drawn, and until a key that
was pressed then is seen. Every answer has code and a table. The two take turns, in a pty of 120×40.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, NamedTuple

from _terminal import ROOT, Terminal, terminal
from stream import SECTION

sys.path.insert(0, str(ROOT))  # Butler lies beside us, and need not be installed

from store.events import (
    PromptSubmitted,
    ReplyFinished,
    ReplyStarted,
    SessionStarted,
    TextDelta,
)
from store.opening import Store

PROMPT = "sk anything"
KEY = "ж"
AIM = 1.5
SMALL, LARGE = 20, 2000
WORD = {SMALL: "acorn", LARGE: "forest"}
"""What stands in the last prompt only, to find a conversation by."""


class Opened(NamedTuple):
    """Seconds since Enter, and how many widgets there were in the end."""

    shown: float
    accepted: float
    widgets: int


# --- in the child ---


def child(report: str) -> None:
    """Butler, with a task on its loop that counts its widgets."""
    from tui.cli import run

    run_loop = asyncio.run

    def note(app: Any) -> None:
        widgets = sum(1 for _ in app.screen.walk_children())
        Path(report).write_text(str(widgets), "utf-8")

    async def count(app: Any) -> None:
        while True:
            await asyncio.sleep(0.2)
            note(app)

    async def counted(main: Coroutine[Any, Any, int]) -> int:
        counting = asyncio.create_task(count(main.cr_frame.f_locals["app"]))
        try:
            return await main
        finally:
            counting.cancel()

    asyncio.run = lambda main: run_loop(counted(main))
    sys.exit(run([]))


# --- in the parent ---


def fill(folder: Path, messages: int) -> None:
    """Write one conversation."""
    session = f"conversation-{messages}"
    began = time.time_ns() // 1_000_000 - messages * 60_000
    with Store.open(folder) as store:
        store.journal.append(session, SessionStarted(kind="chat"), at=began)
        for number in range(messages // 2):
            last = number == messages // 2 - 1
            asked = WORD[messages] if last else "Where are they lost?"
            text = SECTION.format(n=number) + (f"\nThe end of {messages}." if last else "")
            name, reply = f"p{messages}-{number}", f"r{messages}-{number}"
            ticket = store.journal.append(
                session,
                PromptSubmitted(prompt=name, text=asked),
                ReplyStarted(reply=reply, prompt=name, tier="T0", model="m", account="a"),
                TextDelta(reply=reply, offset=0, text=text),
                ReplyFinished(reply=reply, text=text, stop_reason="end"),
                at=began + number * 120_000,
            )
        ticket.wait(60)


def open_once(screen: Terminal, messages: int, report: Path) -> Opened:
    screen.type(f"/sessions {WORD[messages]}\r")
    screen.idle(0.8)  # the list is there, with what was searched for
    pressed = screen.type("\r")
    shown = screen.until(f"The end of {messages}.") - pressed
    screen.type(KEY)
    accepted = screen.until(KEY) - pressed
    screen.type("\x7f")
    screen.idle(0.7)
    widgets = int(report.read_text("utf-8"))
    screen.type("/new\r")
    screen.idle(0.5)
    return Opened(shown, accepted, widgets)


def measure(times: int) -> tuple[list[Opened], list[Opened]]:
    small: list[Opened] = []
    large: list[Opened] = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        for messages in (SMALL, LARGE):
            fill(home / "data", messages)
        report = home / "widgets"
        with terminal([sys.executable, __file__, "--child", str(report)], home) as screen:
            screen.until(PROMPT)
            screen.idle(2.0)
            for messages in (LARGE, SMALL):  # once unmeasured: what is loaded at the first time
                open_once(screen, messages, report)
            for _ in range(times):
                small.append(open_once(screen, SMALL, report))
                large.append(open_once(screen, LARGE, report))
            screen.type("/quit\r")
            screen.ended()
    return small, large


def report_time(what: str, small: list[float], large: list[float]) -> None:
    ours, base = statistics.median(large), statistics.median(small)
    finding = {
        "what": f"opening {LARGE} messages until {what}",
        "value": ours / base,
        "unit": "×",
        "than": f"opening {SMALL}",
        "aim": AIM,
        "note": f"{ours * 1e3:.0f} ms against {base * 1e3:.0f} ms",
    }
    print(json.dumps(finding, ensure_ascii=False), flush=True)


def report_widgets(small: list[Opened], large: list[Opened]) -> None:
    most, base = max(o.widgets for o in large), max(o.widgets for o in small)
    finding = {
        "what": f"widgets with {LARGE} messages",
        "value": most / base,
        "unit": "×",
        "than": f"with {SMALL}",
        "aim": 1.0,
        "note": f"{most} against {base}",
    }
    print(json.dumps(finding, ensure_ascii=False), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer times")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child)
        return
    small, large = measure(3 if options.quick else 8)
    report_time("it is shown", [o.shown for o in small], [o.shown for o in large])
    report_time("a key is accepted", [o.accepted for o in small], [o.accepted for o in large])
    report_widgets(small, large)


if __name__ == "__main__":
    main()
