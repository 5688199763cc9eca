"""The log of sums: what each transaction of events adds, in one packed entry, until many entries at once are folded into the totals.

Each shard is a log of its own, whose entries are numbered without a gap: the transaction that writes events and their entry moves the
shard's mark from n to n + 1. A total says up to which entry it holds its shard, so that whoever reads knows which entries to add to it,
and whoever folds adds none twice. Readers read the log first and the totals after it; folders delete entries last.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from ..usage.packed import SUMS, pack, unpack
from ..usage.totals import MOST_COUNTERS, Hourly, Total, from_rows, spread, to_rows
from . import boto_tables

LOG = "sums"
SHARDS = 16
WRITERS = 16  # at once, of one folder
DUE_BYTES, DUE_ENTRIES = 64_000, 64  # what is folded by whoever wrote it; less waits for the schedule
MOST_FOLDED = 256  # entries at once
MOST_TOTALS = 500  # likewise: a fold comes to its end long before its function's time does, and else would begin again each time


class Mark(NamedTuple):
    """Of a shard: its last entry, the last one that every total holds, and the last one that somebody began to fold."""

    last: int = 0
    folded: int = 0
    claimed: int = 0
    bytes: int = 0

    @property
    def is_due(self) -> bool:
        return self.bytes >= DUE_BYTES or self.last - self.folded >= DUE_ENTRIES


class Entry(NamedTuple):
    shard: int
    number: int
    packed: bytes

    def rows(self) -> Iterator[tuple[Hourly, dict[str, int]]]:
        return from_rows(unpack(self.packed))


def mark(table: Any, shard: int) -> Mark:
    return _to_mark(table.get_item(Key=_key(shard), ConsistentRead=True).get("Item", {}))


def appended(name: str, shard: int, last: int, sums: Mapping[Hourly, Mapping[str, int]]) -> list[dict[str, Any]]:
    """The two parts of a transaction that append an entry: the second fails where `last` is no longer the last one."""
    packed = pack(to_rows(sums), SUMS)
    put = {"Put": {"TableName": name, "Item": _key(shard, last + 1) | {"sums": packed}}}
    moved = {
        "TableName": name,
        "Key": _key(shard),
        "UpdateExpression": "SET #last = :next ADD #bytes :bytes",
        "ConditionExpression": "#last = :last" if last else "attribute_not_exists(pk)",
        "ExpressionAttributeNames": {"#last": "last", "#bytes": "bytes"},
        "ExpressionAttributeValues": {":next": last + 1, ":bytes": len(packed)} | ({":last": last} if last else {}),
    }
    return [put, {"Update": moved}]


def unfolded(table: Any) -> list[Entry]:
    """Of all shards, as they stand. Read the totals after it, consistently: each says which of these it has."""
    marks: dict[int, Mark] = {}
    entries = []
    for item in _query(table, LOG, "0", "~"):
        shard, _, number = item["sk"].partition("#")
        if not number:
            marks[int(shard)] = _to_mark(item)
        elif int(number) > marks.get(int(shard), Mark()).folded:  # a mark stands before its entries
            entries.append(Entry(int(shard), int(number), bytes(item["sums"])))
    return entries


def fold(table: Any, shard: int) -> int:
    """Adds a shard's entries to the totals, each once, however many do so at once and wherever they stop; how many entries they were."""
    seen = mark(table, shard)
    if seen.claimed == seen.folded:
        entries = list(_fitting(_entries(table, shard, seen.folded, seen.last)))
        if not entries or not _claimed(table, shard, seen, entries[-1].number):
            return 0
        claimed = entries[-1].number
    else:  # somebody began and did not come to an end, or is at it: what both add is the same, and each total takes it once
        claimed = seen.claimed
        entries = list(_entries(table, shard, seen.folded, claimed))
        if len(entries) != claimed - seen.folded:
            return 0  # somebody came to the end meanwhile
    totals = spread(row for entry in entries for row in entry.rows())
    with ThreadPoolExecutor(WRITERS) as pool:
        for _ in pool.map(lambda row: _add(table, shard, claimed, *row), totals.items()):
            pass
    _finish(table, shard, seen.folded, claimed, sum(len(entry.packed) for entry in entries))
    return len(entries)


def sweep(table: Any, shard: int) -> None:
    """Deletes what is folded: apart, so that whoever stopped before it left nothing but what readers pass over."""
    folded = mark(table, shard).folded
    keys = [_key(shard, entry.number) for entry in _entries(table, shard, 0, folded, dense=False)]
    with table.batch_writer() as batch:
        for key in keys:
            batch.delete_item(Key=key)


