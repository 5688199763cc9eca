"""/v1/usage, /v1/requests and /admin/usage: what was used and what it cost, read from the totals and the usage log."""

from collections import Counter
from datetime import date
from typing import Annotated, Any

import days
import left
import stage
import sums
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query
from forms import RequestId
from left import OwnBudget
from pydantic import BaseModel, Field

from signalbox.admission.keys import Caller
from signalbox.aws import boto_usage
from signalbox.errors import Refusal
from signalbox.usage.alerts import to_usd as to_usd
from signalbox.usage.events import UsageRecorded
from signalbox.usage.spans import Each, Span, spans, told
from signalbox.usage.totals import DAYS_ONLY, by_model

router = Router()

Id = Annotated[str, Query(min_length=1, max_length=400)]
WITH_TENANT = "With `tenant` beside it, whose own it is"
DIMENSIONS = ("tenant", "team", "agent", "key", "model", "provider", "route", "policy", "user", "tag")
OF_TENANT = ("team", "agent", "user", "tag")  # which are known by their tenant's name and their own


class Counters(BaseModel):
    """One that never counted anything is 0."""

    requests: int = 0
    refused: int = 0
    failed: int = 0
    slow: Annotated[
        int, Field(description="Took as long as the route's slow_after_s or the stage's SlowMs; of a model or provider nothing is told")
    ] = 0
    attempts: int = 0
    input: int = 0
    cached: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0
    cache_write_1h: int = 0
    cost_nanousd: int = 0
    cost_usd: str


class Totals(Counters):
    """Of one period."""

    period: str
    by_model: Annotated[
        dict[str, Counters] | None, Field(description="Of a key: what it used of each model, failed attempts too; null of all else")
    ]


class Usage(BaseModel):
    dimension: str
    id: str
    today: Totals
    month: Totals


class Range(BaseModel):
    first: Annotated[str, Field(alias="from")]
    last: Annotated[str, Field(alias="to")]
    total: Counters
    each: Annotated[list[Totals], Field(description="With `each`: those periods in which there was anything")]


class RangedUsage(Usage):
    hour: Annotated[Totals | None, Field(description="This hour; null of users and tags, which are counted by the day")]
    range: Annotated[Range | None, Field(description="With `from` or `to`")]


class OwnUsage(Usage):
    budgets: Annotated[list[OwnBudget], Field(description="Of the key, its team and its tenant, and what is left of them")]


class Recorded(UsageRecorded):
    """What is known of one request: the detail of its `UsageRecorded` event."""

    cost_usd: Annotated[str, Field(description="cost_nanousd in dollars")]


@router.get("/v1/usage", summary="What your own key has used today and this month, and what is left of its budgets", tags=["usage"])
def own() -> OwnUsage:
    return OwnUsage(**_usage("key", _caller().key_id).model_dump(), budgets=left.own(_caller()))


@router.get("/v1/requests/<request_id>", summary="One request of your own tenant", tags=["usage"])
def one(request_id: RequestId) -> Recorded:
    """Somebody else's request is answered like one that never was."""
    detail = boto_usage.request(stage.usage(), request_id)
    if detail is None or detail["tenant"] != _caller().tenant:
        raise Refusal("not_found", f"No request {request_id[:100]} is recorded. A new one appears within seconds of its answer.")
    return Recorded(**detail, cost_usd=to_usd(detail["cost_nanousd"]))


