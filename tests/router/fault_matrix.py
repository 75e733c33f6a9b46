"""The fault matrix as data: every fault on every wire at every moment, and what must come of it.

`test_fault_matrix.py` makes each cell happen and holds it to its row; `docs/fault-matrix.md` is
drawn from the same rows. Sentences for the reader of that page are in `tools/fault_matrix.py`.
"""

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple, TypeAlias

from router.config import Wire
from store.events import HealthState, Tier

WIRES: Final[tuple[Wire, ...]] = ("anthropic", "openai", "openai-chat", "google", "ollama")
Moment: TypeAlias = Literal["before the first token", "in mid-text", "in mid-tool-call"]
FIRST, TEXT, CALL = MOMENTS = (
    "before the first token",
    "in mid-text",
    "in mid-tool-call",
)
Server: TypeAlias = Literal["llmock", "aimock", "bytes", "nobody", "-"]
"""Who shows a fault: a mock server of others, our own bytes where they can't, or no one at all."""

LIMIT: Final = 0.6
"""Seconds a silent model is waited for here."""
DAY: Final = -1.0
"""A rest that ends with the day of the service, whenever that is."""


WHOLE_CALLS: Final[tuple[Wire, ...]] = ("google", "ollama")
"""Wires that send a tool call in one piece: what breaks is the stream behind it."""


class Fault(NamedTuple):
    """One row: what goes wrong, and what must come of it whatever the wire."""

    name: str
    moment: Moment
    told: str
    health: HealthState
    reason: str = ""
    rest: float | None = None
    """Seconds until the model is tried again; `None` for no such moment."""
    on: dict[Wire, Server] = {}  # noqa: RUF012  (never changed; a row reads best in one piece)
    """Where it is not llmock's, or aimock's for Ollama."""

    @property
    def seam(self) -> bool:
        return self.moment == TEXT

    def server(self, wire: Wire) -> Server:
        return self.on.get(wire, "aimock" if wire == "ollama" else "llmock")


class Cell(NamedTuple):
    fault: Fault
    wire: Wire

    @property
    def server(self) -> Server:
        return self.fault.server(self.wire)

    @property
    def told(self) -> str:
        """The reason that the answer's line or its seam names, behind the tier."""
        if self.fault.name != "stall":
            return self.fault.told
        return f"{'went silent' if self.heard else 'said nothing'} for {LIMIT:g} s"

    @property
    def heard(self) -> bool:
        """Whether anything was heard before the fault. Half a tool call is a sign of life."""
        return self.fault.moment in (TEXT, CALL)

    @property
    def next(self) -> Tier:
        """Who has to answer. Where the limit on the first token is so short that a busy machine's
        healthy model might miss it, the local tier, which has a limit of its own."""
        return "T4" if self.fault.name == "stall" and not self.heard else "T3"

    @property
    def rest(self) -> float | None:
        quota = self.fault.reason == "quota-spent" and self.wire == "google"
        return DAY if quota and self.fault.rest else self.fault.rest

    @property
    def booked(self) -> bool:
        """Whether something is booked for the first choice: not where it turned the request away,
        nor where no connection stood."""
        fault = self.fault
        if fault.moment != FIRST or fault.reason in ("broken-stream", "timed-out"):
            return True
        # Neither SDK shows that it was a 200 before it has read anything from it.
        return fault.name == "error in a 200 stream" and self.wire not in WHOLE_CALLS

    def __str__(self) -> str:
        return f"{self.fault.name} {self.fault.moment}-{self.wire}".replace(" ", "-")


def _bytes(*wires: Wire) -> dict[Wire, Server]:
    return dict.fromkeys(wires or WIRES, "bytes")


_COOLING: Final = ("overloaded", "cooling", "overloaded", 30.0)
_BROKEN: Final = ("broke off", "cooling", "broken-stream", 30.0)
_SILENT: Final = "said nothing for so long"

FAULTS: Final = (
    Fault("429 that passes", FIRST, "rate limited", "cooling", "rate-limited", 90.0),
    Fault(
        "429 quota spent",
        FIRST,
        "quota spent",
        "exhausted",
        "quota-spent",
        7200.0,
        {"google": "bytes", "ollama": "-"},
    ),
    Fault("529", FIRST, *_COOLING),
    Fault("500", FIRST, *_COOLING),
    Fault("503", FIRST, *_COOLING),
    Fault("401", FIRST, "key refused", "off", "bad-key"),
    Fault("402", FIRST, "quota spent", "off", "quota-spent"),
    Fault("400 context", FIRST, "context too long", "unknown"),
    Fault(
        "server down",
        FIRST,
        "unreachable",
        "cooling",
        "unreachable",
        5.0,
        dict.fromkeys(WIRES, "nobody"),
    ),
    Fault("200 that is no stream", FIRST, *_BROKEN, _bytes()),
    Fault("empty answer", FIRST, *_BROKEN, _bytes("ollama")),
    Fault("connection cut", FIRST, *_BROKEN, _bytes("ollama")),
    Fault("connection cut", TEXT, *_BROKEN),
    Fault("connection cut", CALL, *_BROKEN, _bytes(*WHOLE_CALLS)),
    Fault("clean early end", FIRST, *_BROKEN, _bytes("ollama")),
    Fault("clean early end", TEXT, *_BROKEN, _bytes("ollama")),
    Fault("clean early end", CALL, *_BROKEN, _bytes(*WHOLE_CALLS)),
    Fault("broken JSON", FIRST, *_BROKEN),
    Fault("broken JSON", TEXT, *_BROKEN, _bytes("ollama")),
    Fault("broken JSON", CALL, *_BROKEN, _bytes(*WHOLE_CALLS)),
    Fault("stall", FIRST, _SILENT, "cooling", "timed-out", 30.0),
    Fault("stall", TEXT, _SILENT, "cooling", "timed-out", 30.0, _bytes("ollama")),
    Fault(
        "stall",
        CALL,
        _SILENT,
        "cooling",
        "timed-out",
        30.0,
        _bytes(*WHOLE_CALLS),
    ),
    Fault("error in a 200 stream", FIRST, *_COOLING, _bytes()),
    Fault("error in a 200 stream", TEXT, *_COOLING, _bytes()),
    Fault("error in a 200 stream", CALL, *_COOLING, _bytes()),
)


def cells() -> Iterator[Cell]:
    """Every cell that there can be."""
    for fault in FAULTS:
        for wire in WIRES:
            if fault.server(wire) != "-":
                yield Cell(fault, wire)
