"""/admin/segments: tenants by a name, such as enterprise or beta-testers, for flags and conditions to speak of."""

from typing import Annotated

import rows
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Path
from noun import Noun
from pydantic import BaseModel, Field
from rows import AskedExpected, AskedMessage, Change, OfVersion

router = Router()
SEGMENTS = Noun(router, "segments", "segment")

Name = Annotated[str, Path(max_length=64, description="As flags and conditions name it")]
Tenants = Annotated[list[Annotated[str, Field(min_length=1, max_length=64)]], Field(max_length=10_000)]


class Segment(BaseModel):
    name: str
    tenants: list[str]


class Segments(OfVersion):
    segments: list[Segment]


class ShownSegment(OfVersion):
    segment: Segment


class WholeSegment(Change):
    tenants: Tenants


class ChangedSegment(rows.ChangedRow):
    segment: Segment


class RemovedSegment(rows.RemovedRow):
    name: str


@router.get("/admin/segments", summary="All segments, by name", tags=["flags"])
def list_segments() -> Segments:
    live = rows.live()
    found = sorted(live.document.segments.items())
    return Segments(version=live.version, segments=[Segment(name=name, tenants=list(tenants)) for name, tenants in found])


@router.get("/admin/segments/<name>", summary="The tenants of one segment", tags=["flags"])
def show(name: Name) -> ShownSegment:
    live = rows.live()
    return ShownSegment(version=live.version, segment=Segment(name=name, tenants=list(SEGMENTS.known(live, name))))


@router.put("/admin/segments/<name>", summary="Say which tenants a segment has", tags=["flags"])
def put(name: Name, new: WholeSegment) -> ChangedSegment:
    tenants = list(dict.fromkeys(new.tenants))
    change = SEGMENTS.store(rows.live(new.expected_version), name, tenants, new.message)
    SEGMENTS.tell(name, f"has {len(tenants)} tenants", change.published)
    return ChangedSegment(segment=Segment(name=name, tenants=list(change.row)), **change.published.model_dump())


@router.delete("/admin/segments/<name>", summary="Remove a segment that nothing names any more", tags=["flags"])
def remove(name: Name, expected_version: AskedExpected = None, message: AskedMessage = "") -> RemovedSegment:
    live = rows.live(expected_version)
    SEGMENTS.known(live, name)
    published = SEGMENTS.remove(live, name, message)
    SEGMENTS.tell(name, "is removed", published)
    return RemovedSegment(name=name, **published.model_dump())
