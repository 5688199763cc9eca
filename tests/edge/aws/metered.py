"""What DynamoDB counts of the writes that a client makes: the larger of the item before and after, in begun KB; twice in a transaction.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
"""

from collections import Counter
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import Binary


def size(value: Any) -> int:
    """Of an attribute's value, in bytes."""
    if isinstance(value, bool) or value is None:
        return 1
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, int | Decimal):
        digits = len(str(abs(int(value))).strip("0")) or 1
        return (digits + 1) // 2 + 1 + (value < 0)
    if isinstance(value, bytes | Binary):
        return len(bytes(value))
    rows = value.items() if isinstance(value, dict) else [("", row) for row in value]
    return 3 + sum(1 + len(name.encode()) + size(row) for name, row in rows)


def item_size(item: dict[str, Any]) -> int:
    return sum(len(name.encode()) + size(value) for name, value in item.items())


class Metered:
    """Counts the units of each call by the partition's kind, from when it is put around the client of a table."""

    def __init__(self, client: Any, monkeypatch: Any) -> None:
        self.units: Counter[str] = Counter()
        self._call = client._make_api_call
        monkeypatch.setattr(client, "_make_api_call", self._metered)

    def total(self) -> int:
        return sum(self.units.values())

    def _metered(self, operation: str, given: dict[str, Any]) -> Any:
        writes, factor = self._writes(operation, given), 2 if operation.startswith("Transact") else 1
        before = [self._size(*write) for write in writes]
        try:
            return self._call(operation, given)
        finally:
            for (table, key), was in zip(writes, before, strict=True):
                kib = -(-max(was, self._size(table, key), 1) // 1024)
                self.units[key["pk"].partition("#")[0]] += factor * kib

    def _writes(self, operation: str, given: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        if operation == "TransactWriteItems":
            rows = [next(iter(write.values())) for write in given["TransactItems"]]
            return [(row["TableName"], _key(row.get("Key") or row["Item"])) for row in rows]
        if operation == "BatchWriteItem":
            asked = [(table, next(iter(row.values()))) for table, rows in given["RequestItems"].items() for row in rows]
            return [(table, _key(row.get("Key") or row["Item"])) for table, row in asked]
        if operation in ("PutItem", "UpdateItem", "DeleteItem"):
            return [(given["TableName"], _key(given.get("Key") or given["Item"]))]
        return []

    def _size(self, table: str, key: dict[str, Any]) -> int:
        return item_size(self._call("GetItem", {"TableName": table, "Key": key}).get("Item", {}))


def _key(item: dict[str, Any]) -> dict[str, Any]:
    return {"pk": item["pk"], "sk": item["sk"]}
