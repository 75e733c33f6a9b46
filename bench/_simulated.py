"""A simulated month: services that fail, quotas that reset, and the work of a heavy user.

Everything is drawn from one seed. Time is the program's own clock, moved by hand.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from router.catalogue import Catalogue
from router.config import Account, Budget, Config, ModelRef, ModelSettings, Price
from router.connections import Connections
from router.providers.base import (
    BrokenStream,
    Chunk,
    Done,
    Failure,
    HeadersReceived,
    Overloaded,
    QuotaSpent,
    RateLimited,
    Request,
    Text,
    TextPart,
    TimedOut,
    Unreachable,
)
from store.events import Usage

ZONE: Final = ZoneInfo("Europe/Berlin")
BEGIN: Final = datetime(2026, 10, 1, tzinfo=ZONE)
"""October: its last Sunday has 25 hours."""
DAYS: Final = 31
HOUR: Final = 3600.0
_LETTERS: Final = 3.6
"""Characters of a token, on average."""

OPUS, SONNET = ModelRef("anthropic", "claude-opus-5-5"), ModelRef("anthropic", "claude-sonnet-5-5")
SOL, GPT = ModelRef("openai", "gpt-6.2-sol"), ModelRef("openai", "gpt-4o")
FLASH, LOCAL = ModelRef("google", "gemini-3.8-flash"), ModelRef("home", "smollm2")
_PRICES: Final = {
    OPUS: Price(input=4, output=20),
    SONNET: Price(input=2, output=10),
    SOL: Price(input=2, output=10),
    GPT: Price(input=2.5, output=10),
    FLASH: Price(input=0.75, output=3.75),
    LOCAL: Price(input=0, output=0),
}
CLOUD: Final = ("anthropic", "openai", "google")


def configuration(month: float, day: float) -> Config:
    """Shipped defaults, prices of November 2026, and two budgets in US dollars over all accounts.
    Anthropic is a subscription besides, with windows of five hours and a week."""
    return Config(
        accounts={
            "anthropic": Account(wire="anthropic"),
            "openai": Account(wire="openai"),
            "google": Account(wire="google"),
            "home": Account(wire="openai-chat", key="none"),
        },
        tiers={
            "T0": (OPUS,),
            "T1": (SOL,),
            "T2": (FLASH,),
            "T3": (SONNET, GPT),
            "T4": (LOCAL,),
        },
        models={
            str(ref): ModelSettings(price=price, context=1_000_000 if ref != LOCAL else 32_000)
            for ref, price in _PRICES.items()
        },
        budgets=(Budget(window="month", limit=month), Budget(window="day", limit=day)),
        time_zone=str(ZONE),
    )


# --- the user's month ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Task:
    """One thing to be answered."""

    at: float
    """Seconds since the epoch."""
    work: Literal["main", "code", "background"]
    input: int
    output: int
    critical: bool = False
    private: bool = False

    @property
    def prompt(self) -> str:
        """As many characters as its tokens have. The first line says how long the answer is."""
        head = f"{self.output}\n"
        return head + "bees " * int((self.input * _LETTERS - len(head)) / 5)


def trace(random: Random) -> list[Task]:
    """Every task of the month in order."""
    found: list[Task] = []
    for day in range(DAYS):
        date = BEGIN + timedelta(days=day)
        found += _talk(random, date, weekend=date.weekday() >= 5)
        found += _heartbeats(random, date)
    return sorted(found, key=lambda task: task.at)


def _talk(random: Random, date: datetime, *, weekend: bool) -> list[Task]:
    """Chat and code in bursts over a working day, and summaries now and then."""
    weight = random.lognormvariate(0, 0.4) * (0.2 if weekend else 1.0)
    found: list[Task] = []
    for _ in range(max(3, round(75 * weight))):
        hour = random.triangular(8, 20, random.choice((10.5, 15.5)))
        work: Literal["main", "code", "background"] = random.choices(
            ("main", "code", "background"), (0.6, 0.27, 0.13)
        )[0]
        found.append(
            Task(
                at=_moment(date, hour),
                work=work,
                input=min(150_000, int(random.lognormvariate(8.9, 0.9))),
                output=min(7000, int(random.lognormvariate(6.4, 0.8))),
                critical=work != "background" and random.random() < 0.03,
                private=work == "main" and random.random() < 0.02,
            )
        )
    return found


def _heartbeats(random: Random, date: datetime) -> list[Task]:
    """Every half hour within the active hours."""
    return [
        Task(_moment(date, 8 + half / 2), "background", random.randint(400, 1500), 60)
        for half in range(28)
    ]


def _moment(date: datetime, hour: float) -> float:
    """By the clock on the wall, whatever the season."""
    wall = date.replace(hour=int(hour), minute=int(hour % 1 * 60), second=int(hour * 3600 % 60))
    return wall.timestamp()


# --- the services --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outage:
    begin: float
    end: float
    fault: type[Failure]


def outages(random: Random) -> dict[str, list[Outage]]:
    """Each service is ill every other day, for minutes or hours; twice the line itself is dead."""
    start, end = BEGIN.timestamp(), (BEGIN + timedelta(days=DAYS)).timestamp()
    faults = (Overloaded, Overloaded, RateLimited, BrokenStream, TimedOut, Unreachable)
    found: dict[str, list[Outage]] = {account: [] for account in CLOUD}
    for ill in found.values():
        at = start
        while (at := at + random.expovariate(1 / (44 * HOUR))) < end:
            length = min(6 * HOUR, random.lognormvariate(7.3, 1.0))
            ill.append(Outage(at, at + length, random.choice(faults)))
    for _ in range(2):
        at = random.uniform(start, end)
        for ill in found.values():
            ill.append(Outage(at, at + 1.5 * HOUR, Unreachable))
    return found


class Clock:
    """The program's clock, and the only one that there is here."""

    def __init__(self, traveller: Any) -> None:
        self._traveller = traveller

    @property
    def now(self) -> float:
        return datetime.now(UTC).timestamp()

    def wait(self, seconds: float) -> None:
        self._traveller.shift(seconds)

    def until(self, moment: float) -> None:
        if moment > self.now:
            self._traveller.move_to(datetime.fromtimestamp(moment, UTC))


