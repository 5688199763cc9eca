"""/admin/reports: the daily reports of tenants and teams: the stored ones, and those that are not made yet, as their day stands."""

import json
import os
import re
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache
from typing import Annotated, Any, Literal

import days
import stage
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Header, Query
from report_views import DailyReport, ReportName, ReportNames
from usage import Id

from signalbox.aws import boto_bus
from signalbox.aws.boto_reports import TYPES, Kept, Totals, text
from signalbox.errors import Refusal
from signalbox.reports import places

router = Router()

Format = Literal["json", "csv", "html"]
MOST_LOOKED = 1_000  # of the totals, for one page: each is a read
MOST_BYTES = 5_000_000  # Lambda answers 6 MB, in which quotes are escaped


@router.get("/admin/reports", summary="Which daily reports there are of a day", tags=["usage"])
def list_reports(
    day: Annotated[days.Day | None, Query(description="In UTC: 2026-11-20. Without it, yesterday")] = None,
    tenant: Id | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
    after: Annotated[str, Query(max_length=500, description="`next` of the page before")] = "",
) -> ReportNames:
    """Those that are stored, and after them those that are not, or could not be: each is made when it is asked for."""
    day = days.one(day or stage.now().date() - timedelta(days=1))
    passed = None if _is_key(after) else _pair(after)
    stored = [] if passed else _kept().names(day, tenant, after, limit)
    found = [ReportName(day=str(day), tenant=of, team=team, stored=True) for of, team in map(places.named, stored)]
    if len(stored) == limit:
        return ReportNames(day=str(day), reports=found, next=stored[-1])
    for looked, (of, team, is_stored) in enumerate(_recorded(day, tenant, passed)):
        if len(found) == limit or looked == MOST_LOOKED:
            return ReportNames(day=str(day), reports=found, next=json.dumps(passed, ensure_ascii=False))
        if not is_stored:
            found.append(ReportName(day=str(day), tenant=of, team=team, stored=False))
        passed = of, team
    return ReportNames(day=str(day), reports=found, next=None)


@router.get(
    "/admin/reports/<day>",
    summary="The daily report of a tenant or a team",
    tags=["usage"],
    responses={
        200: {
            "description": "As `format` or `accept` says; JSON without either",
            "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/DailyReport"}},
                "text/csv": {"schema": {"type": "string"}},
                "text/html": {"schema": {"type": "string"}},
            },
        }
    },
)
def show_report(
    day: days.Day,
    tenant: Id,
    team: Annotated[str | None, Query(min_length=1, max_length=400, description="Without it, of the whole tenant")] = None,
    format: Annotated[Format | None, Query(description="Before what the header `accept` says")] = None,
    fresh: Annotated[
        bool, Query(description="Made of the totals as they are now, also where one is stored; they are kept for 100 days")
    ] = False,
    accept: Annotated[str, Header(max_length=1000)] = "",
) -> Response[DailyReport | str]:
    wanted = format or _accepted(accept)
    body = _told(days.one(day), tenant, team, wanted, fresh)
    if body is None:
        whose = f"{tenant[:100]}'s team {team[:100]}" if team else tenant[:100]
        listed = f"GET /admin/reports?day={day} lists those there are."
        raise Refusal("not_found", f"Nothing is recorded of {whose} on {day}, so that there is no report. {listed}")
    if len(body.encode()) > MOST_BYTES:
        raise Refusal(
            "invalid_request",
            f"This report is too long for an answer. It is in the report bucket as {places.key(str(day), tenant, team, wanted)}.",
        )
    told = json.loads(body) if wanted == "json" else body
    return Response(200, TYPES[wanted], told, headers={"x-content-type-options": "nosniff"})


def _told(day: date, tenant: str, team: str | None, format: Format, fresh: bool) -> str | None:
    """A day that is not over has none that are stored. What totals no longer hold may still be."""
    finished = day < stage.now().date()
    stored = _kept().get(day, tenant, team, format) if finished and not fresh else None
    if stored is not None:
        return stored
    made = Totals(stage.usage()).report(day, tenant, team, finished=finished)
    if made is not None:
        return text(made, format)
    return _kept().get(day, tenant, team, format) if finished and fresh else None


def _recorded(day: date, tenant: str | None, after: tuple[str, str | None] | None) -> Iterator[tuple[str, str | None, bool]]:
    """Each tenant that the totals know, and after it each of its teams; and whether its report is stored."""
    kept = _kept()
    any_is = bool(kept.names(day, tenant, "", 1))

    @lru_cache(maxsize=1)
    def keys(of: str) -> set[str]:
        return set(kept.names(day, of, "", sys.maxsize)) if any_is else set()

    def told(of: str, team: str | None) -> tuple[str, str | None, bool]:
        return of, team, places.key(str(day), of, team, "json") in keys(of)

    last = after[0] if after else None
    for of, team in Totals(stage.usage()).teams(day, tenant, after):
        if of != last:
            yield told(of, None)
            last = of
        if team:
            yield told(of, team)


def _pair(after: str) -> tuple[str, str | None] | None:
    match _read(after):
        case None:
            return None
        case [str() as tenant, (str() | None) as team]:
            return tenant, team
    raise Refusal("invalid_request", "after is what a page's `next` says.", param="after")


def _read(after: str) -> Any:
    try:
        return json.loads(after) if after else None
    except ValueError:
        return after


def _is_key(after: str) -> bool:
    return after.startswith("reports/")


def _kept() -> Kept:
    return Kept(boto_bus.client("s3"), os.environ["SIGNALBOX_REPORT_BUCKET"])


def _accepted(accept: str) -> Format:
    """Of what there is, what is wanted most; JSON where that is as welcome, or nothing is."""
    kinds: dict[str, Format] = {TYPES[format].partition(";")[0]: format for format in ("json", "csv", "html")}
    weights = {kind.strip().lower(): _weight(rest) for kind, _, rest in (part.partition(";") for part in accept.split(","))}
    best = max(kinds, key=lambda kind: weights.get(kind, 0))
    return kinds[best]


def _weight(parameters: str) -> float:
    found = re.search(r"q=([01](?:\.\d{1,3})?)", parameters)
    return float(found[1]) if found else 1.0
