"""Whether what is left of an account covers a request, by all of its shards as they were read."""

from collections.abc import Container

from .budgets import Budget
from .exceeded import BudgetExceeded
from .shards import Lease, Sight


def room(sight: Sight, mine: Lease | None) -> int:
    return sight.remaining + (mine.held if mine else 0)


def is_exhausted(whole: Sight, limit: int, floor: int, now_ms: int) -> bool:
    """Whether what is missing is spent, and not merely held by others."""
    held = any(lease.held and lease.expires_ms >= now_ms for lease in whole.leases.values())
    return not held or limit - whole.settled < floor


def limit_of(budget: Budget, whole: Sight, now_ms: int) -> int:
    """That in force: a raise that has ended may not have been taken back yet."""
    return budget.limit_at(now_ms) if whole.until_ms <= now_ms else whole.total


def untouched(budget: Budget, now_ms: int) -> Sight:
    """What an account is before its period's first request."""
    limit = budget.limit_at(now_ms)
    return Sight(limit, limit, 0, budget.version, {}, total=limit)


def refusal_of(budget: Budget, period: str, whole: Sight, own: Container[str], floor: int, now_ms: int) -> BudgetExceeded | None:
    """Of a hard budget, as `Admission` would refuse it: with its `own` leases, and those of the dead, which it would have returned."""
    limit = limit_of(budget, whole, now_ms)
    back = sum(lease.held for id, lease in whole.leases.items() if id in own or lease.expires_ms < now_ms)
    if whole.remaining + back + limit - whole.limit >= floor:
        return None
    return BudgetExceeded(budget, period, now_ms, exhausted=is_exhausted(whole, limit, floor, now_ms))
