"""Who changed what, in the control table: one item for each, in the partition of its day. Uses boto3."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import Any, NamedTuple

from ..usage.spans import DAY
from . import boto_tables

KEEP_S = 400 * 86_400


class Place(NamedTuple):
    """In the record, from the oldest on. Without an id it is before all entries of that moment."""

    at_ms: int
    id: str


class Page(NamedTuple):
    """`end`: what follows is before that."""

    entries: list[tuple[Place, dict[str, Any]]]
    end: Place


def write(table: Any, at: datetime, id: str, entry: dict[str, str]) -> None:
    """`entry`: who, method, path, changed, tenant. It is kept for 400 days."""
    said = _said(at)
    key = {"pk": _day(at.date()), "sk": f"{said}#{id}"}
    table.put_item(Item=key | {"at": said, "expires_at": int(at.timestamp()) + KEEP_S} | entry)


def newest_first(table: Any, first: date, before: Place) -> Iterator[Page]:
    """One a day at least, with or without entries: whoever reads may stop at any. Only what comes before that place."""
    last = _at(before.at_ms - (not before.id)).date()
    day = last
    while day >= first:
        pages = table.meta.client.get_paginator("query").paginate(
            TableName=table.name,
            KeyConditionExpression="pk = :pk AND sk < :before",
            ExpressionAttributeValues={":pk": _day(day), ":before": f"{_said(_at(before.at_ms))}#{before.id}" if day == last else "~"},
            ScanIndexForward=False,
        )
        for page in pages:
            entries = [(_place(item), item) for item in boto_tables.to_plain(page["Items"])]
            done = "LastEvaluatedKey" not in page
            yield Page(entries, Place(_ms(datetime.combine(day, time(), UTC)), "") if done else entries[-1][0])
        day -= DAY


def _day(day: date) -> str:
    return f"audit#{day}"


def _said(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")


def _place(item: dict[str, Any]) -> Place:
    return Place(_ms(datetime.fromisoformat(item["at"])), item["sk"].rpartition("#")[2])


def _at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
