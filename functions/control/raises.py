"""/admin/budgets/raises: a budget that is higher for a while, and by itself no longer."""

from decimal import Decimal
from typing import Annotated

import stage
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query
from budgets import Period
from forms import IN_USD, MAX_USD
from left import BudgetView, to_time, view
from moments import Moment, future_ms
from pydantic import BaseModel, ConfigDict, Field
from scopes import Scope, ScopeId, scope_name, tenant_of

from signalbox.aws import boto_raises
from signalbox.money import NANOUSD_PER_USD

router = Router()


class NewRaise(BaseModel):
    model_config = ConfigDict(extra="forbid")

    scope: Scope
    id: ScopeId = ""
    period: Period
    by_usd: Annotated[Decimal, Field(gt=0, le=MAX_USD, decimal_places=9, description="How much higher the limit is meanwhile"), IN_USD]
    until: Annotated[Moment, Field(description="With its offset: 2026-11-21T18:00:00+01:00. It is over a minute later at most")]


@router.post("/admin/budgets/raises", summary="Raise a budget until a moment; it counts from now on, also in mid-period", tags=["budgets"])
def raise_budget(new: NewRaise) -> BudgetView:
    scope = scope_name(new.scope, new.id)
    tenant = tenant_of(scope)
    until_ms = future_ms(new.until, "until", "A raise ends then: name a moment to come.", "POST /admin/budgets sets a limit for good.")
    by_nanousd = int(new.by_usd * NANOUSD_PER_USD)
    budget = boto_raises.begin(stage.control(), stage.ledger(), scope, new.period, by_nanousd, until_ms, stage.now_ms())
    router.append_context(changed=f"{scope} {new.period}: raised by {new.by_usd} USD until {to_time(until_ms)}", tenant=tenant)
    return view(budget)


@router.delete("/admin/budgets/raises", summary="End a raise before its time, or all of a budget's", tags=["budgets"])
def end_raise(
    scope: Annotated[Scope, Query()],
    period: Annotated[Period, Query()],
    id: Annotated[str, Query(max_length=300)] = "",
    raise_id: Annotated[str, Query(alias="raise", max_length=20, description="One of the budget's `raises`; all without it")] = "",
) -> BudgetView:
    name = scope_name(scope, id)
    tenant = tenant_of(name)
    budget = boto_raises.end(stage.control(), stage.ledger(), name, period, raise_id, stage.now_ms())
    router.append_context(changed=f"{name} {period}: {f'raise {raise_id} is' if raise_id else 'its raises are'} over", tenant=tenant)
    return view(budget)
