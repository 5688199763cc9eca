"""Roll-backs in the control table: the record of each, and the conditional change that each makes. Every function can be called again."""

from collections.abc import Mapping
from typing import Any

from ..rollback.actions import Change
from . import boto_tables


class ChangedSince(Exception):
    """Somebody else changed the same setting meanwhile; it is left as they set it."""


def record_of(control: Any, id: str) -> dict[str, Any] | None:
    return boto_tables.get(control, f"rollback#{id}", "rollback")


def take(control: Any, id: str, execution: str, record: Mapping[str, Any]) -> bool:
    """The lock and the record are one item. False where another execution has it: the same request was delivered twice."""
    return not boto_tables.refused(
        control.put_item,
        Item={"pk": f"rollback#{id}", "sk": "rollback", "execution": execution} | dict(record),
        ConditionExpression="attribute_not_exists(pk) OR (execution = :execution AND #status = :started)",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":execution": execution, ":started": "started"},
    )


def note(control: Any, id: str, **facts: Any) -> None:
    control.update_item(
        Key={"pk": f"rollback#{id}", "sk": "rollback"},
        UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in facts),
        ConditionExpression="attribute_exists(pk)",
        ExpressionAttributeNames={f"#{name}": name for name in facts},
        ExpressionAttributeValues={f":{name}": value for name, value in facts.items()},
    )


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
