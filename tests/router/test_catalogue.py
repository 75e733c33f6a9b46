"""Prices: the user's own table first, then the list; what nobody knows is no zero."""

from pathlib import Path

import pytest

from router.catalogue import DEFAULT_CONTEXT, LOCAL_CONTEXT, Catalogue
from router.config import Account, Config, ModelRef, ModelSettings, Price
from store.events import Usage
from tests.router.house import OPUS, configuration, open_house, ref
from tests.servers.llmock import Llmock

MILLION = 1_000_000
CLOUD = {
    "anthropic": Account(wire="anthropic"),
    "openai": Account(wire="openai"),
    "google": Account(wire="google"),
    "ollama": Account(wire="ollama"),
    "embedded": Account(wire="embedded"),
    "own": Account(wire="openai-chat", base_url="http://127.0.0.1:9"),
}


def catalogue(**models: ModelSettings) -> Catalogue:
    named = {name.replace("__", "/"): settings for name, settings in models.items()}
    return Catalogue(Config(accounts=CLOUD, tiers={}, models=named))


def model(text: str) -> ModelRef:
    return ModelRef.parse(text)


def test_listed_prices_are_those_of_the_list() -> None:
    price = catalogue().facts(model("anthropic/claude-opus-5-5")).price
    assert price is not None
    assert (price.input, price.output) == (pytest.approx(4), pytest.approx(20))
    assert price.cache_read == pytest.approx(0.2), "reading from the cache is much cheaper"


def test_each_kind_of_token_has_its_own_price() -> None:
    known = catalogue()
    usage = Usage(input=MILLION, output=MILLION, cache_read=MILLION)
    assert known.cost(model("google/gemini-3.8-flash"), usage) == pytest.approx(0.75 + 3.75 + 0.075)


def test_the_users_table_comes_before_the_list() -> None:
    mine = ModelSettings(price=Price(input=1, output=2), context=5000)
    known = catalogue(**{"anthropic__claude-opus-5-5": mine})
    usage = Usage(input=MILLION, output=MILLION, cache_read=MILLION, cache_write=MILLION)
    assert known.cost(model("anthropic/claude-opus-5-5"), usage) == 1 + 2 + 1 + 1
    assert known.facts(model("anthropic/claude-opus-5-5")).context == 5000
    assert known.blended(model("anthropic/claude-opus-5-5")) == 1.25


@pytest.mark.parametrize("text", ["openai/no-such-model", "own/claude-opus-5-5"])
def test_what_nobody_prices_costs_nobody_knows_what(text: str) -> None:
    known = catalogue()
    assert known.cost(model(text), Usage(input=MILLION)) is None
    assert known.blended(model(text)) is None
    assert known.facts(model(text)).context == DEFAULT_CONTEXT


@pytest.mark.parametrize("text", ["embedded/smollm2", "ollama/anything"])
def test_local_models_cost_nothing(text: str) -> None:
    known = catalogue()
    assert known.cost(model(text), Usage(input=MILLION, output=MILLION)) == 0
    assert known.facts(model(text)).context == LOCAL_CONTEXT


def test_shipped_models_all_have_a_price(tmp_path: Path) -> None:
    from router.loading import load
    from router.places import Places

    places = Places.find({"BUTLER_HOME": str(tmp_path)})
    config = load(places, environ={}, project=tmp_path)
    known = Catalogue(config)
    assert config.ladder()
    for _, each in config.ladder():
        assert known.facts(each).price is not None, each


async def test_a_call_without_a_price_is_unpriced_in_the_ledger(
    llmock_service: Llmock, tmp_path: Path
) -> None:
    config = configuration(llmock_service, models={})
    async with open_house(config, tmp_path) as house:
        answer = await house.say("hello")
        used = house.engine.store.ledger.used(since=0)
    assert answer.cost is None
    assert used.requests == used.unpriced_requests > 0
    assert used.cost == 0.0
    assert used.tokens > 0
    assert (answer.account, answer.model) == (ref(OPUS).account, OPUS)
