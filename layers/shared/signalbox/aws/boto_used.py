"""How much of a scope's budget is used, written beside its definition, where requests read it anyway. Uses boto3.

Of the running period and in whole percent up to 100: so a budget costs at most a hundred writes a period, however much traffic it sees.
"""

from typing import Any

from ..admission.periods import kind_of
from ..usage.alerts import Budget
from . import boto_tables

TRIES = 3
ALL = 100


class Contended(Exception):
    """Others wrote the same record at every try. The next request that settles writes it."""


def percent_of(budget: Budget) -> int:
    return max(0, min(budget.percent, ALL))


def write(control: Any, budget: Budget) -> bool:
    """False where it says so already, or something newer, or where the scope has no such budget (any more)."""
    kind = kind_of(budget.period)
    row = {"period": budget.period, "version": budget.version, "percent": percent_of(budget)}
    for attempt in range(TRIES):
        record = boto_tables.get(control, budget.scope, "scope") or {}
        was = record.get("used", {}).get(kind)
        if kind not in record.get("budgets", {}) or not _is_news(row, was):
            return False
        if not boto_tables.refused(control.update_item, Key={"pk": budget.scope, "sk": "scope"}, **_update(record, kind, was, row)):
            return True
        boto_tables.pause(attempt)
    raise Contended(f"the record of {budget.scope} was written by others {TRIES} times in a row")


def _is_news(row: dict[str, Any], was: dict[str, Any] | None) -> bool:
    """Newer is what a later version of the budget says, and of one version a later period; within both it only grows.

    A budget's version grows with all its changes, its zone's too, so that periods are compared only where they are named alike.
    Nothing at all is what is read where nothing is written, and where another period is.
    """
    if was is None:
        return row["percent"] > 0
    newer = (was["version"], was["period"], was["percent"]) < (row["version"], row["period"], row["percent"])
    return newer and (row["percent"] > 0 or row["period"] == was["period"])


def _update(record: dict[str, Any], kind: str, was: dict[str, Any] | None, row: dict[str, Any]) -> dict[str, Any]:
    """On the condition that it is as it was read, and never a record of its own: a key's would look like a key."""
    names, values = {"#used": "used"}, {":row": row if "used" in record else {kind: row}}
    if "used" not in record:
        update, condition = "SET #used = :row", "attribute_exists(pk) AND attribute_not_exists(#used)"
    else:
        names["#kind"] = kind
        update, condition = "SET #used.#kind = :row", "attribute_exists(#used) AND attribute_not_exists(#used.#kind)"
    if was:
        condition = "#used.#kind = :was"
        values[":was"] = was
    return {
        "UpdateExpression": update,
        "ConditionExpression": condition,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
    }
