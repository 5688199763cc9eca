"""Which providers a tenant brings its own keys for: a list in the tenant's scope record, beside its budgets."""

from collections.abc import Sequence
from typing import Any

from . import boto_tables


def own_keys(control: Any, tenant: str) -> list[str]:
    """The providers' names, in order."""
    record = boto_tables.get(control, _scope(tenant), "scope") or {}
    return sorted(record.get("own_keys", ()))


def set_own_keys(control: Any, tenant: str, providers: Sequence[str], seen: Sequence[str]) -> bool:
    """False where they were no longer as `seen`: then nothing was written. What else the record says stays."""
    condition = "#own = :seen" if seen else "attribute_not_exists(#own)"
    values = ({":own": sorted(providers)} if providers else {}) | ({":seen": sorted(seen)} if seen else {})
    return not boto_tables.refused(
        control.update_item,
        Key={"pk": _scope(tenant), "sk": "scope"},
        UpdateExpression="SET #own = :own" if providers else "REMOVE #own",
        ConditionExpression=condition,
        ExpressionAttributeNames={"#own": "own_keys"},
        **({"ExpressionAttributeValues": values} if values else {}),
    )


def _scope(tenant: str) -> str:
    return f"tenant#{tenant}"
