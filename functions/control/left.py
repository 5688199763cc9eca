"""What is left of a budget, and how long it lasts: as operators see it, and callers their own."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated

import stage
import sums
from pydantic import BaseModel, Field

from signalbox.admission.budgets import CONFIG, DEFAULT, GLOBAL, Budget, scopes_of
from signalbox.admission.forecasts import RECENT_DAYS, Pace, forecast, pace_of
from signalbox.admission.keys import Caller
from signalbox.admission.periods import period_start_ms
from signalbox.aws import boto_budgets
from signalbox.usage.alerts import THRESHOLDS, to_usd
from signalbox.usage.notices import to_forecast
from signalbox.usage.spans import DAY, spans
from signalbox.usage.totals import ALL

SET_BY = {"": "operator", CONFIG: "document", DEFAULT: "stack"}


class Raised(BaseModel):
    id: str
    by_usd: str
    by_nanousd: int
    until: str


class Forecast(BaseModel):
    """If all goes on as in the running period so far; of a total, as in the last week."""

    says: Annotated[str, Field(description="The same in words")]
    exhausted_at: Annotated[str | None, Field(description="null where it lasts")]
    by_end_usd: Annotated[
        str | None, Field(description="What will be spent when the period ends; null of a total, or where no pace is known")
    ]
    by_end_nanousd: int | None


class Spending(BaseModel):
    """Of the running period; settled + held + remaining is the limit, raises included.

    `held` is for requests under way or to come, at what they may cost at the most: it comes back as they settle, what is held
    beyond them within two minutes, and what a killed container held for requests 60 s after their deadlines. `remaining` is below zero
    where more is spent and held than the limit.
    """

    id: str
    begins: str | None
    ends: str | None
    limit_usd: str
    settled_usd: str
    held_usd: str
    remaining_usd: str
    limit_nanousd: int
    settled_nanousd: int
    held_nanousd: int
    remaining_nanousd: int
    used_percent: Annotated[int, Field(description="What is settled, of the limit with its raises; more than 100 where more is spent")]


class BudgetView(BaseModel):
    scope: str
    id: str
    period: str
    limit_usd: Annotated[str, Field(description="Without raises")]
    limit_nanousd: int
    hard: bool
    time_zone: str
    thresholds: Annotated[list[int], Field(description="Percent of the limit at which everybody is told, once each")]
    raises: list[Raised]
    set_by: Annotated[str, Field(description="operator; document: `max_cost_a_day_usd` of a route; stack: the daily alert, a parameter")]
    version: int
    current: Spending
    forecast: Annotated[
        Forecast | None, Field(description="null where nothing is spent of what there is, or not long enough to tell a pace")
    ]
    note: Annotated[str | None, Field(description="What else comes of a change")] = None


class OwnBudget(BaseModel):
    """One that a caller's requests count in."""

    scope: Annotated[str, Field(description="key, team or tenant")]
    period: str
    hard: Annotated[bool, Field(description="Whether it refuses with 429 what it does not cover")]
    limit_usd: Annotated[str, Field(description="As it is now, raises included")]
    held_usd: Annotated[str, Field(description="For requests under way or to come: comes back as they settle")]
    remaining_usd: Annotated[str, Field(description="The limit less what is spent and held: below zero where that is more")]
    used_percent: int
    renews: Annotated[str | None, Field(description="When the next period begins; null of a total")]


def own(caller: Caller) -> list[OwnBudget]:
    """Of the key, its team and its tenant; what others share with them is the operators' to see."""
    now_ms = stage.now_ms()
    mine = [budget for scope in scopes_of(caller)[:3] for budget in boto_budgets.of_scope(stage.control(), scope)]
    return [_own(budget, spending(budget, now_ms)) for budget in mine]


