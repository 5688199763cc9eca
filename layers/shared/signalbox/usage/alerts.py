"""When a budget is worth a word: which thresholds it has crossed, and what the people who mind it are told."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..money import NANOUSD_PER_USD

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
    """`name` is the event's. Each goes out once per scope, period, version of the budget and threshold."""

    name: str
    budget: Budget
    percent: int

    @property
    def id(self) -> str:
        return f"{self.name}#{self.budget.scope}#{self.budget.period}#{self.budget.version}#{self.percent}"


def to_budget(scope: str, period: str, shards: Iterable[Mapping[str, Any]]) -> Budget | None:
    """From the ledger's items; None where the period has none, because the budget is gone."""
    items = list(shards)
    if not items:
        return None
    return Budget(
        scope,
        period,
        limit_nanousd=sum(int(item["limit"]) for item in items),
        settled_nanousd=sum(int(item["settled"]) for item in items),
        version=max(int(item["budget_version"]) for item in items),
    )


def crossed(budget: Budget) -> list[Alert]:
    """A budget of nothing has no thresholds."""
    if budget.limit_nanousd <= 0:
        return []
    return [Alert("BudgetThresholdCrossed", budget, percent) for percent in THRESHOLDS if budget.percent >= percent]


def exhausted(budget: Budget) -> Alert:
    """Of a request that this budget refused. Less than 100 % may be settled: the rest did not cover the request's worst case."""
    return Alert("BudgetExhausted", budget, 100)


def to_detail(alert: Alert, at_ms: int) -> dict[str, Any]:
    return {
        "version": 1,
        "id": alert.id,
        "at_ms": at_ms,
        "scope": alert.budget.scope,
        "period": alert.budget.period,
        "percent": alert.percent,
        "limit_nanousd": alert.budget.limit_nanousd,
        "settled_nanousd": alert.budget.settled_nanousd,
    }


def to_message(alert: Alert, hard: bool) -> tuple[str, str]:
    """Subject and body. `hard` is what the definition says now; one that is gone refuses nothing."""
    budget = alert.budget
    said = {"BudgetThresholdCrossed": f"{alert.percent}% of budget used", "BudgetExhausted": "budget exhausted"}[alert.name]
    if not hard:
        meaning = "No request is refused for it: this budget counts and warns, and does not hold."
    elif alert.percent < 100:
        meaning = "Requests go on until what remains does not cover one; that one is refused with 429 budget_exceeded."
    else:
        meaning = "Requests that do not fit into what remains are refused with 429 budget_exceeded."
    body = "\n".join(
        (
            f"Scope    {budget.scope}",
            f"Period   {budget.period}",
            f"Settled  {to_dollars(budget.settled_nanousd)} ({budget.percent}%)",
            f"Limit    {to_dollars(budget.limit_nanousd)}",
            "",
            meaning,
            "What to do: see who spends at GET /admin/usage; raise the limit at /admin/budgets, or wait for the next period.",
        )
    )
    return f"Signalbox: {said}: {budget.scope} {budget.period}", body


def to_dollars(nanousd: int) -> str:
    """Exact, with at least two decimals: $0.05, $0.000125."""
    sign, whole = "-" if nanousd < 0 else "", abs(nanousd)
    decimals = f"{whole % NANOUSD_PER_USD:09d}".rstrip("0").ljust(2, "0")
    return f"{sign}${whole // NANOUSD_PER_USD}.{decimals}"
