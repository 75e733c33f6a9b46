"""Apps for pilot tests: one that shows given views, and one with a whole house behind it."""

import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from textual.app import App
from textual.pilot import Pilot

from router.config import Account, Config, ModelRef, TimeLimits
from router.places import Places
from router.view import View
from tests.servers.scripted import Scripted
from tests.tui import scenes
from tui.app import ButlerApp
from tui.deck import Deck
from tui.live import Live
from tui.options import Options

Shown = Callable[..., AbstractAsyncContextManager[tuple[ButlerApp, Pilot[int]]]]


@pytest.fixture(autouse=True)
def _one_clock_for_all(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture(autouse=True)
def _no_clipboard_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"):
        monkeypatch.delenv(name, raising=False)


def options_in(folder: Path, **more: object) -> Options:
    fields: dict[str, object] = {
        "places": Places.find({"BUTLER_HOME": str(folder / "home")}),
        "config": Config(accounts={}, tiers={}),
        "workspace": folder,
        "theme": "butler-dark",
        "mouse": True,
        **more,
    }
    return Options(**fields)  # type: ignore[arg-type]


class Still(Live):
    """Views as they were given; nothing runs behind them."""

    def now(self) -> int:
        return scenes.NOW

    async def run(self) -> None:
        await self._stop.wait()

    async def ready(self) -> None:
        """At once, for commands; what needs the engine itself waits in the outbox for ever."""


class StillApp(ButlerApp):
    async def _once_open(self) -> None:
        """There is no store to read earlier prompts from."""


def still_app(folder: Path, *views: View, **more: object) -> ButlerApp:
    options = options_in(folder, **more)
    live = Still(options)
    live.deck = Deck(views[0])
    for child in views[1:]:
        live.deck.put(child)
    app = StillApp(options, live)
    app.chat.prompt.area.cursor_blink = False
    return app


@pytest.fixture
def shown(tmp_path: Path) -> Shown:
    """`async with shown(view, ...) as (app, pilot)`: the screen on literal views."""

    @asynccontextmanager
    async def show(
        *views: View, size: tuple[int, int] = (120, 40), **more: object
    ) -> AsyncIterator[tuple[ButlerApp, Pilot[int]]]:
        app = still_app(tmp_path, *views, **more)
        async with app.run_test(size=size, notifications=True) as pilot:
            await pilot.pause()
            yield app, pilot
            await app.close_house()

    return show


def home_config(scripted: Scripted) -> Config:
    """One account, at a server of one's own: it serves every tier a test needs."""
    home = Account(wire="openai-chat", base_url=f"{scripted.url}/v1", key="none")
    return Config(
        accounts={"home": home},
        tiers={"T2": (ModelRef("home", "small"),), "T4": (ModelRef("home", "small"),)},
        limits=TimeLimits(connect=2, first_token=5, first_token_local=5, silence=5),
        time_zone="UTC",
    )


@asynccontextmanager
async def running(
    folder: Path, config: Config, **more: object
) -> AsyncIterator[tuple[ButlerApp, Pilot[int]]]:
    """The program as it is, but for the terminal."""
    app = ButlerApp(options_in(folder, config=config, **more))
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        try:
            yield app, pilot
        finally:
            await app.close_house()


async def until(pilot: Pilot[int], seen: Callable[[], object], seconds: float = 15) -> None:
    """Let the app run until `seen()`, or fail."""
    end = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < end, f"it never came:\n{on_screen(pilot.app)}"
        await pilot.pause(0.02)


def on_screen(app: App[int]) -> str:
    """What a person would read."""
    width = app.size.width
    strips = app.screen._compositor.render_strips(app.size)
    return "\n".join(strip.text[:width].rstrip() for strip in strips)


def home_env() -> dict[str, str]:
    return dict(os.environ)
