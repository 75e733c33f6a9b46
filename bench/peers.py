"""Butler against what others use to fall back: LiteLLM's Router and pydantic-ai's FallbackModel.

    python bench/peers.py            all of it (about 3 min, much of it LiteLLM's own waiting)
    python bench/peers.py --quick    fewer samples

All ask the same loopback server (llmock, a process of its own) over chat completions, streaming,
each in a process and an environment of its own under .tools/peers, made on the first run. `raw` is
the official SDK's call alone. CPU is that of the contestant's process for a whole request, for
Butler with decision, reservation, journal, ledger and the events that a screen would get. Times
are from the prompt to the first token that the caller sees; before each the contestant is made
anew and warmed by a request that goes well.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

_ROOT: Final = Path(__file__).parents[1]
sys.path.insert(0, str(_ROOT))

from tests.servers.llmock import Llmock, llmock_server  # noqa: E402 - beside us, not installed

_PEERS: Final = {
    # Newer ones ask for a release of certifi that not every index has yet.
    "litellm": ("litellm==1.104.5",),
    "pydantic-ai": ("pydantic-ai-slim[openai]==2.68.0",),
}
_LIMIT: Final = 5.0
"""Seconds that a silent model is waited for; Butler's own default is 30."""
_RETRY_AFTER: Final = 2.0
_WORDS: Final = " ".join(f"bee-{n}" for n in range(200))
"""An answer of a usual length, an event for each word. LiteLLM stops what repeats itself."""
_FEW: Final = "There are some twenty thousand kinds of bees."
_FAULTS: Final[dict[str, dict[str, Any]]] = {
    "500": {"type": "fail", "status": 500},
    "529": {"type": "fail", "status": 529},
    "429 with Retry-After": {"type": "fail", "status": 429, "retry_after": _RETRY_AFTER},
}
_HANG: Final = {"type": "slow_first_token", "seconds": 60, "match": {"model": "main"}}
_CUT: Final = {
    "type": "stream_fault",
    "kind": "disconnect",
    "after_chunks": 20,
    "match": {"model": "main", "stream": True},
}


class Contestant:
    """A child process that asks, and says what it took."""

    def __init__(self, name: str, process: "subprocess.Popen[str]") -> None:
        self.name = name
        self._process = process

    def order(self, do: str, **how: Any) -> dict[str, Any]:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps({"do": do, **how}) + "\n")
        stdin.flush()
        for line in stdout:  # peers print what they like
            if line.startswith('{"answer"'):
                return json.loads(line)["answer"]
        raise RuntimeError(f"{self.name} ended")


def main() -> None:
    parser = argparse.ArgumentParser(description="Butler against others that fall back.")
    parser.add_argument("--quick", action="store_true", help="fewer samples")
    quick = parser.parse_args().quick
    with ExitStack() as stack:
        server = stack.enter_context(llmock_server())
        contestants = {
            name: stack.enter_context(_running(name, server))
            for name in ("raw", "butler", *_PEERS)
            if name not in _PEERS or _installed(name)
        }
        rounds = 3 if quick else 7
        usual = _costs(contestants, server, _WORDS, rounds, requests=10 if quick else 20)
        _compare("CPU per request", usual, {"raw": 1.3, "litellm": 0.3})
        _compare("the same for an answer of 8 words", _costs(contestants, server, _FEW, rounds, 20))
        _fallbacks(contestants, server, samples=1 if quick else 3)


def _python(name: str) -> Path:
    return _ROOT / ".tools" / "peers" / name / "bin" / "python"


