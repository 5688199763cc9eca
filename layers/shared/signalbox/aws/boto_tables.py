"""DynamoDB for the functions that can afford boto3: plain Python in and out, whole numbers as int."""

import random
import time
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import cache
from typing import Any

import boto3
from botocore.exceptions import ClientError


@cache
def table(name: str) -> Any:
    return boto3.resource("dynamodb").Table(name)


def to_plain(value: Any) -> Any:
    """What boto3 gives back, without its Decimals."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [to_plain(item) for item in value]
    return value


def get(table: Any, pk: str, sk: str) -> dict[str, Any] | None:
    item = table.get_item(Key={"pk": pk, "sk": sk}, ConsistentRead=True).get("Item")
    return to_plain(item) if item else None


def query(table: Any, pk: str, prefix: str, *, consistent: bool = False) -> list[dict[str, Any]]:
    """Every item of the partition whose sort key begins so."""
    wanted = {
        "KeyConditionExpression": "pk = :pk AND begins_with(sk, :prefix)",
        "ExpressionAttributeValues": {":pk": pk, ":prefix": prefix},
        "ConsistentRead": consistent,
    }
    items = []
    while True:
        page = table.query(**wanted)
        items += page["Items"]
        if "LastEvaluatedKey" not in page:
            return to_plain(items)
        wanted["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def refused(write: Callable[..., Any], **arguments: Any) -> bool:
    """Makes a conditional write; True where its condition did not hold, and nothing was written."""
    try:
        write(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return True
    return False


def changed(table: Any, scope: str, new: Mapping[str, Any], seen: Mapping[str, Any] | None = None) -> bool:
    """Sets what is `new` in a record that was made, and takes away what is None there; what else it says stays.

    False where there is no such record, or it is no longer as `seen`: then nothing was written.
    """
    held = [name for name, value in new.items() if value is not None]
    gone = [name for name in new if name not in held]
    parts = ["SET " + ", ".join(f"#{name} = :{name}" for name in held)] if held else []
    parts += ["REMOVE " + ", ".join(f"#{name}" for name in gone)] if gone else []
    conditions = ["attribute_exists(#created_at)", *(f"#{name} = :seen_{name}" for name in seen or ())]
    values = {f":{name}": new[name] for name in held} | {f":seen_{name}": value for name, value in (seen or {}).items()}
    return not refused(
        table.update_item,
        Key={"pk": scope, "sk": "scope"},
        UpdateExpression=" ".join(parts),
        ConditionExpression=" AND ".join(conditions),
        ExpressionAttributeNames={f"#{name}": name for name in {*new, *(seen or ()), "created_at"}},
        **({"ExpressionAttributeValues": values} if values else {}),
    )


def made(table: Any, scope: str, record: Mapping[str, Any], rows: Iterable[tuple[str, str]]) -> bool:
    """Makes the record of a scope that may have budgets before, and lists it in these rows; False where it was made already."""
    new = {
        "Key": {"pk": scope, "sk": "scope"},
        "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in record),
        "ConditionExpression": "attribute_not_exists(#created_at)",
        "ExpressionAttributeNames": {f"#{name}": name for name in {*record, "created_at"}},
        "ExpressionAttributeValues": {f":{name}": value for name, value in record.items()},
    }
    listed = ({"Put": {"TableName": table.name, "Item": {"pk": pk, "sk": sk}}} for pk, sk in rows)
    return transacted(table, [{"Update": {"TableName": table.name} | new}, *listed])


def transacted(table: Any, writes: list[dict[str, Any]]) -> bool:
    """Makes all of the writes, or none; False where something was no longer as it was read."""
    try:
        table.meta.client.transact_write_items(TransactItems=writes)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("TransactionCanceledException", "TransactionConflictException"):
            raise
        return False
    return True


def pause(attempt: int) -> None:
    """Before attempt n of something that others write too: 25 ms, doubled each time, with jitter so that they part."""
    time.sleep(0.025 * 2**attempt * random.uniform(0.5, 1.5))
