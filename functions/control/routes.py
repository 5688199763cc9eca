"""/admin/routes: what the live configuration promises of its routes, reckoned before anybody asks for them."""

import os
from typing import Annotated

import stage
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query

from signalbox.aws import boto_snapshots
from signalbox.errors import Refusal
from signalbox.routing.analysis.fates import USUAL
from signalbox.routing.analysis.report import LEAST, Analysis, Assumptions, analyse

router = Router()

Share = Annotated[float, Query(ge=0, le=1)]


@router.get("/admin/routes/analysis", summary="Availability, single points of failure and the worst case of each route", tags=["routes"])
def analysis(
    route: Annotated[
        str | None, Query(min_length=1, max_length=200, description="A route, an alias or a model; without it, all routes")
    ] = None,
    provider_share: Share = USUAL.provider,
    region_share: Share = USUAL.region,
    least_availability: Share = LEAST,
) -> Analysis:
    if provider_share + region_share > 1:
        raise Refusal("invalid_request", "provider_share and region_share are more than 1 together: the rest is a target's own.")
    snapshot = boto_snapshots.live(stage.control(), os.environ["SIGNALBOX_CONFIG_BUCKET"])
    if snapshot is None:
        raise Refusal("not_found", "No configuration is published yet. Publish routing.yaml: POST /admin/config/publish.")
    assumptions = Assumptions(provider_share, region_share, least_availability)
    if route is None:
        return analyse(snapshot, assumptions=assumptions)
    found = snapshot.route(route)
    if found is None:
        raise Refusal("not_found", f"There is no route {route[:100]!r}. GET /v1/models lists what may be asked for.", param="route")
    return analyse(snapshot, [found], assumptions)