def fold_all(table: Any, shard: int, has_time: Callable[[], bool] = lambda: True) -> int:
    """Until nothing is left of it, somebody else is at it, or there is no time for more; how many entries they were."""
    count = 0
    while has_time() and (folded := fold(table, shard)):
        count += folded
        sweep(table, shard)
    return count


def _entries(table: Any, shard: int, after: int, last: int, *, dense: bool = True) -> Iterator[Entry]:
    """Those after the one and up to the other; `dense`: up to the first that is missing."""
    if after >= last:
        return
    for item in _query(table, LOG, *(_key(shard, number)["sk"] for number in (after + 1, last))):
        number = int(item["sk"].partition("#")[2])
        if dense and number != after + 1:
            return
        after = number
        yield Entry(shard, number, bytes(item["sums"]))


def _fitting(entries: Iterable[Entry]) -> Iterator[Entry]:
    """As many from the first on as leave each total no more counters than one update takes, and these totals to be few enough."""
    names: dict[Total, set[str]] = {}
    for count, entry in enumerate(entries):
        for total, counters in spread(entry.rows()).items():
            names.setdefault(total, set()).update(counters)
        if count and (count == MOST_FOLDED or len(names) > MOST_TOTALS or max(map(len, names.values()), default=0) > MOST_COUNTERS):
            return
        yield entry


def _claimed(table: Any, shard: int, seen: Mark, number: int) -> bool:
    return not boto_tables.refused(
        table.update_item,
        Key=_key(shard),
        UpdateExpression="SET claimed = :number",
        ConditionExpression="claimed = :folded" if seen.folded else "attribute_not_exists(claimed)",
        ExpressionAttributeValues={":number": number} | ({":folded": seen.folded} if seen.folded else {}),
    )


def _add(table: Any, shard: int, claimed: int, total: Total, counters: Counter[str]) -> None:
    """Where the item is full, without the names that only tell apart what it counts as a whole too."""
    try:
        boto_tables.refused(table.meta.client.update_item, TableName=table.name, **_adding(shard, claimed, total, counters))
    except ClientError as error:
        plain = Counter({name: value for name, value in counters.items() if ":" not in name})
        if error.response["Error"]["Code"] != "ValidationException" or plain == counters:
            raise
        boto_tables.refused(table.meta.client.update_item, TableName=table.name, **_adding(shard, claimed, total, plain))


def _adding(shard: int, claimed: int, total: Total, counters: Counter[str]) -> dict[str, Any]:
    added = sorted(counters.items())
    pk, begin = total.place
    return {
        "Key": {"pk": pk, "sk": f"{begin}#{shard:02d}"},
        "UpdateExpression": "SET folded = :folded, expires_at = :expires"
        + (" ADD " + ", ".join(f"#{n} :{n}" for n in range(len(added))) if added else ""),
        "ConditionExpression": "attribute_not_exists(folded) OR folded < :folded",
        "ExpressionAttributeValues": {":folded": claimed, ":expires": total.expires_at}
        | {f":{n}": value for n, (_, value) in enumerate(added)},
    } | ({"ExpressionAttributeNames": {f"#{n}": name for n, (name, _) in enumerate(added)}} if added else {})


def _finish(table: Any, shard: int, folded: int, claimed: int, size: int) -> None:
    boto_tables.refused(
        table.update_item,
        Key=_key(shard),
        UpdateExpression="SET folded = :claimed ADD #bytes :size",
        ConditionExpression="folded = :folded" if folded else "attribute_not_exists(folded)",  # who claims waits for it
        ExpressionAttributeNames={"#bytes": "bytes"},
        ExpressionAttributeValues={":claimed": claimed, ":size": -size} | ({":folded": folded} if folded else {}),
    )


def _query(table: Any, pk: str, first: str, last: str) -> Iterator[dict[str, Any]]:
    """By the client, which threads may share; a table they may not."""
    pages = table.meta.client.get_paginator("query").paginate(
        TableName=table.name,
        KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
        ExpressionAttributeValues={":pk": pk, ":first": first, ":last": last},
        ConsistentRead=True,
    )
    for page in pages:
        yield from page["Items"]


def _key(shard: int, number: int | None = None) -> dict[str, str]:
    return {"pk": LOG, "sk": f"{shard:02d}#" + ("" if number is None else f"{number:015d}")}


def _to_mark(item: Mapping[str, Any]) -> Mark:
    return Mark(**{name: int(item.get(name, 0)) for name in Mark._fields})
