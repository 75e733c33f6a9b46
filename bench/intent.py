"""What it costs to decide what a prompt asks for: CPU of one decision, and of loading.

The prompts are those that no weights are made from, typed alone and with two pages pasted after
them or before. Loading is measured in processes of its own, less what Butler has loaded anyway.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from router import intent

ROOT = Path(__file__).parents[1]
PROMPTS = ROOT / "tools" / "data" / "routes_check.jsonl"
PASTED = ROOT / "tools" / "data" / "pasted.jsonl"
ROUNDS = 5
LOADS = 9
LOAD = """
import time
import store.events
began = time.process_time()
from router import intent
intent.warm_up()
print(time.process_time() - began)
"""


def main() -> None:
    taken = sorted(_decisions())
    _tell("CPU of a decision, median", taken[len(taken) // 2], 1.0)
    _tell("CPU of a decision, 99th of 100", taken[int(len(taken) * 0.99)], 5.0)
    _tell("loading the classifier", median(_load() for _ in range(LOADS)), 50.0)


def _decisions() -> list[float]:
    """Milliseconds of each, once everything is loaded."""
    intent.warm_up()
    prompts = _prompts()
    taken: list[float] = []
    for _ in range(ROUNDS):
        for prompt in prompts:
            began = time.process_time_ns()
            intent.decide(prompt)
            taken.append((time.process_time_ns() - began) / 1e6)
    return taken


def _prompts() -> list[str]:
    typed = [json.loads(line)["prompt"] for line in PROMPTS.read_text("utf-8").splitlines()]
    pasted = [json.loads(line)["text"] for line in PASTED.read_text("utf-8").splitlines()]
    pages = "\n\n".join(pasted[:8])
    return [*typed, *(f"{p}\n\n{pages}" for p in typed), *(f"{pages}\n\n{p}" for p in typed)]


def _load() -> float:
    done = subprocess.run(
        [sys.executable, "-c", LOAD], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return float(done.stdout) * 1000


def _tell(what: str, value: float, aim: float) -> None:
    print(
        json.dumps({"what": what, "value": round(value, 2), "unit": "ms", "aim": aim}), flush=True
    )


if __name__ == "__main__":
    main()
