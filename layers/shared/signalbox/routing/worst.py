"""The worst that a request can come to over all of its attempts: what is held for it, and what is told of it."""

from collections.abc import Callable

from .decide import Decision


def reachable(decision: Decision) -> tuple[str, ...]:
    """All that may be asked for an answer: the targets, and whatever stands behind any of them."""
    behind = (id for kinds in decision.behind.values() for targets in kinds.values() for id in targets)
    return tuple(dict.fromkeys((*decision.targets, *behind)))


def worst_nanousd(decision: Decision, each: Callable[[str], int]) -> int:
    """`each` is the worst of one attempt. No target is paid twice: it is asked again only where a failure was not billed."""
    costs = sorted((each(id) for id in reachable(decision)), reverse=True)[: decision.max_attempts]
    total = sum(costs) + (each(decision.mirror) if decision.mirror else 0)
    return total if decision.max_cost_nanousd is None else min(total, decision.max_cost_nanousd)
