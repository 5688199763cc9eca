"""Roll-backs in the control table: the record of each, and the conditional change that each makes. Every function can be called again."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from ..rollback.actions import Change
from . import boto_tables

LIST = "rollbacks"  # one row for each, in the order of asking


class ChangedSince(Exception):
    """Somebody else changed the same setting meanwhile; it is left as they set it."""


def record_of(control: Any, id: str) -> dict[str, Any] | None:
    return boto_tables.get(control, f"rollback#{id}", "rollback")


def newest(control: Any, limit: int) -> list[tuple[str, dict[str, Any]]]:
    """(id, record), the latest asked for first."""
    rows = control.query(KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": LIST}, ScanIndexForward=False, Limit=limit)
    ids = [row["sk"].partition("#")[2] for row in rows["Items"]]
    return [(id, record) for id in ids if (record := record_of(control, id))]


def begin(control: Any, id: str, record: Mapping[str, Any]) -> bool:
    """The record and its row in the list, both or neither. False where there is such a roll-back already."""
    item = {"pk": f"rollback#{id}", "sk": "rollback"} | dict(record)
    row = {"pk": LIST, "sk": f"{record['at_ms']:013}#{id}"}
    first = {"TableName": control.name, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}
    try:
        control.meta.client.transact_write_items(TransactItems=[{"Put": first}, {"Put": {"TableName": control.name, "Item": row}}])
    except ClientError as error:
        if "ConditionalCheckFailed" not in [reason.get("Code") for reason in error.response.get("CancellationReasons", [])]:
            raise
        return False
    return True


def take(control: Any, id: str, execution: str, record: Mapping[str, Any]) -> bool:
    """The lock and the record are one item. False where another execution has it: the same request was delivered twice."""
    mine = dict(record) | {"execution": execution, "status": "started"}
    free = "#status = :requested OR (#execution = :execution AND #status = :status)"
    return begin(control, id, mine) or not boto_tables.refused(control.update_item, **_setting(id, mine, free, requested="requested"))


def give_up(control: Any, id: str, why: str) -> None:
    """What was asked for and could not be started has failed; if it runs all the same, it is left to itself."""
    facts = {"status": "failed", "error": why}
    boto_tables.refused(control.update_item, **_setting(id, facts, "#status = :requested", requested="requested"))


def note(control: Any, id: str, **facts: Any) -> None:
    control.update_item(**_setting(id, facts, "attribute_exists(pk)"))


def _setting(id: str, facts: Mapping[str, Any], condition: str, **known: Any) -> dict[str, Any]:
    return {
        "Key": {"pk": f"rollback#{id}", "sk": "rollback"},
        "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in facts),
        "ConditionExpression": condition,
        "ExpressionAttributeNames": {f"#{name}": name for name in facts},
        "ExpressionAttributeValues": {f":{name}": value for name, value in {**facts, **known}.items()},
    }


def holds(control: Any, change: Change) -> bool:
    item = boto_tables.get(control, change.pk, change.sk) or {}
    return all(item.get(name) == value for name, value in change.after.items())


def make(control: Any, change: Change) -> None:
    """Done already is done. Raises ChangedSince where the item says neither what was before nor what comes after."""
    if boto_tables.refused(control.update_item, **_swap(change)) and not holds(control, change):
        now = boto_tables.get(control, change.pk, change.sk) or {}
        said = {name: now.get(name) for name in change.after}
        raise ChangedSince(f"{change.pk}/{change.sk} was changed by somebody else since and is left as it is: {said}")


def _swap(change: Change) -> dict[str, Any]:
    names = sorted(change.after)
    put = [f"#{name} = :new_{name}" for name in names if change.after[name] is not None]
    gone = [f"#{name}" for name in names if change.after[name] is None]
    as_before = [f"#{name} = :old_{name}" if change.before[name] is not None else f"attribute_not_exists(#{name})" for name in names]
    values = {f":new_{name}": change.after[name] for name in names} | {f":old_{name}": change.before[name] for name in names}
    values = {name: value for name, value in values.items() if value is not None}
    return {
        "Key": {"pk": change.pk, "sk": change.sk},
        "UpdateExpression": " ".join(f"{verb} {', '.join(clauses)}" for verb, clauses in (("SET", put), ("REMOVE", gone)) if clauses),
        "ConditionExpression": " AND ".join(["attribute_exists(pk)", *as_before]),
        "ExpressionAttributeNames": {f"#{name}": name for name in names},
    } | ({"ExpressionAttributeValues": values} if values else {})
