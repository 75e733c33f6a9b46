"""Streaming one long Markdown answer: our transcript against a bare Markdown stream.

    python bench/stream.py            4,000 tokens, at 100 tokens/s and at full speed (2 min)
    python bench/stream.py --quick    1,000 tokens, at 200 tokens/s and at full speed (20 s)

Each app runs in a process of its own in a pty of 120×40. CPU is the app's own process time from
the first token to the last byte it writes. Lag is how much later than asked a sleep of 5 ms ends
on the app's loop. Done is the time from the last token to the last byte on the terminal. At full
speed each token still costs one turn of the loop, as it does when it comes from a network.
"""

import argparse
import asyncio
import json
import os
import pty
import re
import select
import subprocess
import sys
import tempfile
import termios
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

QUIET = 1.2
"""Seconds without output after which the screen counts as done."""

SECTION = """\
## {n}. Where messages get lost

The worker **acknowledges** before it commits, so a crash between the two loses the message; the
broker believes it was handled. `queue.py:88` acks in a `finally` block, and the *heartbeat* thread
may do the same a second time while the first is still waiting for its transaction to end.

1. Move the `ack` behind the commit, in the same coroutine.
2. Give each message an idempotency key:
   - derived from the payload's hash,
   - stored with a unique index, see [the docs](https://example.com/keys/{n}).
3. Let the heartbeat only renew the lease.

```python
async def handle(message: Message, tx: Transaction) -> None:
    \"\"\"Handle one message exactly once.\"\"\"
    key = f"{{message.queue}}:{{message.digest}}"
    if await tx.scalar("SELECT 1 FROM seen WHERE key = ?", key):
        return  # another worker was faster
    await process(message.body, retries={n})
    await tx.execute("INSERT INTO seen (key) VALUES (?)", key)
```

| step | before | after | cost |
|------|:------:|------:|------|
| ack | in `finally` | after commit | none |
| key | missing | unique index | one row a message |
| lease | renewed and acked | renewed only | none |

> Duplicates are possible while both versions run: drain the queue first.

"""


def answer(tokens: int) -> list[str]:
    """Return about `tokens` pieces of Markdown, cut roughly as a model's tokens are."""
    pieces: list[str] = []
    number = 1
    while len(pieces) < tokens:
        pieces += re.findall(r"\s?\w{1,6}|\s?[^\w\s]{1,3}|\s+", SECTION.format(n=number))
        number += 1
    return pieces[:tokens]


# --- in the child ---


def child(which: str, tokens: int, rate: float, report: str) -> None:
    """Run one app, feed it, and write what was measured when `q` is pressed."""
    from textual.app import App, ComposeResult
    from textual.binding import BindingType

    class Bench(App[None]):
        BINDINGS: ClassVar[list[BindingType]] = [("q", "report", "Report")]

        def compose(self) -> ComposeResult:
            yield from make_widget(which)

        def on_mount(self) -> None:
            self.set_timer(1.0, self.begin)

        def begin(self) -> None:
            self.samples: list[tuple[float, float]] = []
            self.feeding = asyncio.create_task(self.stream())
            self.probing = asyncio.create_task(self.measure())

        async def measure(self) -> None:
            while True:
                before = time.monotonic()
                await asyncio.sleep(0.005)
                now = time.monotonic()
                self.samples.append((now, now - before - 0.005))

        async def stream(self) -> None:
            pieces = answer(tokens)
            write, stop = await make_writer(self, which)
            self.cpu = time.process_time()
            self.started = time.monotonic()
            for number, piece in enumerate(pieces):
                due = self.started + number / rate if rate else 0.0
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                await write(piece)
            self.last = time.monotonic()
            await stop()
            fed_mark(report).touch()

        def action_report(self) -> None:
            Path(report).write_text(
                json.dumps(
                    {
                        "cpu": time.process_time() - self.cpu,
                        "started": self.started,
                        "last": self.last,
                        "samples": self.samples,
                    }
                ),
                "utf-8",
            )
            self.exit()

    Bench().run()


def fed_mark(report: str) -> Path:
    """Return the file whose existence says that the last token was handed over."""
    return Path(report).with_suffix(".fed")


def make_widget(which: str):
    if which == "ours":
        from tui.widgets.transcript import Transcript

        yield Transcript()
    else:
        from textual.containers import VerticalScroll
        from textual.widgets import Markdown

        with VerticalScroll():
            yield Markdown()


