"""The writes on a ledger item, each one conditional expression that keeps settled + Σ held + remaining = limit and may be sent twice.

DynamoDB compares an attribute with a literal and does no arithmetic in a condition; none is asked of it here.
"""

from collections.abc import Mapping
from typing import Any

from ..admission.budgets import Budget
from ..admission.leases import MOST_LEASES, Account, Lease, Part, Want
from . import dynamodb
from .client import Call
from .dynamodb import Expression

SHARD = "00"  # one a period so far


def key(account: Account) -> tuple[str, str]:
    scope, period = account
    return scope, f"{period}#{SHARD}"


def move(table: str, want: Want) -> Call:
    """From remaining into a lease. A soft budget goes below zero rather than refuse."""
    return dynamodb.update(table, *key(want.account), _acquire(want) if want.fresh else _renew(want))


def _acquire(want: Want) -> Expression:
    hard = "#remaining >= :more AND size(#leases) < :most"
    return Expression(
        "SET #remaining = #remaining - :more, #leases.#lease = :new",
        f"{hard if want.hard else 'attribute_exists(#pk)'} AND attribute_not_exists(#leases.#lease)",
        {"lease": want.lease},
        {
            "more": want.more,
            "most": MOST_LEASES,
            "new": {"held": want.more, "seq": want.number, "expires_ms": want.expires_ms},
        },
    )


def _renew(want: Want) -> Expression:
    return Expression(
        "SET #remaining = #remaining - :more, #leases.#lease.#held = #leases.#lease.#held + :more,"
        " #leases.#lease.#seq = :number, #leases.#lease.#expires_ms = :expires_ms",
        f"{'#remaining >= :more AND ' if want.hard else ''}#leases.#lease.#seq < :number",
        {"lease": want.lease},
        {"more": want.more, "number": want.number, "expires_ms": want.expires_ms},
    )


def settle(table: str, part: Part, cost: int, back: int, expires_ms: int | None = None) -> Call:
    """Out of the lease: the cost to settled, `back` to remaining. Negative `back`: the part of the cost that the lease does not cover."""
    return dynamodb.update(
        table,
        *key(part.account),
        Expression(
            "SET #settled = #settled + :cost, #remaining = #remaining + :back,"
            " #leases.#lease.#held = #leases.#lease.#held - :out, #leases.#lease.#seq = :number"
            + (", #leases.#lease.#expires_ms = :expires_ms" if expires_ms else ""),
            "#leases.#lease.#seq < :number AND #leases.#lease.#held >= :out",
            {"lease": part.lease},
            {"cost": cost, "back": back, "out": cost + back, "number": part.number, "expires_ms": expires_ms},
        ),
    )


def give_back(table: str, account: Account, lease: Lease) -> Call:
    """The lease as it was seen, and only that: its owner may have come first. No open intent may name it."""
    return dynamodb.update(
        table,
        *key(account),
        Expression(
            "SET #remaining = #remaining + :held REMOVE #leases.#lease",
            _AS_SEEN,
            {"lease": lease.id},
            {"held": lease.held, "seq": lease.seq, "seen_ms": lease.expires_ms},
        ),
    )


def shorten(table: str, account: Account, lease: Lease, keep: int, expires_ms: int) -> Call:
    """All but what open intents need, which stays until they are due."""
    return dynamodb.update(
        table,
        *key(account),
        Expression(
            "SET #remaining = #remaining + :back, #leases.#lease.#held = :keep, #leases.#lease.#expires_ms = :expires_ms",
            _AS_SEEN,
            {"lease": lease.id},
            {
                "back": lease.held - keep,
                "keep": keep,
                "expires_ms": expires_ms,
                "held": lease.held,
                "seq": lease.seq,
                "seen_ms": lease.expires_ms,
            },
        ),
    )


_AS_SEEN = "#leases.#lease.#held = :held AND #leases.#lease.#seq = :seq AND #leases.#lease.#expires_ms = :seen_ms"


def charge(table: str, part: Part, cost: int) -> Call:
    """Where the lease is gone: straight from remaining, which may go below zero. Only in one transaction with the mark that it was done."""
    return dynamodb.update(
        table,
        *key(part.account),
        Expression(
            "SET #settled = #settled + :cost, #remaining = #remaining - :cost",
            "attribute_exists(#pk) AND attribute_not_exists(#leases.#lease)",
            {"lease": part.lease},
            {"cost": cost},
        ),
    )


def create(ledger: str, control: str, account: Account, budget: Budget, now_ms: int) -> Call:
    """The period's item, in a transaction that fails (its first part) where the budget has changed since it was read."""
    return dynamodb.transact(
        [
            dynamodb.check(
                control,
                budget.scope,
                "scope",
                Expression(condition="#budgets.#kind.#version = :version", names={"kind": budget.kind}, values={"version": budget.version}),
            ),
            dynamodb.put(ledger, _new_item(account, budget, now_ms), Expression(condition="attribute_not_exists(#pk)")),
        ]
    )


def _new_item(account: Account, budget: Budget, now_ms: int) -> dict[str, Any]:
    (pk, sk), limit = key(account), budget.limit_at(now_ms)
    amounts: Mapping[str, Any] = {"limit": limit, "remaining": limit, "settled": 0, "leases": {}}
    return {"pk": pk, "sk": sk, "budget_version": budget.version, **amounts}
