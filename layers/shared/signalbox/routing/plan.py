"""Which target is tried, and which after it: a generator that yields the next attempt and is sent how that one ended. No I/O, no clock."""

from collections.abc import Generator, Mapping
from typing import NamedTuple

from ..circuits.state import Circuit
from .catalog import Route, Snapshot
from .failures import KINDS

HALF_OPEN_SHARE = 0.1  # of the requests that a half-open target is offered first; the others leave it to the last


class Try(NamedTuple):
    """One attempt to make. `generation` is that of the target's circuit; `warning` says why it is the least bad one."""

    number: int
    target: str
    generation: int
    warning: str | None = None


class Ended(NamedTuple):
    """How an attempt ended: `kind` is a row of `failures.KINDS`. An attempt that succeeded closes the plan instead."""

    kind: str
    now_ms: int


def plan(
    route: Route, snapshot: Snapshot, circuits: Mapping[str, Circuit], draw: float, now_ms: int, deadline_ms: int
) -> Generator[Try, Ended, None]:
    """Attempts in order, each target once, `route.max_attempts` at most, none that begins after the deadline.

    `circuits` is what `circuits.state.view` made of the stored state at `now_ms`; `draw` is uniform in [0, 1).
    """
    for number, (target, warning) in enumerate(order(route, circuits, draw)[: route.max_attempts], start=1):
        if now_ms >= deadline_ms:
            return
        ended = yield Try(number, target, circuits[target].generation if target in circuits else 0, warning)
        if not KINDS[ended.kind].elsewhere:
            return
        now_ms = ended.now_ms


def order(route: Route, circuits: Mapping[str, Circuit], draw: float) -> list[tuple[str, str | None]]:
    """The targets in the order to try them, each with the warning it carries. Open ones only when there is no other."""
    state = {target: circuits[target].state if target in circuits else "closed" for target in route.targets}
    probing = draw < HALF_OPEN_SHARE
    first = [target for target in route.targets if state[target] == "closed" or (probing and state[target] == "half_open")]
    last = [target for target in route.targets if state[target] == "half_open" and target not in first]
    if first or last:
        return [(target, None) for target in first + last]
    return [
        (target, f"every circuit of route {route.name} is open: {target} was tried as the one that may close first")
        for target in sorted(route.targets, key=lambda target: circuits[target].until_ms)
    ]
