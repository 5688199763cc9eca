"""Who has spent the most below a budget, for its alert, which waits no longer than a moment for it. Uses boto3."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from typing import Any
from zoneinfo import ZoneInfo

from ..admission.forecasts import RECENT_DAYS
from ..admission.periods import period_end_ms, period_start_ms
from ..usage.rows import REPORT, Reported, to_reported
from ..usage.spans import DAY
from ..usage.spenders import Spent, largest, within
from ..usage.totals import Total
from . import boto_sums, boto_tables, boto_usage

WAIT_S = 3.0
AFTER = "\U0010ffff"  # all that begins so comes before it
FIRST_DAY = {"day": "", "week": "-1", "month": "-01"}  # what makes a period's name its first day's


class Spenders:
    """Of one batch of alerts, all of which together wait for it no longer than `WAIT_S`."""

    def __init__(self, usage: Any) -> None:
        self._usage = usage
        self._left_s = WAIT_S
        self._known: dict[tuple[str, str], Spent | None] = {}

    def of(self, scope: str, period: str, now_ms: int) -> Spent | None:
        """None where nothing lies below, or is counted so far. TimeoutError, or what DynamoDB says, once; None from then on."""
        asked = (scope, period)
        if asked not in self._known:
            self._known[asked] = None
            if within(scope) is not None and self._left_s > 0:
                self._known[asked] = self._in_time(scope, days_of(period, now_ms))
        return self._known[asked]

    def _in_time(self, scope: str, days: Sequence[date]) -> Spent | None:
        """On a thread of its own: whoever hangs is left behind."""
        wait_s, self._left_s = self._left_s, 0.0
        until_s = time.monotonic() + wait_s
        found = ThreadPoolExecutor(1).submit(self._read, scope, days, until_s).result(wait_s)
        self._left_s = until_s - time.monotonic()
        return found

    def _read(self, scope: str, days: Sequence[date], until_s: float) -> Spent | None:
        """The log before the totals: what is folded in between is then in these."""
        prefix, periods = within(scope) or "", {str(day): f"day#{day}" for day in days}
        log, costs = boto_sums.unfolded(self._usage), Counter[Reported]()
        folded: dict[tuple[Total, int], int] = {}
        for period in periods.values():
            for item in self._items(Total(REPORT, prefix, period), until_s):
                total = Total(REPORT, item["sk"].rpartition("#")[0], period)
                folded[total, boto_usage.shard_of(item)] = item.get("folded", 0)
                costs[to_reported(total.id)] += item.get("cost_nanousd", 0)
        waiting = boto_usage.left_in(
            log, folded, lambda of: of.dimension == REPORT and of.hour[:10] in periods and of.id.startswith(prefix)
        )
        for total, counters in waiting:
            costs[to_reported(total.id)] += counters["cost_nanousd"]
        found = largest(scope, costs)
        return Spent(str(days[0]), str(days[-1]), found) if found else None

    def _items(self, total: Total, until_s: float) -> Iterator[dict[str, Any]]:
        """Page by page: a stage's whole day may be more than there is time, or memory, for."""
        pk, first = total.place
        pages = self._usage.meta.client.get_paginator("query").paginate(
            TableName=self._usage.name,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ProjectionExpression="sk, folded, cost_nanousd",
            ExpressionAttributeValues={":pk": pk, ":first": first or " ", ":last": first + AFTER},
            ConsistentRead=True,
        )
        for page in pages:
            if time.monotonic() > until_s:
                raise TimeoutError(f"the totals of {pk} are too many to be added up in {WAIT_S:g} s")
            yield from boto_tables.to_plain(page["Items"])


def days_of(period: str, now_ms: int) -> list[date]:
    """Those in UTC that a period lies in, up to now, at the ends also in part; of a total today and those before it."""
    kind, _, rest = period.partition("#")
    name, _, zone = rest.partition("@")
    if kind == "total":
        last = _day(now_ms)
        return _days(last - (RECENT_DAYS - 1) * DAY, last)
    noon = datetime.combine(date.fromisoformat(name + FIRST_DAY[kind]), clock(12), ZoneInfo(zone) if zone else UTC)
    noon_ms = int(noon.timestamp() * 1000)
    begins_ms, ends_ms = period_start_ms(kind, noon_ms, zone), period_end_ms(kind, noon_ms, zone)
    assert begins_ms is not None
    assert ends_ms is not None
    return _days(_day(begins_ms), _day(max(begins_ms, min(ends_ms - 1, now_ms))))


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _day(at_ms: int) -> date:
    return datetime.fromtimestamp(at_ms / 1000, UTC).date()
