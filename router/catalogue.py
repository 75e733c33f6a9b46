"""What is known of a model: its price and its context window.

The user's own table comes first, then genai-prices.
"""

from typing import Final

import msgspec

from router.config import Config, ModelRef, Price, Wire
from store.events import Usage

_PROVIDERS: Final[dict[Wire, str]] = {
    "anthropic": "anthropic",
    "openai": "openai",
    "openai-chat": "openai",
    "google": "google",
}
_LOCAL: Final = frozenset({"embedded", "ollama"})
_PER: Final = 1_000_000
LOCAL_CONTEXT: Final = 4096
"""Tokens assumed for a local model nobody described: Ollama's default."""
DEFAULT_CONTEXT: Final = 128_000
"""Tokens assumed for a cloud model nobody described."""


class Facts(msgspec.Struct, frozen=True):
    price: Price | None
    context: int


class Catalogue:
    """Facts about the configured models. The first look-up of a cloud model imports genai-prices
    (0.4 s), so `learn` belongs in a thread; the rest is look-ups."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._known: dict[str, Facts] = {}

    def adopt(self, config: Config) -> None:
        """Go on with a configuration that has models added."""
        self._config = config
        self.learn()

    def learn(self) -> None:
        """Look up every configured model, so that nothing is imported later."""
        for _, ref in self._config.ladder():
            self.facts(ref)

    def facts(self, ref: ModelRef) -> Facts:
        key = str(ref)
        if key not in self._known:
            self._known[key] = self._find(ref)
        return self._known[key]

    def blended(self, ref: ModelRef) -> float | None:
        """Input and output at 3:1, the figure by which models are compared; `None` if unpriced."""
        price = self.facts(ref).price
        return None if price is None else (3 * price.input + price.output) / 4

    def cost(self, ref: ModelRef, usage: Usage) -> float | None:
        """US dollars, or `None` for a model without a price."""
        price = self.facts(ref).price
        if price is None:
            return None
        read = price.input if price.cache_read is None else price.cache_read
        write = price.input if price.cache_write is None else price.cache_write
        return (
            usage.input * price.input
            + usage.output * price.output
            + usage.cache_read * read
            + usage.cache_write * write
        ) / _PER

    def _find(self, ref: ModelRef) -> Facts:
        said = self._config.settings(ref)
        account = self._config.accounts.get(ref.account)
        if account is None or account.wire in _LOCAL:
            allocated = account.context if account else None
            context = said.context or allocated or LOCAL_CONTEXT
            return Facts(said.price or Price(input=0.0, output=0.0), context)
        # A server of one's own may give any name to any model: no list knows its price.
        # Nor is it known which one a program chooses.
        public = account.base_url is None and account.wire in _PROVIDERS
        listed = _listed(account.wire, ref.model) if public else None
        price = said.price or (listed.price if listed else None)
        context = said.context or (listed.context if listed else DEFAULT_CONTEXT)
        return Facts(price, context)


def _listed(wire: Wire, model: str) -> Facts | None:
    """What genai-prices says, its price found by pricing a sample of each kind of token."""
    from genai_prices import Usage as Sample
    from genai_prices import calc_price

    few = 1000  # small enough to stay below the dearer prices of long contexts

    def per_million(sample: Sample) -> float:
        price = calc_price(sample, model, provider_id=_PROVIDERS[wire])
        return float(price.total_price) * _PER / few

    try:
        price = Price(
            input=per_million(Sample(input_tokens=few)),
            output=per_million(Sample(output_tokens=few)),
            cache_read=per_million(Sample(input_tokens=few, cache_read_tokens=few)),
            cache_write=per_million(Sample(input_tokens=few, cache_write_tokens=few)),
        )
        window = calc_price(Sample(), model, provider_id=_PROVIDERS[wire]).model.context_window
    except LookupError:
        return None
    return Facts(price, window or DEFAULT_CONTEXT)
