"""How a budget's definition is written into its scope's record, where that is still as it was read; and where its raises are listed."""

from typing import Any

from ..admission.budgets import Budget, Raise

RAISES = "raises"  # each by its end, so that those that are over are found without a look at the others


def last_version(record: dict[str, Any], kind: str) -> int:
    """The highest that this budget has had as far as its record tells, also where it was removed since: none is used twice."""
    rows = (record.get("budgets", {}).get(kind), record.get("used", {}).get(kind))
    return max([record.get(_removed(kind), 0), *(row["version"] for row in rows if row and "version" in row)])


def written(record: dict[str, Any], budget: Budget) -> dict[str, Any]:
    """An update's fields. Of a minted key only where the key is still there."""
    row = _row(budget)
    old = record.get("budgets", {}).get(budget.kind)
    names, values = {"#budgets": "budgets"}, {":row": row if "budgets" in record else {budget.kind: row}}
    if "budgets" not in record:
        update, condition = "SET #budgets = :row", "attribute_not_exists(#budgets)"
    else:
        update, condition = "SET #budgets.#kind = :row", "attribute_exists(#budgets) AND attribute_not_exists(#budgets.#kind)"
        names["#kind"] = budget.kind
    if old:
        condition = "#budgets.#kind.#version = :seen"
        names["#version"] = "version"
        values[":seen"] = old["version"]
    if "status" in record:
        condition += " AND attribute_exists(#status)"
        names["#status"] = "status"
    return {
        "Key": {"pk": budget.scope, "sk": "scope"},
        "UpdateExpression": update,
        "ConditionExpression": condition,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
    }


def removed(was: Budget, of: int) -> dict[str, Any]:
    """Its version stays, so that one that comes back is not taken for it. The last `of` those there are takes its scope off the list."""
    return {
        "Key": {"pk": was.scope, "sk": "scope"},
        "UpdateExpression": "SET #removed = :seen REMOVE #budgets.#kind",
        "ConditionExpression": "#budgets.#kind.#version = :seen AND size(#budgets) = :of",
        "ExpressionAttributeNames": {"#budgets": "budgets", "#kind": was.kind, "#version": "version", "#removed": _removed(was.kind)},
        "ExpressionAttributeValues": {":seen": was.version, ":of": of},
    }


def raises_listed(table: str, was: Budget | None, now: Budget | None) -> list[dict[str, Any]]:
    """The parts of a transaction by which the list of raises follows."""
    before, after = ({_place(budget, row): row for row in budget.raises} if budget else {} for budget in (was, now))
    budget = now or was
    assert budget
    return [
        *({"Delete": {"TableName": table, "Key": {"pk": RAISES, "sk": sk}}} for sk in before if sk not in after),
        *(
            {"Put": {"TableName": table, "Item": {"pk": RAISES, "sk": sk, "scope": budget.scope, "kind": budget.kind}}}
            for sk in after
            if sk not in before
        ),
    ]


def ends(until_ms: int) -> str:
    """What the place of a raise in the list begins with."""
    return f"{until_ms:014}"


def _place(budget: Budget, row: Raise) -> str:
    return f"{ends(row.until_ms)}#{budget.scope}#{budget.kind}#{row.id}"


def _row(budget: Budget) -> dict[str, Any]:
    """What is as it is without a word is not written."""
    told = {
        "by": budget.by,
        "zone": budget.zone,
        "thresholds": list(budget.thresholds),
        "raises": [row._asdict() for row in budget.raises],
    }
    row = {"limit_nanousd": budget.limit_nanousd, "hard": budget.hard, "version": budget.version}
    return row | {name: value for name, value in told.items() if value}


def _removed(kind: str) -> str:
    return f"removed_{kind}"
