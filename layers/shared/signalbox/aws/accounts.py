"""The writes on a ledger item, each one conditional expression that keeps settled + Σ held + remaining = limit and may be sent twice.

DynamoDB compares an attribute with a literal and does no arithmetic in a condition; none is asked of it here.
"""

from ..admission.leases import Part, Want
from ..admission.shards import MOST_LEASES, Account, Lease
from . import dynamodb
from .client import Call
from .dynamodb import Expression

MAY_LEASE = {True: "#remaining >= :own AND #until_ms > :now_ms", False: "#hard = :no"}  # by whether the budget is hard


def key(account: Account, shard: int = 0) -> tuple[str, str]:
    scope, period = account
    return scope, f"{period}#{shard:02}"


def all_shards(table: str, account: Account) -> Call:
    """The items of an account, in one page: they are small, and few."""
    scope, period = account
    return dynamodb.query(table, scope, f"{period}#")


def lease(table: str, want: Want) -> Call:
    """From remaining into a lease, and first from other shards' remaining; a soft budget goes below zero rather than refuse."""
    leased = dynamodb.update(table, *key(want.account, want.shard), _acquire(want) if want.fresh else _renew(want))
    if not want.givers:
        return leased
    return dynamodb.transact([leased, *(_give(table, want.account, shard, amount) for shard, amount in want.givers)])


def _give(table: str, account: Account, shard: int, amount: int) -> Call:
    return dynamodb.update(
        table,
        *key(account, shard),
        Expression("SET #limit = #limit - :given, #remaining = #remaining - :given", "#remaining >= :given", values={"given": amount}),
    )


def _taken(want: Want) -> str:
    return "SET #remaining = #remaining - :own" + (", #limit = #limit + :given" if want.givers else "")


def _acquire(want: Want) -> Expression:
    return Expression(
        f"{_taken(want)}, #leases.#lease = :new",
        f"{MAY_LEASE[want.hard]} AND size(#leases) < :most AND attribute_not_exists(#leases.#lease)",
        {"lease": want.lease},
        {
            "own": want.more - want.given,
            "given": want.given,
            "now_ms": want.now_ms,
            "no": False,
            "most": MOST_LEASES,
            "new": {"held": want.more, "seq": want.number, "expires_ms": want.expires_ms},
        },
    )


def _renew(want: Want) -> Expression:
    return Expression(
        f"{_taken(want)}, #leases.#lease.#held = #leases.#lease.#held + :more,"
        " #leases.#lease.#seq = :number, #leases.#lease.#expires_ms = :expires_ms",
        f"{MAY_LEASE[want.hard]} AND #leases.#lease.#seq < :number",
        {"lease": want.lease},
        {
            "more": want.more,
            "own": want.more - want.given,
            "given": want.given,
            "number": want.number,
            "now_ms": want.now_ms,
            "no": False,
            "expires_ms": want.expires_ms,
        },
    )


def settle(table: str, part: Part, cost: int, back: int, expires_ms: int | None = None) -> Call:
    """Out of the lease: the cost to settled, `back` to remaining. Negative `back`: the part of the cost that the lease does not cover."""
    return dynamodb.update(
        table,
        *key(part.account, part.shard),
        Expression(
            "SET #settled = #settled + :cost, #remaining = #remaining + :back,"
            " #leases.#lease.#held = #leases.#lease.#held - :out, #leases.#lease.#seq = :number"
            + (", #leases.#lease.#expires_ms = :expires_ms" if expires_ms else ""),
            "#leases.#lease.#seq < :number AND #leases.#lease.#held >= :out",
            {"lease": part.lease},
            {"cost": cost, "back": back, "out": cost + back, "number": part.number, "expires_ms": expires_ms},
        ),
    )


def give_back(table: str, account: Account, shard: int, lease: Lease) -> Call:
    """The lease as it was seen, and only that: its owner may have come first. No open intent may name it."""
    return dynamodb.update(
        table,
        *key(account, shard),
        Expression(
            "SET #remaining = #remaining + :held REMOVE #leases.#lease",
            _AS_SEEN,
            {"lease": lease.id},
            {"held": lease.held, "seq": lease.seq},
        ),
    )


def shorten(table: str, account: Account, shard: int, lease: Lease, keep: int, expires_ms: int) -> Call:
    """All but what open intents need, which stays until they are due."""
    return dynamodb.update(
        table,
        *key(account, shard),
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
            },
        ),
    )


_AS_SEEN = "#leases.#lease.#held = :held AND #leases.#lease.#seq = :seq"


def charge(table: str, part: Part, cost: int) -> Call:
    """Where the lease is gone: straight from remaining, which may go below zero. Only in one transaction with the mark that it was done."""
    return dynamodb.update(
        table,
        *key(part.account, part.shard),
        Expression(
            "SET #settled = #settled + :cost, #remaining = #remaining - :cost",
            values={"cost": cost},
        ),
    )
