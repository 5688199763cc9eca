"""How large DynamoDB takes an item to be, and what writing it counts.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
"""

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


def write_units(item: dict[str, Any]) -> int:
    """One for each begun KB; of a write, the larger of the item before and after it counts, and twice in a transaction."""
    return max(1, -(-item_size(item) // 1024))