def _installed(name: str) -> bool:
    """Whether a peer is there, made now if it never was."""
    stamp = _ROOT / ".tools" / "peers" / name / "installed"
    wanted = "\n".join(_PEERS[name])
    if stamp.is_file() and stamp.read_text() == wanted:
        return True
    print(f"installing {wanted} into .tools/peers: once", flush=True)
    venv.create(stamp.parent, with_pip=True)
    pip = [_python(name), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    done = subprocess.run([*pip, *_PEERS[name]], check=False, capture_output=True, text=True)
    if done.returncode:
        reason = done.stderr.strip().rpartition("\n")[2]
        print(f"{name} is left out: it can't be installed ({reason[:150]})")
        return False
    stamp.write_text(wanted)
    return True


@contextmanager
def _running(name: str, server: Llmock) -> Iterator[Contestant]:
    python = _python(name) if name in _PEERS else Path(sys.executable)
    program = str(Path(__file__).with_name("_contestants.py"))
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    with subprocess.Popen(
        [str(python), program, name, server.base_url("openai-chat")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environ | {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MODE": "PRODUCTION"},
    ) as process:
        try:
            yield Contestant(name, process)
        finally:
            process.kill()


# --- CPU ---------------------------------------------------------------------------------------


def _costs(
    contestants: dict[str, Contestant], server: Llmock, text: str, rounds: int, requests: int
) -> dict[str, float]:
    """Seconds for each. In turns, so that what else the machine does hits all alike."""
    server.reset()
    server.script({"type": "reply", "text": text, "times": None})
    spent: dict[str, list[float]] = {name: [] for name in contestants}
    for contestant in contestants.values():
        contestant.order("fresh", limit=30.0)
        contestant.order("cost", requests=5)
    for _ in range(rounds):
        for name, contestant in contestants.items():
            spent[name].append(contestant.order("cost", requests=requests)["cpu"])
    return {name: statistics.median(figures) for name, figures in spent.items()}


def _compare(what: str, spent: dict[str, float], aims: dict[str, float] | None = None) -> None:
    for other, seconds in spent.items():
        if other != "butler":
            note = f"{spent['butler'] * 1000:.1f} ms against {seconds * 1000:.1f} ms"
            aim = (aims or {}).get(other)
            _tell(what, spent["butler"] / seconds, than=_full(other), aim=aim, note=note)


# --- falling back ------------------------------------------------------------------------------


def _fallbacks(contestants: dict[str, Contestant], server: Llmock, samples: int) -> None:
    able = {name: one for name, one in contestants.items() if name != "raw"}
    for fault, behavior in _FAULTS.items():
        broken = {**behavior, "times": None, "match": {"model": "main"}}
        times = {name: _first(one, server, broken, samples) for name, one in able.items()}
        for name, seconds in times.items():
            if name != "butler":
                aim = 0.05 if name == "litellm" else None
                note = f"{times['butler'] * 1000:.0f} ms against {seconds * 1000:.0f} ms"
                what = f"first token of the fallback after a {fault}"
                _tell(what, times["butler"] / seconds, than=_full(name), aim=aim, note=note)
    for name, one in able.items():
        seconds = _first(one, server, {**_HANG, "times": None}, 1)
        aim, note = (1.05, "") if name == "butler" else (None, _full(name))
        _tell(
            "first token of the fallback when the first choice hangs",
            seconds / _LIMIT,
            than=f"the limit of {_LIMIT:g} s",
            aim=aim,
            note=note,
        )
    for name, one in able.items():
        _cut(name, one, server)


def _first(one: Contestant, server: Llmock, broken: dict[str, Any], samples: int) -> float:
    """The median time to the first token, infinite where none came."""
    found: list[float] = []
    for _ in range(samples):
        one.order("fresh", limit=_LIMIT)
        server.reset()
        warm = one.order("first")
        assert warm["first"], warm
        server.script(broken, {"type": "reply", "text": "from the backup", "times": None})
        got = one.order("first")
        assert any(request["model"] == "main" for request in server.requests()), "not even tried"
        found.append(got["first"] if got["first"] and got["text"] else float("inf"))
    return statistics.median(found)


def _cut(name: str, one: Contestant, server: Llmock) -> None:
    one.order("fresh", limit=_LIMIT)
    server.reset()
    one.order("first")
    server.script(
        {"type": "reply", "text": _WORDS, "match": {"model": "main"}},
        _CUT,
        {"type": "reply", "text": "and the rest.", "match": {"model": "backup"}},
    )
    got = one.order("first")
    assert any(request["fault"] for request in server.requests()), "the stream was not cut"
    finished = got["text"].endswith("and the rest.") and "bee-1" in got["text"]
    what = "a stream cut in its middle is left unfinished"
    note = "the next model finishes it" if finished else got["problem"] or got["text"][-40:]
    print(f"{what}, {name}: {note}")
    if name == "butler":
        _tell(what, float(not finished), aim=0, unit="", note=note)


def _full(name: str) -> str:
    return {
        "raw": "the raw SDK call",
        "litellm": "LiteLLM's Router",
        "pydantic-ai": "pydantic-ai's FallbackModel",
        "butler": "Butler",
    }[name]


def _tell(what: str, value: float, **more: Any) -> None:
    finding = {"what": what, "value": round(value, 4), "unit": "×", **more}
    print(json.dumps({key: v for key, v in finding.items() if v is not None}), flush=True)


if __name__ == "__main__":
    main()
