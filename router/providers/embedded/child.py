"""The child process: llama.cpp's own server with one model, on a port of the loopback.

Run by its path, never imported by Butler. Its orders are one JSON line on stdin, so that the key
is in nobody's process list. It answers on stdout with one JSON line, `{"url": …}` or
`{"error": …, "kind": …}`; all else that it or the engine prints goes to the log, its stderr. An
open stdin says that the parent lives: the child ends with it.
"""

import ctypes
import json
import os
import select
import signal
import sys
import threading
from importlib import import_module
from typing import Any, NoReturn

_PR_SET_PDEATHSIG = 1
_BATCH = 128
"""Tokens of a prompt that are read in one go. Nothing else is heard or written meanwhile: with the
engine's own 2,048, a prompt that was called off keeps one core busy for half a minute."""
_WARNINGS = 2  # what the engine logs; from 3 on it also tells of each request


def main() -> None:
    orders: dict[str, Any] = json.loads(_line(0))
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    threading.Thread(target=_end_with, args=(orders["parent"],), daemon=True).start()
    if orders["spawner_stays"]:
        _be_killed_with(orders["parent"])
    try:
        server = _serve(orders)
    except ImportError as error:
        _fail(answer, "engine", error)
    except RuntimeError as error:
        _fail(answer, "model", error)
    with answer:
        json.dump({"url": server.listening_address}, answer)
        answer.write("\n")
    threading.Event().wait()


def _line(fd: int) -> bytes:
    """Unbuffered, so that the watching thread can go on where this stops."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(fd, 1)
        if not byte:
            os._exit(0)
        line += byte
    return line


def _end_with(parent: int) -> NoReturn:
    """Wait for the end of stdin. A process forked off the parent may hold the other end open
    after its death, so look for a new parent too, where there is such a thing."""
    if os.name == "posix":
        while not select.select([0], [], [], 1.0)[0] and os.getppid() == parent:
            pass
    else:
        os.read(0, 1)
    os._exit(0)


def _be_killed_with(parent: int) -> None:
    """The engine keeps the interpreter's lock while it loads a model, which stops the watching
    thread for as long. Linux can do without: it sends a signal when the thread that spawned us
    ends (so this is no good if that thread ends before its process)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(0)


def _serve(orders: dict[str, Any]) -> Any:
    xllamacpp: Any = import_module("xllamacpp")  # it has no types

    params = xllamacpp.CommonParams()
    params.model.path = orders["gguf"]
    params.model_alias = {orders["name"]}
    params.hostnames = ["127.0.0.1"]
    params.api_keys = [orders["key"]]
    params.n_parallel = orders["slots"]
    params.n_ctx = orders["slots"] * orders["context"]
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = orders["threads"]
    params.n_batch = params.n_ubatch = _BATCH
    params.cache_ram_mib = orders["cache_mib"]
    params.warmup = False
    params.ui = False
    params.verbosity = _WARNINGS
    return xllamacpp.Server(params)


def _fail(answer: Any, kind: str, error: Exception) -> NoReturn:
    with answer:
        json.dump({"error": str(error), "kind": kind}, answer)
        answer.write("\n")
    raise error


if __name__ == "__main__":
    main()
