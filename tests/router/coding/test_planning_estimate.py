"""What a plan is said to cost before anything is spent."""

from pathlib import Path
from typing import Any

from msgspec.structs import replace

from router.coding.estimating import estimate
from router.config import Config, ModelRef, ModelSettings, Price
from router.policy import Ask
from store.events import Candidate, Estimate, PlannedFile
from tests.router.coding.working import open_workshop
from tests.router.house import CODEX, LOCAL, configuration, ref
from tests.servers.llmock import Llmock

TEXT = "# T\n\n## Steps\n\n1. a\n2. b\n"


def files(count: int) -> tuple[PlannedFile, ...]:
    return tuple(PlannedFile(f"{number}.py") for number in range(count))


async def estimated(
    config: Config, folder: Path, text: str = TEXT, count: int = 2, **ask: Any
) -> Estimate | None:
    async with open_workshop(config, folder) as shop:
        candidates = shop.services.candidates(Ask(work="code", **ask))
        return estimate(shop.services, candidates, text, files(count))


async def test_it_is_a_range_for_whoever_would_write_it(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    found = await estimated(configuration(llmock_service), tmp_path)
    assert found is not None
    assert (found.tier, found.model) == ("T1", CODEX)
    assert 0 < found.low < found.high < 1


async def test_more_files_more_steps_and_more_text_cost_more(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    config = configuration(llmock_service)
    async with open_workshop(config, tmp_path) as shop:
        candidates = shop.services.candidates(Ask(work="code"))

        def of(text: str, count: int) -> float:
            found = estimate(shop.services, candidates, text, files(count))
            assert found is not None
            return found.high

        small = of(TEXT, 1)
        assert of(TEXT, 8) > 2 * small
        assert of(TEXT + "".join(f"{n}. x\n" for n in range(3, 20)), 1) > 2 * small
        assert of(TEXT + "words " * 2_000, 1) > small


async def test_those_who_are_passed_over_are_not_who_would_write_it(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    async with open_workshop(configuration(llmock_service), tmp_path) as shop:
        out = Candidate(tier="T1", model=CODEX, account="openai", passed_over="cooling")
        home = Candidate(tier="T4", model=LOCAL, account="home")
        found = estimate(shop.services, (out, home), TEXT, files(3))
        nobody = estimate(shop.services, (out,), TEXT, files(3))
    assert found == Estimate(0.0, 0.0, "T4", LOCAL)
    assert nobody is None


async def test_without_a_price_there_is_no_figure(llmock_service: Llmock, tmp_path: Path) -> None:
    config = configuration(llmock_service)
    config = replace(config, models=config.models | {str(ref(CODEX)): ModelSettings()})
    assert await estimated(config, tmp_path) is None


async def test_a_subscription_has_no_price(llmock_service: Llmock, tmp_path: Path) -> None:
    async with open_workshop(configuration(llmock_service), tmp_path) as shop:
        program = ModelRef("cli:claude", "opus")
        candidate = Candidate(tier="T1", model=program.model, account=program.account)
        assert estimate(shop.services, (candidate,), TEXT, files(1)) is None


async def test_a_cache_makes_the_low_end_lower(llmock_service: Llmock, tmp_path: Path) -> None:
    config = configuration(llmock_service)
    plain = await estimated(config, tmp_path)
    cached = ModelSettings(price=Price(input=2, output=10, cache_read=0.2))
    config = replace(config, models=config.models | {str(ref(CODEX)): cached})
    (tmp_path / "again").mkdir()
    found = await estimated(config, tmp_path / "again")
    assert plain is not None
    assert found is not None
    assert found.low < plain.low
    assert found.high == plain.high
