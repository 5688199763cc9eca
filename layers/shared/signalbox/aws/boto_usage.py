"""The usage table: each event written once together with what it adds to the totals, and the totals read back."""

from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import ClientError, ParamValidationError

from ..usage.events import UsageRecorded
from ..usage.spans import Span
from ..usage.totals import increments, parts, periods_of, usage_item
from . import boto_tables

SHARDS = 16
CONFLICTS = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}  # nothing was written, and the next try may pass
INVALID = {"ValidationException", "ValidationError", "ItemCollectionSizeLimitExceeded"}  # no try passes as long as the same is written
TRIES = 6
READERS = 16  # at once


def record(table: Any, events: Iterable[UsageRecorded], shard: int) -> tuple[int, dict[str, str]]:
    """Writes the events that are new: how many they were, and which ones DynamoDB does not take, with its reason.

    All the same to DynamoDB however often each one comes. Where a key's item is full, its models are told apart no more. `shard` is the
    writer's own part of the totals, so that writers do not meet in one item.
    """
    by_id = {event.id: event for event in events}
    new, refused = 0, {}
    waiting = [(part, True) for part in parts(by_id.values())]
    while waiting:
        part, by_model = waiting.pop()
        try:
            new += _record(table, part, shard, by_model)
        except (ClientError, ParamValidationError, ArithmeticError, TypeError) as error:  # the last two are how boto3 refuses a number
            codes = (
                {error.response["Error"]["Code"], *_reasons(error)} & INVALID if isinstance(error, ClientError) else {type(error).__name__}
            )
            if not codes:
                raise
            if len(part) > 1:
                waiting += [(part[: len(part) // 2], by_model), (part[len(part) // 2 :], by_model)]
            elif by_model:  # the key's item may be too large for another name
                waiting.append((part, False))
            else:
                refused[part[0].id] = ", ".join(sorted(codes))
    return new, refused


def _reasons(error: ClientError) -> list[str]:
    """For each write of a cancelled transaction, in their order: `None` where it was not the cause."""
    return [reason.get("Code", "") for reason in error.response.get("CancellationReasons", [])]


def _record(table: Any, events: list[UsageRecorded], shard: int, by_model: bool) -> int:
    tries = 0
    while events:
        try:
            table.meta.client.transact_write_items(TransactItems=_writes(table.name, events, shard, by_model))
            return len(events)
        except ClientError as error:
            codes = _reasons(error)
            known = {event.id for event, code in zip(events, codes, strict=False) if code == "ConditionalCheckFailed"}
            if known:
                events = [event for event in events if event.id not in known]
                continue
            tries += 1
            if tries == TRIES or not CONFLICTS.intersection(codes):
                raise
            boto_tables.pause(tries)
    return 0


def _writes(name: str, events: list[UsageRecorded], shard: int, by_model: bool) -> list[dict[str, Any]]:
    """The events first, in their order: the reasons of a cancelled transaction are matched by position."""
    puts = [{"Put": {"TableName": name, "Item": usage_item(event), "ConditionExpression": "attribute_not_exists(pk)"}} for event in events]
    return puts + [
        {
            "Update": {"TableName": name, "Key": {"pk": f"total#{total.dimension}#{total.id}", "sk": f"{total.period}#{shard:02d}"}}
            | _adding(counters)
        }
        for total, counters in increments(events, by_model=by_model).items()
    ]


def _adding(counters: Counter[str]) -> dict[str, Any]:
    added = [(name, value) for name, value in sorted(counters.items()) if value]
    return {
        "UpdateExpression": "ADD " + ", ".join(f"#{n} :{n}" for n in range(len(added))),
        "ExpressionAttributeNames": {f"#{n}": name for n, (name, _) in enumerate(added)},
        "ExpressionAttributeValues": {f":{n}": value for n, (_, value) in enumerate(added)},
    }


def totals(table: Any, dimension: str, id: str, periods: Sequence[str]) -> dict[str, dict[str, int]]:
    """The counters of one key, tenant, … for each period asked for ("day#2026-11-21"; see `periods_now`), over all writers."""
    return {period: _sum(boto_tables.query(table, f"total#{dimension}#{id}", f"{period}#")) for period in periods}


def ranges(table: Any, wanted: Sequence[tuple[str, str]], spans: Sequence[Span]) -> dict[tuple[str, str], dict[str, dict[str, int]]]:
    """For each (dimension, id), the counters of each period of the spans in which any were counted: one query an id and span.

    Read as they stand: what was written within the last second or so may be missing.
    """
    with ThreadPoolExecutor(READERS) as pool:
        asked = [(of, span) for of in wanted for span in spans]
        read = pool.map(lambda row: _periods(table, row[0][0], row[0][1], row[1]), asked)
        found: dict[tuple[str, str], dict[str, dict[str, int]]] = {of: {} for of in wanted}
        for (of, _), periods in zip(asked, read, strict=True):
            found[of] |= periods
    return found


def _periods(table: Any, dimension: str, id: str, span: Span) -> dict[str, dict[str, int]]:
    """By the client, which threads may share; a table they may not."""
    pages = table.meta.client.get_paginator("query").paginate(
        TableName=table.name,
        KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
        ExpressionAttributeValues={":pk": f"total#{dimension}#{id}", ":first": f"{span.first}#", ":last": f"{span.last}#~"},
    )
    periods: dict[str, list[dict[str, Any]]] = {}
    for page in pages:
        for item in boto_tables.to_plain(page["Items"]):
            periods.setdefault(item["sk"].rpartition("#")[0], []).append(item)
    return {period: _sum(items) for period, items in periods.items()}


def _sum(items: Iterable[dict[str, Any]]) -> dict[str, int]:
    counters: Counter[str] = Counter()
    for item in items:
        counters.update({name: value for name, value in item.items() if name not in ("pk", "sk")})
    return dict(counters)


def periods_now(now_ms: int) -> tuple[str, str, str]:
    """This hour, this day, this month."""
    return periods_of(now_ms)


def request(table: Any, id: str) -> dict[str, Any] | None:
    """The detail of one request's `UsageRecorded`, or None where it is not recorded (yet)."""
    item = boto_tables.get(table, f"request#{id}", "usage")
    return {name: value for name, value in item.items() if name not in ("pk", "sk", "expires_at")} if item else None
