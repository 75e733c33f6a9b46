"""A project with a failing test, a house on aimock, and hands that work at the coding desk."""

import json
import subprocess
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any, TypeVar

from store.events import AnyEvent, ApprovalGiven, ToolReturned
from store.opening import Store
from tests.e2e.terminal import Terminal, butler
from tests.servers.aimock import Aimock
from tui.widgets.card import GUARD

PLANNER, WRITER, OTHER, THIRD = "planner-one", "writer-one", "other-one", "third-one"
TIERS = {"T0": PLANNER, "T1": WRITER, "T2": OTHER, "T3": THIRD}
TEST = "python3 -m unittest -q"
YES = "\x1ba"
"""The chord that agrees to a card from anywhere."""
PLAN_CARD, COMMAND_CARD, CHANGES_CARD = "1–3 choose", "x reject all", "v view the diff"

WRONG = "def total(prices):\n    return sum(prices[1:])\n"
RIGHT = "def total(prices):\n    return sum(prices)\n"
CHECK = """import unittest

from shop import total


class Total(unittest.TestCase):
    def test_all_prices_count(self):
        self.assertEqual(total([1, 2, 3]), 6)
"""
PLAN: dict[str, Any] = {
    "title": "Count every price",
    "approach": "Sum the whole list.",
    "architecture": "One function stays one function.",
    "tradeoffs": "None worth naming.",
    "files": [{"path": "shop.py", "change": "edit", "why": "the slice drops the first price"}],
    "steps": ["Mend total", "Run the tests"],
    "risks": ["Somebody relies on the wrong sum"],
}
SKETCHING = "tackle it yourself"
"""What only they are told who sketch."""
SKETCH = "Loop instead\nApproach: add the prices up in a loop.\nTradeoff: longer.\nRisk: none."
EDIT = {"path": "shop.py", "old": "sum(prices[1:])", "new": "sum(prices)"}

Event = TypeVar("Event", bound=AnyEvent)


def call(name: str, /, said: str = "", **arguments: Any) -> dict[str, Any]:
    """Of a fixture: one call of a tool, with something said before it if need be."""
    made = {"toolCalls": [{"name": name, "arguments": json.dumps(arguments)}]}
    return {"response": made | ({"content": said} if said else {})}


def says(text: str, **options: Any) -> dict[str, Any]:
    """Of a fixture: an answer in words, and how it comes."""
    return {"response": {"content": text}, **options}


def sample(folder: Path) -> Path:
    """A git repository with a bug and a test that finds it."""
    folder.mkdir()
    (folder / "shop.py").write_text(WRONG)
    (folder / "test_shop.py").write_text(CHECK)
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "first"]):
        subprocess.run([*git, *words], cwd=folder, check=True)
    return folder


def passes(folder: Path) -> bool:
    """Whether the sample's own test passes there."""
    command = [sys.executable, "-B", "-m", "unittest", "-q"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 0


def configure(home: Path, service: Aimock, wires: Sequence[str], more: str = "") -> None:
    """A house with a model for each tier; the tiers take the wires in turn."""
    said: list[str] = []
    for wire in dict.fromkeys(wires):
        key = "none" if wire == "ollama" else "env:TEST_KEY"
        said += [f"[accounts.{wire}]", f'wire = "{wire}"', f'key = "{key}"']
        said += [f'base_url = "{service.base_url(wire)}"']
    refs = {t: f"{w}/{m}" for (t, m), w in zip(TIERS.items(), cycle(wires), strict=False)}
    said += ["[tiers]", *(f'{tier} = ["{ref}"]' for tier, ref in refs.items())]
    for ref in refs.values():
        said += [f'[models."{ref}"]', "price = { input = 1, output = 4 }", "context = 65536"]
        # These two are taken to have none.
        said += ["tools = true"] if ref.startswith(("openai-chat/", "ollama/")) else []
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text("\n".join([*said, more, ""]))


class Desk:
    """A person at the coding desk: the terminal, and what the program keeps and was sent."""

    def __init__(self, folder: Path, service: Aimock, *wires: str, more: str = "") -> None:
        self.home = folder / "home"
        self.project = sample(folder / "project")
        self.service = service
        configure(self.home, service, wires or ("anthropic",), more)

    @contextmanager
    def open(self, *arguments: str, **variables: str) -> Generator[Terminal]:
        given = {"TEST_KEY": "sk-test-0123456789", **variables}
        with butler(self.home, *arguments, folder=self.project, **given) as terminal:
            terminal.until("❯")
            yield terminal

    def script(self, model: str, *responses: dict[str, Any]) -> None:
        """Answer a model's requests with one response after the other, from its first on."""
        self.service.add(
            *(
                {"match": {"model": model, "sequenceIndex": number}, **response}
                for number, response in enumerate(responses)
            )
        )

    def script_plan(self, *more: dict[str, Any]) -> None:
        """What a plan takes: a look, the proposal, and the sketches of others."""
        self.service.add({"match": {"systemMessage": SKETCHING}, **says(SKETCH)})
        look = call("read_file", path="shop.py")
        self.script(PLANNER, look, call("propose_plan", **PLAN), *more)

    def events(self, kind: type[Event]) -> list[Event]:
        """All of a kind in the journal, of all sessions."""
        store = Store.open(self.home / "data")
        try:
            sessions = [row.id for row in store.sessions.list(parents_only=False)]
            entries = store.journal.read(*sessions)
            return [entry.event for entry in entries if isinstance(entry.event, kind)]
        finally:
            store.close()

    def decisions(self) -> list[str]:
        """What the user chose on cards, in order."""
        return [event.choice for event in self.events(ApprovalGiven)]

    def returned(self) -> str:
        """What all tools gave back."""
        return "\n".join(event.text for event in self.events(ToolReturned))

    def sent(self, model: str) -> list[str]:
        """The bodies that came for a model at work, oldest first."""
        bodies = [entry["body"] for entry in self.service.requests()]
        bodies = [json.dumps(body) for body in bodies if body.get("model") == model]
        return [body for body in bodies if SKETCHING not in body]

    def kept(self, name: str = "shop.py") -> str:
        return (self.project / name).read_text()


def shows(*texts: str) -> Callable[[str], bool]:
    """For `until`: all of these stand on the screen."""
    return lambda screen: all(text in screen for text in texts)


def press(terminal: Terminal, keys: str) -> None:
    """Keys that decide about what has just come: nothing is accepted in the first moment."""
    terminal.read_for(GUARD + 0.1)
    terminal.type(keys)


def on_card(terminal: Terminal, letter: str) -> None:
    """Tab to the card that has just come, and then its letter."""
    terminal.read_for(GUARD + 0.1)
    terminal.type("\t")
    terminal.until("esc leave")
    terminal.type(letter)
