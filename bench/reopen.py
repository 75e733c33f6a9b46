"""Opening a conversation again: one of 2,000 messages against one of 20.

    python bench/reopen.py            7 runs of each (30 s)
    python bench/reopen.py --quick    3 runs of each

The whole program in a pty of 120×40, taking turns: from the command until the conversation's last
words are drawn, and until a key is accepted. Its messages hold code and tables.
"""

import argparse
import json
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import NamedTuple

from _terminal import BUTLER, terminal

from store.events import (
    PromptSubmitted,
    ReplyFinished,
    ReplyStarted,
    SessionStarted,
    TextDelta,
)
from store.opening import Store

LAST = "these are the last words"
KEY = "ж"
AIM = 1.5
ANSWER = """The worker **acknowledges** before it commits.

```python
async with transaction() as t:
    await t.store(message)
```

| step | before | after |
|---|---|---|
| deliver | ack | commit |
"""


class Opened(NamedTuple):
    """Seconds since the command."""

    shown: float
    accepted: float


def write(home: Path, messages: int) -> str:
    """A home with one conversation of so many messages; its id."""
    store = Store.open(home / "data")
    session = f"{messages:032x}"
    store.journal.append(session, SessionStarted(kind="chat", title="long"))
    for number in range(messages // 2):
        prompt, reply = f"p{number}", f"r{number}"
        text = LAST if number == messages // 2 - 1 else ANSWER
        store.journal.append(
            session,
            PromptSubmitted(prompt=prompt, text=f"Question {number}?"),
            ReplyStarted(reply=reply, prompt=prompt, tier="T0", model="m", account="a"),
            TextDelta(reply=reply, offset=0, text=text),
            ReplyFinished(reply=reply, text=text, stop_reason="end"),
        )
    store.close()
    return session


def reopen(home: Path, session: str) -> Opened:
    """Open once, on a copy, so that every opening finds the same."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        own = Path(folder) / "home"
        shutil.copytree(home, own)
        with terminal((*BUTLER, "--session", session), own) as screen:
            shown = screen.until(LAST) - screen.started
            screen.type(KEY)
            return Opened(shown, screen.until(KEY) - screen.started)


def measure(runs: int) -> tuple[Opened, Opened]:
    """The medians for the long conversation and for the short one."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        homes = {count: Path(folder) / str(count) for count in (2000, 20)}
        sessions = {count: write(home, count) for count, home in homes.items()}
        found: dict[int, list[Opened]] = {2000: [], 20: []}
        for _ in range(runs):
            for count, home in homes.items():
                found[count].append(reopen(home, sessions[count]))
    return medians(found[2000]), medians(found[20])


def medians(opened: list[Opened]) -> Opened:
    return Opened(*(statistics.median(values) for values in zip(*opened, strict=True)))


def report(what: str, long: float, short: float) -> None:
    finding = {
        "what": f"2,000 messages reopened, {what}",
        "value": long / short,
        "unit": "×",
        "than": "20 messages",
        "aim": AIM,
        "note": f"{long * 1e3:.0f} ms against {short * 1e3:.0f} ms, the program's start included",
    }
    print(json.dumps(finding, ensure_ascii=False), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer runs")
    options = parser.parse_args()
    long, short = measure(3 if options.quick else 7)
    report("its end shown", long.shown, short.shown)
    report("a key accepted", long.accepted, short.accepted)


if __name__ == "__main__":
    main()
