"""Who answers, and how evenly: by the order that the strategy makes, and by who is up when it is asked."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from math import log2

from ..catalog import Route, Target
from .fates import Shares, all_down

Orders = list[tuple[float, tuple[str, ...]]]  # how often each comes, in all 1


def _declared(route: Route) -> Orders:
    return [(1.0, route.targets)]


def _in_turn(route: Route) -> Orders:
    targets = route.targets
    return [(1 / len(targets), targets[first:] + targets[:first]) for first in range(len(targets))]


def _by_user(route: Route) -> Orders:
    return [(1 / len(route.targets), _first(id, route)) for id in route.targets]


def _by_weight(route: Route) -> Orders:
    weights = {id: route.weights.get(id, 1.0) for id in route.targets}
    return [(weight / sum(weights.values()), _first(id, route)) for id, weight in weights.items()]


def _first(id: str, route: Route) -> tuple[str, ...]:
    """The others in declared order: theirs differs from request to request, and matters only where the first one is down."""
    return (id, *(other for other in route.targets if other != id))


# What a strategy is not in here for goes by the request or by what is measured: it is reckoned in declared order.
ORDERS: Mapping[str, tuple[str, Callable[[Route], Orders]]] = {
    "sequential": ("declared order", _declared),
    "round_robin": ("turns", _in_turn),
    "weighted": ("weights", _by_weight),
    "sticky": ("users, evenly", _by_user),
}
OTHERWISE = ("declared order, since nothing is measured yet", _declared)


def orders(route: Route) -> tuple[str, Orders]:
    """By what, and which there are."""
    by, of = ORDERS.get(route.strategy, OTHERWISE)
    return by, of(route)


def serving(tried: Iterable[tuple[float, Sequence[Target]]], shares: Shares) -> dict[str, float]:
    """By target: of the requests that are answered, the share that it answers. `tried` is what is tried, and how often."""
    served: dict[str, float] = {}
    for likely, targets in tried:
        down = [all_down(targets[:count], shares) for count in range(len(targets) + 1)]
        for target, (before, after) in zip(targets, pairwise(down), strict=True):
            served[target.id] = served.get(target.id, 0.0) + likely * max(0.0, before - after)
    answered = sum(served.values())
    return {id: share / answered for id, share in served.items()} if answered else {}


def entropy_bits(shares: Iterable[float]) -> float:
    """0 where one answers all, log2 n where n answer as much as each other."""
    return sum(-share * log2(share) for share in shares if 0 < share < 1)
