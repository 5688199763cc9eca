"""A daily report as the API tells it, and the list of them."""

from typing import Annotated

from pydantic import BaseModel, Field


class ReportFigures(BaseModel):
    """Of a model: what it was asked, and of its attempts `failed`, `estimated` and the mean. Of all else: requests as clients saw them."""

    requests: int
    errors: Annotated[int, Field(description="refused + failed")]
    refused: Annotated[int, Field(description="Sent nowhere")]
    failed: Annotated[int, Field(description="Sent, and not answered to the end")]
    slow: Annotated[int, Field(description="Took as long as the route's slow_after_s or the stage's SlowMs; nothing of a model")]
    cache_hits: int
    cache_misses: int
    attempts: int
    estimated: Annotated[int, Field(description="Whose tokens no provider told")]
    input: int
    cached: int
    cache_write: int
    cache_write_1h: int
    output: int
    reasoning: int
    cost_nanousd: int
    cost_usd: str


class ReportTotal(ReportFigures):
    mean_ms: Annotated[float | None, Field(description="From a request's arrival to the end of its answer; of a model: of its attempts")]
    before: Annotated[ReportFigures, Field(description="The same of the day before")]


class ReportRow(ReportTotal):
    id: str


class DailyReport(BaseModel):
    """Rows stand with the dearest first; what was there the day before alone has one too."""

    version: int
    day: str
    tenant: str
    team: Annotated[str | None, Field(description="null: of the whole tenant")]
    finished: Annotated[bool, Field(description="Made after the day was over; false: it is today's, so far")]
    total: ReportTotal
    by_team: Annotated[list[ReportRow], Field(description="Of a whole tenant; the id is empty where keys are of no team")] = []
    by_model: list[ReportRow]
    by_key: list[ReportRow]
    by_route: list[ReportRow]


class ReportName(BaseModel):
    day: str
    tenant: str
    team: Annotated[str | None, Field(description="null: of the whole tenant")]
    stored: Annotated[bool, Field(description="false: it is made of the totals when it is asked for")]


class ReportNames(BaseModel):
    day: str
    reports: list[ReportName]
    next: Annotated[str | None, Field(description="Give it as `after` for those that follow; null where there are none")]
