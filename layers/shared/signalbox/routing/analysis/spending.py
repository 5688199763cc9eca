"""What a request of a stated size costs at a target, and the worst that it may come to over all attempts."""

from collections.abc import Iterable

from ...money import Tokens, cost_nanousd
from ..bound import bound_nanousd
from ..catalog import Route, Target

INPUT_TOKENS, OUTPUT_TOKENS = 1_000, 500  # of the request that costs are told of


def usual_nanousd(target: Target) -> int | None:
    """None without prices."""
    tokens = Tokens(input=INPUT_TOKENS, output=min(OUTPUT_TOKENS, target.max_output_tokens))
    return cost_nanousd(tokens, target.prices) if target.prices else None


def longest_nanousd(target: Target, input_tokens: int = INPUT_TOKENS) -> int | None:
    """With as much output as the model gives."""
    return bound_nanousd(input_tokens, target.max_output_tokens, 1, target.prices) if target.prices else None


def fullest_nanousd(target: Target) -> int | None:
    """With a full context window as well."""
    return longest_nanousd(target, target.context_window)


def dearest(costs: Iterable[int | None], route: Route) -> int | None:
    """Of all orders there may be: as many as there are attempts, none paid twice, up to the route.s ceiling. None: one has no price."""
    known: list[int] = []
    for cost in costs:
        if cost is None:
            return None
        known.append(cost)
    total = sum(sorted(known, reverse=True)[: route.max_attempts])
    return total if route.max_cost_nanousd is None else min(total, route.max_cost_nanousd)
