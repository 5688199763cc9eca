"""When a budget is worth a word: which thresholds it has crossed, and what the bus is told. What people are told is in `notices`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..money import NANOUSD_PER_USD
from .spenders import Spent

THRESHOLDS = (50, 80, 100)  # percent of the limit, by what is settled: holds come and go


@dataclass(frozen=True, slots=True)
class Budget:
    """One scope's budget for one period, summed over its shards. `version` changes when somebody changes the limit."""

    scope: str
    period: str
    limit_nanousd: int
    settled_nanousd: int
    version: int

    @property
    def percent(self) -> int:
        return self.settled_nanousd * 100 // self.limit_nanousd if self.limit_nanousd > 0 else 100


@dataclass(frozen=True, slots=True)
class Alert:
    """`name` is the event's. Each goes out once per scope, period, limit and threshold: one that comes back after a raise is known."""

    name: str
    budget: Budget
    percent: int

    @property
    def id(self) -> str:
        return f"{self.name}#{self.budget.scope}#{self.budget.period}#{self.budget.limit_nanousd}#{self.percent}"


def to_budget(scope: str, period: str, shards: Iterable[Mapping[str, Any]]) -> Budget | None:
    """From the ledger's items; None where the period has none, because the budget is gone.

    The first item says what the limit is. The shares make it up too, but not where headroom went from one to another as they were read:
    that would be another limit, and so another alert.
    """
    items = list(shards)
    if not items:
        return None
    totals = [item["total"] for item in items if "total" in item] or [sum(item["limit"] for item in items)]
    return Budget(
        scope,
        period,
        limit_nanousd=int(totals[0]),
        settled_nanousd=sum(int(item["settled"]) for item in items),
        version=max(int(item["budget_version"]) for item in items),
    )


def crossed(budget: Budget, thresholds: Sequence[int] = ()) -> list[Alert]:
    """A budget of nothing has no thresholds; one that names none has the usual ones."""
    if budget.limit_nanousd <= 0:
        return []
    return [Alert("BudgetThresholdCrossed", budget, percent) for percent in thresholds or THRESHOLDS if budget.percent >= percent]


def exhausted(budget: Budget) -> Alert:
    """Of a request that this budget refused. Less than 100 % may be settled: the rest did not cover the request's worst case."""
    return Alert("BudgetExhausted", budget, 100)


def to_detail(alert: Alert, at_ms: int, spent: Spent | None = None) -> dict[str, Any]:
    detail = {
        "version": 1,
        "id": alert.id,
        "at_ms": at_ms,
        "scope": alert.budget.scope,
        "period": alert.budget.period,
        "percent": alert.percent,
        "limit_nanousd": alert.budget.limit_nanousd,
        "settled_nanousd": alert.budget.settled_nanousd,
    }
    if spent is None:
        return detail
    spenders = [row._asdict() for row in spent.spenders]
    return detail | {"spenders": spenders, "spenders_from": spent.first_day, "spenders_to": spent.last_day}


def to_usd(nanousd: int) -> str:
    """Dollars, exact and without the sign: 0.05, 0.000125."""
    return to_dollars(nanousd).replace("$", "")


def to_dollars(nanousd: int) -> str:
    """Exact, with at least two decimals: $0.05, $0.000125."""
    sign, whole = "-" if nanousd < 0 else "", abs(nanousd)
    decimals = f"{whole % NANOUSD_PER_USD:09d}".rstrip("0").ljust(2, "0")
    return f"{sign}${whole // NANOUSD_PER_USD}.{decimals}"
