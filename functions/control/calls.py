"""/admin/requests: the calls of a tenant, the newest first, and whole each."""

from typing import Annotated, Any, get_type_hints

import days
import pages
import stage
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query
from forms import RequestId
from pydantic import BaseModel, Field, create_model
from usage import Recorded, to_usd

from signalbox.aws import boto_calls, boto_usage
from signalbox.errors import STATUS, Refusal
from signalbox.usage.calls import Line
from signalbox.usage.record import CRASHED
from signalbox.usage.spans import DAY

router = Router()

MOST_LOOKED_AT = 20_000  # lines of one page's search: what is rare goes on in the next
MOST_EMPTY = 100  # hours of it, likewise
OUTCOMES = ("ok", CRASHED, *STATUS)
Asked = Annotated[str | None, Query(min_length=1, max_length=400)]


_FIELDS: Any = {name: (kind, ...) for name, kind in get_type_hints(Line).items()}  # each is written down once, with the list that is kept
CallLine = create_model(
    "CallLine", __doc__="Times are milliseconds, `at_ms` is epoch. What else is known of it: /admin/requests/{id}.", **_FIELDS
)


class Calls(BaseModel):
    tenant: str
    requests: Annotated[list[CallLine], Field(description="The newest first")]  # type: ignore[valid-type]
    next: Annotated[str | None, Field(description="Give it as `before` for those that follow; null where there are none in these days")]


@router.get("/admin/requests", summary="Calls of a tenant, the newest first", tags=["usage"])
def list_calls(
    tenant: Annotated[str, Query(min_length=1, max_length=400)],
    first: days.First = None,
    last: days.Last = None,
    team: Asked = None,
    key: Asked = None,
    route: Asked = None,
    target: Asked = None,
    user: Asked = None,
    outcome: Annotated[str | None, Query(min_length=1, max_length=400, description="ok, crashed, or the code that was answered")] = None,
    slow: Annotated[bool | None, Query(description="true: the slow ones alone; false: the others")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    before: Annotated[str, Query(max_length=500, description="`next` of the page before: it may have fewer rows than `limit`")] = "",
) -> Calls:
    if outcome is not None and outcome not in OUTCOMES:
        message = f"outcome: no request ends in {outcome[:100]!r}. It is one of {', '.join(OUTCOMES)}."
        raise Refusal("invalid_request", message, param="outcome")
    begin, end = days.asked(first, last)
    from_ms, to_ms = days.begin_ms(begin), days.begin_ms(end + DAY)
    after = pages.place(before, to_ms)
    wanted = {"team": team, "key": key, "route": route, "target": target, "user": user, "outcome": outcome, "slow": slow}
    asked = {name: value for name, value in wanted.items() if value is not None}
    found: list[Line] = []
    looked_at = empty = 0
    reached = after
    for lines in boto_calls.newest_first(stage.usage(), tenant, from_ms, min(to_ms, after[0] + 1)):
        for line in lines:
            if boto_calls.place(line) >= after:
                continue
            reached = boto_calls.place(line)
            if all(getattr(line, name) == value for name, value in asked.items()):
                found.append(line)
                if len(found) == limit:
                    return _page(tenant, found, reached)
        looked_at, empty = looked_at + len(lines), 0 if lines else empty + 1
        if not lines:
            reached = (min(reached[0], _hour_before(reached[0])), "")
        if looked_at > MOST_LOOKED_AT or empty >= MOST_EMPTY:
            return _page(tenant, found, reached)
    return _page(tenant, found, None)


@router.get("/admin/requests/<request_id>", summary="One request of any tenant", tags=["usage"])
def show_call(request_id: RequestId) -> Recorded:
    detail = boto_usage.request(stage.usage(), request_id)
    if detail is None:
        raise Refusal("not_found", f"No request {request_id[:100]} is recorded. A new one appears within seconds of its answer.")
    return Recorded(**detail, cost_usd=to_usd(detail["cost_nanousd"]))


def _page(tenant: str, found: list[Line], reached: tuple[int, str] | None) -> Calls:
    rows = [CallLine(**line._asdict()) for line in found]
    return Calls(tenant=tenant, requests=rows, next=None if reached is None else pages.told(*reached))


def _hour_before(at_ms: int) -> int:
    return (at_ms - 1) // 3_600_000 * 3_600_000
