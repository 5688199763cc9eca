"""The usage table: each event written once together with what it adds, and the totals read back."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import ClientError, ParamValidationError

from ..usage.events import UsageRecorded
from ..usage.item import to_detail, usage_item
from ..usage.spans import Span
from ..usage.totals import Hourly, Total, gathered, parts, periods_of, spread
from . import boto_sums, boto_tables

SHARDS = boto_sums.SHARDS
CONFLICTS = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}  # nothing was written, and the next try may pass
INVALID = {"ValidationException", "ValidationError", "ItemCollectionSizeLimitExceeded"}  # no try passes as long as the same is written
TRIES = 6
READERS = 16  # at once
OWN = {"pk", "sk", "folded", "expires_at"}  # of a total's item: no counters

Of = tuple[str, str]  # dimension, id


def record(table: Any, events: Iterable[UsageRecorded], shard: int) -> tuple[int, dict[str, str]]:
    """Writes the events that are new: how many they were, and which ones DynamoDB does not take, with its reason.

    All the same to DynamoDB however often each one comes. `shard` is the writer's own log of sums, so that writers seldom meet.
    """
    by_id = {event.id: event for event in events}
    new, waiting = 0, list(parts(by_id.values()))
    refused = dict.fromkeys(by_id.keys() - {event.id for part in waiting for event in part}, "a name is too long for a total's key")
    while waiting:
        part = waiting.pop()
        try:
            new += _record(table, part, shard)
        except (ClientError, ParamValidationError, ArithmeticError, TypeError) as error:  # the last two are how boto3 refuses a number
            codes = (
                {error.response["Error"]["Code"], *_reasons(error)} & INVALID if isinstance(error, ClientError) else {type(error).__name__}
            )
            if not codes:
                raise
            if len(part) > 1:
                waiting += [part[: len(part) // 2], part[len(part) // 2 :]]
            else:
                refused[part[0].id] = ", ".join(sorted(codes))
    return new, refused


def _reasons(error: ClientError) -> list[str]:
    """For each write of a cancelled transaction, in their order: `None` where it was not the cause."""
    return [reason.get("Code", "") for reason in error.response.get("CancellationReasons", [])]


def _record(table: Any, events: list[UsageRecorded], shard: int) -> int:
    tries = 0
    last = boto_sums.mark(table, shard).last
    while events:
        try:
            table.meta.client.transact_write_items(TransactItems=_writes(table.name, events, shard, last))
            return len(events)
        except ClientError as error:
            codes = _reasons(error)
            known = {event.id for event, code in zip(events, codes, strict=False) if code == "ConditionalCheckFailed"}
            events = [event for event in events if event.id not in known]
            overtaken = codes[-1:] == ["ConditionalCheckFailed"]  # another writer was at the same log
            if not known:
                tries += 1
                if tries == TRIES or not (overtaken or CONFLICTS.intersection(codes)):
                    raise
                boto_tables.pause(tries)
            if overtaken or not known:
                last = boto_sums.mark(table, shard).last
    return 0


def _writes(name: str, events: list[UsageRecorded], shard: int, last: int) -> list[dict[str, Any]]:
    """The events first, in their order, and the mark last: the reasons of a cancelled transaction are matched by position."""
    puts = [{"Put": {"TableName": name, "Item": usage_item(event), "ConditionExpression": "attribute_not_exists(pk)"}} for event in events]
    return puts + boto_sums.appended(name, shard, last, gathered(events))


def totals(table: Any, dimension: str, id: str, periods: Sequence[str]) -> dict[str, dict[str, int]]:
    """The counters of one key, tenant, … for each period asked for ("day#2026-11-21"; see `periods_now`), over all writers."""
    found = ranges(table, [(dimension, id)], [Span(period, period) for period in periods])[dimension, id]
    return {period: found.get(period, {}) for period in periods}


def ranges(
    table: Any, wanted: Sequence[Of], spans: Sequence[Span], log: Iterable[boto_sums.Entry] | None = None
) -> dict[Of, dict[str, dict[str, int]]]:
    """For each (dimension, id), the counters of each period of the spans in which any were counted: one query an id and span.

    What is recorded is in it, once: what stands in the log of sums is added where the totals do not have it yet. `log` is one that
    was read already: what was recorded after it may be missing.
    """
    log = boto_sums.unfolded(table) if log is None else log  # before the totals: what is folded in between is then in these
    with ThreadPoolExecutor(READERS) as pool:
        asked = [(of, span) for of in wanted for span in spans]
        read = pool.map(lambda row: _periods(table, *row), asked)
        items = [(Total(*of, item["sk"].rpartition("#")[0]), item) for (of, _), found in zip(asked, read, strict=True) for item in found]
    folded = {(total, shard_of(item)): item.get("folded", 0) for total, item in items}
    asked_for = set(wanted)
    missing = [
        (total, counters)
        for total, counters in left_in(log, folded, lambda of: (of.dimension, of.id) in asked_for)
        if any(span.first <= total.period <= span.last for span in spans)
    ]
    periods: dict[Of, dict[str, Counter[str]]] = {of: {} for of in wanted}
    for total, counters in [(total, Counter(counters_of(item))) for total, item in items] + missing:
        periods[total.dimension, total.id].setdefault(total.period, Counter()).update(counters)
    return {of: {period: dict(counters) for period, counters in found.items()} for of, found in periods.items()}


def _periods(table: Any, of: Of, span: Span) -> list[dict[str, Any]]:
    first, last = (Total(of[0], of[1], period).place for period in span)
    return items_of(table, *first, last[1])


def left_in(
    log: Iterable[boto_sums.Entry], folded: Mapping[tuple[Total, int], int], is_asked: Callable[[Hourly], bool] = lambda of: True
) -> list[tuple[Total, Counter[str]]]:
    """What of it the log holds beside the totals: those that an entry is folded into already are left out of it."""
    return [
        (total, counters)
        for entry in log
        for total, counters in spread(row for row in entry.rows() if is_asked(row[0])).items()
        if entry.number > folded.get((total, entry.shard), 0)
    ]


def items_of(table: Any, pk: str, first: str, last: str, ends: str = "#~") -> list[dict[str, Any]]:
    """By the client, which threads may share; a table they may not."""
    pages = table.meta.client.get_paginator("query").paginate(
        TableName=table.name,
        KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
        ExpressionAttributeValues={":pk": pk, ":first": first or " ", ":last": last + ends},
        ConsistentRead=True,
    )
    return [item for page in pages for item in boto_tables.to_plain(page["Items"])]


def shard_of(item: Mapping[str, Any]) -> int:
    return int(item["sk"].rpartition("#")[2])


def counters_of(item: Mapping[str, Any]) -> dict[str, int]:
    return {name: value for name, value in item.items() if name not in OWN}


def periods_now(now_ms: int) -> tuple[str, str, str]:
    """This hour, this day, this month."""
    return periods_of(now_ms)


def request(table: Any, id: str) -> dict[str, Any] | None:
    """The detail of one request's `UsageRecorded`, or None where it is not recorded (yet)."""
    item = boto_tables.get(table, f"request#{id}", "usage")
    return to_detail(item) if item else None
