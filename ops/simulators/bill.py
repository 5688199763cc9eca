"""What a provider charges. Prices are nano-dollars per million tokens, from the public price pages; a call is rounded up once, at its end.

https://platform.openai.com/docs/pricing  https://mistral.ai/pricing
"""

from collections.abc import Sequence
from typing import NamedTuple

from .exchange import Answer, Frame, Tokens

USD = 1_000_000_000


class Prices(NamedTuple):
    """Reasoning is billed as output."""

    input: int
    cached: int
    output: int


PRICES = {
    "gpt-5.2": Prices(1_750_000_000, 175_000_000, 14 * USD),
    "gpt-5-mini": Prices(250_000_000, 25_000_000, 2 * USD),
    "gpt-4.1-mini": Prices(400_000_000, 100_000_000, 1_600_000_000),
    "gpt-4o-mini": Prices(150_000_000, 75_000_000, 600_000_000),
    "mistral-large-latest": Prices(500_000_000, 500_000_000, 1_500_000_000),
    "mistral-small-latest": Prices(100_000_000, 100_000_000, 300_000_000),
    "sim": Prices(150_000_000, 75_000_000, 600_000_000),  # whatever begins with sim-
}


def cost_nanousd(tokens: Tokens, prices: Prices) -> int:
    millionths = (tokens.input - tokens.cached) * prices.input + tokens.cached * prices.cached + tokens.output * prices.output
    return -(-millionths // 1_000_000)


def generated(answer: Answer, sent: Sequence[Frame]) -> Tokens:
    """What a stream that ended after these frames has cost the provider: all of the input, and the output so far.

    Reasoning comes before everything else, so it is there as soon as one frame is. Generation stops when the client leaves.
    """
    reasoning = answer.tokens.reasoning if sent else 0
    return answer.tokens._replace(output=reasoning + sum(frame.tokens for frame in sent), reasoning=reasoning)
