"""A workspace, a store and a program on the PATH: what a `CliAgent` needs to run for real."""

import json
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from router.coding.cli_agents import CliAgent, agent_of
from router.coding.contract import Assignment
from router.config import Account, Coding, Config, ModelRef, TimeLimits
from router.opening import open_services
from router.places import Places
from store.events import AnyEvent, Candidate, SessionStarted
from store.opening import Store

FAKE = Path(__file__).with_name("fake_program.py")
SAMPLES = Path(__file__).parents[2] / "samples"

Of = TypeVar("Of")


class Shop:
    def __init__(self, folder: Path, **environ: str) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.root = folder / "workspace"
        self.root.mkdir()
        self.environ = {
            "PATH": str(self.bin),
            "HOME": str(folder),
            "BUTLER_HOME": str(folder / "home"),
            "FAKE_PART": str(folder / "part.json"),
            "FAKE_CALLED": str(folder / "called.json"),
            **environ,
        }
        places = Places.find(self.environ)
        self.store = Store.open(places.data)
        self.session = uuid.uuid4().hex
        self.services = open_services(configuration(), self.store, places, self.root, self.environ)
        self.store.journal.append(self.session, SessionStarted(kind="code")).wait(10)

    def install(self, name: str, *part: dict[str, Any]) -> None:
        """Put a program on the PATH that plays this part."""
        program = self.bin / name
        program.write_text(f"#!{sys.executable}\n{FAKE.read_text('utf-8')}", "utf-8")
        program.chmod(0o755)
        Path(self.environ["FAKE_PART"]).write_text(json.dumps(part), "utf-8")

    def agent(
        self, model: str = "cli:claude", say: Callable[[AnyEvent], None] | None = None
    ) -> CliAgent:
        ref = ModelRef.parse(model)
        candidate = Candidate(tier="T1", model=ref.model, account=ref.account)
        return agent_of(ref, services=self.services, say=say or self.say, candidate=candidate)

    def work(self, task: str = "Write an add function", **more: Any) -> Assignment:
        return Assignment(session=self.session, prompt="task-1", task=task, root=self.root, **more)

    def say(self, event: AnyEvent) -> None:
        self.services.say(self.session, event)

    def called(self) -> dict[str, Any]:
        """What the program was called with."""
        return json.loads(Path(self.environ["FAKE_CALLED"]).read_text("utf-8"))

    def told(self) -> list[AnyEvent]:
        """The session's journal as it is on disk, after its beginning."""
        self.store.journal.append(self.session, SessionStarted(kind="code")).wait(10)
        found = [entry.event for entry in self.store.journal.read(self.session)]
        return [event for event in found if not isinstance(event, SessionStarted)]

    def events(self, kind: type[Of]) -> list[Of]:
        return [event for event in self.told() if isinstance(event, kind)]

    def event(self, kind: type[Of]) -> Of:
        (only,) = self.events(kind)
        return only


def configuration() -> Config:
    return Config(
        accounts={"cli:claude": Account(wire="cli"), "cli:codex": Account(wire="cli")},
        tiers={"T1": (ModelRef("cli:claude", "default"), ModelRef("cli:codex", "default"))},
        time_zone="UTC",
        coding=Coding(cost=1.5),
        limits=TimeLimits(silence=0.1),
    )
