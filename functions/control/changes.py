"""/admin/audit: who changed what, and who read what people wrote, the newest first."""

from typing import Annotated, Any

import days
import pages
import stage
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query
from forms import IN_A_KEY
from pydantic import BaseModel, Field

from signalbox.aws import boto_audit
from signalbox.aws.boto_audit import Place
from signalbox.usage.spans import DAY

router = Router()

MOST_LOOKED_AT = 20_000  # entries of one page's search: what is rare goes on in the next
MOST_EMPTY = 100  # days of it, likewise

Asked = Annotated[str | None, Query(min_length=1, max_length=400)]


class Entry(BaseModel):
    at: str
    actor: Annotated[str, Field(description="The name of an admin key; of a token `jwt:` and its subject")]
    method: Annotated[str, Field(description="GET: it was read, which is written down of samples alone")]
    path: str
    tenant: Annotated[str, Field(description="Whose it is; empty where it is no tenant's")]
    changed: Annotated[str, Field(description="In words")]


class Audit(BaseModel):
    entries: Annotated[list[Entry], Field(description="The newest first")]
    next: Annotated[str | None, Field(description="Give it as `before` for those that follow; null where there are none in these days")]


@router.get("/admin/audit", summary="Who changed what, and who read samples, the newest first; kept for 400 days", tags=["audit"])
def list_changes(
    first: days.First = None,
    last: days.Last = None,
    tenant: Asked = None,
    actor: Asked = None,
    path: Annotated[str | None, Query(min_length=1, max_length=400, description="How it begins: /admin/keys")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    before: Annotated[
        str, IN_A_KEY, Query(max_length=500, description="`next` of the page before: it may have fewer rows than `limit`")
    ] = "",
) -> Audit:
    begin, end = days.asked(first, last)
    after = Place(*pages.place(before, days.begin_ms(end + DAY)))
    asked = {name: value for name, value in {"tenant": tenant, "who": actor}.items() if value is not None}
    found: list[Entry] = []
    looked_at = empty = 0
    for page in boto_audit.newest_first(stage.control(), begin, after):
        for place, entry in page.entries:
            if all(entry.get(name) == value for name, value in asked.items()) and entry["path"].startswith(path or ""):
                found.append(_shown(entry))
                if len(found) == limit:
                    return Audit(entries=found, next=pages.told(*place))
        looked_at, empty = looked_at + len(page.entries), 0 if page.entries else empty + 1
        if looked_at > MOST_LOOKED_AT or empty >= MOST_EMPTY:
            return Audit(entries=found, next=pages.told(*page.end))
    return Audit(entries=found, next=None)


def _shown(entry: dict[str, Any]) -> Entry:
    said = {name: entry.get(name, "") for name in ("at", "method", "path", "tenant", "changed")}  # `tenant` came later than the record
    return Entry(actor=entry["who"], **said)
