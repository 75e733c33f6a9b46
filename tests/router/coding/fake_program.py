"""A coding agent for tests: it is called as the real ones are, and tells what it is told to.

Put on the PATH under a real one's name. `$FAKE_PART` names a JSON file with its part: a list of
steps, each an object with one key. What it was called with goes to `$FAKE_CALLED`.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def main() -> None:
    called = {
        "arguments": sys.argv[1:],
        "stdin": sys.stdin.read(),
        "folder": str(Path.cwd()),
        "environment": dict(os.environ),
    }
    Path(os.environ["FAKE_CALLED"]).write_text(json.dumps(called), "utf-8")
    for step in json.loads(Path(os.environ["FAKE_PART"]).read_text("utf-8")):
        for verb, what in step.items():
            play(verb, what)


def play(verb: str, what: Any) -> None:  # noqa: C901 (a list of verbs)
    match verb:
        case "say":
            write(json.dumps(what) + "\n")
        case "raw":
            write(what)
        case "replay":
            write(Path(what).read_text("utf-8"))
        case "flood":
            for _ in range(what["times"]):
                write(json.dumps(what["say"]) + "\n")
        case "complain":
            sys.stderr.write(f"{what}\n")
        case "write":
            Path(what["path"]).write_text(what["text"], "utf-8")
        case "child":
            child = subprocess.Popen([sys.executable, "-c", _STUBBORN])
            Path(what).write_text(f"{os.getpid()} {child.pid}", "utf-8")
        case "stubborn":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        case "sleep":
            time.sleep(what)
        case "die":
            os.kill(os.getpid(), what)
        case "exit":
            sys.exit(what)
        case _:
            raise ValueError(verb)


def write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


_STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


if __name__ == "__main__":
    main()
