"""Budgets as operators set them. The definition and what the ledger holds for the running period change in one transaction, or not at all.

A period's item is created from the definition by whoever spends first, in a transaction that checks the definition's version
(`aws.accounts.create`). So an item either exists here, and moves by the difference, or is created later from the new definition.
Any change takes back the raises that have ended, too.
"""

from collections.abc import Callable, Iterable
from typing import Any

from ..admission.budgets import DEFAULT, Budget, to_budgets
from ..admission.shards import Sight
from ..errors import whose
from . import boto_accounts, boto_definitions, boto_tables

LIST = "budgets"  # which scopes have any, so that listing them needs no scan
TRIES = 6
SKEW_MS = 60_000  # around the turn of a period a container may be in the next one already, or in the last one still


class Contended(Exception):
    """Others changed the same budget at every try. Nothing was changed."""


class OfTheDocument(Exception):
    """The budget is a ceiling that the live document sets, and is changed there. Nothing was changed."""


class OfTheStack(Exception):
    """The budget is the stack's daily alert, which an operator's own replaces and only a parameter removes. Nothing was changed."""


class NoSuchKey(Exception):
    """The key has no record (any more). Nothing was changed."""


def change(
    control: Any,
    ledger: Any,
    scope: str,
    kind: str,
    limit_nanousd: int,
    hard: bool,
    now_ms: int,
    *,
    zone: str | None = None,
    thresholds: Iterable[int] | None = None,
    minted: bool = False,
    by: str = "",
) -> Budget:
    """Sets the budget of one kind of period. What is spent and held stays so; what remains moves by the difference, below zero too.

    What is None stays as it is, and so do raises. Another `zone` begins a period of its own, with nothing spent.
    `minted`: the scope is a key that must have its record; a budget alone would look like one. `by` is who sets it, where no operator does.
    """

    def new(record: dict[str, Any], was: Budget | None) -> Budget:
        if minted and "status" not in record:
            raise NoSuchKey(scope)
        _refuse_of_others(scope, was, kind, by)
        kept = was or Budget(scope, kind, limit_nanousd, hard, 0)
        return kept._replace(
            limit_nanousd=limit_nanousd,
            hard=hard,
            zone=kept.zone if zone is None else zone,
            thresholds=kept.thresholds if thresholds is None else tuple(thresholds),
            by=by,
        )

    changed = revise(control, ledger, scope, kind, now_ms, new)
    assert changed
    return changed


def revise(
    control: Any, ledger: Any, scope: str, kind: str, now_ms: int, new: Callable[[dict[str, Any], Budget | None], Budget | None]
) -> Budget | None:
    """Makes the budget what `new` says of the scope's record and of the budget as it is, and the running items with it; None: nothing."""
    for attempt in range(TRIES):
        record = boto_tables.get(control, scope, "scope") or {}
        was = next((budget for budget in to_budgets(scope, record) if budget.kind == kind), None)
        budget = new(record, was)
        if budget is None:
            return None
        running = {(scope, budget.period(at_ms)) for at_ms in (now_ms - SKEW_MS, now_ms + SKEW_MS)}
        sights = {account: boto_accounts.sight(ledger, account) for account in sorted(running)}
        versions = [boto_definitions.last_version(record, kind), *(sight.version for sight in sights.values() if sight)]
        lasting = tuple(row for row in budget.raises if now_ms < row.until_ms)
        budget = budget._replace(version=1 + max(versions), raises=lasting)
        parts = [
            {"Update": {"TableName": control.name} | boto_definitions.written(record, budget)},
            {"Put": {"TableName": control.name, "Item": {"pk": LIST, "sk": scope}}},
            *boto_definitions.raises_listed(control.name, was, budget),
            *(part for account, sight in sights.items() for part in boto_accounts.moved(ledger, account, sight, budget, now_ms)),
        ]
        if boto_tables.transacted(control, parts):
            return budget
        boto_tables.pause(attempt)
    raise Contended(f"the {kind} budget of {whose(scope)} was changed by others {TRIES} times in a row")


def remove(control: Any, scope: str, kind: str, *, by: str = "") -> bool:
    """False where there is none. The ledger keeps what was spent, should the budget come back within the period."""
    for attempt in range(TRIES):
        budgets = of_scope(control, scope)
        was = next((budget for budget in budgets if budget.kind == kind), None)
        if was is None:
            return False
        if was.by == DEFAULT and not by:
            raise OfTheStack(scope)
        _refuse_of_others(scope, was, kind, by)
        parts = [
            {"Update": {"TableName": control.name} | boto_definitions.removed(was, of=len(budgets))},
            *boto_definitions.raises_listed(control.name, was, None),
            *([{"Delete": {"TableName": control.name, "Key": {"pk": LIST, "sk": scope}}}] if len(budgets) == 1 else []),
        ]
        if boto_tables.transacted(control, parts):
            return True
        boto_tables.pause(attempt)
    raise Contended(f"the {kind} budget of {whose(scope)} was changed by others {TRIES} times in a row")


def of_scope(control: Any, scope: str) -> tuple[Budget, ...]:
    return to_budgets(scope, boto_tables.get(control, scope, "scope") or {})


def page(control: Any, limit: int, after: str = "") -> list[str]:
    """The scopes that have budgets, in order."""
    listed = control.query(
        KeyConditionExpression="pk = :pk AND sk > :after",
        ExpressionAttributeValues={":pk": LIST, ":after": after or " "},
        Limit=limit,
    )
    return [row["sk"] for row in listed["Items"]]


def running(ledger: Any, budget: Budget, now_ms: int) -> Sight | None:
    """The ledger's item of the running period; None before anybody has spent in it."""
    return boto_accounts.sight(ledger, (budget.scope, budget.period(now_ms)))


def _refuse_of_others(scope: str, was: Budget | None, kind: str, by: str) -> None:
    """Everybody's own, but for the stack's, which an operator's replaces."""
    if was is None or was.by == by or (was.by == DEFAULT and not by):
        return
    raise OfTheDocument(scope) if not by else Contended(f"an operator has set the {kind} budget of {whose(scope)} meanwhile")
