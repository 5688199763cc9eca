"""An account's items in the ledger, its shards: what is seen of them, and how headroom comes to where it is wanted. Pure.

A cold account is one item, 00. Where more containers hold leases than one item takes, it is several: each keeps settled + Σ held +
remaining = its share of the limit, and every write that changes a share keeps the sum of the shares. Item 00 also holds that sum, and how
many shards there are; whoever changes either writes 00, on the condition that it is as it was seen.

Several items can only stand for one limit while none of them owes: what one lacks, another would still give away. So where the account as
a whole owes (its limit was lowered below what is held), all of its shards are shut: they take back, and lease nothing until they are level.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from .budgets import Budget

MOST_LEASES = 14  # of one item: with these it stays under the 1,024 bytes that one write unit covers
MOST_SHARDS = 43  # of one account: a budget changes in one transaction, of 100 items at most, also where two periods meet
GROWTH = 4  # times as many shards, where all are full
OPEN_MS = 9_999_999_999_999  # of a shard that leases for as long as it has something
SHUT_MS = 0

Account = tuple[str, str]  # scope, period id
Giver = tuple[int, int]  # a shard, and what it gives


class Lease(NamedTuple):
    """As it is stored. `seq` is the number of its owner's last write: a write with a number not above it was already done."""

    id: str
    held: int
    seq: int
    expires_ms: int

    @property
    def container(self) -> str:
        return self.id.partition("-")[0]


class Sight(NamedTuple):
    """A ledger item as it was last seen; or, with `parts`, all items of an account together.

    `until_ms`  under a hard budget it leases until then: until a raise of the limit ends, or not at all while the account owes
    `hard`      what the budget is: who still takes it for a soft one leases nothing
    `total`     the account's limit, `shards` how many items it has: on item 00 alone. 0 shards: an item of a release that had one each
    """

    limit: int
    remaining: int
    settled: int
    version: int
    leases: Mapping[str, Lease]
    shard: int = 0
    until_ms: int = OPEN_MS
    total: int = 0
    shards: int = 1
    hard: bool = False
    parts: "tuple[Sight, ...]" = ()

    def expired(self, now_ms: int) -> list[Lease]:
        return [lease for lease in self.leases.values() if lease.expires_ms < now_ms]

    @property
    def is_full(self) -> bool:
        return len(self.leases) >= MOST_LEASES

    @property
    def is_torn(self) -> bool:
        return self.limit != self.total

    @property
    def is_dated(self) -> bool:
        """Of an earlier release."""
        return self.shard == 0 and self.shards == 0


class Shift(NamedTuple):
    """`more` of the limit for one shard, or less of it. A `fresh` one comes to be with that."""

    shard: int
    more: int
    fresh: bool = False


class Level(NamedTuple):
    """One transaction over an account's shards: `by` more for its limit, `size` shards from now on, which lease until `until_ms`.

    It holds where item 00 has the `seen_shards` and the total that it had. `guarded`: it leaves several shards open, and so holds only
    where none of them comes to owe by it.
    """

    by: int
    total: int
    size: int
    until_ms: int
    seen_shards: int
    seen_ms: int
    guarded: bool
    hard: bool
    shifts: tuple[Shift, ...]

    @property
    def is_needed(self) -> bool:
        """Only of one that somebody leases by: whether a budget is hard changes with its definition."""
        return self.size != self.seen_shards or self.until_ms != self.seen_ms or any(shift.more for shift in self.shifts)


def to_sight(item: Mapping[str, Any]) -> Sight:
    leases = {id: Lease(id, row["held"], row["seq"], row["expires_ms"]) for id, row in item["leases"].items()}
    return Sight(
        item["limit"],
        item["remaining"],
        item["settled"],
        item["budget_version"],
        leases,
        shard=int(item["sk"].rpartition("#")[2]),
        until_ms=item.get("until_ms", SHUT_MS),
        total=item.get("total", item["limit"]),
        shards=item.get("shards", 0),
        hard=item.get("hard", False),
    )


def to_whole(parts: Iterable[Sight]) -> Sight | None:
    """All shards of an account as one. None where there are none, and where they were read while they became more.

    `is_torn` where they were read while headroom went from one to another, and some of it was seen in neither, or in both.
    """
    parts = tuple(sorted(parts, key=lambda part: part.shard))
    if not parts or len(parts) != max(1, parts[0].shards):
        return None
    return parts[0]._replace(
        limit=sum(part.limit for part in parts),
        remaining=sum(part.remaining for part in parts),
        settled=sum(part.settled for part in parts),
        leases={id: lease for part in parts for id, lease in part.leases.items()},
        until_ms=min(part.until_ms for part in parts),
        parts=parts,
    )


def levelled(whole: Sight, limit: int, until_ms: int, *, hard: bool, grow: bool = False) -> Level:
    """What brings the account to its limit, the same headroom into each shard, and where they are to `grow`, more of them.

    Where a hard one owes afterwards, and is more than one item, it is shut.
    """
    parts, count, by = whole.parts, len(whole.parts), limit - whole.total
    if grow:
        count = min(MOST_SHARDS, count * GROWTH)
    owes = whole.remaining + by < 0
    if owes:
        goals = [part.remaining for part in parts] + [0] * (count - len(parts))
        goals[0] += by
    else:
        each, left = divmod(whole.remaining + by, count)
        goals = [each + (shard < left) for shard in range(count)]
    until_ms = SHUT_MS if hard and owes and count > 1 else until_ms
    shifts = [Shift(part.shard, goal - part.remaining) for part, goal in zip(parts, goals, strict=False)]
    shifts += [Shift(shard, goals[shard], fresh=True) for shard in range(len(parts), count)]
    return Level(
        by=by,
        total=limit,
        size=count,
        until_ms=until_ms,
        seen_shards=parts[0].shards,
        seen_ms=parts[0].until_ms,
        guarded=hard and count > 1 and not owes,
        hard=hard,
        shifts=tuple(shift for shift in shifts if _is_needed(shift, parts, until_ms, hard)),
    )


def _is_needed(shift: Shift, parts: tuple[Sight, ...], until_ms: int, hard: bool) -> bool:
    """00 always: it guards the rest."""
    if shift.shard == 0 or shift.fresh or shift.more:
        return True
    return (parts[shift.shard].until_ms, parts[shift.shard].hard) != (until_ms, hard)


def owes_within(whole: Sight) -> bool:
    """A shard owes, by a cost above its bound, or from when the budget was soft: others beside it would give away what is not there."""
    return any(part.remaining < 0 for part in whole.parts)


def gathered(whole: Sight, into: int, lacks: int) -> tuple[Giver, ...]:
    """From the richest, half of what it has if that is more than is needed: the next one who wants may find it here."""
    givers = []
    for part in sorted(whole.parts, key=lambda part: -part.remaining):
        if lacks > 0 and part.shard != into and part.remaining > 0:
            amount = min(part.remaining, max(lacks, part.remaining // 2))
            givers.append((part.shard, amount))
            lacks -= amount
    return tuple(givers)


def chosen(whole: Sight, bound: int, draw: int) -> int:
    """Where a new lease finds a place, and if possible its bound."""
    free = [part for part in whole.parts if not part.is_full]
    ample = [part for part in free if part.remaining >= bound]
    return ample[draw % len(ample)].shard if ample else max(free, key=lambda part: part.remaining).shard


def open_until_ms(budget: Budget, now_ms: int) -> int:
    """How long an account at this moment's limit leases: until a raise ends, and the limit is another."""
    return min([OPEN_MS, *(row.until_ms for row in budget.raises if now_ms < row.until_ms)])
