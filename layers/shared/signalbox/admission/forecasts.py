"""When a budget is spent if all goes on as it has: nobody's promise, and soon enough to do something about it."""

from typing import NamedTuple

from .budgets import Budget
from .periods import period_start_ms

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
WATCHED_MS = {"day": 15 * MINUTE_MS, "week": HOUR_MS, "month": 6 * HOUR_MS, "total": HOUR_MS}  # less than that is no pace
HORIZON_MS = 3_650 * DAY_MS
RECENT_DAYS = 7  # a total has no beginning: its pace is that of today and of the days before it


class Pace(NamedTuple):
    """So much was spent, evenly as far as anybody knows, since that moment."""

    spent_nanousd: int
    since_ms: int


class Forecast(NamedTuple):
    """`by_end_nanousd`: what will be spent when the period ends; None where it never does. `exhausted_ms`: None where it lasts so long."""

    by_end_nanousd: int | None
    exhausted_ms: int | None


def pace_of(budget: Budget, settled_nanousd: int, now_ms: int) -> Pace | None:
    """Of the running period; None for `total`, which has no beginning."""
    begun_ms = period_start_ms(budget.kind, now_ms, budget.zone)
    return None if begun_ms is None else Pace(settled_nanousd, begun_ms)


def forecast(budget: Budget, settled_nanousd: int, pace: Pace | None, now_ms: int) -> Forecast | None:
    """None where too little is known, or nothing is spent. Raises that end on the way are reckoned with."""
    if pace is None or pace.spent_nanousd <= 0 or now_ms - pace.since_ms < WATCHED_MS[budget.kind]:
        return None
    elapsed_ms, ends_ms = now_ms - pace.since_ms, budget.ends_ms(now_ms)
    by_end = None if ends_ms is None else settled_nanousd + pace.spent_nanousd * (ends_ms - now_ms) // elapsed_ms
    last_ms = now_ms + HORIZON_MS if ends_ms is None else ends_ms
    steps = sorted({row.until_ms for row in budget.raises if now_ms < row.until_ms < last_ms})
    at_ms = now_ms
    for until_ms in (*steps, last_ms):
        left = budget.limit_at(at_ms) - settled_nanousd
        spent_ms = max(at_ms, now_ms - (-left * elapsed_ms // pace.spent_nanousd))  # rounded up
        if spent_ms < until_ms:
            return Forecast(by_end, spent_ms)
        at_ms = until_ms
    return Forecast(by_end, None)
