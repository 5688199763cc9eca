"""/admin/budgets: limits per scope and period, and what is left of them."""

import re
from decimal import Decimal
from typing import Annotated, Literal

import access
import stage
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import BaseModel, ConfigDict, Field
from usage import to_usd

from signalbox.admission.budgets import GLOBAL, Budget
from signalbox.aws import boto_budgets, boto_keys
from signalbox.errors import Refusal
from signalbox.money import NANOUSD_PER_USD

router = Router()

Scope = Literal["key", "team", "tenant", "agent", "route", "provider", "global"]
Period = Literal["day", "week", "month", "total"]
MAX_USD = 1_000_000_000


class NewBudget(BaseModel):
    model_config = ConfigDict(extra="forbid")

    scope: Scope
    id: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9._:@/-]{0,200}$", description="Of the key, tenant, …; a team is `tenant/team`; none for `global`")
    ] = ""
    period: Period
    limit_usd: Annotated[Decimal, Field(ge=0, le=MAX_USD, decimal_places=9)]
    hard: Annotated[bool, Field(description="A hard budget refuses what it does not cover; a soft one only counts and warns")] = True


class Spending(BaseModel):
    """Of the running period; settled + held + remaining is the limit."""

    id: str
    settled_usd: str
    held_usd: str
    remaining_usd: str
    settled_nanousd: int
    held_nanousd: int
    remaining_nanousd: int


class BudgetView(BaseModel):
    scope: str
    id: str
    period: str
    limit_usd: str
    limit_nanousd: int
    hard: bool
    version: int
    current: Spending


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
    scope = _scope(new.scope, new.id)
    minted = new.scope == "key" and not access.is_static(new.id)
    if minted and boto_keys.find(stage.control(), new.id) is None:
        raise Refusal("not_found", f"There is no key {new.id}. GET /admin/keys lists them.", param="id")
    limit_nanousd = int(new.limit_usd * NANOUSD_PER_USD)
    budget = boto_budgets.change(stage.control(), stage.ledger(), scope, new.period, limit_nanousd, new.hard, stage.now_ms(), minted=minted)
    router.append_context(changed=f"{scope} {new.period}: {new.limit_usd} USD, {'hard' if new.hard else 'soft'}")
    return _view(budget)


@router.delete("/admin/budgets", summary="Remove a budget; what was spent stays known", tags=["budgets"])
def remove(
    scope: Annotated[Scope, Query()], period: Annotated[Period, Query()], id: Annotated[str, Query(max_length=200)] = ""
) -> RemovedBudget:
    name = _scope(scope, id)
    if not boto_budgets.remove(stage.control(), name, period):
        raise Refusal("not_found", f"{name} has no budget per {period}. GET /admin/budgets lists them.")
    router.append_context(changed=f"{name} {period}: removed")
    return RemovedBudget(scope=scope, id=id, period=period, deleted=True)


@router.get("/admin/budgets", summary="Budgets and what is left of them, of one scope or of all", tags=["budgets"])
def list_budgets(
    scope: Annotated[Scope | None, Query()] = None,
    id: Annotated[str, Query(max_length=200)] = "",
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    after: Annotated[str, Query(max_length=300)] = "",
) -> Budgets:
    if scope:
        return Budgets(budgets=_views([_scope(scope, id)]))
    scopes = boto_budgets.page(stage.control(), limit, after)
    return Budgets(budgets=_views(scopes), after=scopes[-1] if len(scopes) == limit else None)


def _views(scopes: list[str]) -> list[BudgetView]:
    return [_view(budget) for scope in scopes for budget in boto_budgets.of_scope(stage.control(), scope)]


def _view(budget: Budget) -> BudgetView:
    scope, _, id = budget.scope.partition("#")
    period = budget.period(stage.now_ms())
    sight = boto_budgets.running(stage.ledger(), budget, stage.now_ms())
    settled, remaining = (sight.settled, sight.remaining) if sight else (0, budget.limit_nanousd)
    held = sum(lease.held for lease in sight.leases.values()) if sight else 0
    return BudgetView(
        scope=scope,
        id="" if budget.scope == GLOBAL else id,
        period=budget.kind,
        limit_usd=to_usd(budget.limit_nanousd),
        limit_nanousd=budget.limit_nanousd,
        hard=budget.hard,
        version=budget.version,
        current=Spending(
            id=period,
            settled_usd=to_usd(settled),
            held_usd=to_usd(held),
            remaining_usd=to_usd(remaining),
            settled_nanousd=settled,
            held_nanousd=held,
            remaining_nanousd=remaining,
        ),
    )


def _scope(kind: str, id: str) -> str:
    """The scope's name in the tables."""
    if kind == "global":
        if id:
            raise Refusal("invalid_request", "id: the global budget has none; leave it out.", param="id")
        return GLOBAL
    if not id:
        raise Refusal("invalid_request", f"id: name the {kind} that the budget is for.", param="id")
    if kind == "team" and not re.fullmatch("[^/]+/[^/]+", id):
        raise Refusal("invalid_request", "id: name the team as tenant/team.", param="id")
    return f"{kind}#{id}"
