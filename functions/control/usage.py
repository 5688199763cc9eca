"""/v1/usage, /v1/requests and /admin/usage: what was used and what it cost, read from the totals and the usage log."""

from typing import Annotated, Any

import left
import stage
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query
from left import OwnBudget
from pydantic import BaseModel, Field

from signalbox.admission.keys import Caller
from signalbox.aws import boto_usage
from signalbox.errors import Refusal
from signalbox.usage.alerts import to_usd as to_usd
from signalbox.usage.events import UsageRecorded
from signalbox.usage.totals import by_model

router = Router()

Id = Annotated[str, Query(min_length=1, max_length=200)]
DIMENSIONS = ("tenant", "team", "agent", "key", "route", "model", "provider")


class Counters(BaseModel):
    """One that never counted anything is 0."""

    requests: int = 0
    refused: int = 0
    failed: int = 0
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
    by_model: Annotated[dict[str, Counters], Field(description="Of a key: what it used of each model, failed attempts too")] = {}


class Usage(BaseModel):
    dimension: str
    id: str
    today: Totals
    month: Totals


class OwnUsage(Usage):
    budgets: Annotated[list[OwnBudget], Field(description="Of the key, its team and its tenant, and what is left of them")]


class Recorded(UsageRecorded):
    """What is known of one request: the detail of its `UsageRecorded` event."""

    cost_usd: Annotated[str, Field(description="cost_nanousd in dollars")]


@router.get("/v1/usage", summary="What your own key has used today and this month, and what is left of its budgets", tags=["usage"])
def own() -> OwnUsage:
    return OwnUsage(**_usage("key", _caller().key_id).model_dump(), budgets=left.own(_caller()))


@router.get("/v1/requests/<request_id>", summary="One request of your own tenant", tags=["usage"])
def one(request_id: str) -> Recorded:
    """Somebody else's request is answered like one that never was."""
    detail = boto_usage.request(stage.usage(), request_id)
    if detail is None or detail["tenant"] != _caller().tenant:
        raise Refusal("not_found", f"No request {request_id[:100]} is recorded. A new one appears within seconds of its answer.")
    return Recorded(**detail, cost_usd=to_usd(detail["cost_nanousd"]))


@router.get("/admin/usage", summary="What a tenant, key, model, … has used today and this month", tags=["usage"])
def of_dimension(
    tenant: Id | None = None,
    team: Id | None = None,
    agent: Id | None = None,
    key: Id | None = None,
    route: Id | None = None,
    model: Id | None = None,
    provider: Id | None = None,
) -> Usage:
    asked = [(name, id) for name, id in zip(DIMENSIONS, (tenant, team, agent, key, route, model, provider), strict=True) if id]
    if len(asked) != 1:
        raise Refusal("invalid_request", f"Ask for exactly one of {', '.join(DIMENSIONS)}: /admin/usage?tenant=…")
    return _usage(*asked[0])


def _usage(dimension: str, id: str) -> Usage:
    _, day, month = boto_usage.periods_now(stage.now_ms())
    totals = boto_usage.totals(stage.usage(), dimension, id, (day, month))
    return Usage(dimension=dimension, id=id, today=_totals(day, totals[day]), month=_totals(month, totals[month]))


def _totals(period: str, counters: dict[str, int]) -> Totals:
    models = {target: Counters(**_priced(used)) for target, used in sorted(by_model(counters).items())}
    return Totals(period=period, by_model=models, **_priced(counters))


def _priced(counters: dict[str, int]) -> dict[str, Any]:
    """The counters that are shown, and what they cost in dollars."""
    shown = {name: value for name, value in counters.items() if name in Counters.model_fields}
    return shown | {"cost_usd": to_usd(counters.get("cost_nanousd", 0))}


def _caller() -> Caller:
    who: Any = router.context["who"]
    assert isinstance(who, Caller)
    return who
