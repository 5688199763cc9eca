"""The list of calls in the usage table: one item for each tenant and minute of a batch, named by what it holds. Uses boto3.

Writing it again changes nothing; a call may stand in several, since a queue delivers at least once: whoever reads takes one.
"""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from ..usage.calls import KEEP_S, Line, by_minute, pack_lines, unpack_lines
from ..usage.events import UsageRecorded

HOUR = timedelta(hours=1)
MOST_BYTES = 300_000  # of an item, which may have 400 KB


def write(table: Any, events: Iterable[UsageRecorded]) -> None:
    """In no transaction: it is read as what was heard of, and counted from nowhere."""
    with table.batch_writer() as batch:
        for (tenant, hour, minute), lines in by_minute(events).items():
            expires_at = lines[0].at_ms // 1000 + KEEP_S
            for packed in _packed(lines):
                digest = hashlib.sha256(packed).hexdigest()[:16]
                batch.put_item({"pk": f"calls#{tenant}#{hour}", "sk": f"{minute}#{digest}", "calls": packed, "expires_at": expires_at})


def _packed(lines: list[Line]) -> Iterator[bytes]:
    """In as few as an item takes: an event has 200 KB at the most, a batch of them has more than any item."""
    packed, half = pack_lines(lines), len(lines) // 2
    if len(packed) <= MOST_BYTES or not half:
        yield packed
    else:
        yield from (*_packed(lines[:half]), *_packed(lines[half:]))


def newest_first(table: Any, tenant: str, from_ms: int, to_ms: int) -> Iterator[list[Line]]:
    """Minute by minute, and for an hour without any an empty list: whoever reads may stop at any. `to_ms` is excluded."""
    hour = _at(to_ms - 1).replace(minute=0, second=0, microsecond=0)
    while hour + HOUR > _at(from_ms):
        nothing = True
        for _, items in groupby(_items(table, f"calls#{tenant}#{hour:%Y-%m-%dT%H}", to_ms, hour), key=lambda item: item["sk"][:2]):
            nothing = False
            lines = {line.id: line for item in items for line in unpack_lines(bytes(item["calls"])) if from_ms <= line.at_ms < to_ms}
            yield sorted(lines.values(), key=place, reverse=True)
        if nothing:
            yield []
        hour -= HOUR


def place(line: Line) -> tuple[int, str]:
    """In the list, from the oldest on."""
    return line.at_ms, line.id


def _items(table: Any, pk: str, to_ms: int, hour: datetime) -> Iterator[dict[str, Any]]:
    """The newest minute first, beginning with that of `to_ms`."""
    last = f"{_at(to_ms - 1):%M}" if _at(to_ms - 1) < hour + HOUR else "59"
    pages = table.meta.client.get_paginator("query").paginate(
        TableName=table.name,
        KeyConditionExpression="pk = :pk AND sk <= :last",
        ExpressionAttributeValues={":pk": pk, ":last": f"{last}#~"},
        ScanIndexForward=False,
    )
    for page in pages:
        yield from page["Items"]


def _at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
