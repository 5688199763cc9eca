"""Which targets may serve a request, in which order, and under which limits: a pure function of the snapshot and the inputs."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from .catalog import Route, Snapshot, Target, Timeouts
from .inputs import Inputs, Lack

DEFAULT_POLICY = "default"
HALF_OPEN_SHARE = 0.1  # of the requests that a half-open target is offered first; the others leave it to the last

LackOf = Callable[[Target], Lack | None]


class Decision(NamedTuple):
    """`targets` in the order to try, chains and the terminal one included; none: `passed` says why of each.

    `behind` is, by target, what is tried first where it fails in a kind of its own: {"context_too_long": (…), "content_filtered": (…)}.
    `default` is the target that the cost is compared with: the first declared of the route asked for that can serve the request.
    `timeouts` are the route's and the policies'; `Timeouts.over` a target's they are complete. Costs are nano-dollars.
    `reasons` say of each target why it stands where it stands.
    """

    route: str
    asked: str
    targets: tuple[str, ...]
    default: str
    strategy: str
    timeouts: Timeouts
    max_attempts: int
    behind: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType({})
    passed: tuple[tuple[str, str], ...] = ()
    reasons: Mapping[str, str] = MappingProxyType({})
    lacks: Mapping[str, Lack] = MappingProxyType({})
    warning: str | None = None  # why the first target is the least bad one
    max_tokens: int | None = None
    max_cost_nanousd: int | None = None
    retries: Mapping[str, int] = MappingProxyType({})
    hedge_after_ms: int | None = None
    mirror: str = ""
    cache: Any = None
    deny: str | None = None
    policy: str = DEFAULT_POLICY  # the first that matched
    policies: tuple[str, ...] = ()  # all that were applied
    flags: tuple[str, ...] = ()  # those that are on for this request


def decide(inputs: Inputs, snapshot: Snapshot, route: Route, lack_of: LackOf) -> Decision:
    """`route` is what `snapshot.route(features.model)` gave. `lack_of` is asked for each target that may serve."""
    found = {id: lack_of(snapshot.targets[id]) for id in route.targets}
    lacks = {id: lack for id, lack in found.items() if lack}
    fitting = tuple(id for id in route.targets if id not in lacks)
    targets, warning = _by_circuit(route.name, fitting, inputs)
    return Decision(
        route=route.name,
        asked=route.name,
        targets=targets,
        default=next(iter(fitting), ""),
        strategy=route.strategy,
        timeouts=route.timeouts,
        max_attempts=route.max_attempts,
        passed=tuple((id, f"cannot serve `{parameter}`: {why}") for id, (parameter, why) in lacks.items()),
        lacks=lacks,
        warning=warning,
        max_cost_nanousd=route.max_cost_nanousd,
        retries=route.retries,
        hedge_after_ms=route.hedge_after_ms,
    )


def _by_circuit(route: str, targets: tuple[str, ...], inputs: Inputs) -> tuple[tuple[str, ...], str | None]:
    """Open ones only when there is no other, and then the one first that may close first."""
    circuits = inputs.circuits
    state = {target: circuits[target].state if target in circuits else "closed" for target in targets}
    probing = inputs.draw < HALF_OPEN_SHARE
    first = [target for target in targets if state[target] == "closed" or (probing and state[target] == "half_open")]
    last = [target for target in targets if state[target] == "half_open" and target not in first]
    if first or last or not targets:
        return (*first, *last), None
    ordered = tuple(sorted(targets, key=lambda target: circuits[target].until_ms))
    return ordered, f"every circuit of route {route} is open: {ordered[0]} was tried as the one that may close first"
