"""From a key to its echo on the terminal, while four sessions stream and while nothing happens.

    python bench/echo.py            2 × 60 keys of each (45 s)
    python bench/echo.py --quick    2 × 20 keys of each

The whole program in a pty of 120×40: its engine, its store, and one chat and three background
sessions that each get 50 tokens a second from a server in a process of its own. It is idle and
streaming by turns. A gap is the longest time in which its event loop did nothing but one thing;
what it waited for the processor, which others share, is told apart.
"""

import argparse
import asyncio
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from _terminal import ROOT, Terminal, terminal

RATE = 50
PROMPT = "sk anything"
AIM = 2.0
LONGEST_GAP = 16.0
"""Milliseconds; a frame of a screen that shows sixty a second."""
LETTERS = [
    chr(code) for first, last in ((0x430, 0x44F), (0x3B1, 0x3C1)) for code in range(first, last + 1)
]
CONFIG = """
[accounts.bench]
wire = "openai-chat"
base_url = "{url}"
key = "none"

[tiers]
T0 = ["bench/main"]
T1 = ["bench/main"]
T2 = ["bench/main"]
T3 = ["bench/main"]
T4 = ["bench/main"]

[models."bench/main"]
context = 400_000
max_output = 100_000
price = {{ input = 0, output = 0 }}
"""


# --- in the child ---


def child(report: str) -> None:
    """Butler, with a task on its loop that notes how late it is woken, and after how much work."""
    from tui.cli import run

    samples: list[tuple[float, float, float]] = []
    run_loop = asyncio.run

    async def measure() -> None:
        while True:
            before, busy = time.monotonic(), time.thread_time()
            await asyncio.sleep(0.004)
            now = time.monotonic()
            samples.append((now, now - before - 0.004, time.thread_time() - busy))

    async def measured(main: Coroutine[Any, Any, int]) -> int:
        probe = asyncio.create_task(measure())
        try:
            return await main
        finally:
            probe.cancel()

    # Nothing of the program is imported here: when it does so is a part of how it starts.
    asyncio.run = lambda main: run_loop(measured(main))
    code = run([])
    Path(report).write_text(json.dumps(samples), "utf-8")
    sys.exit(code)


# --- in the parent ---


class Phase(NamedTuple):
    """What was measured from one moment to another: seconds from key to echo."""

    begin: float
    end: float
    echoes: list[float]


@contextmanager
def speaker() -> Iterator["subprocess.Popen[str]"]:
    program = str(Path(__file__).with_name("_speaker.py"))
    with subprocess.Popen(
        [sys.executable, program, str(RATE)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(ROOT)},
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def press_keys(screen: Terminal, count: int, chance: random.Random) -> Phase:
    """Type letters that stand nowhere else on the screen, and take each back."""
    begin = time.monotonic()
    echoes: list[float] = []
    for number in range(count):
        letter = LETTERS[number % len(LETTERS)]
        screen.idle(0.06 + chance.random() * 0.05)
        pressed = screen.type(letter)
        echoes.append(screen.until(letter, 10) - pressed)
        screen.idle(0.03)
        screen.type("\x7f")
    return Phase(begin, time.monotonic(), echoes)


def begin_streams(screen: Terminal) -> None:
    for number in range(3):
        screen.type(f"/sum text number {number}\r")
        screen.idle(0.3)
    screen.type("Tell me where messages get lost.\r")
    screen.until("3 runs")
    screen.idle(2.0)


def end_streams(server: "subprocess.Popen[str]", screen: Terminal) -> None:
    assert server.stdin is not None
    server.stdin.write("stop\n")
    server.stdin.flush()
    screen.idle(1.5)


def measure(keys: int) -> tuple[list[Phase], list[Phase], list[list[float]]]:
    idle: list[Phase] = []
    busy: list[Phase] = []
    chance = random.Random(7)  # noqa: S311 (for pauses)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, speaker() as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        home = Path(folder)
        (home / "config.toml").write_text(CONFIG.format(url=url), "utf-8")
        report = home / "report.json"
        command = [sys.executable, __file__, "--child", str(report)]
        with terminal(command, home) as screen:
            screen.until(PROMPT)
            screen.idle(2.0)
            begin_streams(screen)  # once unmeasured: the SDK is loaded by the first request
            end_streams(server, screen)
            for _ in range(2):
                idle.append(press_keys(screen, keys, chance))
                begin_streams(screen)
                busy.append(press_keys(screen, keys, chance))
                end_streams(server, screen)
            screen.type("/quit\r")
            screen.ended()
        return idle, busy, json.loads(report.read_text("utf-8"))


def p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def echo_finding(idle: list[Phase], busy: list[Phase]) -> dict[str, object]:
    quiet = [echo for phase in idle for echo in phase.echoes]
    loud = [echo for phase in busy for echo in phase.echoes]
    return {
        "what": "key to echo, p95, while four sessions stream",
        "value": p95(loud) / p95(quiet),
        "unit": "×",
        "than": "the same app idle",
        "aim": AIM,
        "note": f"{p95(loud) * 1e3:.0f} ms against {p95(quiet) * 1e3:.0f} ms; median "
        f"{statistics.median(loud) * 1e3:.0f} ms against {statistics.median(quiet) * 1e3:.0f} ms",
    }


def gap_finding(busy: list[Phase], samples: list[list[float]]) -> dict[str, object]:
    inside = [
        (late * 1e3, used * 1e3)
        for at, late, used in samples
        if any(phase.begin < at < phase.end for phase in busy)
    ]
    waits = sorted(late for late, _ in inside)
    works = sorted(used for _, used in inside)
    return {
        "what": "longest work of the loop in one go, while four sessions stream",
        "value": works[-1],
        "unit": "ms",
        "aim": LONGEST_GAP,
        "note": f"p99 {works[int(len(works) * 0.99)]:.1f} ms; with what it waited for the "
        f"processor: p99 {waits[int(len(waits) * 0.99)]:.1f} ms, longest {waits[-1]:.0f} ms",
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer keys")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child)
        return
    idle, busy, samples = measure(20 if options.quick else 60)
    for finding in (echo_finding(idle, busy), gap_finding(busy, samples)):
        print(json.dumps(finding, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
