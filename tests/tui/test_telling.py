"""`/tier T2 off until …`: typed at the prompt, obeyed by the engine, shown in the panel."""

from pathlib import Path

from tests.servers.scripted import Scripted
from tests.tui.conftest import home_config, on_screen, running, until
from tui.drafts import Draft


async def test_a_tier_is_off_as_long_as_the_user_says(tmp_path: Path, scripted: Scripted) -> None:
    async with running(tmp_path, home_config(scripted)) as (app, pilot):
        app.chat.prompt.draft = Draft("/tier T2 off until in 2h")
        await pilot.press("enter")
        await until(pilot, lambda: any(h.by_user for h in app.chat.view.house.health.values()))
        (told,) = (h for h in app.chat.view.house.health.values() if h.by_user)
        assert told.state == "off"
        assert told.until is not None
        await until(pilot, lambda: "off until" in on_screen(app))
        app.chat.prompt.draft = Draft("/tier T2 on")
        await pilot.press("enter")
        await until(pilot, lambda: not any(h.by_user for h in app.chat.view.house.health.values()))


async def test_what_makes_no_sense_is_answered_with_what_would(
    tmp_path: Path, scripted: Scripted
) -> None:
    async with running(tmp_path, home_config(scripted)) as (app, pilot):
        app.chat.prompt.draft = Draft("/tier T2 perhaps")
        await pilot.press("enter")
        await until(pilot, lambda: "Say it like this" in on_screen(app))
        assert not any(h.by_user for h in app.chat.view.house.health.values())
