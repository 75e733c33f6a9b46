"""Conversations that outgrow their model."""

from pathlib import Path

from msgspec.structs import replace

from router.config import Config
from tests.router.house import FLASH, LOCAL, OPUS, asked_of, configuration, open_house, reply
from tests.servers.llmock import Llmock


def small_window(service: Llmock, tokens: int) -> Config:
    config = configuration(service)
    key = f"anthropic/{OPUS}"
    config.models[key] = replace(config.models[key], context=tokens, max_output=200)
    return config


async def test_the_older_half_is_condensed_on_the_background_tier(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    llmock_service.script(
        *[reply("word " * 150, OPUS) for _ in range(3)],
        reply("They spoke of bees.", FLASH),
        reply("Yes.", OPUS),
    )
    async with open_house(small_window(llmock_service, 1500), tmp_path) as house:
        for number in range(3):
            await house.say(f"bee number {number} " + "hum " * 60)
        answer = await house.say("do you remember?")
        kinds = [kind for kind, _ in house.engine.store.ledger.by("kind", since=0)]
    assert (str(answer.text), answer.tier) == ("Yes.", "T0")
    assert asked_of(llmock_service) == [OPUS, OPUS, OPUS, FLASH, OPUS]
    last = str(llmock_service.requests()[-1]["body"])
    assert "They spoke of bees." in last
    assert "bee number 0" not in last
    assert "compaction" in kinds
    transcript = [str(m.text) for m in house.view.messages if m.role == "user"]
    assert any("bee number 0" in text for text in transcript)
    notes = [str(m.text) for m in house.view.messages if m.role == "note"]
    assert any("sent as a summary" in note for note in notes)


async def test_nothing_private_is_condensed_elsewhere(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    async with open_house(small_window(llmock_service, 1500), tmp_path) as house:
        await house.say("the word is nightingale " + "hum " * 60, private=True)
        for number in range(4):
            llmock_service.script(reply("word " * 150, OPUS))
            await house.say(f"bee number {number} " + "hum " * 60)
    assert FLASH in asked_of(llmock_service)
    cloud = [r for r in llmock_service.requests() if r["model"] != LOCAL]
    assert "nightingale" not in str(cloud)


async def test_without_a_background_tier_the_oldest_turns_are_left_out_visibly(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    config = small_window(llmock_service, 1500)
    config = replace(config, tiers={**config.tiers, "T2": ()})
    async with open_house(config, tmp_path) as house:
        for number in range(4):
            llmock_service.script(reply("word " * 200, OPUS))
            await house.say(f"bee number {number} " + "hum " * 60)
    assert set(asked_of(llmock_service)) == {OPUS}
    assert "bee number 0" not in str(llmock_service.requests()[-1]["body"])
    notes = [str(m.text) for m in house.view.messages if m.role == "note"]
    assert any("left out" in note for note in notes)
