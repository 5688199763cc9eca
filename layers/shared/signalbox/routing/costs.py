"""What a request is expected to cost at a target, and the worst that it can: what cost optimisation and its guard rails go by."""

from ..money import ceil_price
from .bound import bound_nanousd
from .catalog import Target
from .inputs import Features

EXPECTED_OUTPUT_TOKENS = 512  # of an answer whose length nobody has limited


def expected_output_tokens(features: Features, target: Target) -> int:
    """Of one choice: what the request asks for at the most, what the model gives at the most, and never more than an answer usually has."""
    asked = features.max_tokens if features.max_tokens is not None else EXPECTED_OUTPUT_TOKENS
    return min(asked, EXPECTED_OUTPUT_TOKENS, target.max_output_tokens)


def expected_nanousd(features: Features, target: Target) -> int | None:
    """By the estimated input, with nothing of it cached; None: the target has no prices, so that nobody knows."""
    if target.prices is None:
        return None
    prices = target.prices.of(features.input_tokens)
    output_tokens = features.n * expected_output_tokens(features, target)
    return prices.request + ceil_price(features.input_tokens * prices.input + output_tokens * prices.output)


def worst_nanousd(features: Features, target: Target) -> int | None:
    """No attempt at the target costs more; None: it has no prices."""
    if target.prices is None:
        return None
    asked = features.max_tokens or target.max_output_tokens
    return bound_nanousd(features.input_bound, min(asked, target.max_output_tokens), features.n, target.prices)
