"""Budgets as operators set them. The definition and what the ledger holds for the running period change in one transaction, or not at all.

A period's item is created from the definition by whoever spends first, in a transaction that checks the definition's version
(`aws.accounts.create`). So an item either exists here, and moves by the difference, or is created later from the new definition.
"""

from typing import Any

from ..admission.budgets import Budget, to_budgets
from ..admission.leases import Sight
from ..admission.periods import period_id
from . import boto_accounts, boto_tables

LIST = "budgets"  # which scopes have any, so that listing them needs no scan
TRIES = 6
SKEW_MS = 60_000  # around the turn of a period a container may be in the next one already, or in the last one still


class Contended(Exception):
    """Others changed the same budget at every try. Nothing was changed."""


class OfTheDocument(Exception):
    """The budget is a ceiling that the live document sets, and is changed there. Nothing was changed."""


class NoSuchKey(Exception):
    """The key has no record (any more). Nothing was changed."""


def change(
    control: Any, ledger: Any, scope: str, kind: str, limit_nanousd: int, hard: bool, now_ms: int, *, minted: bool = False, by: str = ""
) -> Budget:
    """Sets the budget of one kind of period. What is spent and held stays so; what remains moves by the difference, below zero too.

    `minted`: the scope is a key that must have its record; a budget alone would look like one. `by` is who sets it, where no operator does.
    """
    for attempt in range(TRIES):
        record = boto_tables.get(control, scope, "scope") or {}
        if minted and "status" not in record:
            raise NoSuchKey(scope)
        _refuse_of_others(scope, record, kind, by)
        periods = sorted({period_id(kind, at_ms) for at_ms in (now_ms - SKEW_MS, now_ms + SKEW_MS)})
        sights = {(scope, period): boto_accounts.sight(ledger, (scope, period)) for period in periods}
        was = [budget.version for budget in to_budgets(scope, record) if budget.kind == kind]
        version = 1 + max([0, *was, *(sight.version for sight in sights.values() if sight)])  # the ledger remembers removed budgets
        budget = Budget(scope, kind, limit_nanousd, hard, version)
        parts = [
            {"Update": {"TableName": control.name} | _definition(record, budget, by)},
            {"Put": {"TableName": control.name, "Item": {"pk": LIST, "sk": scope}}},
            *(part for account, sight in sights.items() for part in boto_accounts.moved(ledger, account, sight, budget, now_ms)),
        ]
        if boto_tables.transacted(control, parts):
            return budget
        boto_tables.pause(attempt)
    raise Contended(f"the {kind} budget of {scope} was changed by others {TRIES} times in a row")


def remove(control: Any, scope: str, kind: str, *, by: str = "") -> bool:
    """False where there is none. The ledger keeps what was spent, should the budget come back within the period."""
    seen = {"ExpressionAttributeValues": {":by": by}} if by else {}
    gone = not boto_tables.refused(
        control.update_item,
        Key={"pk": scope, "sk": "scope"},
        UpdateExpression="REMOVE #budgets.#kind",
        ConditionExpression="attribute_exists(#budgets.#kind) AND "
        + ("#budgets.#kind.#by = :by" if by else "attribute_not_exists(#budgets.#kind.#by)"),
        ExpressionAttributeNames={"#budgets": "budgets", "#kind": kind, "#by": "by"},
        **seen,
    )
    if not gone:
        _refuse_of_others(scope, boto_tables.get(control, scope, "scope") or {}, kind, by)
    return gone


def of_scope(control: Any, scope: str) -> tuple[Budget, ...]:
    return to_budgets(scope, boto_tables.get(control, scope, "scope") or {})


def page(control: Any, limit: int, after: str = "") -> list[str]:
    """The scopes that have, or had, budgets, in order."""
    listed = control.query(
        KeyConditionExpression="pk = :pk AND sk > :after",
        ExpressionAttributeValues={":pk": LIST, ":after": after or " "},
        Limit=limit,
    )
    return [row["sk"] for row in listed["Items"]]


def running(ledger: Any, budget: Budget, now_ms: int) -> Sight | None:
    """The ledger's item of the running period; None before anybody has spent in it."""
    return boto_accounts.sight(ledger, (budget.scope, budget.period(now_ms)))


def _refuse_of_others(scope: str, record: dict[str, Any], kind: str, by: str) -> None:
    row = record.get("budgets", {}).get(kind)
    if row and row.get("by", "") != by:
        raise OfTheDocument(scope) if not by else Contended(f"an operator has set the {kind} budget of {scope} meanwhile")


def _definition(record: dict[str, Any], budget: Budget, by: str) -> dict[str, Any]:
    """The write of the definition, on the condition that it is as it was read; of a minted key, that the key is still there."""
    row = {"limit_nanousd": budget.limit_nanousd, "hard": budget.hard, "version": budget.version} | ({"by": by} if by else {})
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
