"""Programs that tests run as processes of their own: `python -m tests.store.child NAME FOLDER …`.

They say on stdout what they have been promised, a line each, and obey lines on stdin.
"""

import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

from store.ledger import Limit
from store.opening import Store
from tests.store.samples import (
    SECONDS,
    asked,
    delta,
    finished,
    gauge,
    given,
    prompt,
    reply_started,
    reserved,
    settled,
    started,
    write,
)


def say(*words: object) -> None:
    """One write for one line, so that no line is ever cut by a kill."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def hold(folder: Path, session: str) -> None:
    """Start a session, leave things open in it, and live until stdin ends."""
    with Store.open(folder) as store:
        write(store, session, started(), prompt(), reply_started(), delta("half an answer"))
        store.ledger.reserve(reserved(f"{session}-v"), session, []).wait(SECONDS)
        say("ready")
        sys.stdin.read()


def reserve(folder: Path, amount: str, threads: str, settle: str) -> None:
    """Reserve from many threads until nothing is granted any more."""
    limit = Limit(account=None, model=None, unit="tokens", since=0, amount=float(amount))
    with Store.open(folder, patience=60) as store:

        def run(name: str) -> None:
            number = 0
            while True:
                number += 1
                reservation = f"{name}-{number}"
                event = reserved(reservation, tokens=10)
                if not store.ledger.reserve(event, "s", [limit]).wait(60).granted:
                    return
                if settle == "settle" and number % 2:
                    write(store, "s", settled(reservation, tokens=7))

        say("ready")
        sys.stdin.readline()
        running = [
            threading.Thread(target=run, args=(f"{os.getpid()}-{n}",)) for n in range(int(threads))
        ]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()


def speak(folder: Path, session: str) -> None:
    """Append what stdin asks for: to a session, to the house, to the ledger."""
    with Store.open(folder) as store:
        say("ready")
        for number, line in enumerate(sys.stdin):
            match line.split():
                case ["prompt", text]:
                    write(store, session, prompt(text))
                case ["gauge", percent]:
                    write(store, None, gauge(float(percent)))
                case ["stream", text]:
                    for at, letter in enumerate(text):
                        store.journal.append(session, delta(letter, at))
                case ["settle", tokens]:
                    write(store, session, settled(f"{os.getpid()}-{number}", int(tokens)))
                case _:
                    raise ValueError(line)
            say("done")


# --- to be killed ------------------------------------------------------------------------------


def die_often(folder: Path, name: str, rounds: str, longest: str) -> None:
    """Fork writers one after the other and kill each at a random moment of its work."""
    choose = random.Random(name)
    for number in range(int(rounds)):
        work = _stream if number % 2 else _spend
        pid = os.fork()
        if pid == 0:
            try:
                work(Store.open(folder, patience=60), f"{name}-{number}")
            finally:
                os._exit(1)
        time.sleep(choose.uniform(0.02, float(longest)))
        say("kill", f"{name}-{number}", time.monotonic())
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        if os.WTERMSIG(status) != signal.SIGKILL:
            raise RuntimeError(f"the writer ended by itself: {status}")


def _spend(store: Store, session: str) -> None:
    """Prompts, replies, money and approvals, each said aloud once it is acknowledged."""
    write(store, session, started())
    say("session", session)
    for number in range(10**9):
        name = f"{session}-{number}"
        say("prompt", session, name, *write(store, session, prompt(f"words {name}", name)))
        store.ledger.reserve(reserved(name), session, []).wait(SECONDS)
        say("reserved", session, name)
        store.journal.append(session, reply_started(name, name))
        for at in range(20):
            store.journal.append(session, delta("x", at, name))
        say("finished", session, name, *write(store, session, finished("x" * 20, name)))
        say("settled", session, name, *write(store, session, settled(name, tokens=7)))
        write(store, session, asked(name))
        say("given", session, name, *write(store, session, given(name)))


def _stream(store: Store, session: str) -> None:
    """One endless reply; how much of it was handed over is said aloud with the time."""
    write(store, session, started(), reply_started(session, session))
    for at in range(10**9):
        store.journal.append(session, delta("x", at, session))
        if at % 5 == 4:
            say("text", session, at + 1, time.monotonic())
        time.sleep(0.001)


if __name__ == "__main__":
    programs = {program.__name__: program for program in (hold, reserve, speak, die_often)}
    programs[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])
