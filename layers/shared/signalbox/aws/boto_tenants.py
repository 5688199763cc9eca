"""Tenants and teams: a scope record each, beside its budgets, and partitions that list them. One that has none is active all the same."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from . import boto_keys, boto_tables

KEPT_SHUT = "disabled"  # so a deleted one stays, for whoever shows a token that names it


class Group(NamedTuple):
    """A tenant, or a team of one. `list` is the partition that lists its like."""

    kind: str
    id: str
    scope: str
    list: str


def tenant(id: str) -> Group:
    return Group("tenant", id, f"tenant#{id}", "tenants")


def team(tenant: str, id: str) -> Group:
    return Group("team", id, f"team#{tenant}/{id}", f"teams#{tenant}")


def create(control: Any, group: Group, record: Mapping[str, Any]) -> bool:
    """`record`: name, status, created_at, created_by, limits. False where it was made before, or others make it just now."""
    return boto_tables.made(control, group.scope, record, [(group.list, group.id)])


def find(control: Any, group: Group) -> dict[str, Any] | None:
    """None for one that was never made; others may have given it budgets all the same."""
    record = boto_tables.get(control, group.scope, "scope")
    return {"id": group.id} | record if record and "created_at" in record else None


def page(control: Any, limit: int, after: str = "", *, of: str = "") -> list[dict[str, Any]]:
    """Tenants, or the teams `of` one, in the order of their ids; 100 at most."""
    listed = control.query(
        KeyConditionExpression="pk = :pk AND sk > :after",
        ExpressionAttributeValues={":pk": (team(of, "") if of else tenant("")).list, ":after": after or " "},
        Limit=limit,
        ConsistentRead=True,
    )["Items"]
    groups = [team(of, row["sk"]) if of else tenant(row["sk"]) for row in listed]
    records = boto_keys.records(control, [group.scope for group in groups])
    return [{"id": group.id} | records[group.scope] for group in groups if "created_at" in records[group.scope]]


def change(control: Any, group: Group, new: Mapping[str, Any]) -> bool:
    """Sets what is `new`, and takes away what is None there; False where it was never made."""
    return boto_tables.changed(control, group.scope, new)


def delete(control: Any, group: Group, seen: Mapping[str, Any]) -> bool:
    """False where it is no longer as `seen`. Its budgets stay, and its being disabled."""
    gone = ["name", "limits", "created_at", "created_by"] + (["status"] if seen["status"] != KEPT_SHUT else [])
    forgotten = {
        "Key": {"pk": group.scope, "sk": "scope"},
        "UpdateExpression": "REMOVE " + ", ".join(f"#{name}" for name in gone),
        "ConditionExpression": "#created_at = :created_at AND #status = :status",
        "ExpressionAttributeNames": {f"#{name}": name for name in {*gone, "status"}},
        "ExpressionAttributeValues": {":created_at": seen["created_at"], ":status": seen["status"]},
    }
    row = {"Key": {"pk": group.list, "sk": group.id}}
    return boto_tables.transacted(
        control, [{"Update": {"TableName": control.name} | forgotten}, {"Delete": {"TableName": control.name} | row}]
    )


def own_keys(control: Any, id: str) -> list[str]:
    """The names of the providers that a tenant brings its own keys for, in order."""
    record = boto_tables.get(control, tenant(id).scope, "scope") or {}
    return sorted(record.get("own_keys", ()))


def set_own_keys(control: Any, id: str, providers: Sequence[str], seen: Sequence[str]) -> bool:
    """False where they were no longer as `seen`: then nothing was written. What else the record says stays."""
    condition = "#own = :seen" if seen else "attribute_not_exists(#own)"
    values = ({":own": sorted(providers)} if providers else {}) | ({":seen": sorted(seen)} if seen else {})
    return not boto_tables.refused(
        control.update_item,
        Key={"pk": tenant(id).scope, "sk": "scope"},
        UpdateExpression="SET #own = :own" if providers else "REMOVE #own",
        ConditionExpression=condition,
        ExpressionAttributeNames={"#own": "own_keys"},
        **({"ExpressionAttributeValues": values} if values else {}),
    )
