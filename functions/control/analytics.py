"""/admin/analytics and /admin/analytics/flags: how requests go by route, policy, provider and target, and how far flags have come."""

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

import access
import days
import figures
import stage
import sums
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import BaseModel, Field

from signalbox.admission.keys import static_callers
from signalbox.aws import boto_keys, boto_snapshots
from signalbox.errors import Refusal
from signalbox.routing.catalog import ANY, Snapshot
from signalbox.routing.decide import DEFAULT_POLICY
from signalbox.routing.flags import BUILT_IN
from signalbox.usage.analytics import adoption, summary, summary_of_target
from signalbox.usage.spans import Each, spans, told
from signalbox.usage.totals import ALL

router = Router()

By = Literal["route", "policy", "provider", "target", "all"]
DIMENSIONS: Mapping[By, str] = {"target": "model"}  # where the totals have another word for it
SUMMARIES = {"provider": summary_of_target, "target": summary_of_target}
MOST_POINTS = 4_000  # of all rows: Lambda answers 6 MB at the most
MOST_KEYS = 1_000


class AnalyticsPoint(figures.Figures):
    period: Annotated[str, Field(description="2026-11-21T03, 2026-11-21 or 2026-11, in UTC")]


class AnalyticsRow(figures.Figures):
    id: str
    providers: Annotated[list[figures.ProviderShare], Field(description="Whose the answers are; of a route beside what it declares")]
    series: Annotated[list[AnalyticsPoint], Field(description="With `each`: those periods in which there was anything")]


class Analytics(BaseModel):
    """Rows without a request are left out. Rates are of 1, times milliseconds. Each request counts once, seconds after its answer."""

    by: By
    first: Annotated[str, Field(alias="from")]
    last: Annotated[str, Field(alias="to")]
    rows: Annotated[list[AnalyticsRow], Field(description="The dearest first")]


class FlagAdoption(BaseModel):
    flag: str
    requests: Annotated[int, Field(description="With the flag on")]
    request_share: float | None
    callers: Annotated[int, Field(description="Keys seen with the flag on, for one request at the least")]
    caller_share: float | None


class FlagsAdoption(BaseModel):
    """Shares are of 1: of the requests that were decided, and of the keys that made any."""

    first: Annotated[str, Field(alias="from")]
    last: Annotated[str, Field(alias="to")]
    requests: Annotated[int, Field(description="Those that were decided")]
    callers: Annotated[int, Field(description="The keys that made them; a key that is deleted is not looked for")]
    keys_left_out: Annotated[bool, Field(description=f"There are more keys than the {MOST_KEYS} oldest, whose callers alone are counted")]
    flags: list[FlagAdoption]


@router.get("/admin/analytics", summary="How requests go, by route, policy, provider or target", tags=["usage"])
def analytics(
    by: By = "route",
    first: days.First = None,
    last: days.Last = None,
    id: Annotated[str | None, Query(min_length=1, max_length=400, description="One alone; also one that is gone from the document")] = None,
    each: Annotated[Each | None, Query(description="Every row by the hour (31 days at the most), day or month as well")] = None,
) -> Analytics:
    begin, end = days.asked(first, last, each)
    snapshot = boto_snapshots.live(stage.control(), os.environ["SIGNALBOX_CONFIG_BUCKET"])
    dimension = DIMENSIONS.get(by, by)
    ids = [id] if id and by != "all" else ids_of(by, snapshot)
    counted = sums.ranges([(dimension, id) for id in ids], spans(begin, end, each))
    if each and sum(map(len, counted.values())) > MOST_POINTS:
        raise Refusal("invalid_request", f"That is more than {MOST_POINTS} points. Ask for fewer days, or for one id.", param="each")
    declared = snapshot.routes if snapshot and by == "route" else {}
    rows = [_row(id, by, periods, each, declared[id].shares if id in declared else {}) for (_, id), periods in counted.items() if periods]
    return Analytics(**_range(begin, end), by=by, rows=sorted(rows, key=lambda row: (-row.cost_nanousd, -row.requests, row.id)))


@router.get("/admin/analytics/flags", summary="The share of requests and of callers under each flag", tags=["usage"])
def flags(first: days.First = None, last: days.Last = None) -> FlagsAdoption:
    """Asks once for each key there is, the static ones included."""
    begin, end = days.asked(first, last)
    snapshot = boto_snapshots.live(stage.control(), os.environ["SIGNALBOX_CONFIG_BUCKET"])
    known = _keys(MOST_KEYS + 1)
    wanted = [("all", ALL), *(("key", id) for id in known[:MOST_KEYS])]
    everyone, *keys = (together(periods.values()) for periods in sums.ranges(wanted, spans(begin, end)).values())
    found = adoption(everyone, keys, {*BUILT_IN, *(snapshot.flags if snapshot else ())})
    decided, callers = everyone["decided"], sum(key["decided"] > 0 for key in keys)
    rows = [
        FlagAdoption(
            flag=flag,
            requests=row.requests,
            request_share=row.requests / row.of_requests if row.of_requests else None,
            callers=row.callers,
            caller_share=row.callers / row.of_callers if row.of_callers else None,
        )
        for flag, row in found.items()
    ]
    return FlagsAdoption(**_range(begin, end), requests=decided, callers=callers, keys_left_out=len(known) > MOST_KEYS, flags=rows)


def ids_of(by: str, snapshot: Snapshot | None) -> list[str]:
    """Whatever the live document knows; what its wildcards stand for is not among it, and is asked for by its id."""
    if by == "all":
        return [ALL]
    if snapshot is None:
        return []
    policies = [DEFAULT_POLICY, *(policy.id for policy in snapshot.policies.rows)]
    found: dict[str, Iterable[str]] = {
        "route": snapshot.routes,
        "policy": dict.fromkeys(policies),
        "provider": snapshot.providers,
        "target": snapshot.targets,
    }
    return sorted(id for id in found[by] if not id.endswith(ANY))


def together(counted: Iterable[Mapping[str, int]]) -> Counter[str]:
    return sum((Counter(counters) for counters in counted), Counter())


def _row(id: str, by: str, periods: Mapping[str, Mapping[str, int]], each: Each | None, declared: Mapping[str, float]) -> AnalyticsRow:
    whole, of = together(periods.values()), SUMMARIES.get(by, summary)
    grouped: dict[str, list[Mapping[str, int]]] = {}
    for period, counters in sorted(periods.items()) if each else ():
        grouped.setdefault(told(period, each), []).append(counters)  # type: ignore[arg-type]
    series = [AnalyticsPoint(period=period, **figures.told(of(together(rows)))) for period, rows in sorted(grouped.items())]
    found = of(whole)
    return AnalyticsRow(id=id, providers=figures.shares(found.served, declared), series=series, **figures.told(found))


def _range(first: object, last: object) -> dict[str, str]:
    return {"from": str(first), "to": str(last)}


def _keys(most: int) -> list[str]:
    """Static ones first: they are few."""
    ids = {caller.key_id: None for caller in static_callers(access.ring())}
    after = ""
    while len(ids) < most and (page := boto_keys.page(stage.control(), 100, after)):
        ids |= dict.fromkeys(record["id"] for record in page)
        after = page[-1]["id"]
    return list(ids)[:most]
