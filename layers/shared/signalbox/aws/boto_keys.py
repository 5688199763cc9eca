"""Records of minted keys. The scope record of a key is the truth; one partition beside it lists them, so that listing needs no scan."""

from typing import Any

from botocore.exceptions import ClientError

from . import boto_budgets, boto_tables

LIST = "keys"


def scope(key_id: str) -> str:
    return f"key#{key_id}"


def create(control: Any, key_id: str, record: dict[str, Any]) -> None:
    """`record`: tenant, team, name, status, created_at, created_by."""
    control.meta.client.transact_write_items(
        TransactItems=[
            {
                "Put": {
                    "TableName": control.name,
                    "Item": {"pk": scope(key_id), "sk": "scope"} | record,
                    "ConditionExpression": "attribute_not_exists(pk)",
                }
            },
            {"Put": {"TableName": control.name, "Item": {"pk": LIST, "sk": key_id, "tenant": record["tenant"]}}},
        ]
    )


def find(control: Any, key_id: str) -> dict[str, Any] | None:
    """None for a key that was never minted here, or was deleted. A static key has no record of its own, at most its budgets."""
    record = boto_tables.get(control, scope(key_id), "scope")
    return {"id": key_id} | record if record and "status" in record else None


def page(control: Any, limit: int, after: str = "") -> list[dict[str, Any]]:
    """In the order of their ids, which is that of their making; 100 at most."""
    listed = control.query(
        KeyConditionExpression="pk = :pk AND sk > :after",
        ExpressionAttributeValues={":pk": LIST, ":after": after or " "},
        Limit=limit,
    )["Items"]
    keys = [{"pk": scope(row["sk"]), "sk": "scope"} for row in listed]
    records = {record["pk"]: record for record in _batch(control, keys)}
    return [{"id": row["sk"]} | records[scope(row["sk"])] for row in listed if scope(row["sk"]) in records]


def _batch(control: Any, keys: list[dict[str, str]]) -> list[dict[str, Any]]:
    records, wanted = [], {control.name: {"Keys": keys, "ConsistentRead": True}} if keys else {}
    while wanted:
        answer = control.meta.client.batch_get_item(RequestItems=wanted)
        records += answer["Responses"][control.name]
        wanted = answer["UnprocessedKeys"]
    return boto_tables.to_plain(records)


def set_status(control: Any, key_id: str, status: str) -> bool:
    """False where there is no such key."""
    return not boto_tables.refused(
        control.update_item,
        Key={"pk": scope(key_id), "sk": "scope"},
        UpdateExpression="SET #status = :status",
        ConditionExpression="attribute_exists(#status)",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":status": status},
    )


def delete(control: Any, key_id: str) -> bool:
    """False where there is no such key. What it has used stays in the usage log and in the ledger."""
    parts = [
        {
            "Delete": {
                "TableName": control.name,
                "Key": {"pk": scope(key_id), "sk": "scope"},
                "ConditionExpression": "attribute_exists(#status)",
                "ExpressionAttributeNames": {"#status": "status"},
            }
        },
        {"Delete": {"TableName": control.name, "Key": {"pk": LIST, "sk": key_id}}},
        {"Delete": {"TableName": control.name, "Key": {"pk": boto_budgets.LIST, "sk": scope(key_id)}}},
    ]
    try:
        control.meta.client.transact_write_items(TransactItems=parts)
    except ClientError as error:
        if [reason.get("Code") for reason in error.response.get("CancellationReasons", [])][:1] != ["ConditionalCheckFailed"]:
            raise
        return False
    return True
