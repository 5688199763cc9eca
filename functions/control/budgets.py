"""/admin/budgets: limits per scope and period, and what is left of them."""

from typing import Annotated, Literal

import access
import stage
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query
from forms import IN_A_KEY, LimitUsd, Switch, Whole
from left import BudgetView, view
from pydantic import BaseModel, ConfigDict, Field
from scopes import Scope, ScopeId, check_known, scope_name, tenant_of

from signalbox.admission.budgets import Budget, to_budgets
from signalbox.admission.periods import to_zone
from signalbox.aws import boto_budgets, boto_tables
from signalbox.errors import Refusal, whose
from signalbox.money import NANOUSD_PER_USD

router = Router()

Period = Literal["day", "week", "month", "total"]
NEW_BUDGET = "It counts from now on: what was spent earlier in this period is not in it."
NEW_PERIOD = "By the time zone of {zone} this is a period of its own: what was spent in {before} is not counted in it."


class NewBudget(BaseModel):
    model_config = ConfigDict(extra="forbid")

    scope: Scope
    id: ScopeId = ""
    period: Period
    limit_usd: LimitUsd
    hard: Annotated[Switch, Field(description="A hard budget refuses what it does not cover; a soft one only counts and warns")] = True
    time_zone: Annotated[
        str | None,
        Field(
            max_length=64,
            description="Whose days, weeks and months they are, as in Europe/Berlin. Without it, as it is; of a new budget, UTC."
            " Another one begins a period of its own, in which nothing is spent yet",
        ),
    ] = None
    thresholds: Annotated[
        list[Annotated[Whole, Field(ge=1, le=1000)]] | None,
        Field(
            min_length=1,
            max_length=10,
            description="Percent of the limit at which to tell. Without it, as it is; of a new one, 50, 80, 100",
        ),
    ] = None


class RemovedBudget(BaseModel):
    scope: Scope
    id: str
    period: Period
    deleted: bool


class Budgets(BaseModel):
    budgets: list[BudgetView]
    after: Annotated[str | None, Field(description="Send it back to read on; null at the end")] = None


@router.post(
    "/admin/budgets",
    summary="Set a budget; it holds within seconds, and counts from then on, also in mid-period",
    tags=["budgets"],
)
def set_budget(new: NewBudget) -> BudgetView:
    scope = scope_name(new.scope, new.id)
    record = boto_tables.get(stage.control(), scope, "scope") or {}
    minted = new.scope == "key" and access.unminted(new.id) is None
    if minted and "status" not in record:
        raise Refusal("not_found", f"There is no key {new.id}. GET /admin/keys lists them.", param="id")
    before = next((budget for budget in to_budgets(scope, record) if budget.kind == new.period), None)
    if before is None:
        check_known(new.scope, new.id)
    budget = boto_budgets.change(
        stage.control(),
        stage.ledger(),
        scope,
        new.period,
        int(new.limit_usd * NANOUSD_PER_USD),
        new.hard,
        stage.now_ms(),
        zone=_zone(new),
        thresholds=None if new.thresholds is None else sorted(set(new.thresholds)),
        minted=minted,
    )
    zone = f", by {budget.zone}" if budget.zone else ""
    told = f"{scope} {new.period}: {new.limit_usd} USD, {'hard' if new.hard else 'soft'}{zone}"
    router.append_context(changed=told, tenant=tenant_of(scope, record))
    shown = view(budget)
    return shown.model_copy(update={"note": _note(before, budget, shown)})


@router.delete("/admin/budgets", summary="Remove a budget; what was spent stays known", tags=["budgets"])
def remove(
    scope: Annotated[Scope, Query()], period: Annotated[Period, Query()], id: Annotated[str, Query(max_length=300)] = ""
) -> RemovedBudget:
    name = scope_name(scope, id)
    tenant = tenant_of(name)
    if not boto_budgets.remove(stage.control(), name, period):
        raise Refusal("not_found", f"{whose(name)} has no budget per {period}. GET /admin/budgets lists them.")
    router.append_context(changed=f"{name} {period}: removed", tenant=tenant)
    return RemovedBudget(scope=scope, id=id, period=period, deleted=True)


@router.get("/admin/budgets", summary="Budgets and what is left of them, of one scope or of all", tags=["budgets"])
def list_budgets(
    scope: Annotated[Scope | None, Query()] = None,
    id: Annotated[str, Query(max_length=300)] = "",
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    after: Annotated[str, Query(max_length=400), IN_A_KEY] = "",
) -> Budgets:
    if scope:
        return Budgets(budgets=_views([scope_name(scope, id)]))
    if id:
        raise Refusal("invalid_request", "scope: say what the id is of: ?scope=key&id=….", param="scope")
    scopes = boto_budgets.page(stage.control(), limit, after)
    return Budgets(budgets=_views(scopes), after=scopes[-1] if len(scopes) == limit else None)


def _views(scopes: list[str]) -> list[BudgetView]:
    return [view(budget) for scope in scopes for budget in boto_budgets.of_scope(stage.control(), scope)]


def _zone(new: NewBudget) -> str | None:
    if new.time_zone is None:
        return None
    if new.period == "total":
        raise Refusal("invalid_request", "time_zone: a total follows no calendar; leave it out.", param="time_zone")
    try:
        return to_zone(new.time_zone)
    except ValueError as error:
        raise Refusal("invalid_request", f"time_zone: {error}.", param="time_zone") from error


def _note(before: Budget | None, budget: Budget, shown: BudgetView) -> str | None:
    if before is None:
        return None if shown.current.settled_nanousd else NEW_BUDGET
    if before.zone == budget.zone:
        return None
    return NEW_PERIOD.format(zone=budget.zone or "UTC", before=before.period(stage.now_ms()))
