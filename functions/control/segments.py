"""/admin/segments: tenants by a name, such as enterprise or beta-testers, for flags and conditions to speak of."""

from typing import Annotated

import rows
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Path
from pydantic import BaseModel, Field
from rows import AskedExpected, AskedMessage, Change

from signalbox.errors import Refusal

router = Router()

SECTION = "segments"
Name = Annotated[str, Path(max_length=64, description="As flags and conditions name it")]
Tenants = Annotated[list[Annotated[str, Field(min_length=1, max_length=64)]], Field(max_length=10_000)]


class Segment(BaseModel):
    name: str
    tenants: list[str]


class Segments(BaseModel):
    version: Annotated[int, Field(description="Of the configuration: what `expected_version` may name")]
    segments: list[Segment]


class ShownSegment(BaseModel):
    version: int
    segment: Segment


class WholeSegment(Change):
    tenants: Tenants


class ChangedSegment(rows.ChangedRow):
    segment: Segment


class RemovedSegment(rows.ChangedRow):
    name: str
    deleted: bool


@router.get("/admin/segments", summary="All segments, by name", tags=["flags"])
def list_segments() -> Segments:
    live = rows.live()
    found = sorted(live.document.segments.items())
    return Segments(version=live.version, segments=[Segment(name=name, tenants=list(tenants)) for name, tenants in found])


@router.get("/admin/segments/<name>", summary="The tenants of one segment", tags=["flags"])
def show(name: Name) -> ShownSegment:
    live = rows.live()
    if name not in live.document.segments:
        raise _unknown(name)
    return ShownSegment(version=live.version, segment=Segment(name=name, tenants=list(live.document.segments[name])))


@router.put("/admin/segments/<name>", summary="Say which tenants a segment has", tags=["flags"])
def put(name: Name, new: WholeSegment) -> ChangedSegment:
    live = rows.live()
    rows.expected(live, new.expected_version)
    tenants = list(dict.fromkeys(new.tenants))
    change = rows.store(live, SECTION, name, tenants, who=router.context["who"], message=new.message or f"segment {name}")
    router.append_context(changed=f"segment {name} has {len(tenants)} tenants: configuration version {change.published.version}")
    return ChangedSegment(segment=Segment(name=name, tenants=list(change.row)), **change.published.model_dump())


@router.delete("/admin/segments/<name>", summary="Remove a segment that nothing names any more", tags=["flags"])
def remove(name: Name, expected_version: AskedExpected = None, message: AskedMessage = "") -> RemovedSegment:
    live = rows.live()
    rows.expected(live, expected_version)
    if name not in live.document.segments:
        raise _unknown(name)
    change = rows.remove(live, SECTION, name, who=router.context["who"], message=message or f"segment {name} removed")
    router.append_context(changed=f"segment {name} is removed: configuration version {change.published.version}")
    return RemovedSegment(name=name, deleted=True, **change.published.model_dump())


def _unknown(name: str) -> Refusal:
    return Refusal("not_found", f"There is no segment {name[:100]}. GET /admin/segments lists them.")
