"""Records of minted keys. The scope record of a key is the truth; partitions beside it list them, so that listing needs no scan."""

from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from . import boto_budgets, boto_tables

ALL = "keys"


def scope(key_id: str) -> str:
    return f"key#{key_id}"


def create(control: Any, key_id: str, record: dict[str, Any]) -> None:
    """`record`: tenant, team, name, status, secrets, created_at, created_by, and what it may."""
    new: dict[str, Any] = {"Item": {"pk": scope(key_id), "sk": "scope"} | record, "ConditionExpression": "attribute_not_exists(pk)"}
    rows = [{"Item": {"pk": list, "sk": key_id}} for list in _lists(record)]
    control.meta.client.transact_write_items(TransactItems=[{"Put": {"TableName": control.name} | row} for row in (new, *rows)])


def adopt(control: Any, key_id: str, record: Mapping[str, Any]) -> bool:
    """Makes the record of a key that was not minted here: as above, with no secrets. False where it has one."""
    return boto_tables.made(control, scope(key_id), record, [(list, key_id) for list in _lists(record)])


def find(control: Any, key_id: str) -> dict[str, Any] | None:
    """None for a key that was neither minted nor adopted here, or was deleted; of others there are at most budgets."""
    record = boto_tables.get(control, scope(key_id), "scope")
    return {"id": key_id} | record if record and "status" in record else None


def page(control: Any, limit: int, after: str = "", *, tenant: str = "", team: str = "") -> list[dict[str, Any]]:
    """All, or of a tenant, or of a team of it; in the order of their ids, which is that of their making; 100 at most."""
    listed = control.query(
        KeyConditionExpression="pk = :pk AND sk > :after",
        ExpressionAttributeValues={":pk": _list(tenant, team), ":after": after or " "},
        Limit=limit,
        ConsistentRead=True,
    )["Items"]
    found = records(control, [scope(row["sk"]) for row in listed])
    return [{"id": row["sk"]} | found[scope(row["sk"])] for row in listed if found[scope(row["sk"])]]


def records(control: Any, scopes: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The records of up to 100 scopes; {} for one that has none."""
    asked = list(scopes)
    found: dict[str, dict[str, Any]] = {name: {} for name in asked}
    keys = [{"pk": name, "sk": "scope"} for name in asked]
    wanted = {control.name: {"Keys": keys, "ConsistentRead": True}} if keys else {}
    while wanted:
        answer = control.meta.client.batch_get_item(RequestItems=wanted)
        found |= {item["pk"]: boto_tables.to_plain(item) for item in answer["Responses"][control.name]}
        wanted = answer["UnprocessedKeys"]
    return found


def change(control: Any, key_id: str, new: Mapping[str, Any], seen: Mapping[str, Any] | None = None) -> bool:
    """Sets what is `new`, and takes away what is None there; False where there is no such key, or it is no longer as `seen`."""
    return boto_tables.changed(control, scope(key_id), new, seen)


def delete(control: Any, key_id: str, *, bare: bool = False) -> bool:
    """False where there is no such key; with `bare`, where it is disabled or has a budget, too. What it has used stays known."""
    record = find(control, key_id)
    if record is None:
        return False
    there: dict[str, Any] = {"ConditionExpression": "attribute_exists(#status)", "ExpressionAttributeNames": {"#status": "status"}}
    if bare:
        there["ConditionExpression"] = "#status = :active AND (attribute_not_exists(#budgets) OR #budgets = :none)"
        there["ExpressionAttributeNames"] |= {"#budgets": "budgets"}
        there["ExpressionAttributeValues"] = {":active": "active", ":none": {}}
    rows = [(list, key_id) for list in (*_lists(record),)] + [(boto_budgets.LIST, scope(key_id))]
    parts = [{"Key": {"pk": scope(key_id), "sk": "scope"}} | there, *({"Key": {"pk": pk, "sk": sk}} for pk, sk in rows)]
    try:
        control.meta.client.transact_write_items(TransactItems=[{"Delete": {"TableName": control.name} | part} for part in parts])
    except ClientError as error:
        if [reason.get("Code") for reason in error.response.get("CancellationReasons", [])][:1] != ["ConditionalCheckFailed"]:
            raise
        return False
    return True


def _lists(record: Mapping[str, Any]) -> tuple[str, ...]:
    tenant, team = record["tenant"], record["team"]
    return tuple(dict.fromkeys((ALL, _list(tenant), _list(tenant, team))))  # a token's subject has no team of its own


def _list(tenant: str = "", team: str = "") -> str:
    return "/".join(name for name in (f"{ALL}#{tenant}" if tenant else ALL, team) if name)