@router.get(
    "/admin/usage", summary="What a tenant, key, model, … has used this hour, today, this month or in a range of days", tags=["usage"]
)
def of_dimension(
    tenant: Annotated[str | None, Query(min_length=1, max_length=64)] = None,
    team: Annotated[str | None, Query(min_length=1, max_length=400, description=WITH_TENANT)] = None,
    agent: Annotated[str | None, Query(min_length=1, max_length=400, description=WITH_TENANT)] = None,
    key: Id | None = None,
    model: Id | None = None,
    provider: Id | None = None,
    route: Id | None = None,
    policy: Id | None = None,
    user: Annotated[
        str | None, Query(min_length=1, max_length=400, description=f"{WITH_TENANT}, as the requests say it; for 100 days")
    ] = None,
    tag: Annotated[str | None, Query(min_length=1, max_length=400, description=f"{WITH_TENANT}; for 100 days")] = None,
    first: days.First = None,
    last: days.Last = None,
    each: Annotated[Each | None, Query(description="Each hour (31 days at the most), day or month of the range as well")] = None,
) -> RangedUsage:
    given = (tenant, team, agent, key, model, provider, route, policy, user, tag)
    asked = {name: id for name, id in zip(DIMENSIONS, given, strict=True) if id}
    of = asked.pop("tenant", "") if asked.keys() & {*OF_TENANT} else ""
    if len(asked) != 1:
        raise Refusal("invalid_request", f"Ask for exactly one of {', '.join(DIMENSIONS)}: /admin/usage?tenant=…")
    [(dimension, id)] = asked.items()
    says_tenant = "/" in id and dimension not in DAYS_ONLY  # acme/red; what callers make up may have a slash of its own
    if dimension in OF_TENANT and not (of or says_tenant):
        raise Refusal("invalid_request", f"Say whose {dimension} it is: /admin/usage?tenant=…&{dimension}=…", param="tenant")
    if dimension in DAYS_ONLY and each == "hour":
        raise Refusal("invalid_request", f"A {dimension} is counted by the day: leave out each=hour.", param="each")
    id = f"{of}/{id}" if of else id
    hour, _, _ = boto_usage.periods_now(stage.now_ms())
    found = {} if dimension in DAYS_ONLY else sums.ranges([(dimension, id)], [Span(hour, hour)])[dimension, id]
    this = None if dimension in DAYS_ONLY else _totals(dimension, hour, found.get(hour, {}))
    ranged = first or last or each
    asked_range = _range(dimension, id, days.asked(first, last, each), each) if ranged else None
    return RangedUsage(**_usage(dimension, id).model_dump(), hour=this, range=asked_range)


def _range(dimension: str, id: str, of: tuple[date, date], each: Each | None) -> Range:
    begin, end = of
    kept = "day" if dimension in DAYS_ONLY else each
    found = sums.ranges([(dimension, id)], spans(begin, end, kept))[dimension, id]
    grouped: dict[str, Counter[str]] = {}
    for period, counters in found.items():
        grouped.setdefault(told(period, each) if each else "", Counter()).update(counters)
    total = sum(grouped.values(), Counter())
    rows = [_totals(dimension, period, dict(counters)) for period, counters in sorted(grouped.items())] if each else []
    return Range(**{"from": str(begin), "to": str(end)}, total=Counters(**_priced(dict(total))), each=rows)


def _usage(dimension: str, id: str) -> Usage:
    _, day, month = boto_usage.periods_now(stage.now_ms())
    today = date.fromisoformat(day.removeprefix("day#"))
    spans_of = [Span(month, month), Span(day, day)] if dimension not in DAYS_ONLY else spans(today.replace(day=1), today, "day")
    found = sums.ranges([(dimension, id)], spans_of)[dimension, id]
    whole = found.get(month, {}) if dimension not in DAYS_ONLY else dict(sum(map(Counter, found.values()), Counter()))
    return Usage(dimension=dimension, id=id, today=_totals(dimension, day, found.get(day, {})), month=_totals(dimension, month, whole))


def _totals(dimension: str, period: str, counters: dict[str, int]) -> Totals:
    models = {target: Counters(**_priced(used)) for target, used in sorted(by_model(counters).items())}
    return Totals(period=period, by_model=models if dimension == "key" else None, **_priced(counters))


def _priced(counters: dict[str, int]) -> dict[str, Any]:
    """The counters that are shown, and what they cost in dollars."""
    shown = {name: value for name, value in counters.items() if name in Counters.model_fields}
    return shown | {"cost_usd": to_usd(counters.get("cost_nanousd", 0))}


def _caller() -> Caller:
    who: Any = router.context["who"]
    assert isinstance(who, Caller)
    return who
