"""The order in which those that may serve a request are tried: by the strategy, held by the guard rails, with what their chains add."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import NamedTuple

from ..circuits.state import HALF_OPEN
from .actions import Actions
from .candidates import Screen
from .catalog import Route, Snapshot, Target
from .chains import Behind, expanded
from .inputs import Inputs
from .strategies import ADAPTIVE, STRATEGIES, Known, Ranked, split

HALF_OPEN_SHARE = 0.1  # of the requests, in which a half-open target keeps its place; the others leave it to the last


class Course(NamedTuple):
    """What the configuration makes of a request before any target is looked at: the route that serves it, how, and at what cost at most.

    `off` is the flag that is off, where one keeps the strategy that was asked for from being used.
    """

    route: Route
    actions: Actions
    strategy: str
    off: str
    max_cost_nanousd: int | None
    falls_back: bool


class Order(NamedTuple):
    """`reasons` are by target; `warning` says why the first target is the least bad one."""

    targets: tuple[str, ...]
    behind: Behind
    reasons: dict[str, str]
    warning: str | None = None


NOBODY = Order((), {}, {})


def ordered(inputs: Inputs, snapshot: Snapshot, course: Course, screen: Screen) -> Order:
    own = tuple(dict.fromkeys((*course.route.targets, *course.actions.add_targets)))
    brought = _brought(inputs.features.fallbacks, snapshot, own)
    ranked = _ranked([id for id in own if screen.usable(id)], inputs, course, screen)
    ranked += [(id, "brought by the request") for id in brought if screen.usable(id)]
    reasons = dict(ranked)
    targets: tuple[str, ...] = tuple(reasons)
    behind: Behind = {}
    warning = None
    if course.falls_back:
        targets, behind = expanded(targets, snapshot, screen.usable, dict(screen.back))
    if not targets:
        least, all_of_them, first = screen.least_bad((*own, *brought))
        for id in least:
            reasons[id] = f"the least bad: {screen.passed.pop(id)}"
        targets, behind = expanded(least, snapshot, screen.usable)
        warning = f"{all_of_them.format(course.route.name)}: {least[0]} was tried as {first}" if least else None
    if not course.falls_back:
        screen.passed |= dict.fromkeys(targets[1:], "the flag fallback is off")
        targets, behind = targets[:1], {}
    return Order(targets, behind, {id: reasons.get(id, "named by a chain") for id in targets}, warning)


def mirrored(inputs: Inputs, course: Course, screen: Screen, targets: Sequence[str]) -> str:
    """The target that the request goes to as well, if the policy's share falls on it."""
    mirror = course.actions.mirror
    if mirror is None or not targets or mirror.target == targets[0]:
        return ""
    drawn = int.from_bytes(blake2b(f"mirror\0{inputs.features.request}\0{inputs.draw!r}".encode(), digest_size=8).digest()) / 2**64
    return mirror.target if drawn * 100 < mirror.percent and screen.usable(mirror.target) else ""


def _brought(fallbacks: Sequence[str], snapshot: Snapshot, own: Sequence[str]) -> list[str]:
    """Of routes and aliases that the request names, their targets; what nobody knows by its own name, for the screen to say so."""
    routes = ((id, snapshot.route(id)) for id in fallbacks)
    return [id for id in dict.fromkeys(id for name, route in routes for id in (route.targets if route else (name,))) if id not in own]


def _ranked(ids: Sequence[str], inputs: Inputs, course: Course, screen: Screen) -> Ranked:
    probing, draw = False, inputs.draw
    last = [id for id in ids if screen.state(id) == HALF_OPEN]
    if last:
        probing, draw = split(draw, HALF_OPEN_SHARE)
    candidates = screen.targets(ids if probing else [id for id in ids if id not in last])
    ranked = _by_strategy(candidates, inputs, course, screen, draw) if candidates else []
    return ranked + [(id, "its circuit is half open: last") for id in last if not probing]


def _by_strategy(candidates: Sequence[Target], inputs: Inputs, course: Course, screen: Screen, draw: float) -> Ranked:
    adaptive = course.strategy in ADAPTIVE
    costs = screen.costs_nanousd(candidates) if adaptive else {}
    weights = course.actions.weights or course.route.weights
    ranked = STRATEGIES[course.strategy](candidates, Known(inputs, costs, weights, course.route.sticky, draw))
    if course.off:
        return [(id, f"{why}: the flag {course.off} is off") for id, why in ranked]
    if adaptive and not (course.strategy == "quality_first" and course.max_cost_nanousd is not None):
        return _dearer_behind(ranked, costs, [target.id for target in candidates], course.route.max_cost_increase)
    return ranked


def _dearer_behind(ranked: Ranked, costs: Mapping[str, int | None], declared: Sequence[str], increase: float) -> Ranked:
    """Those that are expected to cost so many percent more than the first declared come behind it, as declared; without prices, last.

    Where the first declared has no prices there is nothing to compare with.
    """
    base = costs[declared[0]]
    if base is None:
        return ranked
    most = base * (100 + increase)
    dear = [id for id in declared if (cost := costs[id]) is not None and cost * 100 > most]
    unpriced = [id for id in declared if costs[id] is None]
    held = [(id, f"behind: {costs[id]} nano-dollars, over {increase:g} % more than {declared[0]}") for id in dear]
    held += [(id, "behind: it has no prices") for id in unpriced]
    return [row for row in ranked if row[0] not in dear and row[0] not in unpriced] + held
