"""The days that somebody asks about, and the figures' names that every answer about them shares."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated

import stage
from aws_lambda_powertools.event_handler.openapi.params import Query

from signalbox.errors import Refusal
from signalbox.usage.spans import Each

MOST = 400
MOST_BY_HOUR = 31
FIRST_YEAR, LAST_YEAR = 2000, 2999

First = Annotated[date | None, Query(alias="from", description="The first day, in UTC: 2026-11-20. Without it, the last one")]
Last = Annotated[date | None, Query(alias="to", description="The last day, which is included. Without it, today")]


def asked(first: date | None, last: date | None, each: Each | None = None) -> tuple[date, date]:
    """Raises Refusal where there are none between them, or too many."""
    last = last or max(stage.now().date(), first or date.min)
    first = first or last
    if not FIRST_YEAR <= min(first, last).year <= max(first, last).year <= LAST_YEAR:
        raise Refusal("invalid_request", f"from is {first} and to is {last}: nothing is counted of such years.", param="from")
    if first > last:
        raise Refusal("invalid_request", f"from is {first} and to is {last}: let from come first.", param="from")
    days, most = (last - first) // timedelta(days=1) + 1, MOST_BY_HOUR if each == "hour" else MOST
    if days > most:
        told = f"{days} days are too many{' by the hour' if each == 'hour' else ''}: ask for {most} at the most."
        raise Refusal("invalid_request", told, param="from")
    return first, last


def begin_ms(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp()) * 1000
