"""No model process outlives the program that started it, however that ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

_PARENT = """
import asyncio, os, signal, sys, threading
from pathlib import Path
import psutil
from router.providers.embedded import EmbeddedModel

async def main(folder, moment):
    model = EmbeddedModel(gguf=None, folder=folder, log=folder / "log")
    starting = asyncio.create_task(model.ready())
    while not (children := psutil.Process().children()):
        await asyncio.sleep(0)
    print(children[0].pid, flush=True)
    await starting
    if moment == "forked" and os.fork() == 0:
        print(os.getpid(), flush=True)
        signal.pause()
    await asyncio.Event().wait()

folder, thread, moment = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
if thread == "main":
    asyncio.run(main(folder, moment))
else:
    other = threading.Thread(target=asyncio.run, args=(main(folder, moment),))
    other.start()
    other.join()
"""


@contextmanager
def _program(folder: Path, thread: str, moment: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", _PARENT, str(folder), thread, moment]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        try:
            yield program
        finally:
            program.kill()


@pytest.mark.parametrize("thread", ["main", "another"])
@pytest.mark.parametrize("moment", ["loading", "forked"])
def test_the_child_ends_with_its_killed_parent(tmp_path: Path, thread: str, moment: str) -> None:
    with _program(tmp_path, thread, moment) as program:
        assert program.stdout
        child = psutil.Process(int(program.stdout.readline()))
        if moment == "forked":
            # It keeps the parent's end of the pipe open.
            fork = int(program.stdout.readline())
            assert child.cmdline()[-1].endswith("child.py")
        program.kill()
        program.wait()
        _, alive = psutil.wait_procs([child], timeout=10)
        if moment == "forked":
            os.kill(fork, signal.SIGKILL)
        assert not alive
