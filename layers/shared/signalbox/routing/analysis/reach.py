"""How far one request gets: all that stands in a route's chain, what of it is tried, and when."""

from math import ceil
from typing import NamedTuple

from ..catalog import Route, Snapshot, Target
from ..chains import expanded

# What an attempt at a target that is down ends in. Being asked again in such a kind takes attempts from the targets behind.
DOWN = ("unreachable", "timeout", "server", "overloaded", "cut", "malformed")
ON, IN_PART, OFF = "on", "in part", "off"


class Reach(NamedTuple):
    """`order` is the whole chain, the terminal target last; `behind` what a failure of a certain kind leads to beside it.

    `tried` is what one request gets to while each target is down and is asked as often as the route has it. `fallback` is whether the flag
    of that name lets it: on, off, or in part.
    """

    route: Route
    order: tuple[Target, ...]
    behind: tuple[Target, ...]
    tried: tuple[Target, ...]
    chains: tuple[str, ...]
    fallback: str
    terminal: str | None

    @property
    def all(self) -> tuple[Target, ...]:
        return (*self.order, *self.behind)

    def ttft_s(self, target: Target) -> float:
        return self.route.timeouts.over(target.timeouts).ttft_s or 0.0

    @property
    def total_s(self) -> float:
        return self.route.timeouts.over(self.order[0].timeouts).total_s or 0.0

    def hanging(self) -> list[tuple[Target, float]]:
        """The attempts of a request to whom nobody sends a first byte, and when each of them begins, in seconds."""
        times = 1 + self.route.retries.get("timeout", 0)
        attempts = [target for target in self.tried for _ in range(times)][: self.route.max_attempts]
        begins = [sum(self.ttft_s(target) for target in attempts[:number]) for number in range(len(attempts))]
        return [(target, at_s) for target, at_s in zip(attempts, begins, strict=True) if at_s < self.total_s]

    def first_byte_s(self) -> float:
        """How long a caller may wait for it while one target after the other hangs."""
        target, begins_s = self.hanging()[-1]
        return min(self.total_s, begins_s + self.ttft_s(target))


def reach(route: Route, snapshot: Snapshot, targets: tuple[str, ...] | None = None) -> Reach:
    """With its targets in declared order, or in the one given."""
    ids, behind = expanded(targets or route.targets, snapshot, lambda id: True)
    order = tuple(snapshot.targets[id] for id in ids)
    others = dict.fromkeys(id for kinds in behind.values() for targets in kinds.values() for id in targets if id not in ids)
    chains = tuple(dict.fromkeys(target.chain for target in order if target.chain))
    terminals = {snapshot.chains[name].terminal for name in chains}
    fallback = _fallback(snapshot)
    times = 1 + max((route.retries.get(kind, 0) for kind in DOWN), default=0)
    return Reach(
        route=route,
        order=order,
        behind=tuple(snapshot.targets[id] for id in others),
        tried=order[: 1 if fallback == OFF else ceil(route.max_attempts / times)],
        chains=chains,
        fallback=fallback,
        terminal=order[-1].id if order[-1].id in terminals else None,
    )


def _fallback(snapshot: Snapshot) -> str:
    flag = snapshot.flags.get("fallback")
    if flag is None:
        return ON
    if not flag.enabled or not flag.percent:
        return OFF
    return ON if flag.percent >= 100 and not flag.segments else IN_PART
