"""Money is whole nano-dollars. A price is nano-dollars per million tokens, so that $0.0375 a million is still whole."""

from typing import NamedTuple

NANOUSD_PER_USD = 1_000_000_000
TOKENS_PER_PRICE = 1_000_000


class Tokens(NamedTuple):
    """What a provider counted. `cached` and `cache_write` are parts of `input`, `reasoning` is a part of `output`.

    `cache_write_1h` is the part of `cache_write` that was stored for an hour, which costs more.
    """

    input: int = 0
    cached: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0
    cache_write_1h: int = 0

    def __add__(self, other: "Tokens") -> "Tokens":  # type: ignore[override]
        return Tokens(*(a + b for a, b in zip(self, other, strict=True)))


class Prices(NamedTuple):
    """Nano-dollars per million tokens. Where a provider bills reasoning as output, `reasoning` equals `output`.

    `request` is a fee for each request, in nano-dollars. `long` are the prices of a whole request whose input is over `long_above`
    tokens, where the provider has such.
    """

    input: int
    output: int
    cached: int
    cache_write: int
    reasoning: int
    cache_write_1h: int
    request: int = 0
    long_above: int = 0
    long: "Prices | None" = None

    def of(self, input_tokens: int) -> "Prices":
        return self.long if self.long and input_tokens > self.long_above else self

    @property
    def dearest_input(self) -> int:
        return max(self.input, self.cached, self.cache_write, self.cache_write_1h)

    @property
    def dearest_output(self) -> int:
        return max(self.output, self.reasoning)


def cost_nanousd(tokens: Tokens, prices: Prices) -> int:
    """What a request of these tokens costs, rounded up once, at the end. One that counted nothing was not served."""
    if not any(tokens):
        return 0
    prices = prices.of(tokens.input)
    plain_input = tokens.input - tokens.cached - tokens.cache_write
    plain_output = tokens.output - tokens.reasoning
    return prices.request + ceil_price(
        plain_input * prices.input
        + tokens.cached * prices.cached
        + (tokens.cache_write - tokens.cache_write_1h) * prices.cache_write
        + tokens.cache_write_1h * prices.cache_write_1h
        + plain_output * prices.output
        + tokens.reasoning * prices.reasoning
    )


def ceil_price(token_prices: int) -> int:
    """Tokens times their price per million, to whole nano-dollars, never down."""
    return -(-token_prices // TOKENS_PER_PRICE)
