"""/admin/savings: what answers cost beside what the same tokens would have cost at the default target."""

import os
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import analytics
import days
import stage
import sums
from aws_lambda_powertools.event_handler.api_gateway import Router
from pydantic import BaseModel, Field
from usage import to_usd

from signalbox.aws import boto_snapshots
from signalbox.usage.analytics import saving
from signalbox.usage.spans import spans, told
from signalbox.usage.totals import ALL

router = Router()

By = Literal["day", "route", "policy"]


class SavingFigures(BaseModel):
    """What was saved is the baseline less the cost of what is compared; negative where it cost more."""

    requests: int
    compared: Annotated[int, Field(description="Answered, at prices that are known of all that was asked and of the default target")]
    cost_nanousd: Annotated[int, Field(description="Of all requests")]
    cost_usd: str
    compared_cost_nanousd: Annotated[int, Field(description="Of those compared, with their failed attempts, losers of races and mirrors")]
    compared_cost_usd: str
    baseline_cost_nanousd: Annotated[int, Field(description="The tokens of their answers at the prices of the default target")]
    baseline_cost_usd: str
    saved_nanousd: int
    saved_usd: str
    percent: Annotated[float | None, Field(description="Of the baseline; null where that is nothing")]


class SavingRow(SavingFigures):
    id: Annotated[str, Field(description="The day (UTC), the route or the policy")]


class Savings(BaseModel):
    by: By
    first: Annotated[str, Field(alias="from")]
    last: Annotated[str, Field(alias="to")]
    rows: Annotated[list[SavingRow], Field(description="By day in their order, else those that saved most first")]
    total: Annotated[SavingFigures, Field(description="Of all requests, those without a row as well")]


@router.get("/admin/savings", summary="What routing has saved, by day, route or policy", tags=["usage"])
def savings(by: By = "day", first: days.First = None, last: days.Last = None) -> Savings:
    begin, end = days.asked(first, last)
    wanted = [("all", ALL)]
    if by != "day":
        snapshot = boto_snapshots.live(stage.control(), os.environ["SIGNALBOX_CONFIG_BUCKET"])
        wanted += [(by, id) for id in analytics.ids_of(by, snapshot)]
    counted = sums.ranges(wanted, spans(begin, end, "day" if by == "day" else None))
    everyone = counted.pop(("all", ALL))
    if by == "day":
        rows = [_row(told(period, "day"), counters) for period, counters in sorted(everyone.items())]
    else:
        rows = [_row(id, analytics.together(periods.values())) for (_, id), periods in counted.items() if periods]
        rows.sort(key=lambda row: (-row.saved_nanousd, row.id))
    total = SavingFigures(**_figures(analytics.together(everyone.values())))
    return Savings(**{"from": str(begin), "to": str(end)}, by=by, rows=rows, total=total)


def _row(id: str, counters: Mapping[str, int]) -> SavingRow:
    return SavingRow(id=id, **_figures(counters))


def _figures(counters: Mapping[str, int]) -> dict[str, Any]:
    found = saving(counters)._asdict()
    return found | {name.replace("_nanousd", "_usd"): to_usd(value) for name, value in found.items() if name.endswith("_nanousd")}
