"""What a container holds of the budgets, and what it asks the ledger for. No I/O: the desk carries the wants there and the answers back.

An account is one budget in one period; its ledger items (`shards`) keep settled + Σ held + remaining = limit. A container leases a slice
of one of them and admits requests from that: while it is in hand no round trip is needed. A slice admits for 60 s after it was last
written; the lease stands 60 s longer, so that the intent of any request that it admitted is stored before anyone may return it.
"""

from typing import NamedTuple
from zlib import crc32

from .shards import Account, Giver, Lease, Sight

ADMITS_MS = 60_000  # how long a slice admits
GRACE_MS = 60_000  # how long a lease outlives its slice, and a hold its request's deadline
SLICE_BOUNDS = 8  # a slice is for so many requests at the most
NO_LEASE = "-none"  # behind the container's name, where a lease has its number
TIGHT_BOUNDS = 64  # with less room than this a hard account leases by the single request and keeps nothing idle


class Want(NamedTuple):
    """One write: `more` goes from a shard's remaining into the lease; or back, where it is negative.

    What the shard lacks of it other shards give, as was seen, in the same write or not at all.
    """

    account: Account
    lease: str
    number: int
    fresh: bool
    more: int
    hard: bool
    now_ms: int
    shard: int = 0
    held: int = 0  # before
    givers: tuple[Giver, ...] = ()

    @property
    def given(self) -> int:
        return sum(amount for _, amount in self.givers)

    @property
    def lease_after(self) -> Lease:
        return Lease(self.lease, self.held + self.more, self.number, self.expires_ms)

    @property
    def expires_ms(self) -> int:
        return self.now_ms + ADMITS_MS + GRACE_MS


class Part(NamedTuple):
    """A hold's share in one account, of the lease on one of its shards. Its `number` makes its settling happen once."""

    account: Account
    lease: str
    number: int
    shard: int = 0

    @property
    def is_leased(self) -> bool:
        """Else a soft budget let the request pass without a lease, and is charged once it is settled."""
        return not self.lease.endswith(NO_LEASE)


class Hand:
    """All that one container has leased, and what it last saw of those accounts."""

    def __init__(self, container: str) -> None:
        self.container = container
        self.number = 0
        self.leases: dict[Account, Lease] = {}
        self.remaining: dict[Account, int] = {}
        self.shards: dict[Account, int] = {}  # where its lease is, or was: the next one finds a place there
        self.unneeded: set[Account] = set()
        self.crowded: dict[Account, int] = {}  # soft ones without a free place, and until when none is looked for

    def next_number(self) -> int:
        self.number += 1
        return self.number

    @property
    def draw(self) -> int:
        """A number of its own, by which containers spread over shards."""
        return crc32(self.container.encode())

    def take(self, account: Account, lease: Lease, sight: Sight) -> None:
        self.leases[account], self.remaining[account], self.shards[account] = lease, sight.remaining, sight.shard

    def drop(self, account: Account) -> None:
        """Whatever is left of that lease is returned by others once it has expired."""
        self.leases.pop(account, None)
        self.unneeded.discard(account)

    def admits(self, account: Account, now_ms: int) -> bool:
        return account in self.leases and now_ms < self.leases[account].expires_ms - GRACE_MS

    def idle(self, now_ms: int) -> list[Account]:
        """What may go back: slices that admit no more, and those that a refused request left behind."""
        return [account for account in self.leases if account in self.unneeded or not self.admits(account, now_ms)]


def slice_size(bound: int, remaining: int, hard: bool) -> int:
    """What to lease for a request: for some that may follow too, but never much of what remains, and where that is little for it alone; of
    a soft budget, which keeps it, for the next as well.
    """
    return max(bound if hard else 2 * bound, min(bound * SLICE_BOUNDS, remaining // TIGHT_BOUNDS))


def surplus(held: int, granted: int, remaining: int, hard: bool) -> int:
    """What goes back when a request is settled: nothing where there is room for all, everything where there is not."""
    return held if hard and remaining < granted * TIGHT_BOUNDS else 0