async def make_writer(app, which: str):
    """Return a coroutine function that takes a fragment, and one that ends the answer."""
    if which == "ours":
        from tui.transcript.item import Item
        from tui.widgets.transcript import Transcript

        transcript = app.query_one(Transcript)
        transcript.append(Item(id="1", kind="butler", title="butler", state="streaming"))
        text: list[str] = []

        async def write(fragment: str) -> None:
            text.append(fragment)
            transcript.extend_text("1", fragment)

        async def stop() -> None:
            transcript.update(Item(id="1", kind="butler", title="butler", body="".join(text)))

        return write, stop
    from textual.containers import VerticalScroll
    from textual.widgets import Markdown

    app.query_one(VerticalScroll).anchor()
    stream = Markdown.get_stream(app.query_one(Markdown))
    return stream.write, stream.stop


# --- in the parent ---


@dataclass
class Figures:
    """What one run cost."""

    cpu: float
    p50: float
    p99: float
    worst: float
    done: float
    total: float


def run(which: str, tokens: int, rate: float) -> Figures:
    """Run one app in a pty until its screen is quiet."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (40, 120))
        process = subprocess.Popen(
            [sys.executable, __file__, "--child", which, str(tokens), str(rate), str(report)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env=environment(),
        )
        os.close(slave)
        try:
            last_byte = drain(master, process, fed_mark(str(report)))
        finally:
            process.wait(20)
            os.close(master)
        return figures(json.loads(report.read_text("utf-8")), last_byte)


def environment() -> dict[str, str]:
    root = str(Path(__file__).parents[1])
    return {
        **os.environ,
        "PYTHONPATH": root,
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "COLUMNS": "120",
        "LINES": "40",
    }


def drain(master: int, process: subprocess.Popen[bytes], fed: Path) -> float:
    """Read what the app draws; when it is fed and has been quiet, ask it to report."""
    last = time.monotonic()
    drawn, asked = 0.0, False
    while process.poll() is None:
        ready, _, _ = select.select([master], [], [], 0.05)
        now = time.monotonic()
        if ready:
            try:
                os.read(master, 1 << 16)
            except OSError:  # the app has closed its end
                break
            last = now
        elif not asked and now - last > QUIET and fed.exists():
            drawn, asked = last, True
            os.write(master, b"q")
    return drawn


def figures(report: dict[str, object], last_byte: float) -> Figures:
    samples = report["samples"]
    assert isinstance(samples, list)
    lags = sorted(max(0.0, lag) for at, lag in samples if at <= last_byte + 0.05)
    return Figures(
        cpu=float(str(report["cpu"])),
        p50=lags[len(lags) // 2],
        p99=lags[min(len(lags) - 1, int(len(lags) * 0.99))],
        worst=lags[-1],
        done=max(0.0, last_byte - float(str(report["last"]))),
        total=last_byte - float(str(report["started"])),
    )


def show(name: str, ours: Figures, bare: Figures) -> None:
    print(f"\n{name}")
    print(f"  {'':18}{'ours':>10}{'bare':>10}{'ratio':>9}")
    for label, unit, key in (
        ("CPU", 1.0, "cpu"),
        ("lag p50", 1e3, "p50"),
        ("lag p99", 1e3, "p99"),
        ("lag worst", 1e3, "worst"),
        ("last to done", 1e3, "done"),
        ("first to done", 1.0, "total"),
    ):
        a, b = getattr(ours, key) * unit, getattr(bare, key) * unit
        shown = f"{a / b:8.2f}×" if b > 1e-9 else "      –"
        print(f"  {label:18}{a:10.2f}{b:10.2f}{shown} {'s' if unit == 1 else 'ms'}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a shorter run")
    parser.add_argument("--only", choices=["paced", "full"], help="one of the two speeds")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        which, tokens, rate, report = options.child
        child(which, int(tokens), float(rate), report)
        return
    tokens, rate = (1000, 200.0) if options.quick else (4000, 100.0)
    for name, speed in (("paced", rate), ("full", 0.0)):
        if options.only in (None, name):
            title = f"{tokens} tokens " + (f"at {speed:.0f} tokens/s" if speed else "at full speed")
            show(title, run("ours", tokens, speed), run("bare", tokens, speed))


if __name__ == "__main__":
    main()
