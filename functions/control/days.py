"""The days that somebody asks about, and the figures' names that every answer about them shares."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any

import stage
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from signalbox.errors import Refusal
from signalbox.usage.spans import Each

MOST = 400
MOST_BY_HOUR = 31
FIRST_YEAR, LAST_YEAR = 2000, 2999


def _said(value: Any) -> Any:
    """Of a number nobody knows whether it is a day or counts seconds."""
    if not isinstance(value, str):
        return value
    try:
        day = date.fromisoformat(value)
    except ValueError:
        day = None
    if day is None or str(day) != value:  # 20261120 may be seconds
        raise PydanticCustomError("day", "it must be a day, as 2026-11-20")
    return day


Day = Annotated[date, BeforeValidator(_said)]
First = Annotated[Day | None, Query(alias="from", description="The first day, in UTC: 2026-11-20. Without it, the last one")]
Last = Annotated[Day | None, Query(alias="to", description="The last day, which is included. Without it, today")]


def asked(first: date | None, last: date | None, each: Each | None = None) -> tuple[date, date]:
    """Raises Refusal where there are none between them, or too many."""
    last = last or max(stage.now().date(), first or date.min)
    first = first or last
    if not (_counts(first) and _counts(last)):
        raise Refusal("invalid_request", f"from is {first} and to is {last}: nothing is counted of such years.", param="from")
    if first > last:
        raise Refusal("invalid_request", f"from is {first} and to is {last}: let from come first.", param="from")
    days, most = (last - first) // timedelta(days=1) + 1, MOST_BY_HOUR if each == "hour" else MOST
    if days > most:
        told = f"{days} days are too many{' by the hour' if each == 'hour' else ''}: ask for {most} at the most."
        raise Refusal("invalid_request", told, param="from")
    return first, last


def one(day: date) -> date:
    """Likewise, of a single one."""
    if not _counts(day):
        raise Refusal("invalid_request", f"day is {day}: nothing is counted of such years.", param="day")
    return day


def _counts(day: date) -> bool:
    return FIRST_YEAR <= day.year <= LAST_YEAR


def begin_ms(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp()) * 1000