@dataclass
class Quota:
    """A subscription's window: so many tokens, then nothing until it turns."""

    name: str
    seconds: float
    tokens: float
    begun: float = 0.0
    used: float = 0.0

    def share(self, now: float) -> float:
        if now >= self.begun + self.seconds:
            self.begun, self.used = now, 0.0
        return self.used / self.tokens

    def spend(self, given: int, output: int) -> None:
        self.used += given + 5 * output

    @property
    def resets(self) -> float:
        return self.begun + self.seconds


def subscription() -> list[Quota]:
    """Anthropic's windows, nearly enough for somebody who sends everything there."""
    return [Quota("5h", 5 * HOUR, 700_000), Quota("7d", 7 * 24 * HOUR, 6_000_000)]


@dataclass
class Service:
    """`Model` for one account, as the service behaves at the moment of the clock."""

    clock: Clock
    random: Random
    ill: Sequence[Outage] = ()
    quotas: list[Quota] = field(default_factory=list[Quota])
    speed: float = 70.0
    """Tokens a second."""

    async def stream(self, request: Request) -> AsyncIterator[Chunk]:
        outage = self.outage()
        breaks = outage is not None and outage.fault is BrokenStream
        if outage is not None and not breaks:
            self._refuse(outage)
        spent = [quota for quota in self.quotas if quota.share(self.clock.now) >= 1]
        if spent:
            wait = max(quota.resets for quota in spent) - self.clock.now
            raise QuotaSpent("The window is used up.", retry_after=wait, headers=self._headers())
        given = _tokens(request)
        output = min(int(_last(request).partition("\n")[0]), request.max_output_tokens)
        self.clock.wait(0.8)
        yield HeadersReceived(self._headers())
        for part in range(8):
            if breaks and part == 3:
                raise BrokenStream("The connection was cut.", usage=Usage(input=given))
            self.clock.wait(output / 8 / self.speed)
            yield Text("word " * max(1, int(output * _LETTERS / 40)))
            await asyncio.sleep(0)
        for quota in self.quotas:
            quota.spend(given, output)
        stop = "length" if output == request.max_output_tokens else "end"
        yield Done(stop_reason=stop, usage=Usage(input=given, output=output))

    async def models(self) -> list[str]:
        return []

    async def aclose(self) -> None:
        return

    def outage(self) -> Outage | None:
        now = self.clock.now
        return next((outage for outage in self.ill if outage.begin <= now < outage.end), None)

    def _refuse(self, outage: Outage) -> None:
        if outage.fault is TimedOut:
            self.clock.wait(30)
            raise TimedOut("said nothing for 30 s")
        wait = self.random.uniform(20, 120) if outage.fault is RateLimited else None
        raise outage.fault("The service is ill.", retry_after=wait)

    def _headers(self) -> dict[str, str]:
        return {
            f"anthropic-ratelimit-unified-{quota.name}-{what}": str(value)
            for quota in self.quotas
            for what, value in (
                ("utilization", round(quota.share(self.clock.now), 4)),
                ("reset", int(quota.resets)),
            )
        }


def _last(request: Request) -> str:
    """The user's prompt: the first message, also when another model went on from its middle."""
    part = request.messages[0].parts[0]
    assert isinstance(part, TextPart)
    return part.text


def _tokens(request: Request) -> int:
    texts = (part.text for message in request.messages for part in message.parts)  # type: ignore[union-attr]
    return int((len(request.system) + sum(map(len, texts))) / _LETTERS) + 12


class Line(Connections):
    """Connections to the simulated services instead of real ones."""

    def __init__(self, config: Config, places: Any, services: dict[str, Service]) -> None:
        super().__init__(config, places, {})
        self._services = services

    async def model(self, name: str) -> Service:  # type: ignore[override]
        return self._services[name]


def everything(catalogue: Catalogue, task: Task, ref: ModelRef) -> float:
    """What a task costs on a model, in US dollars."""
    return catalogue.cost(ref, Usage(input=task.input, output=task.output)) or 0.0
