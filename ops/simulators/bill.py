"""What a provider charges: the prices of `prices.py`, and a call is rounded up once, at its end."""

from collections.abc import Sequence

from .exchange import Answer, Frame, Tokens
from .prices import ANY, PRICES, SIM, Prices

MANY_TOKENS = 200_000  # of input; above that some models cost more, for all of the call


def prices_of(provider: str, model: str) -> Prices | None:
    """None for a model that this provider does not serve."""
    if model.startswith("sim-"):
        return SIM
    table = PRICES[provider]
    return table.get(model) or table.get(ANY)


def cost_nanousd(tokens: Tokens, prices: Prices) -> int:
    if prices.above_200k is not None and tokens.input > MANY_TOKENS:
        prices = prices.above_200k
    written, written_1h = (prices.input if price is None else price for price in (prices.cache_write, prices.cache_write_1h))
    millionths = (
        (tokens.input - tokens.cached - tokens.cache_write - tokens.cache_write_1h) * prices.input
        + tokens.cached * prices.cached
        + tokens.cache_write * written
        + tokens.cache_write_1h * written_1h
        + tokens.output * prices.output
    )
    return prices.request + -(-millionths // 1_000_000)


def generated(answer: Answer, sent: Sequence[Frame]) -> Tokens:
    """What a stream that ended after these frames has cost the provider: all of the input, and the output so far.

    Generation stops when the client leaves.
    """
    reasoning = sum(frame.reasoning for frame in sent)
    return answer.tokens._replace(output=reasoning + sum(frame.tokens for frame in sent), reasoning=reasoning)
