"""In which order the candidates are tried: a table of strategies, each a pure function of the candidates and of what is known.

A strategy is given the targets that may serve, in declared order, and gives each back once, the first to try first, with the reason.
"""

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from types import MappingProxyType
from typing import NamedTuple

from .catalog import Target
from .inputs import Health, Inputs

RECENT_MS = 600_000  # a target that nobody has heard of for longer is not known any more
LEARNING_SHARE = 0.1  # of the requests, which one of the targets that are not known is offered first
SUCCESS_SCALE = 1_000
UNDECLARED_QUALITY = 50
UNKNOWN_MS = 0  # as `inputs.Health` has it


class Known(NamedTuple):
    """What strategies go by. `costs` are the expected nano-dollars, None without prices. `draw` is uniform in [0, 1), and nobody else's."""

    inputs: Inputs
    costs: Mapping[str, int | None]
    weights: Mapping[str, float] = MappingProxyType({})
    sticky: str = "user"
    draw: float = 0.0


Ranked = list[tuple[str, str]]  # the target, and why it stands where it stands
Candidates = Sequence[Target]


def sequential(candidates: Candidates, known: Known) -> Ranked:
    """As declared."""
    return [(target.id, "as declared") for target in candidates]


def lowest_cost(candidates: Candidates, known: Known) -> Ranked:
    """By what this request is expected to cost; those without prices last."""
    costs = known.costs
    priced = [(cost, place, target.id) for place, target in enumerate(candidates) if (cost := costs[target.id]) is not None]
    unpriced = [(target.id, "has no prices: last") for target in candidates if costs[target.id] is None]
    return [(id, f"expected to cost {cost} nano-dollars") for cost, _, id in sorted(priced)] + unpriced


def fastest_first(candidates: Candidates, known: Known) -> Ranked:
    """By the recent time to the first byte of a streamed request, and of any other by how long all of it takes."""
    what = "to the first byte" if known.inputs.features.stream else "for an answer"
    return _by_time(candidates, known, _latency_ms, f"ms {what} of late")


def health_based(candidates: Candidates, known: Known) -> Ranked:
    """By the expected time to a success, where failures are repeated: the latency over the share that succeeds."""
    return _by_time(candidates, known, _ms_to_success, "ms to a success")


def round_robin(candidates: Candidates, known: Known) -> Ranked:
    """The next one first at each turn, the others in their order behind it."""
    first = known.inputs.turn % len(candidates)
    turned = [*candidates[first:], *candidates[:first]]
    return [(target.id, f"{place} after the one whose turn it is" if place else "its turn") for place, target in enumerate(turned)]


def weighted(candidates: Candidates, known: Known) -> Ranked:
    """First by the draw, in the exact proportion of the weights, 1 where none is given; the rest of them again so among themselves."""
    left = [(target.id, known.weights.get(target.id, 1.0)) for target in candidates]
    draw, ranked = known.draw, []
    while left:
        at, place = draw * sum(weight for _, weight in left), 0
        while place < len(left) - 1 and at >= left[place][1]:
            at -= left[place][1]
            place += 1
        id, weight = left.pop(place)
        draw = min(at / weight, 1.0)  # uniform again, whichever was drawn
        ranked.append((id, f"drawn by its weight {weight:g}"))
    return ranked


def sticky(candidates: Candidates, known: Known) -> Ranked:
    """By rendezvous hashing: each user or conversation has its own order, so that a target which comes or goes moves only its own."""
    who = getattr(known.inputs.features, known.sticky)
    if not who:
        return [(target.id, f"as declared: the request names no {known.sticky}") for target in candidates]
    scores = sorted(((_score(who, target.id), target.id) for target in candidates), reverse=True)
    return [(id, f"by its {known.sticky}") for _, id in scores]


def quality_first(candidates: Candidates, known: Known) -> Ranked:
    """By the declared quality times the recent share of success; one that is not known is taken for one that succeeds."""
    rows = []
    for place, target in enumerate(candidates):
        quality = UNDECLARED_QUALITY if target.quality is None else target.quality
        health = recent(known.inputs, target.id)
        success = health.success if health else SUCCESS_SCALE
        rows.append((-quality * success, place, target.id, f"quality {quality}, {success / 10:g} % succeeded"))
    return [(id, why) for _, _, id, why in sorted(rows)]


Strategy = Callable[[Candidates, Known], Ranked]
STRATEGIES: Mapping[str, Strategy] = {
    "sequential": sequential,
    "lowest_cost": lowest_cost,
    "fastest_first": fastest_first,
    "round_robin": round_robin,
    "health_based": health_based,
    "weighted": weighted,
    "sticky": sticky,
    "quality_first": quality_first,
}
# Those that find the order themselves, and the flags that have to be on for it; else it is the declared one. The others are the operator's.
ADAPTIVE: Mapping[str, tuple[str, ...]] = {
    "lowest_cost": ("intelligent_routing", "cost_optimization"),
    "fastest_first": ("intelligent_routing",),
    "health_based": ("intelligent_routing",),
    "quality_first": ("intelligent_routing",),
}


def split(draw: float, share: float) -> tuple[bool, float]:
    """Whether the draw is within the share; and a draw that is uniform again, and tells nothing of it."""
    return (True, draw / share) if draw < share else (False, (draw - share) / (1 - share))


def _by_time(candidates: Candidates, known: Known, time_ms: Callable[[Health, bool], int], unit: str) -> Ranked:
    """The least first. Of those that are not known one, by the draw, comes first in its share of the requests, and else they come last.

    Where none is known the order is the declared one: whoever answers is known then. One that has only failed, or only mirrored, has been
    heard of, and its time is not known all the same.
    """
    inputs = known.inputs
    heard = [(target.id, recent(inputs, target.id)) for target in candidates]
    times = [(id, time_ms(health, inputs.features.stream) if health else UNKNOWN_MS) for id, health in heard]
    ranked = [(id, f"{taken_ms} {unit}") for taken_ms, _, id in sorted((ms, at, id) for at, (id, ms) in enumerate(times) if ms)]
    unknown = [(id, "no answer was timed lately: last") for id, taken_ms in times if not taken_ms]
    learning, draw = split(known.draw, LEARNING_SHARE)
    if ranked and unknown and learning:
        id, _ = unknown.pop(int(draw * len(unknown)))
        return [(id, "no answer was timed lately: first in the share that learns"), *ranked, *unknown]
    return ranked + unknown


def recent(inputs: Inputs, target: str) -> Health | None:
    """How it fares; None where nothing was heard of it lately."""
    health = inputs.health.get(target)
    return health if health and inputs.now_ms - health.at_ms <= RECENT_MS else None


def _latency_ms(health: Health, stream: bool) -> int:
    return (health.ttft_ms if stream else 0) or health.duration_ms


def _ms_to_success(health: Health, stream: bool) -> int:
    return _latency_ms(health, stream) * SUCCESS_SCALE // max(health.success, 1)


def _score(who: str, target: str) -> bytes:
    return blake2b(f"{who}\0{target}".encode(), digest_size=8).digest()
