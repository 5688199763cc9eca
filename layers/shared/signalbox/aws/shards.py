"""The writes on an account's items together: how a period begins, and how shards become more, level or shut.

Each is a transaction that keeps the sum of the shares at the limit, whatever is leased and settled meanwhile: it adds to what is there.
"""

from typing import Any

from ..admission.budgets import Budget
from ..admission.shards import Account, Level, Shift, open_until_ms
from . import dynamodb
from .accounts import key
from .client import Call
from .dynamodb import Expression

OPEN = "SET #limit = #limit + :more, #remaining = #remaining + :more, #until_ms = :until_ms, #hard = :hard"
OWES_NOTHING = "#remaining >= :least"
AS_SEEN = "#shards = :shards AND #total = :seen_total"


def create(ledger: str, control: str, account: Account, budget: Budget, now_ms: int) -> Call:
    """The period's item, in a transaction that fails (its first part) where the budget has changed since it was read."""
    return dynamodb.transact(
        [
            unchanged(control, budget),
            dynamodb.put(ledger, _new_item(account, budget, now_ms), Expression(condition="attribute_not_exists(#pk)")),
        ]
    )


def _new_item(account: Account, budget: Budget, now_ms: int) -> dict[str, Any]:
    limit = budget.limit_at(now_ms)
    head = {"total": limit, "shards": 1}
    return _shard(account, 0, limit, open_until_ms(budget, now_ms), budget.hard, budget.version) | head


def _shard(account: Account, shard: int, limit: int, until_ms: int, hard: bool, version: int) -> dict[str, Any]:
    pk, sk = key(account, shard)
    amounts: dict[str, Any] = {"limit": limit, "remaining": limit, "settled": 0, "leases": {}}
    return {"pk": pk, "sk": sk, "budget_version": version, "until_ms": until_ms, "hard": hard, **amounts}


def unchanged(control: str, budget: Budget) -> Call:
    """Only as a part of a transaction: the budget is as it was read."""
    return dynamodb.check(
        control,
        budget.scope,
        "scope",
        Expression(condition="#budgets.#kind.#version = :version", names={"kind": budget.kind}, values={"version": budget.version}),
    )


def levelled(ledger: str, control: str, account: Account, change: Level, budget: Budget) -> Call:
    """By whoever wants to lease, in a transaction that fails (its first part) where the budget has changed since it was read."""
    return dynamodb.transact([unchanged(control, budget), *level(ledger, account, change, budget.version)])


def level(table: str, account: Account, level: Level, version: int) -> list[Call]:
    """The parts of a transaction over an account's shards, by this version of the budget."""
    return [_part(table, account, level, shift, version) for shift in level.shifts]


def _part(table: str, account: Account, level: Level, shift: Shift, version: int) -> Call:
    if shift.fresh:
        return dynamodb.put(table, _shard(account, shift.shard, shift.more, level.until_ms, level.hard, version))
    expression = _shift(level, shift.more) if shift.shard else _head(level, shift.more, version)
    return dynamodb.update(table, *key(account, shift.shard), expression)


def _head(level: Level, more: int, version: int) -> Expression:
    """Of item 00, which guards the others. One of an earlier release gets what it lacks."""
    dated = level.seen_shards == 0
    return Expression(
        f"{OPEN}, #shards = :size, #total = :total, #budget_version = :version",
        ("attribute_not_exists(#shards)" if dated else AS_SEEN) + (f" AND {OWES_NOTHING}" if level.guarded else ""),
        values={
            "more": more,
            "least": -more,
            "until_ms": level.until_ms,
            "hard": level.hard,
            "size": level.size,
            "shards": level.seen_shards,
            "total": level.total,
            "seen_total": level.total - level.by,
            "version": version,
        },
    )


def _shift(level: Level, more: int) -> Expression:
    return Expression(
        OPEN,
        OWES_NOTHING if level.guarded else "",
        values={"more": more, "least": -more, "until_ms": level.until_ms, "hard": level.hard},
    )
