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
    """`by_end_nanousd`: what will be spent when the period ends; None where it never does, or no pace is known. `exhausted_ms`: None where
    it lasts so long. `renews_ms`, of one that is spent: when there is something left again, if there ever is.
    """

    by_end_nanousd: int | None
    exhausted_ms: int | None
    renews_ms: int | None = None


def pace_of(budget: Budget, settled_nanousd: int, now_ms: int) -> Pace | None:
    """Of the running period; None for `total`, which has no beginning."""
    begun_ms = period_start_ms(budget.kind, now_ms, budget.zone)
    return None if begun_ms is None else Pace(settled_nanousd, begun_ms)


def forecast(budget: Budget, settled_nanousd: int, pace: Pace | None, now_ms: int) -> Forecast | None:
    """None where too little is known, or nothing is spent. Raises that end on the way are reckoned with. What is spent needs no pace."""
    ends_ms, is_watched = budget.ends_ms(now_ms), pace is not None and now_ms - pace.since_ms >= WATCHED_MS[budget.kind]
    is_spent = settled_nanousd >= budget.limit_at(now_ms)
    renews_ms = ends_ms if is_spent and budget.limit_nanousd > 0 else None
    if pace is None or not is_watched or pace.spent_nanousd <= 0:
        return Forecast(None, now_ms, renews_ms) if is_spent else None
    elapsed_ms = now_ms - pace.since_ms
    by_end = None if ends_ms is None else settled_nanousd + pace.spent_nanousd * (ends_ms - now_ms) // elapsed_ms
    last_ms = now_ms + HORIZON_MS if ends_ms is None else ends_ms
    steps = sorted({row.until_ms for row in budget.raises if now_ms < row.until_ms < last_ms})
    at_ms = now_ms
    for until_ms in (*steps, last_ms):
        left = budget.limit_at(at_ms) - settled_nanousd
        spent_ms = max(at_ms, now_ms - (-left * elapsed_ms // pace.spent_nanousd))  # rounded up
        if spent_ms < until_ms:
            return Forecast(by_end, spent_ms, renews_ms)
        at_ms = until_ms
    return Forecast(by_end, None)
