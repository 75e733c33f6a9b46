"""The rehearsal on the screen: what is typed and pressed for the user comes to a real end."""

from pathlib import Path

from router.config import Account
from router.places import Places
from router.rehearsal import coding, configuration
from router.rehearsal.conditions import Conditions
from router.rehearsal.service import Service, Upstream
from tests.servers.llmock import Llmock
from tests.tui.conftest import until
from tui.options import Options
from tui.rehearsal.app import RehearsalApp
from tui.rehearsal.screen import YOURS


async def test_the_coding_task_is_planned_approved_and_applied_until_a_key_takes_over(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    async def model() -> Upstream:
        return Upstream(llmock_service.url, "any-key", {"messages": "/anthropic"})

    project = tmp_path / "pages"
    project.mkdir()
    coding.lay_out(project)
    places = Places.find({"BUTLER_HOME": str(tmp_path / "home")})
    local = Account(wire="openai-chat", base_url=llmock_service.base_url("openai-chat"), key="none")
    async with Service(model, Conditions(60), stroke=0) as service:
        config = configuration(service.url, local)
        options = Options(
            places=places, config=config, workspace=project, theme="butler-dark", mouse=True
        )
        app = RehearsalApp(options, pace=1)
        async with app.run_test(size=(120, 40)) as pilot:
            await until(pilot, lambda: any(t.state == "done" for t in app.chat.deck.main.tasks))
            await pilot.press("x")
            await until(pilot, lambda: YOURS in str(app.chat.hint.render()))
            await app.close_house()
    assert "-(-items // size)" in (project / "pages.py").read_text()
    assert "test_nothing_takes_no_page" in (project / "test_pages.py").read_text()