def _own(budget: Budget, current: Spending) -> OwnBudget:
    return OwnBudget(
        scope=budget.scope.partition("#")[0],
        period=budget.kind,
        hard=budget.hard,
        limit_usd=current.limit_usd,
        held_usd=current.held_usd,
        remaining_usd=current.remaining_usd,
        used_percent=current.used_percent,
        renews=current.ends,
    )


def view(budget: Budget, *, note: str | None = None) -> BudgetView:
    now_ms = stage.now_ms()
    scope, _, id = budget.scope.partition("#")
    current = spending(budget, now_ms)
    return BudgetView(
        scope=scope,
        id="" if budget.scope == GLOBAL else id,
        period=budget.kind,
        limit_usd=to_usd(budget.limit_nanousd),
        limit_nanousd=budget.limit_nanousd,
        hard=budget.hard,
        time_zone=budget.zone or "UTC",
        thresholds=list(budget.thresholds or THRESHOLDS),
        raises=[
            Raised(id=row.id, by_usd=to_usd(row.by_nanousd), by_nanousd=row.by_nanousd, until=to_time(row.until_ms))
            for row in budget.raises
            if now_ms < row.until_ms
        ],
        set_by=SET_BY[budget.by],
        version=budget.version,
        current=current,
        forecast=_forecast(budget, current, now_ms),
        note=note,
    )


def spending(budget: Budget, now_ms: int) -> Spending:
    sight = boto_budgets.running(stage.ledger(), budget, now_ms)
    limit = sight.limit if sight else budget.limit_at(now_ms)
    settled, remaining = (sight.settled, sight.remaining) if sight else (0, limit)
    held = sum(lease.held for lease in sight.leases.values()) if sight else 0
    begins_ms, ends_ms = period_start_ms(budget.kind, now_ms, budget.zone), budget.ends_ms(now_ms)
    return Spending(
        id=budget.period(now_ms),
        begins=None if begins_ms is None else to_time(begins_ms),
        ends=None if ends_ms is None else to_time(ends_ms),
        limit_usd=to_usd(limit),
        settled_usd=to_usd(settled),
        held_usd=to_usd(held),
        remaining_usd=to_usd(remaining),
        limit_nanousd=limit,
        settled_nanousd=settled,
        held_nanousd=held,
        remaining_nanousd=remaining,
        used_percent=settled * 100 // limit if limit > 0 else 100,
    )


def to_time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms // 1000, UTC).isoformat().replace("+00:00", "Z")


def _forecast(budget: Budget, current: Spending, now_ms: int) -> Forecast | None:
    settled = current.settled_nanousd
    pace = _recent(budget, now_ms) if budget.kind == "total" and settled else pace_of(budget, settled, now_ms)
    seen = forecast(budget, settled, pace, now_ms)
    if seen is None:
        return None
    return Forecast(
        says=to_forecast(seen.exhausted_ms, seen.by_end_nanousd, seen.renews_ms, now_ms, budget.zone),
        exhausted_at=None if seen.exhausted_ms is None else to_time(seen.exhausted_ms),
        by_end_usd=None if seen.by_end_nanousd is None else to_usd(seen.by_end_nanousd),
        by_end_nanousd=seen.by_end_nanousd,
    )


def _recent(budget: Budget, now_ms: int) -> Pace | None:
    """By the totals of the days; since the first of them that has any."""
    today = datetime.fromtimestamp(now_ms / 1000, UTC).date()
    dimension, _, id = budget.scope.partition("#")
    of = (ALL, ALL) if budget.scope == GLOBAL else (dimension, id)
    counted = sums.ranges([of], spans(today - (RECENT_DAYS - 1) * DAY, today, "day"))[of]
    costs = {period.partition("#")[2]: counters.get("cost_nanousd", 0) for period, counters in counted.items()}
    spent = {day: cost for day, cost in costs.items() if cost}
    if not spent:
        return None
    first = datetime.combine(date.fromisoformat(min(spent)), datetime.min.time(), UTC)
    return Pace(sum(spent.values()), (first - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1))
