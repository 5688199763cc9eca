"""What is put aside for a request before it sets out: the worst that it may cost, and the least that makes sense to begin with."""

from typing import NamedTuple

from ..errors import Refusal
from ..routing import bound
from ..routing.catalog import Target
from ..routing.refused import over_ceiling
from ..routing.worst import reachable, worst_nanousd
from .trip import Trip


class Bounds(NamedTuple):
    most_nanousd: int
    least_nanousd: int
    hard: bool  # as it was known of the budgets when these were made
    near_nanousd: int | None = None  # of the most, for a look-up by meaning; None: there is none


def bounds_of(trip: Trip, hard: bool) -> Bounds:
    """`hard`: a budget holds it that may not be overspent. Refusal where that cannot be promised, or where the ceiling is too low."""
    decision, targets = trip.decision, trip.snapshot.targets
    if hard:
        _bounded(trip)
    each = {id: _worst(trip, targets[id]) for id in (*reachable(decision), *([decision.mirror] if decision.mirror else ()))}
    least = _least(trip, targets[decision.targets[0]])
    ceiling = decision.max_cost_nanousd
    if ceiling is not None and all(_least(trip, targets[id]) > ceiling for id in reachable(decision)):
        raise over_ceiling(ceiling)
    most = worst_nanousd(decision, each.__getitem__)
    near = _near(trip, hard)
    if near is None or (ceiling is not None and most + near > ceiling):
        return Bounds(most, min(least, most), hard)
    return Bounds(most + near, min(least, most), hard, near)


def _near(trip: Trip, hard: bool) -> int | None:
    """An embedding without a price is no reason to refuse: it is left out where it would have to be bounded."""
    if not (trip.decision.cache and trip.decision.cache.get("semantic")):
        return None
    from .meant import meant_of

    meant = meant_of(trip)
    if meant is None or (hard and any(embedder.target.prices is None for embedder in meant.embedders)):
        return None
    return meant.bound_nanousd


def _bounded(trip: Trip) -> None:
    name = bound.unbounded(trip.request)
    if name:
        message = f"The cost of what `{name}` holds has no bound here, and a hard budget holds this call. Send text, at the usual tier."
        raise Refusal("unsupported_parameter", message, param=name)
    unpriced = next((id for id in reachable(trip.decision) if not trip.snapshot.targets[id].prices), None)
    if unpriced:
        raise Refusal("unpriced_model", f"{unpriced} has no price, and a hard budget holds this call. Give it a price in routing.yaml.")


def _worst(trip: Trip, target: Target) -> int:
    return _nanousd(trip, target, _output_tokens(trip, target))


def _least(trip: Trip, target: Target) -> int:
    return _nanousd(trip, target, min(_output_tokens(trip, target), bound.MIN_OUTPUT_TOKENS))


def _output_tokens(trip: Trip, target: Target) -> int:
    asked, cap = bound.output_tokens_bound(trip.request, target), trip.decision.max_tokens
    return asked if cap is None else min(asked, cap)


def _nanousd(trip: Trip, target: Target, output_tokens: int) -> int:
    return bound.bound_nanousd(trip.input_bound, output_tokens, trip.request.n, target.prices) if target.prices else 0
